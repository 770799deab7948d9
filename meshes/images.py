"""Volumes that shape a mesh, masks and labels, as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import ImageUnit, VoxelMask, open_image, read_grey


def read_image(path: Path | str) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """A volume (nx, ny, nz) and its affine (4, 4), voxel index (center) to RAS+ mm; not collective. NaN may be in it.

    Raises:
        InputError: as ``fibertwin.imaging.open_image``.
    """
    image = open_image(path, finite=False)
    return image.values, image.affine


def read_mask(path: Path | str, *, volume: int | None = None, unit: ImageUnit | None = None) -> VoxelMask:
    """A mask image: every voxel that isn't 0 is inside.

    Args:
        path: as ``fibertwin.imaging.open_image``.
        volume: which volume of an image with four dimensions.
        unit: what the file's lengths are measured in.

    Raises:
        InputError: as ``fibertwin.imaging.open_image``; or values lie between 0 and 1, as in maps of probability.
    """
    image = read_grey(path, volume=volume, unit=unit)
    if image.values.dtype.kind == "f" and ((image.values > 0) & (image.values < 1)).any():
        count = int(((image.values > 0) & (image.values < 1)).sum())
        hint = 'for a map of probability: type = "grey-image" with above = 0.5'
        raise InputError(
            Problem(image.source, "is no mask", f"{count} voxels between 0 and 1", "0 outside, 1 inside", hint)
        )
    return VoxelMask(image.values != 0, image.affine, image.source, image.notes)
