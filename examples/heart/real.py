"""A real human heart by synchrotron tomography: left ventricle meshed, its fibers measured, its helix through the wall.

    python examples/heart/real.py [--edge MM] [-o FOLDER] [--sdist FILE]
    fibertwin run FOLDER/inflation.toml -o FOLDER/inflation

The images come with the Python package cardiotensor (MIT license), whose source archive of 39 MB is fetched as data by
pip unless --sdist names it. The package's mask fills the cavities, so the ventricle is opened first: muscle is what is
brighter than Otsu's threshold; the cavity is the fluid around the long axis, closed over papillary muscles and
trabeculae; the base is cut flat below the valves; the right ventricle's thin wall is taken off by an opening.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fibertwin.stack  # noqa: F401
from fibertwin.errors import InputError, Problem
from fibertwin.imaging import TensorImage, write_tensors
from fibertwin.imaging.algebra import from_matrix

PACKAGE = "cardiotensor==1.1.92"
VOXEL = 0.6352
"""Edge of a voxel, mm."""

VALVE, APEX = np.array([104.0, 110.0, 116.0]), np.array([41.0, 87.0, 210.0])
"""Ends of the long axis, voxels (x, y, z), from the package's own parameters."""

CUT = 0.18
"""Where the base is cut, as part of the way from valve to apex."""

EDGE = 3
"""How deep in the wall, in voxels, directions are looked for: nearer its edge is the steepest change of the image."""

PAPILLARY, THIN = 6, 6
"""Radii, in voxels, over which the cavity is closed and by which the wall is opened."""

CASE = """title = "Passive inflation of a human left ventricle, with measured fibers"

[diffusion]
tensor = "tensors.nii"
radius = "10 mm"

[anatomy]
type = "labels"
file = "wall.nii.gz"
regions = { tissue = [1] }
edge = "EDGE"

[surfaces]
endocardium = { select = "heart", part = "lv-endocardium" }
base = { select = "heart", part = "base" }

[materials]
tissue = { preset = "myocardium-shear", bulk_modulus = "100 kPa" }

[supports]
valves = { type = "clamp", surface = "base" }

[loads]
blood = { type = "follower-pressure", surface = "endocardium", pressure = "1 kPa" }
"""


@dataclass(frozen=True)
class Ventricle:
    """The images (x, y, z), and which voxels are left ventricle."""

    image: np.ndarray
    wall: np.ndarray

    @property
    def affine(self) -> np.ndarray:
        """Voxel index to mm."""
        return np.diag([VOXEL, VOXEL, VOXEL, 1.0])


def fetch(folder: Path) -> Path:
    """The source archive, fetched by pip."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    done = subprocess.run(
        [*command, "--no-build-isolation", "--dest", str(folder), PACKAGE], capture_output=True, text=True, check=False
    )
    found = list(folder.glob("cardiotensor-*.tar.gz"))
    if not found:
        said = done.stderr.strip().splitlines()
        raise InputError(Problem(PACKAGE, "could not be fetched", said[-1] if said else "", hint="give --sdist"))
    return found[0]


def read(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images and mask (x, y, z)."""
    from skimage import io as images

    with tarfile.open(archive) as tar:
        names = sorted(name for name in tar.getnames() if name.endswith(".tif"))
        stacks = [[name for name in names if part in name] for part in ("heart_overview_/", "/mask/")]
        read_one = lambda name: images.imread(io.BytesIO(tar.extractfile(name).read()))  # noqa: E731
        volumes = [np.stack([read_one(name) for name in stack]).transpose(2, 1, 0) for stack in stacks]
    return volumes[0].astype(np.float32), volumes[1] > 0


def opened(image: np.ndarray, mask: np.ndarray) -> Ventricle:
    """The left ventricle without its cavity."""
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    level = threshold_otsu(image[mask])
    muscle = mask & (ndimage.gaussian_filter(image, 0.7) > level)
    index = np.stack(np.meshgrid(*map(np.arange, image.shape), indexing="ij"), axis=-1)
    axis = (APEX - VALVE) / np.linalg.norm(APEX - VALVE)
    along = (index - VALVE) @ axis
    below = along > CUT * np.linalg.norm(APEX - VALVE)
    away = np.linalg.norm(index - VALVE - along[..., None] * axis, axis=-1)
    core = _balls(mask & ~muscle & (along > -10) & (away < 40), PAPILLARY)
    labels, _ = ndimage.label(core)
    # the component that has most of the long axis
    on_axis = labels[(away < 4) & below & (labels > 0)]
    cavity = labels == np.bincount(on_axis).argmax()
    solid = _balls(muscle, 2) & ~cavity & (along > -10)
    inner = ndimage.distance_transform_edt(solid)
    kept = ndimage.distance_transform_edt(inner <= THIN) <= THIN
    return Ventricle(image, _largest(kept & solid & below))


