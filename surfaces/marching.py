"""Surfaces around the voxels of a mask, by marching cubes."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask

from .surface import MESHING, Surface, largest_piece

LEVELS = (0.7, 0.5, 0.3)
"""Where the smoothed mask may be cut; between them the one that keeps the volume is found by interpolation."""


def surface_from_mask(mask: VoxelMask, smoothing: float = 0.0) -> Surface:
    """The outer surface around the voxels inside, its largest piece, by marching cubes; as ``smoothed_surface``."""
    return _kept_volume(mask, smoothing, largest_piece)


def smoothed_surface(mask: VoxelMask, smoothing: float = 0.0) -> Surface:
    """The surface around the voxels inside, all pieces of it, by marching cubes.

    The smoothed mask is cut at the level that keeps the mask's volume, so that smoothing doesn't shrink the body.

    Args:
        mask: voxels of the body, one connected piece.
        smoothing: standard deviation (mm) of the Gaussian that smooths the mask first.

    Raises:
        InputError: scikit-image is missing, or the mask vanishes when smoothed.
    """
    return _kept_volume(mask, smoothing, lambda surface: surface)


def _kept_volume(mask: VoxelMask, smoothing: float, choose: Callable[[Surface], Surface]) -> Surface:
    from scipy import ndimage

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

    affine = mask.affine.copy()
    affine[:3, 3] -= affine[:3, :3] @ width

    def at(level: float) -> Surface:
        return choose(isosurface(smooth, affine, level)).oriented()

    volumes = [at(level).volume for level in LEVELS]
    wanted = np.interp(mask.volume, volumes, LEVELS)
    return at(float(wanted))


def isosurface(values: NDArray[Any], affine: NDArray[np.float64], level: float) -> Surface:
    """The closed surface around the values above a level, all pieces of it, by marching cubes.

    Args:
        values: (nx, ny, nz) such as a map of probability or a signed distance; beyond them nothing is inside.
        affine: (4, 4) index to millimeters.
        level: of the surface; must lie between the least and the largest value.

    Raises:
        InputError: scikit-image is missing, or no value is above the level.
    """
    try:
        from skimage import measure
    except ImportError as error:
        raise InputError(Problem("scikit-image", "is needed to mesh a mask", str(error), hint=MESHING)) from error
    if not values.max() > level:
        raise InputError(
            Problem("image", "no value is above the level of the surface", f"{values.max():g}", f"{level:g}")
        )
    outside = min(float(values.min()), 2 * level - float(values.max()))
    padded = np.pad(values.astype(np.float64), 1, constant_values=outside)
    march: Any = measure.marching_cubes
    with warnings.catch_warnings():
        # scikit-image 0.26 sets array shapes in place, which numpy 2.5 deprecates
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="skimage")
        index, triangles, _, _ = march(padded, level, allow_degenerate=False)
    points = (index.astype(np.float64) - 1) @ affine[:3, :3].T + affine[:3, 3]
    return Surface(points, triangles.astype(np.int64)).oriented()


def signed_distance(mask: VoxelMask) -> NDArray[np.float64]:
    """Distance (mm) of each voxel's center to the mask's edge, positive inside; its isosurface at 0 has no terraces."""
    from scipy import ndimage

    within = ndimage.distance_transform_edt(mask.inside, sampling=mask.spacing)
    beyond = ndimage.distance_transform_edt(~mask.inside, sampling=mask.spacing)
    step = float(mask.spacing.min()) / 2
    signed: NDArray[np.float64] = np.where(mask.inside, within - step, step - beyond)
    return signed
