"""Simple segmentation of grey-scale images: thresholds, Otsu's, growing from seeds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .libraries import load
from .medical import Volume
from .voxel_mask import VoxelMask


def threshold(image: Volume, above: float | None = None, below: float | None = None) -> VoxelMask:
    """The voxels whose value is at least ``above`` and at most ``below``.

    Raises:
        InputError: no bound is given, or no voxel is within them.
    """
    if above is None and below is None:
        raise InputError(Problem(image.source, "no threshold is given", wanted="above, below or both"))
    inside = _within(image, above, below)
    words = " and ".join(f"{word} {b:g}" for word, b in (("above", above), ("below", below)) if b is not None)
    return _found(image, inside, f"values {words}")


def otsu(image: Volume, classes: int = 2) -> VoxelMask:
    """The brightest of two or more classes by Otsu's thresholds, which lie where classes vary least within.

    Args:
        image: grey-scale image.
        classes: how many kinds of voxels there are; 3 for background, soft tissue and bone.

    Raises:
        InputError: all voxels have one value.

    Source: Otsu (1979), doi 10.1109/TSMC.1979.4310076.
    """
    low, high = float(image.values.min()), float(image.values.max())
    if low == high:
        raise InputError(Problem(image.source, "has no contrast", f"{low:g} in every voxel", "two kinds of voxels"))
    level = otsu_levels(image, classes)[-1]
    return _found(image, image.values > level, f"values above {level:g} (Otsu, {classes} classes)")


def otsu_levels(image: Volume, classes: int = 2) -> tuple[float, ...]:
    """Otsu's thresholds (classes - 1,), rising.

    Raises:
        InputError: SimpleITK is missing.
    """
    sitk = load("SimpleITK")
    picture = sitk.GetImageFromArray(np.ascontiguousarray(image.values, dtype=np.float32))
    method = sitk.OtsuMultipleThresholdsImageFilter()
    method.SetNumberOfThresholds(classes - 1)
    method.SetNumberOfHistogramBins(256)
    method.Execute(picture)
    return tuple(float(level) for level in method.GetThresholds())


def grow_region(
    image: Volume,
    seeds: Sequence[Sequence[float]],
    above: float | None = None,
    below: float | None = None,
    *,
    spread: float = 2.5,
) -> VoxelMask:
    """The voxels that hang together with the seeds by voxels of values within bounds.

    Args:
        image: grey-scale image.
        seeds: (n, 3) points in RAS+ mm inside of the body.
        above: least value; with ``below`` left out too, both are taken from the seeds' surroundings.
        below: largest value.
        spread: without bounds, they are the mean ± this times the standard deviation in the 3 × 3 × 3 voxels around
            the seeds, and once again of what was grown (confidence connected growing).

    Raises:
        InputError: SimpleITK is missing; a seed lies outside of the image or the bounds.
    """
    sitk = load("SimpleITK")
    index = _seed_voxels(image, seeds)
    picture = sitk.GetImageFromArray(np.ascontiguousarray(image.values.T, dtype=np.float64))
    places = [tuple(int(i) for i in row) for row in index]
    if above is None and below is None:
        grown = sitk.ConfidenceConnected(picture, places, numberOfIterations=1, multiplier=spread)
        how = f"growing from {len(places)} seeds, mean ± {spread:g} standard deviations"
    else:
        outside = [place for place in places if not _within(image, above, below)[place]]
        if outside:
            got = f"{image.values[outside[0]]:g} at voxel {outside[0]}"
            raise InputError(Problem(image.source, "a seed is not within the bounds", got, _bounds(above, below)))
        least, most = (-np.inf if above is None else above), (np.inf if below is None else below)
        finite = np.nan_to_num([least, most], posinf=np.finfo(float).max, neginf=np.finfo(float).min)
        grown = sitk.ConnectedThreshold(picture, places, lower=float(finite[0]), upper=float(finite[1]))
        how = f"growing from {len(places)} seeds, {_bounds(above, below)}"
    return _found(image, sitk.GetArrayFromImage(grown).T != 0, how)


def _bounds(above: float | None, below: float | None) -> str:
    return " and ".join(f"{word} {b:g}" for word, b in (("above", above), ("below", below)) if b is not None)


def _seed_voxels(image: Volume, seeds: Sequence[Sequence[float]]) -> NDArray[np.int64]:
    points = np.atleast_2d(np.asarray(seeds, dtype=float))
    if points.size == 0 or points.shape[1] != 3:
        raise InputError(Problem(image.source, "has no seed to grow from", wanted="points x, y, z in mm"))
    inverse = np.linalg.inv(image.affine)
    index = np.rint(points @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)
    astray = ((index < 0) | (index >= image.values.shape)).any(axis=1)
    if astray.any():
        corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(image.values.shape) - 1)
        world = corners @ image.affine[:3, :3].T + image.affine[:3, 3]
        low, high = (", ".join(f"{x:.4g}" for x in end) for end in (world.min(axis=0), world.max(axis=0)))
        got = ", ".join(f"{x:g}" for x in points[astray][0])
        raise InputError(Problem(image.source, "a seed lies outside of the image", got, f"from {low} to {high} mm"))
    return index


def _within(image: Volume, above: float | None, below: float | None) -> NDArray[np.bool_]:
    inside = np.ones(image.values.shape, dtype=bool)
    if above is not None:
        inside &= image.values >= above
    if below is not None:
        inside &= image.values <= below
    return inside


def _found(image: Volume, inside: NDArray[np.bool_], how: str) -> VoxelMask:
    """The mask with a note of how much was found.

    Raises:
        InputError: nothing was.
    """
    if not inside.any():
        low, high = float(image.values.min()), float(image.values.max())
        raise InputError(Problem(image.source, "no voxel is found", how, f"values are from {low:g} to {high:g}"))
    note = f"{how}: {int(inside.sum())} of {inside.size} voxels"
    return VoxelMask(np.asarray(inside, dtype=bool), image.affine, image.source, (*image.notes, note))