def _balls(mask: np.ndarray, radius: float) -> np.ndarray:
    """The mask closed by a ball."""
    from scipy import ndimage

    wide = ndimage.distance_transform_edt(~np.pad(mask, int(radius) + 1)) <= radius
    cut = slice(int(radius) + 1, -int(radius) - 1)
    return (ndimage.distance_transform_edt(wide) > radius)[cut, cut, cut]


def _largest(mask: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    return labels == np.bincount(labels.ravel())[1:].argmax() + 1


def structure_tensors(heart: Ventricle, fine: float = 1.0, coarse: float = 2.0) -> TensorImage:
    """Tensors whose fiber is the direction in which the image changes least, where the wall's own edge is out of sight.

    Their eigenvalues are stated: (1.8, 0.9, 0.7)·10⁻³ mm²/s.
    """
    from scipy import ndimage

    inside = ndimage.distance_transform_edt(heart.wall) > EDGE

    slopes = np.stack([ndimage.gaussian_filter(heart.image, fine, order=o) for o in np.eye(3, dtype=int)], axis=-1)
    products = {
        (i, j): ndimage.gaussian_filter(slopes[..., i] * slopes[..., j], coarse) for i in range(3) for j in range(i + 1)
    }
    rows = [[products[max(i, j), min(i, j)][inside] for j in range(3)] for i in range(3)]
    vectors = np.linalg.eigh(np.moveaxis(np.array(rows, dtype=float), -1, 0))[1]
    fiber, last = vectors[..., 0], vectors[..., 2]
    along, across = (np.einsum("ni,nj->nij", v, v) for v in (fiber, last))
    components = np.zeros((*heart.wall.shape, 6))
    components[inside] = from_matrix(1e-3 * (0.9 * np.eye(3) + 0.9 * along - 0.2 * across))
    return TensorImage(components, heart.affine, inside, np.zeros_like(inside))


def write_case(heart: Ventricle, tensors: TensorImage, edge: float, out: Path) -> None:
    """The ventricle's files, and the case that fills it at the end of diastole."""
    import nibabel

    nibabel.save(nibabel.Nifti1Image(heart.wall.astype(np.uint8), heart.affine), out / "wall.nii.gz")
    write_tensors(tensors, out / "tensors.nii")
    (out / "inflation.toml").write_text(CASE.replace("EDGE", f"{edge:g} mm"), encoding="utf-8")


def main(out: Path, edge: float, sdist: Path | None) -> None:
    """Mesh it, carry the fibers onto it, tell the helix through the wall."""
    from mpi4py import MPI

    from fibertwin.meshes import Labels, LaplaceDirichlet, sample_fibers
    from fibertwin.meshes.heart import HeartSurfaces, angle_maps, angular_difference, heart_coordinates, name_heart
    from fibertwin.meshes.heart.pictures import draw_comparison

    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        heart = opened(*read(sdist or fetch(Path(folder))))
    print(f"left ventricle: {heart.wall.sum() * VOXEL**3 / 1e3:.0f} mL of muscle")
    tensors = structure_tensors(heart)
    write_case(heart, tensors, edge, out)
    body = name_heart(Labels(out / "wall.nii.gz", {"tissue": (1,)}, edge).build(MPI.COMM_SELF))
    print(*body.notes, body.quality, sep="\n")
    fibers = sample_fibers(body.mesh, tensors, 4, radius=10.0)
    names = HeartSurfaces("lv-endocardium")
    where = heart_coordinates(body, 4, names, depth="distance")
    helix = angle_maps(fibers, where.wall).helix
    middle = (where.long.values > np.quantile(where.long.values, 0.3)) & (
        where.long.values < np.quantile(where.long.values, 0.8)
    )
    for low in np.arange(0, 1, 0.1):
        here = middle & (where.depth >= low) & (where.depth < low + 0.1)
        print(f"depth {low:.1f}: helix {np.median(helix[here]):6.1f}°")
    rule = LaplaceDirichlet(lv="lv-endocardium").fibers(body, 4)
    off = angular_difference(rule, fibers)
    print(off.sentence)
    angles = {"measured": helix[middle], "rule, 60° to −60°": angle_maps(rule, where.wall).helix[middle]}
    draw_comparison(out / "heart-real.png", angles, where.depth[middle], {"rule": off}, title="human left ventricle")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/real-heart"), help="folder for the results")
    parser.add_argument("--edge", type=float, default=4.0, help="mean edge, mm")
    parser.add_argument("--sdist", type=Path, help="the package's source archive, if it is here")
    arguments = parser.parse_args()
    main(arguments.output, arguments.edge, arguments.sdist)
