"""Curved tetrahedra: midside nodes on interfaces moved onto the surfaces where regions have equal shares."""

import numpy as np
from numpy.typing import NDArray

from .multi_region import RegionMesh, interfaces
from .multi_shares import Shares
from .multi_smooth import toward_interface
from .quality import least_determinants

EDGES = np.array([(2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1)])
"""Ends of a tetrahedron's edges in DOLFINx's order."""
LEAST = 0.2
"""Least Jacobian determinant over the cell's mean that a curved cell must have."""
REACH = 0.15
"""The farthest that a midside node goes, as part of its edge."""


def curve(mesh: RegionMesh, shares: Shares) -> tuple[NDArray[np.float64], NDArray[np.int64], int, int]:
    """Quadratic tetrahedra whose facets on interfaces bend with them.

    Cells that would bend too much get straight edges again, and so do their neighbors there.

    Args:
        mesh: straight cells.
        shares: of the regions.

    Returns:
        Points (k, 3), corners first; cells (m, 10) in DOLFINx's order; how many edges are bent; how many had to be
        made straight again.
    """
    ends = np.sort(mesh.cells[:, EDGES].reshape(-1, 2), axis=1)
    edges, which = np.unique(ends, axis=0, return_inverse=True)
    middles = mesh.points[edges].mean(axis=1)
    cells = np.column_stack([mesh.cells, len(mesh.points) + which.reshape(-1, 6)])
    bent, sets = _bent_edges(mesh, edges)
    step = np.zeros_like(middles)
    length = np.linalg.norm(mesh.points[edges[bent, 1]] - mesh.points[edges[bent, 0]], axis=1)
    moved = middles[bent]
    for _ in range(3):
        moved = moved + toward_interface(moved, sets, shares, 0.1 * float(length.mean()))
    step[bent] = moved - middles[bent]
    size = np.linalg.norm(step[bent], axis=1)
    step[bent] *= np.minimum(1.0, REACH * length / np.maximum(size, 1e-12))[:, None]
    straightened = np.zeros(len(edges), bool)
    while True:
        points = np.concatenate([mesh.points, middles + step])
        bad = least_determinants(points, cells) < LEAST
        again = np.unique(which.reshape(-1, 6)[bad])
        again = again[(step[again] != 0).any(axis=1)]
        if len(again) == 0:
            return points, cells, int((step != 0).any(axis=1).sum()), int(straightened.sum())
        step[again] = 0.0
        straightened[again] = True


def _bent_edges(mesh: RegionMesh, edges: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The edges (k,) on interfaces, and the numbers that meet there (k,) as bits."""
    found = interfaces(mesh.cells, mesh.values)
    facets = np.sort(np.concatenate([found.facets[:, [a, b]] for a, b in ((0, 1), (1, 2), (0, 2))]), axis=1)
    bits = np.tile((1 << found.sides.astype(np.int64)).sum(axis=1), 3)
    size = len(mesh.points)
    place = np.searchsorted(edges[:, 0] * size + edges[:, 1], facets[:, 0] * size + facets[:, 1])
    sets = np.zeros(len(edges), np.int64)
    np.bitwise_or.at(sets, place, bits)
    bent = np.flatnonzero(sets)
    return bent, sets[bent]
