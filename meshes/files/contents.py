"""What a mesh file holds, whatever its format: points, cells, numbers and names, vectors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DIMENSIONS = {
    **dict.fromkeys(("tetra", "tetra10", "hexahedron", "hexahedron20", "hexahedron27"), 3),
    **dict.fromkeys(("triangle", "triangle6", "quad", "quad8", "quad9"), 2),
}
"""Dimension of the cells that are read, by meshio's names."""

CORNERS = {"tetra": 4, "tetra10": 4, "triangle": 3, "triangle6": 3}
CORNERS |= {"hexahedron": 8, "hexahedron20": 8, "hexahedron27": 8, "quad": 4, "quad8": 4, "quad9": 4}

FACES: dict[int, Integers] = {
    4: np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]),
    8: np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]),
}
"""Corners of the faces of a tetrahedron and of a hexahedron in VTK's order, counter-clockwise seen from outside."""

EDGES: dict[int, Integers] = {
    4: np.array([[0, 1], [1, 2], [0, 2], [0, 3], [1, 3], [2, 3]]),
    8: np.array(
        [[0, 1], [1, 2], [2, 3], [0, 3], [4, 5], [5, 6], [6, 7], [4, 7], [0, 4], [1, 5], [2, 6], [3, 7]],
    ),
}
"""Ends of the edges of a tetrahedron and of a hexahedron, in the order of their midside nodes in VTK."""

MIDDLES = np.array([24, 25, 22, 21, 23, 20])
"""The node in the middle of each face of a hexahedron with 27 nodes, in VTK's order."""


@dataclass(frozen=True)
class Block:
    """Cells of one kind.

    Attributes:
        kind: meshio's name of the cells.
        nodes: (n, nodes) point indices in VTK's order.
        values: (n,) their numbers, or ``None`` where the file has none.
    """

    kind: str
    nodes: Integers
    values: NDArray[np.int32] | None = None


@dataclass(frozen=True)
class Contents:
    """A mesh file's contents, as they stand there.

    Attributes:
        points: (n, 3) in the file's own unit and axes.
        blocks: cells and facets.
        regions: numbers of cells by name.
        surfaces: numbers of facets by name.
        named_facets: corners (k, 3 or 4) of the facets of surfaces, which may overlap, by name.
        node_sets: points by the name of their set.
        point_data: arrays (n, ...) by name.
        cell_data: arrays by name, one for each block.
        fibers: the vectors, of cells or points, that the format itself knows as fibers.
        sheets: likewise the sheet directions.
        notes: what was noticed on the way.
    """

    points: Floats
    blocks: tuple[Block, ...]
    regions: Mapping[str, int] = field(default_factory=dict)
    surfaces: Mapping[str, int] = field(default_factory=dict)
    named_facets: Mapping[str, Integers] = field(default_factory=dict)
    node_sets: Mapping[str, Integers] = field(default_factory=dict)
    point_data: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    cell_data: Mapping[str, tuple[NDArray[Any], ...]] = field(default_factory=dict)
    fibers: str | None = None
    sheets: str | None = None
    notes: tuple[str, ...] = ()


def face_nodes(nodes: int) -> Integers:
    """The nodes (faces, k) of each face of a cell with so many nodes: corners, midside nodes, middle; VTK's order."""
    corners = 4 if nodes in (4, 10) else 8
    faces, edges = FACES[corners], [set(map(int, edge)) for edge in EDGES[corners]]
    if nodes == corners:
        return faces
    rows = []
    for number, face in enumerate(faces):
        pairs = [{int(face[k]), int(face[(k + 1) % len(face)])} for k in range(len(face))]
        middle = [int(MIDDLES[number])] if nodes == 27 else []
        rows.append([*map(int, face), *(corners + edges.index(pair) for pair in pairs), *middle])
    return np.array(rows)


def keys(corners: Integers) -> NDArray[np.void]:
    """One comparable key per facet (n,), whatever the order of its corners (n, 3 or 4)."""
    ordered = np.ascontiguousarray(np.sort(corners, axis=1).astype(np.int64))
    return ordered.view([(f"f{k}", np.int64) for k in range(ordered.shape[1])]).ravel()


def faces_named(cells: Integers, facets: Integers) -> tuple[Integers, Integers]:
    """The cell (n,) that has each facet (n, 3 or 4) as a face, −1 where none has, and which of its faces it is (n,).

    Args:
        cells: (m, nodes) in VTK's order.
        facets: corners in any order.
    """
    corners = 4 if cells.shape[1] in (4, 10) else 8
    table = FACES[corners]
    if len(facets) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    marked = np.zeros(int(max(cells.max(), facets.max())) + 1, dtype=bool)
    marked[facets] = True
    near = np.flatnonzero(marked[cells[:, :corners]].sum(axis=1) >= table.shape[1])
    if len(near) == 0:
        return np.full(len(facets), -1), np.zeros(len(facets), np.int64)
    sides = keys(cells[near][:, table].reshape(-1, table.shape[1]))
    order = np.argsort(sides, kind="stable")
    wanted = keys(facets)
    place = np.minimum(np.searchsorted(sides[order], wanted), len(order) - 1)
    found = order[place]
    missing = sides[found] != wanted
    return np.where(missing, -1, near[found // len(table)]), found % len(table)
