"""The coordinate map of cells: straight or curved tetrahedra and hexahedra alike."""

from dataclasses import dataclass

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


def reference_nodes(nodes: int) -> Array:
    """Where the nodes (nodes, 3) of a cell lie on the reference cell."""
    cell, degree = NODES[nodes]
    element = basix.create_element(basix.ElementFamily.P, cell, degree, basix.LagrangeVariant.gll_warped)
    return np.asarray(element.points)


def mirror(nodes: int) -> NDArray[np.int64]:
    """The order (nodes,) of a cell's nodes in which its hand is the other one: the last two axes are swapped."""
    there = reference_nodes(nodes)
    apart = np.linalg.norm(there[:, None, [0, 2, 1]] - there[None], axis=2)
    return np.argmin(apart, axis=1)


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


def places(mesh: Mesh, facets: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The first cell (n,) of each facet, and which of the cell's facets it is (n,). Needs facet-cell connectivity."""
    to_cell, to_facet = mesh.topology.connectivity(2, 3), mesh.topology.connectivity(3, 2)
    cells = np.asarray(to_cell.array[to_cell.offsets[facets]], dtype=np.int32)
    sides = len(basix.cell.topology(mesh.basix_cell())[2])
    local = np.argmax(to_facet.array.reshape(-1, sides)[cells] == facets[:, None], axis=1)
    return cells, local


def facet_nodes(mesh: Mesh, facets: NDArray[np.int32]) -> NDArray[np.int32]:
    """Geometry nodes of the facets' corners (n, 3 or 4), in the order of the reference cell."""
    cells, local = places(mesh, facets)
    corners = np.array(basix.cell.topology(mesh.basix_cell())[2])
    return np.asarray(np.take_along_axis(mesh.geometry.dofmaps[0][cells], corners[local], axis=1))


@dataclass(frozen=True)
class FacetMap:
    """Facets of a mesh through the coordinate map of their cells.

    Attributes:
        corners: (n, 3 or 4, 3) corners as a polygon, counter-clockwise seen from outside.
        midpoints: (n, 3) where the map takes the reference facet's middle.
        points: (n, q, 3) quadrature points.
        vectors: (n, q, 3) outward normals there, as long as their share of the area.
    """

    corners: Array
    midpoints: Array
    points: Array
    vectors: Array


def map_facets(mesh: Mesh, facets: NDArray[np.int32]) -> FacetMap:
    """Map facets, by a quadrature that is exact for their area vectors and for what they enclose. Local."""
    cell = mesh.basix_cell()
    cells, local = places(mesh, facets)
    nodes = nodes_of(mesh, cells)
    vertices, sides = basix.cell.geometry(cell), basix.cell.topology(cell)[2]
    straight = nodes.shape[1] == CORNERS[cell]
    shape, rule = (
        (basix.CellType.triangle, 2 if straight else 6)
        if len(sides[0]) == 3
        else (basix.CellType.quadrilateral, 3 if straight else 7)
    )
    reference, weights = basix.make_quadrature(shape, rule)
    reference = np.concatenate([reference, basix.cell.geometry(shape).mean(axis=0)[None]])
    polygon = [0, 1, 2] if len(sides[0]) == 3 else [0, 1, 3, 2]
    count = len(facets)
    corners, x = np.empty((count, len(polygon), 3)), np.empty((count, len(reference), 3))
    vectors = np.empty((count, len(weights), 3))
    outward = basix.cell.facet_outward_normals(cell)
    for side, numbers in enumerate(sides):
        here = local == side
        origin, first, second = (vertices[k] for k in numbers[:3])
        tangents = np.stack([first - origin, second - origin])
        table = tabulate(nodes.shape[1], origin + reference @ tangents)
        x[here] = np.einsum("qk,nki->nqi", table[0], nodes[here])
        jacobian = np.einsum("dqk,nki->nqid", table[1:, : len(weights)], nodes[here])
        across = np.cross(jacobian @ tangents[0], jacobian @ tangents[1])
        sign = np.sign(np.linalg.det(jacobian)) * np.sign(outward[side] @ np.cross(*tangents))
        vectors[here] = across * (sign * weights)[..., None]
        corners[here] = nodes[here][:, np.array(numbers)[polygon]]
    turned = _polygon_vectors(corners)
    inward = np.einsum("ni,ni->n", turned, vectors.sum(axis=1)) < 0
    corners[inward] = corners[inward][:, ::-1]
    return FacetMap(corners, x[:, -1], x[:, :-1], vectors)


def _polygon_vectors(corners: Array) -> Array:
    """Normals (n, 3) of polygons (n, k, 3), as long as their area where they are flat."""
    spokes = corners - corners[:, :1]
    across = np.cross(spokes, np.roll(spokes, -1, axis=1))
    return np.asarray(across.sum(axis=1) / 2)
