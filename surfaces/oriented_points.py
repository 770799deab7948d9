"""Points with normals on a body's surface: those of a surface, of a cloud, of contours drawn slice by slice."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .smoothing import point_normals
from .surface import Surface

NEIGHBORS = 12
"""Of a point of a cloud, from which its normal and its share of the area are estimated."""


@dataclass(frozen=True)
class OrientedPoints:
    """Samples of a closed surface.

    Attributes:
        points: (n, 3) in mm.
        normals: (n, 3) unit vectors, outward.
        areas: (n,) the part of the surface (mm²) that each stands for.
    """

    points: NDArray[np.float64]
    normals: NDArray[np.float64]
    areas: NDArray[np.float64]


def points_of_surface(surface: Surface) -> OrientedPoints:
    """The points of a surface, each with a third of the area of the triangles around."""
    a, b, c = (surface.points[surface.triangles[:, i]] for i in range(3))
    size = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    areas = np.bincount(surface.triangles.ravel(), np.repeat(size, 3), len(surface.points))
    kept = areas > 0
    normals = point_normals(surface.points, surface.triangles)
    return OrientedPoints(surface.points[kept], normals[kept], areas[kept])


def points_of_cloud(points: NDArray[np.float64], normals: NDArray[np.float64] | None = None) -> OrientedPoints:
    """A cloud of points on a closed surface; normals that it lacks are estimated.

    A normal is that of the plane through the nearest points; signs are carried along the minimum spanning tree of
    those neighbors whose planes agree best, from the point farthest out (Hoppe et al. 1992, doi 10.1145/133994.134011).

    Args:
        points: (n, 3) in mm.
        normals: (n, 3) outward or all inward, of any length.

    Raises:
        InputError: too few points, points or normals that aren't finite, normals without length, or a cloud that falls
            into parts so far apart that signs can't be carried from one to the next.
    """
    from scipy.spatial import cKDTree

    points, normals = _checked(points, normals)
    tree = cKDTree(points)
    count = min(NEIGHBORS, len(points) - 1)
    distance, near = tree.query(points, k=count + 1)
    areas = np.pi * distance[:, -1] ** 2 / (count + 0.5)
    if normals is None:
        normals = _estimated(points, near)
    # the divergence theorem: normals that point inward enclose a negative volume
    middle = points.mean(axis=0)
    if np.einsum("n,ni,ni->", areas, points - middle, normals) < 0:
        normals = -normals
    return OrientedPoints(points, normals, areas)


def points_of_contours(contours: Sequence[NDArray[np.float64]], spacing: float | None = None) -> OrientedPoints:
    """Closed contours drawn in parallel slices, those inside others being holes, with caps on both ends.

    Args:
        contours: each (n, 3) in mm, in a plane; the last point is joined to the first.
        spacing: distance (mm) at which contours and caps are sampled; half the distance of slices unless given.

    Raises:
        InputError: fewer than two slices, or a contour that isn't flat or has fewer than three points.
    """
    axis, heights = _slices(contours)
    levels = np.unique(heights)
    gap = float(np.diff(levels).min())
    step = spacing or gap / 2
    frame = _frame(axis)
    parts = []
    for k, level in enumerate(levels):
        rings = [c @ frame[:, :2] for c, h in zip(contours, heights, strict=True) if h == level]
        above, below = levels[min(k + 1, len(levels) - 1)], levels[max(k - 1, 0)]
        # a slice stands for what is half-way to the next ones; the body ends half a slice beyond the last
        first, last = k == 0, k == len(levels) - 1
        low = level - (gap if first else level - below) / 2
        high = level + (gap if last else above - level) / 2
        parts.append(_walls(rings, low, high, step, frame))
        if first:
            parts.append(_cap(rings, low, -1.0, step, frame))
        if last:
            parts.append(_cap(rings, high, 1.0, step, frame))
    return OrientedPoints(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("points", "normals", "areas"))
    )


def _checked(
    points: NDArray[np.float64], normals: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    if len(points) < 20:
        raise InputError(Problem("points", "are too few for a surface", f"{len(points)}", "at least 20"))
    if not np.isfinite(points).all():
        bad = int((~np.isfinite(points).all(axis=1)).sum())
        raise InputError(Problem("points", "are not all finite", f"{bad} of {len(points)}"))
    points, kept = np.unique(points, axis=0, return_index=True)
    if normals is None:
        return points, None
    length = np.linalg.norm(normals[kept], axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        bad = int((~(np.isfinite(length) & (length > 0))).sum())
        raise InputError(Problem("normals", "have no direction", f"{bad} of {len(points)}", "vectors other than 0"))
    return points, normals[kept] / length


def _estimated(points: NDArray[np.float64], near: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normals (n, 3) with signs that agree among neighbors."""
    from scipy import sparse
    from scipy.sparse import csgraph

    around = points[near] - points[near].mean(axis=1, keepdims=True)
    _, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", around, around))
    normals: NDArray[np.float64] = axes[:, :, 0]
    start = np.repeat(np.arange(len(points)), near.shape[1] - 1)
    end = near[:, 1:].ravel()
    agreement = np.abs(np.einsum("ni,ni->n", normals[start], normals[end]))
    graph = sparse.coo_matrix((1.0 + 1e-6 - agreement, (start, end)), shape=(len(points),) * 2).tocsr()
    count, _ = csgraph.connected_components(graph, directed=False)
    if count > 1:
        hint = "normals in the file, or one cloud for each body"
        raise InputError(
            Problem("points", "fall into parts too far apart to tell inside from outside", f"{count}", hint=hint)
        )
    tree = csgraph.minimum_spanning_tree(graph.maximum(graph.T))
    root = int(np.argmax(points[:, 2]))
    order, before = csgraph.breadth_first_order(tree, root, directed=False)
    if normals[root, 2] < 0:
        normals[root] *= -1
    for node in order[1:]:
        if normals[node] @ normals[before[node]] < 0:
            normals[node] *= -1
    return normals


