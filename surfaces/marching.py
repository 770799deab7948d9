"""Surfaces around the voxels of a mask, by marching cubes."""

import warnings
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask

from .surface import MESHING, Surface, largest_piece

LEVELS = (0.7, 0.5, 0.3)
"""Where the smoothed mask may be cut; between them the one that keeps the volume is found by interpolation."""


def surface_from_mask(mask: VoxelMask, smoothing: float = 0.0) -> Surface:
    """The surface around the voxels inside, by marching cubes.

    The smoothed mask is cut at the level that keeps the mask's volume, so that smoothing doesn't shrink the body.

    Args:
        mask: voxels of the body, one connected piece.
        smoothing: standard deviation (mm) of the Gaussian that smooths the mask first.

    Raises:
        InputError: scikit-image is missing, or the mask vanishes when smoothed.
    """
    from scipy import ndimage

    try:
        from skimage import measure
    except ImportError as error:
        raise InputError(Problem("scikit-image", "is needed to mesh a mask", str(error), hint=MESHING)) from error
    sigma = smoothing / mask.spacing
    width = [int(np.ceil(4 * s)) + 2 for s in sigma]
    padded = np.pad(mask.inside.astype(np.float64), [(w, w) for w in width])
    smooth = ndimage.gaussian_filter(padded, sigma) if smoothing > 0 else padded
    if smooth.max() <= max(LEVELS):
        raise InputError(
            Problem(
                mask.source,
                "the mask is too small for its smoothing",
                f"{int(mask.inside.sum())} voxels, smoothed over {smoothing:g} mm",
                "a body several voxels thick",
                "less smoothing",
            )
        )

    def at(level: float) -> Surface:
        march: Any = measure.marching_cubes
        with warnings.catch_warnings():
            # scikit-image 0.26 sets array shapes in place, which numpy 2.5 deprecates
            warnings.filterwarnings("ignore", category=DeprecationWarning, module="skimage")
            index, triangles, _, _ = march(smooth, level, allow_degenerate=False)
        points = (index.astype(np.float64) - width) @ mask.affine[:3, :3].T + mask.affine[:3, 3]
        return largest_piece(Surface(points, triangles.astype(np.int64))).oriented()

    volumes = [at(level).volume for level in LEVELS]
    wanted = np.interp(mask.volume, volumes, LEVELS)
    return at(float(wanted))
