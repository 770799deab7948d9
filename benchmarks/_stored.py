"""Tensor images written as other programs store them: component orders, axes, file kinds, permuted grids."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.imaging import (
    ORDERS,
    TensorImage,
    eigen,
    fractional_anisotropy,
    read_eigen,
    read_tensors,
    to_matrix,
)
from fibertwin.imaging.geometry import Frame

Array = NDArray[np.float64]
FRAMES: tuple[Frame, ...] = ("world", "lps", "voxel", "fsl")
GRIDS = tuple(product(permutations(range(3)), product((False, True), repeat=3)))
"""All 48 ways to permute and flip the axes of a grid."""

Axes = tuple[int, ...]
Flips = tuple[bool, ...]


def basis(affine: Array, frame: Frame) -> Array:
    """Columns are a frame's axes in RAS+ world, written down from the frames' definition, not taken from the reader.

    A header's float32 columns are at right angles to 1e-7 only; the axes are the orthogonal matrix nearest to them, by
    Newton's iteration for the polar factor (Higham 1986, doi:10.1137/0907079).
    """
    grid = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    for _ in range(6):
        grid = 0.5 * (grid + np.linalg.inv(grid).T)
    flip = np.diag([-1.0, 1.0, 1.0]) if np.linalg.det(grid) > 0 else np.eye(3)
    return {"world": np.eye(3), "lps": np.diag([-1.0, -1.0, 1.0]), "voxel": grid, "fsl": grid @ flip}[frame]


def components(image: TensorImage, order: str, axes: Array) -> Array:
    """(nx, ny, nz, 6) in an order, along axes given as columns: Bᵀ D B."""
    turned = axes.T @ to_matrix(image.components) @ axes
    return np.stack([turned[..., "xyz".index(n[0]), "xyz".index(n[1])] for n in ORDERS[order]], axis=-1)


def write_nifti(image: TensorImage, order: str, frame: Frame, folder: Path) -> Path:
    """Four-dimensional NIfTI."""
    path = folder / f"{order}_{frame}.nii"
    _save(components(image, order, basis(image.affine, frame)), image.affine, path)
    return path


def read_nifti(image: TensorImage, order: str, frame: Frame, folder: Path) -> TensorImage:
    """Written and read back."""
    return read_tensors(write_nifti(image, order, frame, folder), order=order, frame=frame, units="mm^2/s")


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: for people.
        write: writes an image into a folder, and gives what ``[diffusion]`` of a case file would say to read it.
    """

    name: str
    write: Callable[[TensorImage, Path], dict[str, str]]

    def read(self, image: TensorImage, folder: Path) -> TensorImage:
        """Written and read back as a case file would have it."""
        said: dict[str, Any] = self.write(image, folder)
        return read_tensors(said.pop("tensor"), **said)


def _symmatrix(image: TensorImage, folder: Path) -> dict[str, str]:
    path = folder / "symmatrix.nii"
    data = components(image, "lower", np.eye(3))[:, :, :, None]
    _save(data, image.affine, path, intent=True)
    return {"tensor": str(path), "frame": "world", "units": "mm^2/s"}


def _mif(image: TensorImage, folder: Path) -> dict[str, str]:
    """With strides as dwi2tensor leaves them for a scan converted from DICOM: volumes fastest, x and y backwards."""
    path, data = folder / "dt.mif", components(image, "diagonal", np.eye(3))
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    transform = np.column_stack([image.affine[:3, :3] / spacing, image.affine[:3, 3]])
    head = ["mrtrix image", f"dim: {','.join(map(str, data.shape))}"]
    head += [f"vox: {','.join(f'{s:.17g}' for s in spacing)},1", "layout: -1,-2,+3,+0", "datatype: Float64LE"]
    head += [f"transform: {','.join(f'{v:.17g}' for v in row)}" for row in transform]
    text = "\n".join([*head, "file: . 1024", "END", ""]).encode()
    body = data[::-1, ::-1].transpose(2, 1, 0, 3).astype("<f8").tobytes()
    path.write_bytes(text.ljust(1024, b"\0") + body)
    return {"tensor": str(path)}


