"""NRRD, MetaImage and whatever else SimpleITK reads, as arrays with an affine to RAS+."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .libraries import load
from .medical import Raw

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's world axes run to the left and back, RAS+ to the right and front."""


def read_itk(file: Path) -> Raw:
    """Read a file with SimpleITK; names and layers of 3D Slicer's segmentations are understood.

    Raises:
        InputError: SimpleITK is missing, or can't read the file.
    """
    sitk = load("SimpleITK")
    try:
        image = sitk.ReadImage(str(file))
    except RuntimeError as error:
        raise InputError(
            Problem(str(file), "can't be read as an image", _brief(error), "NIfTI, MGH, NRRD, MetaImage, DICOM ...")
        ) from error
    header = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    raw = from_itk(image, str(file))
    if "Segment0_LabelValue" in header:
        return _segments(raw, header)
    notes = []
    if file.suffix.lower() in (".nrrd", ".nhdr") and not header.get("NRRD_space"):
        notes.append("the NRRD header names no space: its axes are taken as ITK does, to the left, back and up")
    return Raw(raw.values, raw.affine, notes=tuple(notes))


def from_itk(image: Any, source: str) -> Raw:
    """The voxels of a SimpleITK image, components last, with the affine to RAS+.

    Raises:
        InputError: the image has two dimensions.
    """
    sitk = load("SimpleITK")
    if image.GetDimension() == 2:
        got = f"2 dimensions {image.GetSize()}"
        hint = "for DICOM files of one slice each, give the folder that holds them"
        raise InputError(Problem(source, "is no volume, but a picture", got, "three dimensions", hint))
    spatial = sitk.GetArrayFromImage(image)
    parts = image.GetNumberOfComponentsPerPixel()
    values = np.moveaxis(spatial, -1, 0) if parts > 1 else spatial[None]
    values = values.transpose(*range(values.ndim - 1, -1, -1))
    size = image.GetDimension()
    direction = np.array(image.GetDirection()).reshape(size, size)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(image.GetSpacing())[:3]
    affine[:3, 3] = np.array(image.GetOrigin())[:3]
    return Raw(values[..., 0] if parts == 1 else values, LPS_TO_RAS @ affine)


def _segments(raw: Raw, header: Mapping[str, str]) -> Raw:
    """Labels of 3D Slicer's segments, numbered anew where they lie in several layers."""
    layers: NDArray[Any] = raw.values if raw.values.ndim == 4 else raw.values[..., None]
    labels = np.zeros(layers.shape[:3], np.int32)
    names: dict[str, tuple[int, ...]] = {}
    shared = 0
    several = layers.shape[3] > 1
    number = 0
    while f"Segment{number}_LabelValue" in header:
        value = int(header[f"Segment{number}_LabelValue"])
        inside = layers[..., int(header.get(f"Segment{number}_Layer", "0"))] == value
        label = number + 1 if several else value
        shared += int((labels[inside] != 0).sum())
        labels[inside] = label
        name = header.get(f"Segment{number}_Name", f"segment {number + 1}")
        names[name] = (*names.get(name, ()), label)
        number += 1
    notes = [f"{number} segments named by the file: {', '.join(names)}"]
    if shared:
        notes.append(f"segments overlap in {shared} voxels: the later one has them")
    return Raw(labels, raw.affine, names=names, notes=tuple(notes))


def _brief(error: BaseException) -> str:
    """The last line of SimpleITK's message, which says what went wrong."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