def _slices(contours: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The normal (3,) that the contours' planes share, and the height of each along it, equal within a slice."""
    short = [k for k, c in enumerate(contours) if len(c) < 3]
    if not contours or short:
        got = f"contour {short[0]} has {len(contours[short[0]])}" if short else "none"
        raise InputError(Problem("contours", "have too few points", got, "at least 3 in each"))
    around = np.concatenate([c - c.mean(axis=0) for c in contours])
    axis = np.linalg.svd(around, full_matrices=False)[2][2]
    axis = axis * (1.0 if axis[np.abs(axis).argmax()] > 0 else -1.0)
    size = float(np.abs(around).max())
    bent = [k for k, c in enumerate(contours) if np.ptp(c @ axis) > 1e-2 * size]
    if bent:
        got = f"contour {bent[0]} spans {np.ptp(contours[bent[0]] @ axis):.3g} mm across its plane"
        raise InputError(Problem("contours", "do not lie in parallel planes", got, "one plane for each contour"))
    heights = np.array([float((c @ axis).mean()) for c in contours])
    order = np.argsort(heights)
    new = np.diff(heights[order], prepend=-np.inf) > 1e-3 * size
    group = np.empty(len(order), int)
    group[order] = np.cumsum(new) - 1
    if group.max() < 1:
        raise InputError(
            Problem("contours", "lie in a single slice", f"{len(contours)} contours", "two slices or more")
        )
    return axis, np.array([heights[group == g].mean() for g in group])


def _frame(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """A right-handed frame (3, 3) whose last column is the axis."""
    other = np.eye(3)[np.abs(axis).argmin()]
    first = np.cross(other, axis) / np.linalg.norm(np.cross(other, axis))
    return np.column_stack([first, np.cross(axis, first), axis])


def _walls(
    rings: Sequence[NDArray[np.float64]], low: float, high: float, step: float, frame: NDArray[np.float64]
) -> OrientedPoints:
    """The contours of one slice as a wall between two heights."""
    layers = max(1, round((high - low) / step))
    heights = low + (np.arange(layers) + 0.5) * (high - low) / layers
    points, normals, areas = [], [], []
    for k, ring in enumerate(rings):
        inside_others = sum(_within(ring[:1], other)[0] for j, other in enumerate(rings) if j != k)
        turn = (1.0 if _signed_area(ring) > 0 else -1.0) * (-1.0 if inside_others % 2 else 1.0)
        middle, out, length = _resampled(ring, step)
        for height in heights:
            points.append(np.column_stack([middle, np.full(len(middle), height)]) @ frame.T)
            normals.append(np.column_stack([turn * out, np.zeros(len(out))]) @ frame.T)
            areas.append(length * (high - low) / layers)
    return OrientedPoints(np.concatenate(points), np.concatenate(normals), np.concatenate(areas))


def _cap(
    rings: Sequence[NDArray[np.float64]], height: float, side: float, step: float, frame: NDArray[np.float64]
) -> OrientedPoints:
    """The inside of the contours of one slice (even-odd), as points of a grid."""
    every = np.concatenate(rings)
    low, high = every.min(axis=0), every.max(axis=0)
    axes = [np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    inside = np.sum([_within(grid, ring) for ring in rings], axis=0) % 2 == 1
    flat = grid[inside]
    points = np.column_stack([flat, np.full(len(flat), height)]) @ frame.T
    return OrientedPoints(points, np.tile(side * frame[:, 2], (len(flat), 1)), np.full(len(flat), step**2))


def _signed_area(ring: NDArray[np.float64]) -> float:
    after = np.roll(ring, -1, axis=0)
    return float((ring[:, 0] * after[:, 1] - ring[:, 1] * after[:, 0]).sum() / 2)


def _within(points: NDArray[np.float64], ring: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points (n, 2) lie inside a polygon, by the crossings of a ray."""
    a, b = ring, np.roll(ring, -1, axis=0)
    x, y = points[:, :1], points[:, 1:]
    crosses = (a[:, 1] > y) != (b[:, 1] > y)
    rise = np.where(b[:, 1] == a[:, 1], 1.0, b[:, 1] - a[:, 1])
    at = a[:, 0] + (y - a[:, 1]) / rise * (b[:, 0] - a[:, 0])
    odd: NDArray[np.bool_] = (crosses & (x < at)).sum(axis=1) % 2 == 1
    return odd


def _resampled(ring: NDArray[np.float64], step: float) -> tuple[NDArray[np.float64], ...]:
    """Middles (n, 2), outward normals of a counter-clockwise ring (n, 2) and lengths (n,) of its pieces."""
    edge = np.roll(ring, -1, axis=0) - ring
    length = np.linalg.norm(edge, axis=1)
    ring, edge, length = ring[length > 0], edge[length > 0], length[length > 0]
    count = np.maximum(1, np.ceil(length / step).astype(int))
    of = np.repeat(np.arange(len(ring)), count)
    place = np.concatenate([(np.arange(n) + 0.5) / n for n in count])
    out = np.column_stack([edge[:, 1], -edge[:, 0]]) / length[:, None]
    return ring[of] + place[:, None] * edge[of], out[of], (length / count)[of]
