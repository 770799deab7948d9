"""Cells from files, in the order and with the nodes that DOLFINx wants, and how far they are from straight."""

import numpy as np
from dolfinx.io.utils import cell_perm_vtk
from dolfinx.mesh import CellType
from numpy.typing import NDArray

from .geometry import reference_nodes, tabulate

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

STRAIGHT = 1e-6
"""Nodes that are off straight by less than this part of their cell's size are taken as on it: single precision."""

_VTK_FACES = np.array([[0, 3, 7, 4], [1, 2, 6, 5], [0, 1, 5, 4], [3, 2, 6, 7], [0, 1, 2, 3], [4, 5, 6, 7]])
_VTK_EDGES = np.array([[a, b] for a, b in [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4)]])
_VTK_EDGES = np.concatenate([_VTK_EDGES, [[k, k + 4] for k in range(4)]])
SHAPES = {4: CellType.tetrahedron, 10: CellType.tetrahedron, 8: CellType.hexahedron, 27: CellType.hexahedron}
"""Shape of a cell by its number of nodes."""


def in_order(cells: Integers) -> Integers:
    """Cells (m, 4, 8, 10 or 27) in DOLFINx's order from cells in that of VTK and meshio."""
    nodes = cells.shape[1]
    return np.asarray(cells[:, cell_perm_vtk(SHAPES[nodes], nodes)])


def completed(points: Array, cells: Integers) -> tuple[Array, Integers]:
    """Hexahedra with 27 nodes of the same shape as those with 20, in VTK's order.

    The seven nodes that are added lie where the shape functions of the 20 put them: amid a face at minus a quarter of
    its corners' sum plus half that of its edges' nodes, in the middle of the cell at minus a quarter of the corners'
    sum plus a quarter of the edges'.

    Args:
        points: (n, 3).
        cells: (m, 20).

    Returns:
        Points with the added ones at the end, and cells (m, 27).
    """
    faces = np.sort(cells[:, _VTK_FACES].reshape(-1, 4), axis=1)
    _, first, which = np.unique(faces, axis=0, return_index=True, return_inverse=True)
    on_edge = [[np.isin(edge, face).all() for edge in _VTK_EDGES] for face in _VTK_FACES]
    edges = 8 + np.array([np.flatnonzero(row) for row in on_edge])
    x = points[cells]
    amid = -x[:, _VTK_FACES].sum(axis=2) / 4 + x[:, edges].sum(axis=2) / 2
    middle = -x[:, :8].sum(axis=1) / 4 + x[:, 8:].sum(axis=1) / 4
    added = np.concatenate([amid.reshape(-1, 3)[first], middle])
    numbers = np.column_stack([which.reshape(-1, 6), len(first) + np.arange(len(cells))])
    return np.concatenate([points, added]), np.column_stack([cells, len(points) + numbers])


def bend(points: Array, cells: Integers) -> tuple[float, float]:
    """How far nodes are at most from where straight cells would have them: in mm, and as part of the cell's size.

    Args:
        points: (n, 3) in mm.
        cells: (m, 10) or (m, 27) in DOLFINx's order.
    """
    corners = {10: 4, 27: 8}[cells.shape[1]]
    straight = tabulate(corners, reference_nodes(cells.shape[1]))[0]
    x = points[cells]
    off = np.linalg.norm(x - np.einsum("kc,nci->nki", straight, x[:, :corners]), axis=2).max(axis=1)
    size = np.linalg.norm(np.ptp(x[:, :corners], axis=1), axis=1)
    return float(off.max()), float((off / np.where(size > 0, size, 1.0)).max())
