"""Directions that survive: the same scan in every stored form, wrong forms caught, tracts where anatomy says.

    python benchmarks/orientation.py --scan FOLDER [--json]

FOLDER holds one ``*dwi.nii.gz`` with its ``.bval`` and ``.bvec``; the demo's scan is taken where it has been fetched,
else synthetic tensors stand in for the scan, and the rows about anatomy are left out. The strains are those of
``examples/quick``.
"""

import argparse
import tempfile
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
from _mechanics import mechanics
from _table import Row, clock, judged, main, reported
from _tracts import TRACTS, direction, fetched_scan, scan_files

from fibertwin.errors import InputError
from fibertwin.imaging import (
    ORDERS,
    TensorImage,
    axis_changes,
    brain_mask,
    eigen,
    fit_tensors,
    from_matrix,
    orientation_check,
    read_eigen,
    read_tensors,
    sample_tensors,
    tensor_quality,
    to_matrix,
)
from fibertwin.imaging.algebra import rotated

FRAMES = ("world", "lps", "voxel", "fsl")


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All rows: images first, then strains."""
    rows: list[Row] = []
    if arguments.scan is None:
        image = synthetic()
    else:
        image, rows = fitted(arguments.scan)
        rows += anatomy(image)
    rows += stored_forms(image)
    rows += wrong_forms(image)
    rows += sign_of_axes(image)
    rows += sampling(image, arguments.points)
    return rows + mechanics(_stored, _regridded)


def fitted(folder: Path) -> tuple[TensorImage, list[Row]]:
    """Fit the scan; its volume and numbers."""
    files = scan_files(folder)
    with clock() as masking:
        mask = brain_mask(*files[:2])
    with clock() as fitting:
        image = fit_tensors(*files, mask=mask)
    q = tensor_quality(image)
    liters, md = q.mask_volume / 1e6, q.median_md * 1e3
    return image, [
        judged("brain mask, L", "1.45 to 1.60", f"{liters:.3f}", 1.45 <= liters <= 1.60, str(masking)),
        judged("median MD, 1e-3 mm²/s", "0.75 to 0.83", f"{md:.3f}", 0.75 <= md <= 0.83, str(fitting)),
        judged("mean FA", "0.22 to 0.28", f"{q.mean_fa:.3f}", 0.22 <= q.mean_fa <= 0.28),
        reported("voxels repaired, given up, of all", f"{q.repaired_voxels}, {q.lost_voxels}, {q.valid_voxels}"),
    ]


def anatomy(image: TensorImage) -> list[Row]:
    """Principal directions in tracts of known direction."""
    rows = []
    for tract in TRACTS:
        found = direction(image, tract)
        ours = f"({', '.join(f'{v:.2f}' for v in found.axis)}), {found.part:.0%} of {found.voxels} voxels"
        met = int(np.argmax(found.axis)) == tract.axis and found.part > 0.85
        rows.append(judged(f"direction of the {tract.name}", f"along {'xyz'[tract.axis]}", ours, met))
    return rows


def stored_forms(image: TensorImage) -> list[Row]:
    """The same tensors in every order and frame, and on every axis permutation and flip of the grid."""
    worst_form, worst_grid, forms, grids = 0.0, 0.0, 0, 0
    with tempfile.TemporaryDirectory() as folder, clock() as all_forms:
        for order, frame in product(ORDERS, FRAMES):
            back = _round_trip(image, order, frame, Path(folder))
            worst_form = max(worst_form, _difference(back, image))
            forms += 1
    # a crop keeps 48 grids affordable; permuting the grid acts on each voxel alone
    crop = _crop(image)
    with tempfile.TemporaryDirectory() as folder, clock() as all_grids:
        for axes, flips in product(permutations(range(3)), product((False, True), repeat=3)):
            regridded, undo = _regridded(crop, axes, flips)
            for frame in ("voxel", "fsl"):
                back = _round_trip(regridded, "upper", frame, Path(folder))
                worst_grid = max(worst_grid, _difference(undo(back), crop))
                grids += 1
    by_form = f"world tensors from {forms} orders x frames, relative to the largest"
    by_grid = f"world tensors from {grids} grid permutations, flips x frames, on a crop, relative to the largest"
    return [
        judged(by_form, "<= 1e-6", f"{worst_form:.1e}", worst_form <= 1e-6, str(all_forms)),
        judged(by_grid, "<= 1e-6", f"{worst_grid:.1e}", worst_grid <= 1e-6, str(all_grids)),
    ]


def wrong_forms(image: TensorImage) -> list[Row]:
    """Wrong component orders refused, wrong flips and permutations named."""
    with clock() as checking:
        given = orientation_check(image)
    runner_up = sorted(given.scores.values())[-2]
    grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    caught = mended = 0
    wrong = list(axis_changes().values())[1:]
    for matrix in wrong:
        changed = replace(image, components=rotated(image.components, grid @ matrix @ grid.T))
        report = orientation_check(changed)
        caught += not report.good
        back = rotated(changed.components, grid @ np.array(report.matrix) @ grid.T)
        mended += bool(np.allclose(back, image.components, rtol=0, atol=1e-12))
    refused = pairs = 0
    with tempfile.TemporaryDirectory() as folder:
        for right, taken in permutations(ORDERS, 2):
            path = _stored(image, right, "world", Path(folder))
            pairs += 1
            try:
                orientation_check(read_tensors(path, order=taken, frame="world", units="mm^2/s"))
            except InputError:
                refused += 1
    ratio = given.coherence / runner_up
    return [
        judged("orientation as given is the best", "yes", given.best, given.good, str(checking)),
        judged("coherence over the next best axis change", "> 1.05", f"{ratio:.2f}", ratio > 1.05),
        judged("wrong flips and permutations caught", f"{len(wrong)}", f"{caught}", caught == len(wrong)),
        judged("of these, undone by the change named", f"{len(wrong)}", f"{mended}", mended == len(wrong)),
        judged("wrong component orders refused", f"{pairs}", f"{refused}", refused == pairs),
    ]


def sign_of_axes(image: TensorImage, count: int = 20_000) -> list[Row]:
    """Read eigenvector volumes twice, once with random signs at random voxels, and sample both."""
    import nibabel as nib

    parts = eigen(image.components)
    rng = np.random.default_rng(0)
    voxels = np.argwhere(image.mask)
    index = voxels[rng.integers(0, len(voxels), count)] + rng.uniform(-0.5, 0.5, (count, 3))
    points = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    sampled = []
    with tempfile.TemporaryDirectory() as folder:
        for flipped in (False, True):
            signs = rng.choice([-1.0, 1.0], size=(*image.shape, 1, 3)) if flipped else 1.0
            files = []
            for i in range(3):
                vector, value = Path(folder) / f"V{i}{flipped}.nii", Path(folder) / f"L{i}{flipped}.nii"
                nib.save(nib.Nifti1Image((parts.vectors * signs)[..., i], image.affine), vector)
                nib.save(nib.Nifti1Image(parts.values[..., i], image.affine), value)
                files.append((vector, value))
            (v1, l1), (v2, l2), (v3, l3) = files
            read = read_eigen(v1, v2=v2, v3=v3, values=(l1, l2, l3), frame="world", mask=image.mask)
            sampled.append(sample_tensors(read, points, radius=10.0).tensors)
    relative = float(np.abs(sampled[1] - sampled[0]).max() / np.abs(sampled[0]).max())
    quantity = "tensors sampled from eigenvectors of random sign, relative"
    return [judged(quantity, "<= 1e-8", f"{relative:.1e}", relative <= 1e-8)]


def sampling(image: TensorImage, count: int) -> list[Row]:
    """Sampling at many points inside and just outside the mask."""
    rng = np.random.default_rng(0)
    voxels = np.argwhere(image.mask)
    index = voxels[rng.integers(0, len(voxels), count)] + rng.uniform(-0.7, 0.7, (count, 3))
    points = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    fresh = replace(image)  # no logarithms made yet
    with clock() as running:
        found = sample_tensors(fresh, points, radius=5.0)
    return [
        judged(f"sample {count:,} points, s", "< 10", f"{running.seconds:.2f}", running.seconds < 10, str(running)),
        reported("of these, points whose stencil leaves the mask", f"{found.filled.mean():.1%}"),
    ]


def synthetic() -> TensorImage:
    """Fibers that circle a tilted axis, on an oblique, left-handed grid."""
    shape = (34, 30, 26)
    turn = np.linalg.svd(np.array([[0.9, -0.36, 0.24], [0.43, 0.80, -0.42], [-0.04, 0.48, 0.87]]))
    affine = np.eye(4)
    affine[:3, :3] = turn[0] @ turn[2] @ np.diag([-2.0, 2.0, 2.4])
    world = np.argwhere(np.ones(shape)) @ affine[:3, :3].T
    world -= world.mean(axis=0)
    normal = np.array([0.48, 0.60, 0.64])
    tangent = np.cross(normal, world)
    radius = np.linalg.norm(tangent, axis=1)
    tangent /= np.where(radius > 0, radius, 1.0)[:, None]
    inside = (radius > 12.0) & (radius < 24.0) & (np.abs(world @ normal) < 12.0)
    tensors = from_matrix(0.3e-3 * np.eye(3) + 1.2e-3 * tangent[:, :, None] * tangent[:, None, :])
    components = np.where(inside[:, None], tensors, 0.0).reshape(*shape, 6)
    mask = inside.reshape(shape)
    return TensorImage(components, affine, mask, np.zeros(shape, dtype=bool))


def _stored(image: TensorImage, order: str, frame: str, folder: Path) -> Path:
    """Write the tensors as a program of this order and frame would, from the definition B' D B."""
    import nibabel as nib

    grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    flip = np.diag([-1.0, 1.0, 1.0]) if np.linalg.det(grid) > 0 else np.eye(3)
    basis = {"world": np.eye(3), "lps": np.diag([-1.0, -1.0, 1.0]), "voxel": grid, "fsl": grid @ flip}[frame]
    turned = basis.T @ to_matrix(image.components) @ basis
    names = ORDERS[order]
    data = np.stack([turned[..., "xyz".index(n[0]), "xyz".index(n[1])] for n in names], axis=-1)
    path = folder / f"{order}_{frame}.nii"
    nib.save(nib.Nifti1Image(data, image.affine), path)
    return path


