"""Volumes that shape a mesh, masks and labels, read as arrays."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask


def read_image(path: Path | str) -> tuple[NDArray[np.generic], NDArray[np.float64]]:
    """A volume (nx, ny, nz) and its affine (4, 4), voxel index (center) to RAS+ mm; not collective.

    Raises:
        InputError: nibabel is missing, the file can't be read, or it isn't a volume.
    """
    file = Path(path)
    try:
        import nibabel
    except ImportError as error:
        hint = "pip install 'fibertwin[imaging]'"
        raise InputError(Problem("nibabel", "is needed to read images", str(error), hint=hint)) from error
    if not file.is_file():
        raise InputError(Problem(str(file), "there is no such image file"))
    try:
        image: Any = nibabel.load(file)
        values = np.asarray(image.dataobj)
    except (OSError, EOFError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
        raise InputError(Problem(str(file), "can't be read as an image", str(error), "NIfTI, MGH ...")) from error
    while values.ndim > 3 and values.shape[-1] == 1:
        values = values[..., 0]
    if values.ndim != 3:
        raise InputError(Problem(str(file), "is no volume", f"{values.ndim} dimensions", "three dimensions"))
    return values, np.asarray(image.affine, dtype=np.float64)


def read_mask(path: Path | str) -> VoxelMask:
    """A mask image: every voxel that isn't 0 is inside.

    Raises:
        InputError: as ``read_image``.
    """
    values, affine = read_image(path)
    return VoxelMask(values != 0, affine, str(path))
