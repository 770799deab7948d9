"""The coordinate map of cells: straight or curved tetrahedra and hexahedra alike."""

import basix
import numpy as np
from dolfinx.mesh import Mesh
from numpy.typing import NDArray

Array = NDArray[np.float64]

CORNERS = {basix.CellType.tetrahedron: 4, basix.CellType.hexahedron: 8}
"""Corners of a cell; they come first among its geometry nodes."""

NODES = {
    4: (basix.CellType.tetrahedron, 1),
    8: (basix.CellType.hexahedron, 1),
    10: (basix.CellType.tetrahedron, 2),
    27: (basix.CellType.hexahedron, 2),
}
"""Shape and geometry degree of a cell by its number of nodes."""


def tabulate(nodes: int, points: Array) -> Array:
    """Shape functions of the coordinate map and their derivatives (1 + 3, points, nodes).

    Args:
        nodes: nodes of a cell; 4, 8, 10 or 27.
        points: (points, 3) on the reference cell.
    """
    cell, degree = NODES[nodes]
    element = basix.create_element(basix.ElementFamily.P, cell, degree, basix.LagrangeVariant.gll_warped)
    return np.asarray(element.tabulate(1, points)[..., 0])


def volume_degree(nodes: int) -> int:
    """Degree of the quadrature that integrates the Jacobian determinant exactly."""
    cell, degree = NODES[nodes]
    return 3 * (degree - 1) if cell == basix.CellType.tetrahedron else 3 * degree - 1


def jacobian_determinants(corners: Array, degree: int | None = None) -> tuple[Array, Array]:
    """Determinants (cells, q) of the coordinate map at quadrature points, and the weights (q,).

    Args:
        corners: (cells, nodes, 3) nodes of each cell, as DOLFINx orders them.
        degree: quadrature degree; by default the one that makes volumes exact.
    """
    nodes = corners.shape[1]
    points, weights = basix.make_quadrature(NODES[nodes][0], volume_degree(nodes) if degree is None else degree)
    gradients = tabulate(nodes, points)[1:]
    jacobian = np.einsum("dqk,nki->nqid", gradients, corners)
    return np.linalg.det(jacobian), weights


def nodes_of(mesh: Mesh, cells: int | NDArray[np.int32]) -> Array:
    """Coordinates (cells, nodes, 3) of the first so many cells, or of given ones, in mm."""
    chosen = mesh.geometry.dofmaps[0]
    return np.asarray(mesh.geometry.x[chosen[:cells] if isinstance(cells, int) else chosen[cells]])


def corners_of(mesh: Mesh) -> int:
    """How many corners a cell has."""
    return CORNERS[mesh.basix_cell()]