def _nrrd(image: TensorImage, folder: Path) -> dict[str, str]:
    """In LPS space, as ITK and Slicer write it, with the voxel axes as measurement frame."""
    path, to_lps = folder / "dt.nrrd", np.diag([-1.0, -1.0, 1.0])
    grid = basis(image.affine, "voxel")
    data = components(image, "upper", grid)

    def vectors(columns: Array) -> str:
        return " ".join("(" + ",".join(f"{v:.17g}" for v in column) + ")" for column in columns.T)

    head = ["NRRD0005", "type: double", "dimension: 4", "space: left-posterior-superior"]
    head += [f"sizes: 6 {' '.join(map(str, image.shape))}", "kinds: 3D-symmetric-matrix space space space"]
    head += [f"space directions: none {vectors(to_lps @ image.affine[:3, :3])}"]
    head += [f"space origin: {vectors(to_lps @ image.affine[:3, 3:])}", "endian: little", "encoding: raw"]
    head += [f"measurement frame: {vectors(to_lps @ grid)}"]
    body = np.moveaxis(data, -1, 0).astype("<f8").tobytes(order="F")
    path.write_bytes("\n".join(head).encode() + b"\n\n" + body)
    return {"tensor": str(path)}


def _afni(image: TensorImage, folder: Path) -> dict[str, str]:
    """A brick along RAS+ voxel axes; AFNI's own axes are right to left, front to back, so the affine is in DICOM's."""
    path = folder / "dt+orig.HEAD"
    data = components(image, "lower", np.eye(3))
    dicom = np.diag([-1.0, -1.0, 1.0]) @ image.affine[:3]
    floats: dict[str, Any] = {
        "IJK_TO_DICOM_REAL": dicom.ravel(),
        "ORIGIN": dicom[:, 3],
        "BRICK_FLOAT_FACS": (0.0,) * 6,
        "DELTA": np.linalg.norm(image.affine[:3, :3], axis=0),
    }
    ints: dict[str, Any] = {
        "DATASET_RANK": (3, 6, *(0,) * 6),
        "DATASET_DIMENSIONS": (*image.shape, 0, 0),
        "BRICK_TYPES": (3,) * 6,  # AFNI has no double in common use: 3 is float
        "SCENE_DATA": (0, 11, 1, *(-999,) * 5),
        "ORIENT_SPECIFIC": (1, 2, 4),
    }
    words = {"BYTEORDER_STRING": "LSB_FIRST", "TYPESTRING": "3DIM_HEAD_FUNC"}
    blocks = [_attribute("float", name, [f"{v:.9g}" for v in np.ravel(values)]) for name, values in floats.items()]
    blocks += [_attribute("integer", name, [str(v) for v in values]) for name, values in ints.items()]
    blocks += [
        f"\ntype = string-attribute\nname = {name}\ncount = {len(word) + 1}\n'{word}~\n" for name, word in words.items()
    ]
    path.write_text("".join(blocks))
    path.with_suffix(".BRIK").write_bytes(data.astype("<f4").tobytes(order="F"))
    return {"tensor": str(path), "frame": "world", "units": "mm^2/s"}


def _attribute(kind: str, name: str, values: list[str]) -> str:
    return f"\ntype = {kind}-attribute\nname = {name}\ncount = {len(values)}\n {' '.join(values)}\n"


def _camino(image: TensorImage, folder: Path) -> dict[str, str]:
    """Records ``dt`` along FSL's axes, x fastest, big-endian, in m²/s as Camino has it."""
    path, grid = folder / "dt.Bdouble", folder / "grid.nii"
    data = 1e-6 * components(image, "upper", basis(image.affine, "fsl"))
    records = np.zeros((*image.shape, 8))
    records[..., 0] = np.where(image.mask, 0.0, -1.0)
    records[..., 2:] = data
    path.write_bytes(records.transpose(2, 1, 0, 3).astype(">f8").tobytes())
    _save(image.mask.astype(float), image.affine, grid)
    return {"tensor": str(path), "grid": str(grid), "units": "m^2/s"}


