"""Mending the few worst tetrahedra by moving their corners."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .quality import dihedral_angles, scaled_jacobian

Measure = Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]
"""From points (n, 3) and cells (m, 4) a number for each cell, the larger the better its shape."""

_DIRECTIONS = np.delete(np.indices((3, 3, 3)).reshape(3, 27).T - 1, 13, axis=0)  # the 26 neighbors in a grid
_UNIT = _DIRECTIONS / np.linalg.norm(_DIRECTIONS, axis=1, keepdims=True)
ROUNDS = 20
FEW = 0.05
"""Where more than this part of the cells is below the target, it is out of reach and nothing is tried."""
SHARP = np.radians(40)
"""A boundary point is on a sharp edge where a facet is turned from the mean normal by more than this."""
STEPS = (0.3, 0.15, 0.07, 0.03, 0.01)
"""Trial steps as parts of the mean edge at a point."""


def improve(
    points: NDArray[np.float64],
    cells: NDArray[np.int64],
    target: float,
    *,
    values: NDArray[np.int32] | None = None,
    measure: Measure = scaled_jacobian,
    free: bool = False,
) -> NDArray[np.float64]:
    """Move corners of cells below a quality so that the worst cell around each corner becomes better.

    A pattern search on the smallest scaled Jacobian around each such corner (the min-max objective of Freitag &
    Ollivier-Gooch 1997, Int. J. Numer. Methods Eng. 40:3979). Corners on the boundary move only in their tangent
    plane, or not at all on a sharp edge. No cell becomes worse than the worst one around the corner was.

    Args:
        points: (n, 3) in mm.
        cells: (m, 4), right-handed.
        target: scaled Jacobian to reach; cells that have it are left alone. If more than ``FEW`` of the cells are
            below it, nothing is moved.
        values: (m,) region numbers; where given, facets between regions count as boundary too.
        measure: what is made better; the scaled Jacobian unless stated.
        free: whether corners on the boundary may leave it, as a last resort.

    Returns:
        New points (n, 3).
    """
    moved = points.copy()
    if (measure(points, cells) < target).mean() > FEW:
        return moved
    order = np.argsort(cells.ravel(), kind="stable")
    start = np.searchsorted(cells.ravel()[order], np.arange(len(points) + 1))
    faces = boundary_faces(cells, values)
    normals, sharp = ({}, set[int]()) if free else _boundary_normals(points, faces)
    for _ in range(ROUNDS):
        bad = measure(moved, cells) < target
        better = [
            _move(
                moved, cells[order[start[corner] : start[corner + 1]] // 4], corner, normals.get(int(corner)), measure
            )
            for corner in np.unique(cells[bad])
            if int(corner) not in sharp
        ]
        if not any(better):
            break
    return moved


def shape_and_angle(points: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.float64]:
    """The scaled Jacobian (m,), or 1.5 % of the least dihedral angle in degrees where that is less.

    So 0.15 stands for a scaled Jacobian of 0.15 and for 10 degrees.
    """
    shape = scaled_jacobian(points, cells)
    whole = np.abs(shape) > 1e-9
    angle = np.zeros(len(cells))
    angle[whole] = np.degrees(dihedral_angles(points, cells[whole])).min(axis=1)
    least: NDArray[np.float64] = np.minimum(shape, 0.015 * angle)
    return least


def boundary_faces(cells: NDArray[np.int64], values: NDArray[np.int32] | None = None) -> NDArray[np.int64]:
    """Faces (k, 3) that belong to one cell only, counter-clockwise seen from outside if the cells are right-handed.

    Args:
        cells: (m, 4).
        values: (m,) region numbers; where given, faces between regions come too, as seen from the lower number's side.
    """
    faces = np.concatenate([cells[:, face] for face in ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))])
    _, first, which, count = np.unique(
        np.sort(faces, axis=1), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    chosen = first[count == 1]
    if values is not None:
        tiled = np.tile(values, 4)
        highest, lowest = np.full(len(first), -1, np.int64), np.full(len(first), np.iinfo(np.int64).max)
        np.maximum.at(highest, which.ravel(), tiled)
        np.minimum.at(lowest, which.ravel(), tiled)
        between = np.flatnonzero((tiled == highest[which.ravel()]) & (lowest != highest)[which.ravel()])
        chosen = np.concatenate([chosen, between])
    outer: NDArray[np.int64] = faces[np.sort(chosen)]
    return outer


def _boundary_normals(
    points: NDArray[np.float64], faces: NDArray[np.int64]
) -> tuple[dict[int, NDArray[np.float64]], set[int]]:
    """Unit normals (3,) of the points on the boundary, by point, and the points on a sharp edge."""
    a, b, c = (points[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    sums = np.zeros_like(points)
    np.add.at(sums, faces.ravel(), np.repeat(across, 3, axis=0))
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    unit = sums / np.where(length > 0, length, 1)
    cosines = np.einsum("nki,ni->nk", unit[faces], across / np.linalg.norm(across, axis=1, keepdims=True))
    sharp = np.unique(faces[cosines < np.cos(SHARP)])
    return {int(k): unit[k] for k in np.unique(faces)}, set(sharp.tolist())


def _move(
    points: NDArray[np.float64],
    star: NDArray[np.int64],
    corner: int,
    normal: NDArray[np.float64] | None,
    measure: Measure,
) -> bool:
    """Move one corner, in place, where it serves the worst cell around it best; whether it moved."""
    directions = _UNIT
    if normal is not None:
        directions = _UNIT - np.outer(_UNIT @ normal, normal)
    others = star[star != corner]
    size = float(np.linalg.norm(points[others] - points[corner], axis=1).mean())
    best, began = float(measure(points, star).min()), points[corner].copy()
    for step in STEPS:
        trials = points[corner] + step * size * directions
        corners = np.where((star == corner)[None, :, :, None], trials[:, None, None, :], points[star][None])
        quality = measure(corners.reshape(-1, 3), np.arange(corners.size // 3).reshape(-1, 4))
        least = quality.reshape(len(trials), -1).min(axis=1)
        if least.max() > best + 1e-6:
            best = float(least.max())
            points[corner] = trials[int(np.argmax(least))]
    return not np.array_equal(points[corner], began)
