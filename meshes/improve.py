"""Mending the few worst tetrahedra by moving their corners."""

import numpy as np
from numpy.typing import NDArray

from .quality import scaled_jacobian

_DIRECTIONS = np.delete(np.indices((3, 3, 3)).reshape(3, 27).T - 1, 13, axis=0)  # the 26 neighbors in a grid
_UNIT = _DIRECTIONS / np.linalg.norm(_DIRECTIONS, axis=1, keepdims=True)
ROUNDS = 20
FEW = 0.05
"""Where more than this part of the cells is below the target, it is out of reach and nothing is tried."""
SHARP = np.radians(40)
"""A boundary point is on a sharp edge where a facet is turned from the mean normal by more than this."""
STEPS = (0.3, 0.15, 0.07, 0.03, 0.01)
"""Trial steps as parts of the mean edge at a point."""


def improve(points: NDArray[np.float64], cells: NDArray[np.int64], target: float) -> NDArray[np.float64]:
    """Move corners of cells below a quality so that the worst cell around each corner becomes better.

    A pattern search on the smallest scaled Jacobian around each such corner (the min-max objective of Freitag &
    Ollivier-Gooch 1997, Int. J. Numer. Methods Eng. 40:3979). Corners on the boundary move only in their tangent
    plane, or not at all on a sharp edge. No cell becomes worse than the worst one around the corner was.

    Args:
        points: (n, 3) in mm.
        cells: (m, 4), right-handed.
        target: scaled Jacobian to reach; cells that have it are left alone. If more than ``FEW`` of the cells are
            below it, nothing is moved.

    Returns:
        New points (n, 3).
    """
    moved = points.copy()
    if (scaled_jacobian(points, cells) < target).mean() > FEW:
        return moved
    order = np.argsort(cells.ravel(), kind="stable")
    start = np.searchsorted(cells.ravel()[order], np.arange(len(points) + 1))
    normals, sharp = _boundary_normals(points, cells)
    for _ in range(ROUNDS):
        bad = scaled_jacobian(moved, cells) < target
        better = [
            _move(moved, cells[order[start[corner] : start[corner + 1]] // 4], corner, normals.get(int(corner)))
            for corner in np.unique(cells[bad])
            if int(corner) not in sharp
        ]
        if not any(better):
            break
    return moved


def boundary_faces(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Faces (k, 3) that belong to one cell only, counter-clockwise seen from outside if the cells are right-handed."""
    faces = np.concatenate([cells[:, face] for face in ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))])
    _, first, count = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
    outer: NDArray[np.int64] = faces[np.sort(first[count == 1])]
    return outer


def _boundary_normals(
    points: NDArray[np.float64], cells: NDArray[np.int64]
) -> tuple[dict[int, NDArray[np.float64]], set[int]]:
    """Unit normals (3,) of the points on the boundary, by point, and the points on a sharp edge."""
    faces = boundary_faces(cells)
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
    points: NDArray[np.float64], star: NDArray[np.int64], corner: int, normal: NDArray[np.float64] | None
) -> bool:
    """Move one corner, in place, where it serves the worst cell around it best; whether it moved."""
    directions = _UNIT
    if normal is not None:
        directions = _UNIT - np.outer(_UNIT @ normal, normal)
    others = star[star != corner]
    size = float(np.linalg.norm(points[others] - points[corner], axis=1).mean())
    best, began = float(scaled_jacobian(points, star).min()), points[corner].copy()
    for step in STEPS:
        trials = points[corner] + step * size * directions
        corners = np.where((star == corner)[None, :, :, None], trials[:, None, None, :], points[star][None])
        quality = scaled_jacobian(corners.reshape(-1, 3), np.arange(corners.size // 3).reshape(-1, 4))
        least = quality.reshape(len(trials), -1).min(axis=1)
        if least.max() > best + 1e-6:
            best = float(least.max())
            points[corner] = trials[int(np.argmax(least))]
    return not np.array_equal(points[corner], began)
