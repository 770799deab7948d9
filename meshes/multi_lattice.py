"""A body-centered cubic lattice, cut where one region's share gets larger than all others'."""

import numpy as np
from numpy.typing import NDArray

from .multi_cut import cut
from .multi_region import OUTSIDE, RegionMesh, compact, neighbors
from .multi_shares import Shares
from .quality import right_handed

MEAN_EDGE = (2 + 4 * np.sqrt(3) / 2) / 6
"""The mean edge of a lattice cell over the lattice's spacing: two edges along an axis, four along half a diagonal."""
PASSES = 8
"""Rounds in which cells that stick out of their region are given to the one around them."""
SMALLEST = 20
"""Pieces of a region of fewer cells are given to what is around them."""

OPEN = -1
"""The number of cells that are not given to a region yet."""

_CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])


def lattice(
    low: NDArray[np.float64], high: NDArray[np.float64], edge: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Points (n, 3) and right-handed tetrahedra (m, 4) that fill a box, with edges of ``edge`` on average (mm).

    Every cell has the same shape: two centers of neighboring cubes and an edge of the square between them; dihedral
    angles of 60 and 90 degrees (Fuchs 1998; Labelle & Shewchuk 2007, doi 10.1145/1276377.1276448).
    """
    spacing = edge / MEAN_EDGE
    n = np.ceil((high - low) / spacing).astype(int) + 1
    at = np.moveaxis(np.indices(n + 1), 0, -1)
    corner = low - spacing / 2 + spacing * at
    numbers = np.arange(np.prod(n + 1)).reshape(n + 1)
    centers = len(numbers.ravel()) + np.arange(np.prod(n)).reshape(n)
    points = np.concatenate([corner.reshape(-1, 3), (corner[:-1, :-1, :-1] + spacing / 2).reshape(-1, 3)])
    cells = []
    for axis in range(3):
        first = np.moveaxis(centers, axis, 0)[:-1].ravel()
        second = np.moveaxis(centers, axis, 0)[1:].ravel()
        square = np.moveaxis(numbers, axis, 0)[1:-1]
        around = [square[:, a : square.shape[1] - 1 + a, b : square.shape[2] - 1 + b].ravel() for a, b in _CORNERS]
        cells += [np.column_stack([first, second, around[k], around[(k + 1) % 4]]) for k in range(4)]
    joined = np.concatenate(cells).astype(np.int64)
    return points, right_handed(points, joined)


def labelled_lattice(shares: Shares, regions: dict[str, int], edge: float) -> RegionMesh:
    """The lattice cut along the smooth surfaces where regions have equal shares, without crumbs; one connected piece.

    First the body is cut from the outside, then the first region from all later ones, and so on. Every cut is
    conforming, so lines where three regions meet need no care.

    Args:
        shares: of the regions.
        regions: their numbers by name, from 1.
        edge: mean edge length (mm).
    """
    points, cells = lattice(*shares.bounds(), edge)
    level = shares.at(points)
    near = (level[0] < level[1:].max(axis=0))[cells].any(axis=1)
    ring = np.zeros(len(points), bool)
    ring[cells[near]] = True
    cells = cells[ring[cells].any(axis=1)]
    values = np.full(len(cells), OPEN, np.int32)
    for region in range(len(regions)):
        held = np.zeros(len(points), bool)
        held[cells[values != OPEN]] = True
        held &= np.isin(np.arange(len(points)), cells[values == OPEN])
        function = level[region] - level[region + 1 :].max(axis=0)
        made = cut(points, cells, values == OPEN, function, held)
        level = shares.at(made.points)  # of the new points, and of those that have moved
        points, cells, values = made.points, made.cells, values[made.parents]
        corner = made.level[cells]
        mine = (corner >= 0).all(axis=1) & (corner > 0).any(axis=1)
        flat = (corner == 0).all(axis=1)
        mine[flat] = np.argmax(shares.at(points[cells[flat]].mean(axis=1)), axis=0) == region
        values[(values == OPEN) & mine] = region
    values[values == OPEN] = len(regions)
    values = cleaned(values, neighbors(cells))
    inside = values > 0
    return compact(RegionMesh(points, cells[inside], values[inside], regions))


def cleaned(values: NDArray[np.int32], behind: NDArray[np.int64]) -> NDArray[np.int32]:
    """Region numbers without crumbs, and without cells of which three faces touch another region."""
    for _ in range(PASSES):
        before = values
        values = _without_crumbs(_without_spikes(values, behind), behind)
        if np.array_equal(values, before):
            break
    return values


def _without_spikes(values: NDArray[np.int32], behind: NDArray[np.int64]) -> NDArray[np.int32]:
    """Cells with at least three faces against one other region go to it."""
    beyond = np.where(behind >= 0, values[behind], OUTSIDE)
    most, count = values.copy(), np.zeros(len(values), np.int64)
    for face in range(4):
        same = (beyond == beyond[:, face, None]).sum(axis=1)
        better = (same > count) & (beyond[:, face] != values)
        most[better], count[better] = beyond[better, face], same[better]
    return np.where(count >= 3, most, values)


def _without_crumbs(values: NDArray[np.int32], behind: NDArray[np.int64]) -> NDArray[np.int32]:
    """Small pieces go to the region that they touch most; of the body only the largest piece stays."""
    values = values.copy()
    body = pieces(values > 0, behind)
    values[body != np.bincount(body[values > 0]).argmax()] = OUTSIDE
    piece = pieces(values, behind)
    size = np.bincount(piece)
    small = (size[piece] < SMALLEST) & (values > 0)
    which, face = np.nonzero(small[:, None] & (behind >= 0))
    other = behind[which, face]
    touching = values[other] != values[which]
    which, other = which[touching], other[touching]
    votes = np.zeros((len(size), int(values.max()) + 1), np.int64) if len(which) else np.zeros((0, 0), np.int64)
    if len(which):
        np.add.at(votes, (piece[which], values[other]), 1)
        values[small] = votes.argmax(axis=1)[piece[small]]
    return values


def pieces(values: NDArray[np.generic], behind: NDArray[np.int64]) -> NDArray[np.int32]:
    """The number (m,) of the piece of equal values, connected by faces, that each cell belongs to."""
    from scipy import sparse

    which, face = np.nonzero(behind >= 0)
    other = behind[which, face]
    same = values[which] == values[other]
    n = len(values)
    graph = sparse.coo_matrix((np.ones(int(same.sum()), bool), (which[same], other[same])), shape=(n, n))
    _, piece = sparse.csgraph.connected_components(graph, directed=False)
    return np.asarray(piece, dtype=np.int32)
