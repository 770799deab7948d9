"""How much each region has of a place: label images smoothed, volume by volume as large as the labels say."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask, clean_mask

BALANCING = 15
"""Rounds in which regions' volumes are brought back to what they were before smoothing."""
GAIN = 0.8
CLOSE = 0.05
"""Difference of shares within which a voxel is about to change hands."""
BIAS = 0.3
"""The most by which a region's share is raised or lowered for that."""


@dataclass(frozen=True)
class Shares:
    """A number for every region at every place; a place belongs to the region that has the largest.

    Attributes:
        values: (r + 1, nx, ny, nz) float32; the first is the outside.
        affine: (4, 4) index to RAS+ mm.
        width: standard deviation (mm) of the Gaussian that smoothed them.
        volumes: (r + 1,) mm³ of the voxels of each region; 0 for the outside.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]
    width: float
    volumes: NDArray[np.float64]

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares (r + 1, n) at places (n, 3), trilinear between voxels' centers."""
        from scipy.ndimage import map_coordinates

        inverse = np.linalg.inv(self.affine)
        index = (points @ inverse[:3, :3].T + inverse[:3, 3]).T
        return np.stack([map_coordinates(v, index, np.float64, order=1, mode="nearest") for v in self.values])

    def gradient(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gradients (r + 1, n, 3) in 1/mm, by central differences over the width of the smoothing."""
        step = 0.5 * self.width
        shifts = np.concatenate([points + sign * step * axis for axis in np.eye(3) for sign in (1, -1)])
        both = self.at(shifts).reshape(len(self.values), 3, 2, len(points))
        return np.moveaxis((both[:, :, 0] - both[:, :, 1]) / (2 * step), 1, 2)

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper corner (3,) of a box in mm that holds all voxels."""
        ends = np.array(np.meshgrid(*[(0, n - 1) for n in self.values.shape[1:]])).reshape(3, 8).T
        corners = ends @ self.affine[:3, :3].T + self.affine[:3, 3]
        return corners.min(axis=0), corners.max(axis=0)


def region_numbers(
    labels: NDArray[np.integer], regions: Mapping[str, tuple[int, ...]], source: str
) -> NDArray[np.int32]:
    """The region number (nx, ny, nz) of each voxel from 1 in the order of ``regions``; 0 where it belongs to none.

    Raises:
        InputError: a region has no voxel, or a label is in two regions.
    """
    problems, taken = [], dict[int, str]()
    numbers = np.zeros(labels.shape, dtype=np.int32)
    for number, (name, wanted) in enumerate(regions.items(), start=1):
        for label in wanted:
            if label in taken:
                problems.append(Problem(f"regions.{name}", "a label is in two regions", f"{label}, in {taken[label]}"))
            taken[label] = name
        inside = np.isin(labels, wanted)
        if not inside.any():
            present = ", ".join(map(str, np.unique(labels)[:40]))
            problems.append(
                Problem(f"regions.{name}", f"{source} has no voxel of it", str(list(wanted)), f"some of: {present}")
            )
        numbers[inside] = number
    if problems:
        raise InputError(problems)
    return numbers


def one_body(
    numbers: NDArray[np.int32], affine: NDArray[np.float64], closing: float, opening: float, source: str
) -> NDArray[np.int32]:
    """The largest connected piece of all regions together, gaps in it closed and given to the nearest region.

    Args:
        numbers: (nx, ny, nz) region of each voxel, 0 outside.
        affine: (4, 4) voxel index to RAS+ mm.
        closing: gaps narrower than twice this (mm) are closed; all holes are.
        opening: bridges thinner than twice this (mm) are cut.
        source: what to call the image in messages.
    """
    from scipy import ndimage

    mask = VoxelMask(numbers > 0, affine, source)
    body = clean_mask(mask, closing, opening).inside
    gaps = body & (numbers == 0)
    nearest = ndimage.distance_transform_edt(numbers == 0, sampling=mask.spacing, return_distances=False,
                                             return_indices=True)  # fmt: skip
    filled = np.where(gaps, numbers[tuple(nearest)], numbers)
    return np.where(body, filled, 0).astype(np.int32)


def cropped(numbers: NDArray[np.int32], affine: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The box of voxels that belong to a region, and its affine (4, 4)."""
    found = [np.flatnonzero(numbers.any(axis=tuple(k for k in range(3) if k != axis))) for axis in range(3)]
    low = np.array([f[0] for f in found])
    moved = affine.copy()
    moved[:3, 3] = affine[:3, :3] @ low + affine[:3, 3]
    return numbers[tuple(slice(f[0], f[-1] + 1) for f in found)], moved


def shares_of(numbers: NDArray[np.int32], affine: NDArray[np.float64], width: float, margin: float) -> Shares:
    """Smoothed shares of the regions, balanced so that each keeps the volume that its voxels have.

    Args:
        numbers: (nx, ny, nz) region of each voxel, 0 outside.
        affine: (4, 4) voxel index to RAS+ mm.
        width: standard deviation (mm) of the Gaussian.
        margin: how far (mm) beyond the voxels shares must be known.
    """
    from scipy import ndimage

    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    around = np.ceil((margin + 3 * width) / spacing).astype(int) + 1
    padded = np.pad(numbers, [(w, w) for w in around])
    moved = affine.copy()
    moved[:3, 3] = affine[:3, 3] - affine[:3, :3] @ around
    count = int(numbers.max()) + 1
    values = np.empty((count, *padded.shape), np.float32)
    for region in range(count):
        ndimage.gaussian_filter((padded == region).astype(np.float32), width / spacing, output=values[region])
    voxel = abs(np.linalg.det(affine[:3, :3]))
    voxels = np.bincount(padded.ravel(), minlength=count)
    values += _balance(values, voxels)[:, None, None, None]
    return Shares(values, moved, width, voxels * voxel * (np.arange(count) > 0))


def _balance(values: NDArray[np.float32], voxels: NDArray[np.intp]) -> NDArray[np.float32]:
    """What to add to each region's share (r + 1,) so that it is the largest in as many voxels as the region had."""
    close = np.sort(values, axis=0)[-1] < 1 - BIAS  # elsewhere nothing can change hands
    near = values[:, close]
    fixed = np.bincount(np.argmax(values[:, ~close], axis=0), minlength=len(values))
    bias = np.zeros(len(values), np.float32)
    for _ in range(BALANCING):
        now = near + bias[:, None]
        missing = voxels - fixed - np.bincount(np.argmax(now, axis=0), minlength=len(values))
        bias += (GAIN * missing / np.maximum(_turning(now), 1)).astype(np.float32)
        bias = np.clip(bias - bias[0], -BIAS, BIAS)
    return bias


def _turning(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """How many voxels (r + 1,) change hands per unit by which a region's share is raised, from shares (r + 1, n)."""
    second, first = np.partition(values, -2, axis=0)[-2:]
    lead = np.where(values == first, first - second, first - values)
    return np.asarray((lead < CLOSE).sum(axis=1) / (2 * CLOSE))
