"""Tensor images on disk such that many processes can each read only their own part."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array
from .libraries import nibabel
from .sample import not_finite, voxel_coordinates
from .tensor_image import TensorImage
from .volumes import read_volume

SYMMETRIC_MATRIX = 1005
"""NIfTI's intent code NIFTI_INTENT_SYMMATRIX."""

_SIGNATURE = "fibertwin tensors"


def write_tensors(image: TensorImage, path: Path | str) -> Path:
    """Write an image as NIfTI symmatrix (intent 1005), uncompressed, float64, mm²/s, RAS+ world axes.

    Beside ``NAME.nii`` comes ``NAME_state.nii`` (uint8: 0 invalid, 1 valid, +2 was not positive definite),
    so that mask and repairs survive. Tensors outside the mask are zero. Assumptions go into the header.

    Args:
        image: what to write.
        path: ends in ``.nii``: compressed files can't be read in windows.

    Raises:
        InputError: the path does not end in ``.nii``.
    """
    target = Path(path)
    if target.suffix != ".nii":
        raise InputError(Problem(str(target), "cannot be read in windows", target.name, "a name that ends in .nii"))
    nib = nibabel()
    data = np.where(image.mask[..., None], image.components, 0.0)[:, :, :, None, :]
    out = nib.Nifti1Image(data, image.affine)
    out.header.set_data_dtype(np.float64)
    out.header.set_intent("symmetric matrix", (3,), name="diffusion tensor")
    out.header.set_xyzt_units("mm")
    note = json.dumps({"written by": _SIGNATURE, "axes": "RAS", "assumptions": image.assumptions})
    out.header.extensions.append(nib.nifti1.Nifti1Extension("comment", note.encode()))
    nib.save(out, target)
    state = image.mask.astype(np.uint8) + 2 * image.repaired.astype(np.uint8)
    nib.save(nib.Nifti1Image(state, image.affine), state_path(target))
    return target


def state_path(path: Path) -> Path:
    """Where the mask and repairs of a written image lie."""
    return path.with_name(f"{path.stem}_state.nii")


@dataclass(frozen=True, eq=False)
class TensorFile:
    """A written tensor image, of which nothing but the header has been read.

    Attributes:
        path: the tensors.
        affine: (4, 4), voxel index to RAS+ world mm.
        shape: voxels along the three axes.
        assumptions: those of the image that was written.
    """

    path: Path
    affine: Array
    shape: tuple[int, int, int]
    assumptions: tuple[str, ...]

    def read(self) -> TensorImage:
        """The whole image."""
        return self._part((0, 0, 0), self.shape)

    def window(self, points: Array, margin: float) -> TensorImage:
        """The part of the image around points, read alone; its affine is moved so that world mm stay.

        Sampling the window with a fill radius up to ``margin`` gives what sampling the whole gives. Local.

        Args:
            points: (n, 3), RAS+ world mm; none gives one voxel.
            margin: mm around the points' bounding box.

        Raises:
            InputError: points that are not finite, or whose box, with its margin, does not touch the image.
        """
        where = np.asarray(points, dtype=float).reshape(-1, 3)
        if not len(where):
            return self._part((0, 0, 0), (1, 1, 1))
        if not np.isfinite(where).all():
            raise InputError(not_finite(where))
        # a few voxels beyond the image are as far away as any number of them
        index = np.clip(voxel_coordinates(self.affine, where), -1e9, 1e9)
        # half the index box of a ball, also where an affine map has sheared the grid
        reach = margin * np.linalg.norm(np.linalg.inv(self.affine[:3, :3]), axis=1)
        low = np.maximum(np.floor(index.min(axis=0) - reach).astype(int) - 1, 0)
        high = np.minimum(np.ceil(index.max(axis=0) + reach).astype(int) + 2, self.shape)
        if (low >= high).any():
            raise InputError(self._apart(where))
        return self._part(tuple(low.tolist()), tuple(high.tolist()))

    def _part(self, low: tuple[int, ...], high: tuple[int, ...]) -> TensorImage:
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        nib = nibabel()
        components = np.asarray(nib.load(self.path).dataobj[(*box, slice(None), slice(None))], dtype=float)[:, :, :, 0]
        state = np.asarray(nib.load(state_path(self.path)).dataobj[box])
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ np.array(low, dtype=float)
        return TensorImage(components, affine, (state & 1) > 0, (state & 2) > 0, self.assumptions)

    def _apart(self, points: Array) -> Problem:
        corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * np.array(self.shape) - 0.5
        world = corners @ self.affine[:3, :3].T + self.affine[:3, 3]
        return Problem(
            str(self.path),
            "image and points do not overlap",
            f"points span {_span(points)}",
            f"within the image, which spans {_span(world)}",
            "both must share one space, RAS+ mm: state a transform, or check mm against metres",
        )


def open_tensors(path: Path | str) -> TensorFile:
    """Open what ``write_tensors`` wrote, without reading the tensors.

    Raises:
        InputError: the file or its state file is missing or truncated, or it was not written by ``write_tensors``.
    """
    source = Path(path)
    for needed in (source, state_path(source)):
        if not needed.is_file():
            raise InputError(Problem(str(needed), "is missing", hint="write it with fibertwin.imaging.write_tensors"))
    image, state = read_volume(source), read_volume(state_path(source))
    note = signature(image)
    if note is None:
        hint = "read foreign files with read_tensors"
        raise InputError(Problem(str(source), "was not written by fibertwin", hint=hint))
    nx, ny, nz = image.shape[:3]
    if state.shape != (nx, ny, nz):
        what = "does not belong to the tensors beside it"
        raise InputError(Problem(str(state_path(source)), what, str(state.shape), str((nx, ny, nz))))
    return TensorFile(source, np.asarray(image.affine, dtype=float), (nx, ny, nz), note)


def signature(image: object) -> tuple[str, ...] | None:
    """The assumptions in the header of a file that ``write_tensors`` wrote; ``None`` for others."""
    for extension in getattr(getattr(image, "header", None), "extensions", ()):
        if extension.get_code() != 6:
            continue
        text = extension.get_content()
        text = (text if isinstance(text, bytes) else str(text).encode()).rstrip(b"\0 ")
        try:
            note = json.loads(text)
        except ValueError:
            continue  # somebody else's comment
        if isinstance(note, dict) and note.get("written by") == _SIGNATURE:
            return tuple(note["assumptions"])
    return None


def _span(points: Array) -> str:
    low, high = points.min(axis=0), points.max(axis=0)
    return ", ".join(f"{axis} {a:.1f} to {b:.1f}" for axis, a, b in zip("xyz", low, high, strict=True)) + " mm"
