"""Triangles of a surface that cut through each other."""

import numpy as np
from numpy.typing import NDArray

from .surface import Surface


def crossing_triangles(surface: Surface) -> NDArray[np.int64]:
    """The triangles that another one cuts, sorted; triangles that share a point are taken not to.

    Two triangles that share no point cross exactly where an edge of one pierces the other, flat overlaps aside (Möller
    1997, doi 10.1080/10867651.1997.10487472).
    """
    pairs = _near(surface)
    shared = (surface.triangles[pairs[:, 0], :, None] == surface.triangles[pairs[:, 1], None, :]).any(axis=(1, 2))
    pairs = pairs[~shared]
    crossed = _pierces(surface, pairs[:, 0], pairs[:, 1]) | _pierces(surface, pairs[:, 1], pairs[:, 0])
    return np.unique(pairs[crossed])


def _near(surface: Surface) -> NDArray[np.int64]:
    """Pairs (k, 2) of triangles whose bounding boxes overlap."""
    from scipy.spatial import cKDTree

    corners = surface.points[surface.triangles]
    low, high = corners.min(axis=1), corners.max(axis=1)
    middle, radius = (low + high) / 2, np.linalg.norm(high - low, axis=1) / 2
    # triangles by size in octaves, each searched among those no larger, so that a few large ones cost little
    octave = np.ceil(np.log2(np.maximum(radius, 1e-12 * max(radius.max(), 1e-300)))).astype(int)
    found = [np.empty((0, 2), np.int64)]
    for size in np.unique(octave):
        mine, smaller = np.flatnonzero(octave == size), np.flatnonzero(octave <= size)
        near = cKDTree(middle[smaller]).query_ball_point(middle[mine], radius[mine] + 2.0**size)
        first = np.repeat(mine, [len(n) for n in near])
        second = smaller[np.concatenate([np.asarray(n, np.int64) for n in near])]
        kept = (first < second) | (octave[second] < size)
        first, second = first[kept], second[kept]
        overlap = ((low[first] <= high[second]) & (low[second] <= high[first])).all(axis=1)
        found.append(np.column_stack([first[overlap], second[overlap]]))
    return np.concatenate(found)


def _pierces(surface: Surface, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether an edge of triangles ``one`` goes through triangles ``other``, by the signs of five volumes."""
    a, b, c = (surface.points[surface.triangles[other, i]] for i in range(3))
    corners = surface.points[surface.triangles[one]]
    normal = np.cross(b - a, c - a)
    side = np.einsum("kni,ki->kn", corners - a[:, None], normal)
    crossed = np.zeros(len(one), bool)
    for i in range(3):
        p, q = corners[:, i], corners[:, (i + 1) % 3]
        along = q - p
        turns = [np.einsum("ki,ki->k", along, np.cross(u - p, v - p)) for u, v in ((a, b), (b, c), (c, a))]
        within = np.all([t > 0 for t in turns], axis=0) | np.all([t < 0 for t in turns], axis=0)
        crossed |= within & (side[:, i] * side[:, (i + 1) % 3] < 0)
    return crossed
