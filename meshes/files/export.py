"""A mesh as files want it: points in the file's unit, cells in VTK's order, facets as faces of cells."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from dolfinx.io.utils import cell_perm_vtk
from numpy.typing import NDArray

from fibertwin.meshes.anatomy import RawMesh
from fibertwin.meshes.second_order import SHAPES

from .contents import Floats, Integers, face_nodes, faces_named
from .fibers import across

CELL = {4: "tetra", 10: "tetra10", 8: "hexahedron", 27: "hexahedron27"}
FACET = {4: "triangle", 10: "triangle6", 8: "quad", 27: "quad9"}
"""meshio's names of cells and of their faces, by nodes of the cell."""


@dataclass(frozen=True, eq=False)
class Export:
    """What is written.

    Attributes:
        points: (n, 3) in the file's unit.
        cells: (m, nodes) in VTK's order.
        values: (m,) region numbers.
        regions: their names.
        surfaces: cell and face (k, 2) of the facets of each named surface.
        fibers: (m, 3), or ``None``.
        sheets: likewise.
    """

    points: Floats
    cells: Integers
    values: NDArray[np.int32]
    regions: dict[str, int]
    surfaces: dict[str, Integers]
    fibers: Floats | None
    sheets: Floats | None

    @property
    def kind(self) -> str:
        """What meshio calls the cells."""
        return CELL[self.cells.shape[1]]

    @property
    def facet_kind(self) -> str:
        """What meshio calls the facets."""
        return FACET[self.cells.shape[1]]

    @cached_property
    def sheets_or_normals(self) -> Floats:
        """The sheet directions, where there are none some normal of the fiber."""
        assert self.fibers is not None
        normals = across(self.fibers, self.sheets)
        return normals if self.sheets is None else np.where(self.sheets.any(axis=1)[:, None], self.sheets, normals)

    def facets(self, name: str) -> Integers:
        """The nodes (k, nodes) of a surface's facets, counter-clockwise seen from outside."""
        return self.nodes_of(self.surfaces[name])

    @cached_property
    def each_facet(self) -> tuple[Integers, NDArray[np.bool_]]:
        """Every facet of any surface once, as cell and face (k, 2), and which surfaces it belongs to (k, surfaces)."""
        if not self.surfaces:
            return np.zeros((0, 2), np.int64), np.zeros((0, 0), dtype=bool)
        together = np.concatenate(list(self.surfaces.values()))
        owner = np.repeat(np.arange(len(self.surfaces)), [len(at) for at in self.surfaces.values()])
        unique, at = np.unique(together, axis=0, return_inverse=True)
        belongs = np.zeros((len(unique), len(self.surfaces)), dtype=bool)
        belongs[at.ravel(), owner] = True
        return unique, belongs

    def nodes_of(self, places: Integers) -> Integers:
        """The nodes (k, nodes) of facets given as cell and face (k, 2)."""
        return np.asarray(self.cells[places[:, 0][:, None], face_nodes(self.cells.shape[1])[places[:, 1]]])

    def numbered(self) -> tuple[Integers, NDArray[np.int32], int]:
        """Every facet once (k, nodes), the number (from 1) of the first surface that has it, and how many have more."""
        places, belongs = self.each_facet
        if len(places) == 0:
            return np.zeros((0, face_nodes(self.cells.shape[1]).shape[1]), np.int64), np.zeros(0, np.int32), 0
        numbers = np.argmax(belongs, axis=1).astype(np.int32) + 1
        return self.nodes_of(places), numbers, int((belongs.sum(axis=1) > 1).sum())


def export_of(raw: RawMesh, millimeters: float) -> tuple[Export, tuple[str, ...]]:
    """What is written of a mesh in arrays, and what can't be.

    Args:
        raw: the mesh.
        millimeters: length of the file's unit.
    """
    nodes = raw.cells.shape[1]
    cells = np.asarray(raw.cells)[:, np.argsort(cell_perm_vtk(SHAPES[nodes], nodes))]
    cell, face = faces_named(cells, raw.facets)
    places, notes = np.column_stack([cell, face]), []
    surfaces = {name: places[(raw.facet_values == number) & (cell >= 0)] for name, number in raw.surfaces.items()}
    if (cell < 0).any():
        notes.append(f"{int((cell < 0).sum())} tagged facets are no face of any cell; left out")
    return (
        Export(
            np.asarray(raw.points / millimeters if millimeters >= 1 else raw.points * round(1 / millimeters)),
            cells,
            raw.cell_values,
            raw.regions,
            surfaces,
            raw.fibers,
            raw.sheets,
        ),
        tuple(notes),
    )
