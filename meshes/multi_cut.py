"""Tetrahedra cut where a function changes sign: points near the cut are moved onto it, crossing edges are bisected."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .quality import scaled_jacobian

NEAR = 0.3
"""A point closer to the cut than this part of an edge is moved onto it (Labelle & Shewchuk 2007)."""
LEAST = 0.15
"""Scaled Jacobian that moving points leaves to every cell; else they count as on the cut where they are."""
EDGES = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])


@dataclass(frozen=True)
class Cut:
    """Tetrahedra none of which crosses the cut.

    Attributes:
        points: (n, 3), new ones at the end.
        cells: (m, 4).
        parents: (m,) the cell that each is a part of.
        level: (n,) the function; 0 on the cut.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int64]
    parents: NDArray[np.int64]
    level: NDArray[np.float64]


def cut(
    points: NDArray[np.float64],
    cells: NDArray[np.int64],
    active: NDArray[np.bool_],
    level: NDArray[np.float64],
    held: NDArray[np.bool_],
) -> Cut:
    """Cut cells where a function that is known at the points changes sign, linearly along the edges.

    An edge is bisected in all the cells around it, so cells conform whether they are cut or not. Long edges first.

    Args:
        points: (n, 3).
        cells: (m, 4), right-handed.
        active: (m,) cells to cut.
        level: (n,) the function.
        held: (n,) points that stay where they are; near the cut they count as on it.
    """
    points, level = _snapped(points, cells, active, level, held)
    edges = _crossing(cells[active], level)
    part = level[edges[:, 0]] / (level[edges[:, 0]] - level[edges[:, 1]])
    new = points[edges[:, 0]] + part[:, None] * (points[edges[:, 1]] - points[edges[:, 0]])
    length = np.linalg.norm(points[edges[:, 1]] - points[edges[:, 0]], axis=1)
    rank = np.empty(len(edges), np.int64)
    rank[np.lexsort((np.arange(len(edges)), -length))] = np.arange(len(edges))
    cells, parents = _bisected(cells, edges, rank, len(points))
    return Cut(np.concatenate([points, new]), cells, parents, np.concatenate([level, np.zeros(len(new))]))


def _crossing(cells: NDArray[np.int64], level: NDArray[np.float64]) -> NDArray[np.int64]:
    """Edges (k, 2) whose ends are on both sides, each once, the lower point first, sorted."""
    edges = cells[:, EDGES].reshape(-1, 2)
    edges = edges[level[edges[:, 0]] * level[edges[:, 1]] < 0]
    unique: NDArray[np.int64] = np.unique(np.sort(edges, axis=1), axis=0)
    return unique


def _snapped(
    points: NDArray[np.float64], cells: NDArray[np.int64], active: NDArray[np.bool_], level: NDArray[np.float64],
    held: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:  # fmt: skip
    """Points near the cut moved to its nearest crossing with one of their edges, where the function becomes 0."""
    edges = _crossing(cells[active], level)
    ends = np.concatenate([edges, edges[:, ::-1]])
    part = level[ends[:, 0]] / (level[ends[:, 0]] - level[ends[:, 1]])
    order = np.argsort(part, kind="stable")
    order = order[part[order] < NEAR]
    near, first = np.unique(ends[order, 0], return_index=True)
    chosen = order[first]
    moved = points.copy()
    moved[near] += part[chosen, None] * (points[ends[chosen, 1]] - points[near])
    moved[held] = points[held]
    before = scaled_jacobian(points, cells)
    while (bad := _spoilt(moved, cells, before)).any():
        back = np.unique(cells[bad])
        if np.array_equal(moved[back], points[back]):
            break
        moved[back] = points[back]
    level = level.copy()
    level[near] = 0.0
    return moved, level


def _spoilt(points: NDArray[np.float64], cells: NDArray[np.int64], before: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Cells (m,) that have become worse and are below ``LEAST`` now."""
    now = scaled_jacobian(points, cells)
    return np.asarray((now < LEAST) & (now < before))


def _bisected(
    cells: NDArray[np.int64], edges: NDArray[np.int64], rank: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cells after every edge got a point amid it, numbered from ``count``; and the cells that they are parts of.

    In each round those edges are bisected that come first in all the cells around them.
    """
    parents = np.arange(len(cells))
    if len(edges) == 0:
        return cells, parents
    size = count + len(edges)
    keys = edges[:, 0] * size + edges[:, 1]
    done_cells, done_parents = [], []
    while len(cells):
        ends = np.sort(cells[:, EDGES], axis=2)
        key = ends[..., 0] * size + ends[..., 1]
        place = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        ranks = np.where(keys[place] == key, rank[place], len(rank))
        first = ranks.argmin(axis=1)
        least = np.take_along_axis(ranks, first[:, None], axis=1)[:, 0]
        whole = least == len(rank)
        done_cells.append(cells[whole])
        done_parents.append(parents[whole])
        cells, parents, place, ranks, first, least = (x[~whole] for x in (cells, parents, place, ranks, first, least))
        waiting = np.zeros(len(rank) + 1, bool)
        waiting[ranks[ranks != least[:, None]]] = True
        now = ~waiting[least]
        number = count + np.take_along_axis(place, first[:, None], axis=1)[now, 0]
        halves = [cells[now].copy(), cells[now].copy()]
        rows = np.arange(len(number))
        for half, end in zip(halves, EDGES[first[now]].T, strict=True):
            half[rows, end] = number
        cells = np.concatenate([cells[~now], *halves])
        parents = np.concatenate([parents[~now], parents[now], parents[now]])
    return np.concatenate(done_cells), np.concatenate(done_parents)