def _round_trip(image: TensorImage, order: str, frame: str, folder: Path) -> TensorImage:
    return read_tensors(_stored(image, order, frame, folder), order=order, frame=frame, units="mm^2/s")


def _difference(found: TensorImage, image: TensorImage) -> float:
    if not np.array_equal(found.mask, image.mask):
        return float("inf")
    return float(np.abs(found.components - image.components).max() / np.abs(image.components).max())


def _crop(image: TensorImage, half: int = 10) -> TensorImage:
    middle = np.argwhere(image.mask).mean(axis=0).astype(int)
    box = tuple(slice(max(m - half, 0), m + half + i) for i, m in enumerate(middle))
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    return TensorImage(image.components[box], affine, image.mask[box], image.repaired[box])


def _regridded(image: TensorImage, axes: tuple[int, ...], flips: tuple[bool, ...]):  # type: ignore[no-untyped-def]
    """The same image with its voxel axes permuted and flipped, and the way back."""
    steps = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)

    def there(array: np.ndarray) -> np.ndarray:
        return array.transpose(*axes, *range(3, array.ndim))[steps]

    def undo(found: TensorImage) -> TensorImage:
        def back(array: np.ndarray) -> np.ndarray:
            return array[steps].transpose(*np.argsort(axes), *range(3, array.ndim))

        return TensorImage(back(found.components), image.affine, back(found.mask), back(found.repaired))

    index = np.zeros((4, 4))  # new voxel index to old
    index[3, 3] = 1.0
    for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
        index[old, new] = -1.0 if flip else 1.0
        index[old, 3] = image.shape[old] - 1 if flip else 0
    affine = image.affine @ index
    return TensorImage(there(image.components), affine, there(image.mask), there(image.repaired)), undo


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scan", type=Path, default=fetched_scan(), help="folder with one *dwi.nii.gz, .bval and .bvec"
    )
    parser.add_argument("--points", type=int, default=1_000_000, help="points to sample")
    return parser


if __name__ == "__main__":
    main(measure, _parser())