KINDS = (
    Kind("NIfTI symmatrix (5-D)", _symmatrix),
    Kind("MRtrix .mif", _mif),
    Kind("NRRD", _nrrd),
    Kind("Camino .Bdouble", _camino),
    Kind("AFNI .BRIK (float32)", _afni),
)


def read_vectors(image: TensorImage, folder: Path, signs: Array | float) -> TensorImage:
    """Through V1 to V3 and L1 to L3 along world axes, the vectors multiplied by signs (..., 1, 3)."""
    parts = eigen(image.components)
    vectors, values = parts.vectors * signs, parts.values
    for i in range(3):
        _save(vectors[..., i], image.affine, folder / f"V{i}.nii")
        _save(values[..., i], image.affine, folder / f"L{i}.nii")
    v, scalars = [folder / f"V{i}.nii" for i in range(3)], [folder / f"L{i}.nii" for i in range(3)]
    found: TensorImage = read_eigen(
        v[0], v2=v[1], v3=v[2], values=(scalars[0], scalars[1], scalars[2]), frame="world", mask=image.mask
    )
    return found


def write_v1_fa(image: TensorImage, folder: Path, signs: Array | float) -> dict[str, str]:
    """FSL's V1 and FA along world axes, V1 multiplied by signs (nx, ny, nz, 1): what ``[diffusion]`` would say."""
    folder.mkdir(exist_ok=True)
    axes = eigen(image.components).vectors[..., 0] * signs * image.mask[..., None]
    _save(axes, image.affine, folder / "V1.nii")
    _save(fractional_anisotropy(image.components), image.affine, folder / "FA.nii")
    return {"v1": str(folder / "V1.nii"), "fa": str(folder / "FA.nii"), "frame": "world"}


def regridded(image: TensorImage, axes: Axes, flips: Flips) -> TensorImage:
    """The same image in space with its voxel axes permuted and flipped."""
    steps = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)

    def there(array: Any) -> Any:
        return array.transpose(*axes, *range(3, array.ndim))[steps]

    index = np.zeros((4, 4))  # new voxel index to old
    index[3, 3] = 1.0
    for new, (old, flip) in enumerate(zip(axes, flips, strict=True)):
        index[old, new] = -1.0 if flip else 1.0
        index[old, 3] = image.shape[old] - 1 if flip else 0
    return TensorImage(there(image.components), image.affine @ index, there(image.mask), there(image.repaired))


def gridded_back(image: TensorImage, axes: Axes, flips: Flips) -> TensorImage:
    """What ``regridded`` did undone."""
    inverse = tuple(int(i) for i in np.argsort(axes))
    return regridded(image, inverse, tuple(flips[i] for i in inverse))


def crop(image: TensorImage, half: int = 10) -> TensorImage:
    """A cube of 2 x half voxels around the middle of the mask."""
    middle = np.argwhere(image.mask).mean(axis=0).astype(int)
    box = tuple(slice(max(m - half, 0), m + half + i) for i, m in enumerate(middle))
    affine = image.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in box]
    return TensorImage(image.components[box], affine, image.mask[box], image.repaired[box])


def points_inside(image: TensorImage, count: int, reach: float, seed: int = 0) -> Array:
    """Points (n, 3) at random in space, each within ``reach`` voxels of the center of a valid voxel."""
    rng = np.random.default_rng(seed)
    voxels = np.argwhere(image.mask)
    index = voxels[rng.integers(0, len(voxels), count)] + rng.uniform(-reach, reach, (count, 3))
    return np.asarray(index @ image.affine[:3, :3].T + image.affine[:3, 3])


def every_order_and_frame() -> Iterator[tuple[str, Frame]]:
    """All named orders in all frames."""
    yield from product(ORDERS, FRAMES)


def _save(data: Array, affine: Array, path: Path, *, intent: bool = False) -> None:
    from nibabel import nifti1

    made: Any = nifti1.Nifti1Image  # it has no types
    image = made(data, affine)
    if intent:
        image.header.set_intent("symmetric matrix", (3,), name="diffusion tensor")
    image.to_filename(path)
