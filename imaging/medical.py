"""Voxel images as scanners and segmentation tools write them, with axes turned to RAS+ millimeters."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .libraries import load
from .voxel_mask import is_sheared

ImageUnit = Literal["mm", "m", "um"]
MILLIMETERS: dict[str, float] = {"mm": 1.0, "m": 1000.0, "um": 0.001}
NIBABEL = (".nii", ".nii.gz", ".mgz", ".mgh", ".img", ".hdr", ".img.gz", ".hdr.gz")
"""Formats that nibabel reads; SimpleITK reads the others."""
SMALLEST, LARGEST = 1.0, 5000.0
"""A body less or more across than this (mm) is taken for one in another unit, unless the unit is stated."""
_KNOWN = "NIfTI, MGH, NRRD, MetaImage, DICOM ..."


@dataclass(frozen=True)
class Volume:
    """A number for every voxel.

    Attributes:
        values: (nx, ny, nz).
        affine: (4, 4) voxel index (center) to RAS+ millimeters.
        source: what to call it in messages.
        names: names that the file itself gives to numbers.
        notes: what was found and assumed, a sentence each.
    """

    values: NDArray[Any]
    affine: NDArray[np.float64]
    source: str = "image"
    names: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raw:
    """What a file holds, before anything is checked.

    Attributes:
        values: (nx, ny, nz) or with more dimensions after them.
        affine: (4, 4) voxel index (center) to RAS+, in the file's unit.
        unit: the unit that the file states, if it does.
        names: names that the file itself gives to numbers.
        notes: what was assumed.
    """

    values: NDArray[Any]
    affine: NDArray[np.float64]
    unit: ImageUnit | None = None
    names: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def open_image(
    path: Path | str, *, volume: int | None = None, unit: ImageUnit | None = None, finite: bool = True
) -> Volume:
    """Read a volume of any format and orientation; not collective.

    Args:
        path: the file, or a folder with the files of one DICOM series.
        volume: which volume of an image with four dimensions, counted from 0.
        unit: what the file's lengths are measured in; if left out what it says, with the body's size looked at.
        finite: whether NaN and infinite values are refused.

    Raises:
        InputError: a library is missing; the file can't be read or is no volume of finite real numbers; its affine is
            unusable; the body in it seems to be in another unit than millimeters.
    """
    file = Path(path)
    if not file.exists():
        raise InputError(Problem(str(file), "there is no such image file"))
    raw = _open(file)
    values = _three_dimensional(raw.values, volume, str(file))
    _require_numbers(values, raw.affine, str(file), finite)
    stated = unit or raw.unit
    affine = raw.affine.copy()
    affine[:3] *= MILLIMETERS[stated or "mm"]
    notes = list(raw.notes)
    if stated not in (None, "mm"):
        notes.append(f"lengths are in {stated}, made mm")
    if unit is None:
        _require_size(values, affine, str(file), raw.unit)
    if is_sheared(affine):
        angle = _least_angle(affine)
        notes.append(
            f"the affine is sheared: two voxel axes are {angle:.1f}° apart instead of 90°; it is used as it is"
        )
    return Volume(values, affine, str(file), raw.names, tuple(notes))


def read_grey(path: Path | str, *, volume: int | None = None, unit: ImageUnit | None = None) -> Volume:
    """A grey-scale image (CT, MRI, a map of probability): any format and orientation, as ``open_image``.

    Raises:
        InputError: as ``open_image``.
    """
    return open_image(path, volume=volume, unit=unit)


def _open(file: Path) -> Raw:
    from . import dicom
    from .itk_images import read_itk

    name = file.name.lower()
    if file.is_dir() or dicom.is_dicom(file):
        return dicom.read_dicom(file)
    if name.endswith(NIBABEL):
        return _nibabel(file)
    return read_itk(file)


def _nibabel(file: Path) -> Raw:
    nib = load("nibabel")
    problems = (nib.filebasedimages.ImageFileError, nib.spatialimages.HeaderDataError)
    try:
        image = nib.load(file)
        values = np.asarray(image.dataobj)
    except (*problems, OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(Problem(str(file), "can't be read as an image", str(error), _KNOWN)) from error
    affine = np.asarray(image.affine, dtype=np.float64)
    header, notes = image.header, []
    unit: ImageUnit | None = None
    if isinstance(header, nib.Nifti1Header):
        words: dict[str, ImageUnit] = {"mm": "mm", "meter": "m", "micron": "um"}
        unit = words.get(header.get_xyzt_units()[0])
        if header["sform_code"] == 0 and header["qform_code"] == 0:
            notes.append(
                "the file states no directions (sform and qform are 0): its axes are taken as right to left, back to "
                "front, feet to head, with the origin in the middle; sides may be swapped"
            )
    return Raw(values, affine, unit, notes=tuple(notes))


def _three_dimensional(values: NDArray[Any], volume: int | None, source: str) -> NDArray[Any]:
    """The volume meant, of an image that may have more dimensions.

    Raises:
        InputError: it is not clear which is meant, or there is no such one.
    """
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim == 4:
        count = values.shape[3]
        if volume is not None and not 0 <= volume < count:
            raise InputError(Problem(source, "has no such volume", str(volume), f"0 to {count - 1}"))
        if volume is None:
            filled = [k for k in range(count) if values[..., k].any()]
            some = ", ".join(map(str, filled[:6])) + (" ..." if len(filled) > 6 else "")
            raise InputError(
                Problem(
                    source,
                    "is no volume, but a series of them",
                    f"4 dimensions {values.shape}: {count} volumes",
                    "three dimensions",
                    f"say which by volume = 0 to {count - 1}" + (f" (not empty: {some})" if filled else ""),
                )
            )
        return values[..., volume]
    if values.ndim != 3:
        raise InputError(
            Problem(source, "is no volume", f"{values.ndim} dimensions {values.shape}", "three dimensions")
        )
    if volume:
        raise InputError(Problem(source, "has one volume only", f"volume = {volume}", "volume = 0, or none"))
    return values


def _require_numbers(values: NDArray[Any], affine: NDArray[np.float64], source: str, finite: bool) -> None:
    if values.dtype.kind not in "biuf":
        raise InputError(Problem(source, "does not hold real numbers", str(values.dtype), "integers or floats"))
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-30:
        raise InputError(Problem(source, "has no usable affine", str(affine.tolist()), "an invertible one"))
    if finite and values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = np.argwhere(~np.isfinite(values))
        got = f"{len(bad)} of {values.size} voxels, the first at {tuple(int(i) for i in bad[0])}"
        raise InputError(
            Problem(
                source, "holds NaN or infinite numbers", got, "finite numbers", "set them to 0 where they mean outside"
            )
        )


def _require_size(values: NDArray[Any], affine: NDArray[np.float64], source: str, stated: ImageUnit | None) -> None:
    """Refuse a body that is too small or too large in mm to be in mm."""
    filled = [np.flatnonzero(values.any(axis=tuple(k for k in range(3) if k != axis))) for axis in range(3)]
    if any(len(planes) == 0 for planes in filled):
        return
    counts = np.array([planes[-1] - planes[0] + 1 for planes in filled])
    across = float((counts * np.linalg.norm(affine[:3, :3], axis=0)).max())
    if SMALLEST <= across <= LARGEST:
        return
    seems: ImageUnit = "m" if across < SMALLEST else "um"
    says = f"the file says {stated}" if stated else "taken as mm"
    raise InputError(
        Problem(
            source,
            f"the body would be {_length(across)} across, so lengths seem to be in {seems}, not mm",
            f"{across:.3g} mm ({says})",
            f"{SMALLEST:g} mm to {LARGEST / 1000:g} m across",
            f'state the unit: "{seems}" would make it {_length(across * MILLIMETERS[seems])}, "mm" takes it as it is',
        )
    )


def _length(millimeters: float) -> str:
    return f"{millimeters / 1000:.3g} m" if millimeters >= 1000 else f"{millimeters:.3g} mm"


def _least_angle(affine: NDArray[np.float64]) -> float:
    """The angle (degrees) between the two voxel axes that are farthest from perpendicular."""
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.degrees(np.arccos(np.abs(np.triu(unit.T @ unit, 1)).max())))
