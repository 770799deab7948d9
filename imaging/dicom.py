"""DICOM: series of slices by SimpleITK, segmentations with their segments' names by pydicom."""

import locale
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem

from .itk_images import LPS_TO_RAS, from_itk
from .libraries import load
from .medical import Raw

SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
"""SOP class of Segmentation Storage."""


def is_dicom(file: Path) -> bool:
    """Whether a file starts as DICOM files do."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


@contextmanager
def _same_locale() -> Iterator[None]:
    """GDCM sets the process's character type to C, after which Python can't decode other programs' output."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_CTYPE, before)


@_same_locale()
def read_dicom(path: Path) -> Raw:
    """A segmentation, a file of many slices, a folder with one series, or the series to which a slice belongs.

    Raises:
        InputError: a library is missing; there is no series or more than one; slices are missing.
    """
    sitk = load("SimpleITK")
    if path.is_file():
        if _tag(path, "0008|0016") == SEGMENTATION:
            return read_segmentation(path)
        names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path.parent), _tag(path, "0020|000e"))
        return _series([Path(name) for name in names] if len(names) > 1 else [path], path)
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(path))
    if len(series) != 1:
        counts = [str(len(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), name))) for name in series]
        got = f"{len(series)} series of {', '.join(counts)} files" if series else "no DICOM file"
        hint = "put the files of each series into a folder of its own" if series else ""
        raise InputError(Problem(str(path), "is no folder of one DICOM series", got, "the slices of one series", hint))
    files = [Path(name) for name in sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(path), series[0])]
    return read_dicom(files[0]) if len(files) == 1 else _series(files, path)


def _series(files: list[Path], source: Path) -> Raw:
    """The volume that slices make, or a file that holds many of them."""
    sitk = load("SimpleITK")
    if len(files) > 1:
        _require_even(files, source)
    try:
        image = sitk.ReadImage([str(file) for file in files] if len(files) > 1 else str(files[0]))
    except RuntimeError as error:
        got = str(error).strip().splitlines()[-1]
        raise InputError(Problem(str(source), "can't be read as DICOM", got, "complete files")) from error
    raw = from_itk(image, str(source))
    return Raw(raw.values, raw.affine, notes=(f"DICOM series of {len(files)} slices",) if len(files) > 1 else ())


def _tag(file: Path, tag: str) -> str:
    """A tag of a file's header, empty if it has none."""
    reader = load("SimpleITK").ImageFileReader()
    reader.SetFileName(str(file))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        got = str(error).strip().splitlines()[-1]
        raise InputError(Problem(str(file), "can't be read as DICOM", got, "a complete file")) from error
    return str(reader.GetMetaData(tag)).strip("\0 ") if reader.HasMetaDataKey(tag) else ""


def _require_even(files: list[Path], folder: Path) -> None:
    """Refuse slices that aren't evenly spaced, which would bend the body."""
    positions = [_tag(file, "0020|0032") for file in files]
    if not all(positions):
        raise InputError(Problem(str(folder), "slices do not say where they lie", wanted="Image Position (Patient)"))
    points = np.array([[float(x) for x in position.split("\\")] for position in positions])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    usual = float(np.median(steps))
    odd = np.flatnonzero(np.abs(steps - usual) > 0.02 * usual)
    if len(odd):
        at = int(odd[0])
        got = f"{steps[at]:.4g} mm between {files[at].name} and {files[at + 1].name}, else {usual:.4g} mm"
        hint = "slices are missing or doubled: export the series again"
        raise InputError(Problem(str(folder), "slices are not evenly spaced", got, "even steps", hint))


def read_segmentation(path: Path) -> Raw:
    """A DICOM segmentation (binary): segments become labels with their names.

    DICOM PS3.3 A.51: frames come in any order, each with its position and segment.

    Raises:
        InputError: pydicom is missing; the segmentation is fractional, or its frames do not lie on one grid.
    """
    data = load("pydicom").dcmread(path)
    if data.SegmentationType == "FRACTIONAL":
        raise InputError(Problem(str(path), "is a fractional segmentation", wanted="a binary one", hint="export anew"))
    frames = np.asarray(data.pixel_array)
    frames = frames[None] if frames.ndim == 2 else frames
    groups = data.PerFrameFunctionalGroupsSequence
    shared = data.SharedFunctionalGroupsSequence[0]
    first = groups[0]
    turned = _either(shared, first, "PlaneOrientationSequence").ImageOrientationPatient
    spacing = [float(s) for s in _either(shared, first, "PixelMeasuresSequence").PixelSpacing]
    along_row, along_column = np.array(turned, dtype=float).reshape(2, 3)
    normal = np.cross(along_row, along_column)
    origins = np.array([g.PlanePositionSequence[0].ImagePositionPatient for g in groups], dtype=float)
    heights = origins @ normal
    planes = np.unique(np.round(heights, 3))
    thick = float(getattr(_either(shared, first, "PixelMeasuresSequence"), "SpacingBetweenSlices", 0) or 0)
    thick = thick or float(_either(shared, first, "PixelMeasuresSequence").SliceThickness)
    step = float(np.diff(planes).min()) if len(planes) > 1 else thick
    index = (heights - planes[0]) / step
    if np.abs(index - np.rint(index)).max() > 0.05:
        raise InputError(Problem(str(path), "frames do not lie on one grid", f"heights {planes[:5]} mm", "even steps"))
    place = np.rint(index).astype(int)
    labels = np.zeros((frames.shape[2], frames.shape[1], int(place.max()) + 1), np.int32)
    overlap = 0
    for frame, k, group in zip(frames, place, groups, strict=True):
        segment = group.SegmentIdentificationSequence if "SegmentIdentificationSequence" in group else None
        segment = segment or shared.SegmentIdentificationSequence
        inside = frame.T != 0
        overlap += int((labels[..., k][inside] != 0).sum())
        labels[..., k][inside] = int(segment[0].ReferencedSegmentNumber)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([along_row * spacing[1], along_column * spacing[0], normal * step], axis=1)
    affine[:3, 3] = origins[int(np.argmin(heights))]
    names: dict[str, tuple[int, ...]] = {}
    for segment in data.SegmentSequence:
        name = str(segment.SegmentLabel)
        names[name] = (*names.get(name, ()), int(segment.SegmentNumber))
    notes = [f"{len(data.SegmentSequence)} segments named by the file: {', '.join(names)}"]
    if overlap:
        notes.append(f"segments overlap in {overlap} voxels: the later one has them")
    return Raw(labels, LPS_TO_RAS @ affine, names=names, notes=tuple(notes))


def _either(shared: Any, frame: Any, name: str) -> Any:
    """A functional group that all frames share, or else the first frame's own."""
    return getattr(shared if name in shared else frame, name)[0]
