"""Tensors at any points in space, by log-Euclidean trilinear interpolation between valid voxels."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .algebra import Array, exponential
from .tensor_image import Mask, TensorImage

_BLOCK = 8192  # points whose stencils fit in a core's cache
_NEGLIGIBLE = 1e-6  # weight below which a stencil corner counts as untouched: a millionth of a voxel
_CORNERS = tuple(product((0, 1), repeat=3))
_RIM = 2  # voxels put around the grid, so that the stencil of any point lies in it once clipped


@dataclass(frozen=True, eq=False)
class Sampled:
    """Tensors at points.

    Attributes:
        tensors: (n, 6), mm²/s, order xx xy yy xz yz zz, RAS+ world axes, positive definite.
        filled: (n,), true where the stencil of eight voxels touches an invalid one, so that the
            tensor rests on fewer voxels, or on the nearest valid one alone.
        distance: (n,) mm, 0 where the point lies in a valid voxel, else the distance to the centre
            of the nearest valid voxel.
    """

    tensors: Array
    filled: NDArray[np.bool_]
    distance: Array


def sample_tensors(image: TensorImage, points: Array, *, radius: float) -> Sampled:
    """Interpolate the logarithms of the tensors at points and take the exponential (Arsigny et al. 2006).

    Trilinear between voxel centres (doi:10.1002/mrm.20965). Only valid voxels take part: where some of the
    eight are invalid the others' weights are scaled up to one; where all are, the nearest valid voxel
    serves. Nothing is decomposed, so the sign of an eigenvector can't matter. Local, no communication.

    Args:
        image: where to sample.
        points: (n, 3), RAS+ world mm.
        radius: how far, mm, a point outside the mask may lie from the centre of the nearest valid voxel.

    Raises:
        InputError: points that are not finite, or farther than ``radius`` from every valid voxel.
    """
    where = np.ascontiguousarray(points, dtype=float).reshape(-1, 3)
    if not np.isfinite(where).all():
        raise InputError(not_finite(where))
    if not len(where):
        return Sampled(np.empty((0, 6)), np.empty(0, dtype=bool), np.empty(0))
    index = voxel_coordinates(image.affine, where)
    distance = _distances(image, where, index)
    _refuse_far(where, distance, radius)
    number = _numbered(image.mask)
    logs = image.valid_logarithms
    tensors = np.empty((len(where), 6))
    filled = np.empty(len(where), dtype=bool)
    for start in range(0, len(where), _BLOCK):
        part = slice(start, start + _BLOCK)
        tensors[part], filled[part], lonely = _interpolated(number, logs, index[part])
        if lonely.any():
            rows = start + np.flatnonzero(lonely)
            nearest = _nearest(image, where[rows])[1]
            tensors[rows] = image.components[tuple(nearest.T)]
    return Sampled(tensors, filled, distance)


def not_finite(points: Array) -> Problem:
    """What to say of points (n, 3) of which some are NaN or infinite."""
    count = int((~np.isfinite(points).all(axis=1)).sum())
    return Problem("points", "are not all finite", f"{count} of {len(points)} are NaN or infinite")


def voxel_coordinates(affine: Array, points: Array) -> Array:
    """Fractional voxel indices (n, 3), integer at voxel centres, of world points (n, 3) in mm."""
    inverse = np.linalg.inv(affine)
    return np.asarray(points @ inverse[:3, :3].T + inverse[:3, 3])


def _numbered(mask: Mask) -> NDArray[np.int64]:
    """Which of the valid voxels each voxel is, in C order, -1 for none, with a rim of -1 around."""
    number = np.full(mask.shape, -1, dtype=np.int64)
    number[mask] = np.arange(int(mask.sum()))
    return np.pad(number, _RIM, constant_values=-1)


def _interpolated(number: NDArray[np.int64], logs: Array, index: Array) -> tuple[Array, Mask, Mask]:
    """Tensors, whether an invalid voxel was touched, and whether no valid one was."""
    base = np.floor(index.T)
    far = index.T - base
    sides = tuple(zip(1.0 - far, far, strict=True))
    inner = np.array(number.shape)[:, None] - 2 * _RIM
    corner = np.clip(base, -_RIM, inner).astype(np.int64) + _RIM
    first, flat = np.ravel_multi_index(tuple(corner), number.shape), number.ravel()
    total = np.zeros(len(index))
    touched = np.zeros(len(index), dtype=bool)
    mean = np.zeros((len(index), 6))
    for i, j, k in _CORNERS:
        weight = sides[0][i] * sides[1][j] * sides[2][k]
        row = flat[first + int(np.ravel_multi_index((i, j, k), number.shape))]
        invalid = row < 0
        touched |= invalid & (weight > _NEGLIGIBLE)
        weight[invalid] = 0.0
        total += weight
        mean += weight[:, None] * logs.take(row, axis=0, mode="clip")
    lonely = total <= _NEGLIGIBLE
    mean /= np.where(lonely, 1.0, total)[:, None]
    return exponential(mean), touched | lonely, lonely


def _distances(image: TensorImage, points: Array, index: Array) -> Array:
    """0 where the point's own voxel is valid, else mm to the centre of the nearest valid voxel."""
    own = np.rint(index)
    inside = ((own >= 0) & (own < np.array(image.shape))).all(axis=1)
    i, j, k = np.where(inside[:, None], own, 0).astype(np.int64).T
    outside = ~(inside & image.mask[i, j, k])
    distance = np.zeros(len(points))
    if outside.any():
        distance[outside] = _nearest(image, points[outside])[0]
    return distance


def _nearest(image: TensorImage, points: Array) -> tuple[Array, NDArray[np.int64]]:
    """Distance to, and index of, the nearest valid voxel."""
    from scipy.spatial import cKDTree

    rim = np.argwhere(image.mask if _sheared(image.affine) else _rim(image.mask))
    if not len(rim):
        return np.full(len(points), np.inf), np.zeros((len(points), 3), dtype=np.int64)
    centres = rim @ image.affine[:3, :3].T + image.affine[:3, 3]
    distance, which = cKDTree(centres).query(points)
    # a point whose distance overflows has no nearest voxel, and the radius refuses it
    return np.asarray(distance), rim[np.minimum(which, len(rim) - 1)]


def _sheared(affine: Array) -> bool:
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(columns.T @ columns - np.eye(3)).max() > 1e-4)


def _rim(mask: Mask) -> Mask:
    """Valid voxels with a face on an invalid one or on the image's border.

    The nearest valid voxel of a point in an invalid one is always among them: in a grid without shear
    a voxel's points are closer to its own centre than to any other, and six faces bound it.
    Where an affine map has sheared the grid, that is not so, and every voxel is asked.
    """
    padded = np.pad(mask, 1)
    inner = np.ones_like(mask)
    for axis in range(3):
        for shift in (-1, 1):
            inner &= np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
    return mask & ~inner


def _refuse_far(points: Array, distance: Array, radius: float) -> None:
    far = distance > radius
    if not far.any():
        return
    worst = int(np.argmax(distance))
    x, y, z = points[worst]
    gap = f"{distance[worst]:.1f} mm" if np.isfinite(distance[worst]) else "no valid voxel near"
    raise InputError(
        Problem(
            "points",
            f"{int(far.sum())} of {len(points)} lie outside the tensors' mask, farther than the fill radius",
            f"worst point ({x:.1f}, {y:.1f}, {z:.1f}) mm: {gap}",
            f"a valid voxel within {radius:g} mm",
            "check that mesh and image share one space (RAS+ mm; state a transform), or raise the fill radius",
        )
    )
