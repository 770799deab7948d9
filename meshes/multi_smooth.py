"""Interfaces brought from the steps of a lattice onto the smooth surfaces where regions have equal shares."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .multi_region import RegionMesh, interfaces
from .multi_shares import Shares
from .quality import scaled_jacobian

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

SWEEPS = 12
HALVINGS = 5
DAMPING = 0.04
"""Gradients of shares below this, times one over the smoothing's width, lead nowhere."""
REACH = 0.3
"""The farthest that a point goes in one sweep, as part of the mean edge."""


def settle(mesh: RegionMesh, shares: Shares, least: float = 0.1, sweeps: int = SWEEPS) -> RegionMesh:
    """Move points: on interfaces toward equal shares and their neighbors' mean, inside toward their neighbors' mean.

    A point where regions a, b ... (the outside too) meet goes along the shortest way to where all their shares are
    equal, so that lines and corners where three or four meet are found too. Steps that would leave a cell with a
    scaled Jacobian below ``least``, and worse than it was, are halved and in the end not taken: no cell is turned over.

    Args:
        mesh: whose cells belong to regions already.
        shares: of the regions.
        least: scaled Jacobian that cells keep if they have it.
        sweeps: how often all points are moved.
    """
    points, cells = mesh.points.copy(), mesh.cells
    sets = point_sets(mesh)
    between = interfaces(cells, mesh.values).facets
    umbrella = _means(between, cells, sets)
    length = float(np.linalg.norm(points[cells[:, 0]] - points[cells[:, 1]], axis=1).mean())
    on_interface = np.zeros(len(points), bool)
    on_interface[between] = True
    for _ in range(sweeps):
        wanted = points + 0.5 * (umbrella @ points - points)
        for _ in range(2):
            wanted[on_interface] += toward_interface(wanted[on_interface], sets[on_interface], shares, REACH * length)
        step = wanted - points
        size = np.linalg.norm(step, axis=1, keepdims=True)
        points = _taken(points, step * np.minimum(1, REACH * length / np.maximum(size, 1e-12)), cells, least)
    return RegionMesh(points, cells, mesh.values, mesh.regions)


def point_sets(mesh: RegionMesh) -> NDArray[np.int64]:
    """Which regions each point touches (n,), as bits; bit 0 is the outside."""
    sets = np.zeros(len(mesh.points), np.int64)
    for corner in range(4):
        np.bitwise_or.at(sets, mesh.cells[:, corner], 1 << mesh.values.astype(np.int64))
    found = interfaces(mesh.cells, mesh.values)
    sets[found.facets[found.sides[:, 1] == 0]] |= 1
    return sets


def toward_interface(
    points: NDArray[np.float64], sets: NDArray[np.int64], shares: Shares, reach: float
) -> NDArray[np.float64]:
    """Steps (n, 3) to where the shares of all regions that a point touches are equal, no longer than ``reach`` (mm).

    One step of Newton's method on the differences from the mean share, of least length (damped least squares).
    """
    values, slopes = shares.at(points), shares.gradient(points)
    touches = ((sets[None, :] >> np.arange(len(values))[:, None]) & 1).astype(bool)
    count = touches.sum(axis=0)
    off = np.where(touches, values - np.where(touches, values, 0).sum(axis=0) / count, 0).T
    mean = np.where(touches[..., None], slopes, 0).sum(axis=0) / count[:, None]
    matrix = np.where(touches[..., None], slopes - mean, 0).transpose(1, 0, 2)
    normal = np.einsum("nri,nrj->nij", matrix, matrix) + (DAMPING / shares.width) ** 2 * np.eye(3)
    step = -np.linalg.solve(normal, np.einsum("nri,nr->ni", matrix, off)[..., None])[..., 0]
    size = np.linalg.norm(step, axis=1, keepdims=True)
    return np.asarray(step * np.minimum(1, reach / np.maximum(size, 1e-12)))


def _means(facets: NDArray[np.int64], cells: NDArray[np.int64], sets: NDArray[np.int64]) -> "csr_matrix":
    """The matrix (n, n) of neighbors' means: inside of all, on an interface or a line of those on it."""
    from scipy import sparse

    n = len(sets)
    inner = np.concatenate([cells[:, [a, b]] for a in range(4) for b in range(4) if a != b])
    outer = np.concatenate([facets[:, [a, b]] for a in range(3) for b in range(3) if a != b])
    on = np.zeros(n, bool)
    on[facets] = True
    outer = outer[(sets[outer[:, 0]] & sets[outer[:, 1]]) == sets[outer[:, 0]]]
    pairs = np.unique(np.concatenate([inner[~on[inner[:, 0]]], outer]), axis=0)
    graph = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n)).tocsr()
    count = np.asarray(graph.sum(axis=1)).ravel()
    alone = sparse.diags((count == 0).astype(np.float64))
    return sparse.diags(1 / np.maximum(count, 1)) @ graph + alone


def _taken(
    points: NDArray[np.float64], step: NDArray[np.float64], cells: NDArray[np.int64], least: float
) -> NDArray[np.float64]:
    """The points after as much of their steps as their cells bear."""
    before = scaled_jacobian(points, cells)
    part = np.ones(len(points))
    for halving in range(HALVINGS + 1):
        moved = points + part[:, None] * step
        now = scaled_jacobian(moved, cells)
        bad = (now < least) & (now < before)
        if not bad.any():
            return moved
        part[cells[bad]] *= 0.5 if halving < HALVINGS - 1 else 0.0
    return _undone(points, moved, cells, least, before)


def _undone(
    points: NDArray[np.float64], moved: NDArray[np.float64], cells: NDArray[np.int64], least: float,
    before: NDArray[np.float64],
) -> NDArray[np.float64]:  # fmt: skip
    """The moved points, but those of cells that became bad where they were, until none is."""
    while True:
        now = scaled_jacobian(moved, cells)
        bad = (now < least) & (now < before)
        if not bad.any():
            return moved
        moved[cells[bad]] = points[cells[bad]]
