"""Read the fields of a run back from its .pvd file: straight-sided tetrahedra with numpy arrays; bricks are cut."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STRAIN, WITHOUT_FIBERS = "fiber strain", "max principal strain"
_TETRAHEDRA = (10, 24, 71)  # VTK's linear, quadratic and Lagrange tetrahedron: the first four nodes are the corners
_HEXAHEDRA = (12, 29, 72)  # VTK's linear, triquadratic and Lagrange hexahedron: the first eight nodes are the corners
_BRICK_FACES = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]])
_FACES = np.array([[1, 2, 3], [0, 3, 2], [0, 1, 3], [0, 2, 1]])


@dataclass(frozen=True)
class Tetrahedra:
    """The corners of a run's tetrahedra and what is known in each.

    Attributes:
        points: (n, 3) undeformed corners, mm, RAS+; each place is held once, whatever the number of parts.
        cells: (m, 4) rows of ``points``.
        displacement: (n, 3) mm.
        arrays: by field name, (m,) or (m, k), one value per cell.
    """

    points: Floats
    cells: Ints
    displacement: Floats
    arrays: dict[str, Floats]

    @property
    def strain_name(self) -> str:
        """The strain that pictures show: along the fibers, or the largest principal one where there are none."""
        return STRAIN if STRAIN in self.arrays else WITHOUT_FIBERS

    @property
    def strain(self) -> Floats:
        """(m,) cell means of that strain."""
        return self.arrays[self.strain_name]

    @cached_property
    def volumes(self) -> Floats:
        """(m,) undeformed volumes, mm³."""
        corners = self.points[self.cells]
        determinant: Floats = np.linalg.det(corners[:, 1:] - corners[:, :1])
        return np.abs(determinant) / 6

    @cached_property
    def centers(self) -> Floats:
        """(m, 3) undeformed cell centers, mm."""
        middle: Floats = self.points[self.cells].mean(1)
        return middle

    @cached_property
    def boundary(self) -> Ints:
        """(f, 3) corners of the faces that belong to one tetrahedron only, turned outwards."""
        faces = self.cells[:, _FACES].reshape(-1, 3)
        _, first, count = np.unique(np.sort(faces, axis=1), axis=0, return_index=True, return_counts=True)
        outer: Ints = faces[first[count == 1]]
        owner = first[count == 1] // 4
        a, b, c = (self.points[outer[:, i]] for i in range(3))
        inwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), self.centers[owner] - a) > 0
        outer[inwards] = outer[inwards][:, ::-1]
        return outer

    def matches(self, other: "Tetrahedra") -> bool:
        """Whether the other run has the same cells in the same order, so that fields can be subtracted."""
        return self.cells.shape == other.cells.shape and np.allclose(self.centers, other.centers, atol=1e-6)


def read_fields(path: Path) -> Tetrahedra:
    """Read the last time of a .pvd, .pvtu or .vtu file that DOLFINx wrote on any number of ranks.

    Raises:
        InputError: the file is missing, holds no tetrahedra or no ``displacement``, or pyvista is missing.
    """
    try:
        import pyvista
    except ImportError as error:
        hint = "pip install 'fibertwin[view]'"
        raise InputError(Problem("pyvista", f"cannot be imported ({error})", hint=hint)) from error
    if not path.is_file():
        hint = "pictures of the mesh need the output format 'pvd'"
        raise InputError(Problem(str(path), "does not exist", hint=hint))
    vtk: Any = pyvista  # typed in part only
    reader = vtk.get_reader(str(path))
    if hasattr(reader, "set_active_time_value") and reader.time_values:
        reader.set_active_time_value(reader.time_values[-1])
    grid: Any = reader.read()
    if isinstance(grid, vtk.MultiBlock):
        grid = grid[0]
    return _tetrahedra(path, grid)


def _tetrahedra(path: Path, grid: Any) -> Tetrahedra:
    if "displacement" not in grid.point_data:
        got = ", ".join(grid.point_data.keys()) or "no point arrays"
        raise InputError(Problem(str(path), "holds no displacement", got, "a point array 'displacement' (n, 3)"))
    own = np.ones(grid.n_cells, dtype=bool)
    if "vtkGhostType" in grid.cell_data:
        # DOLFINx flags the cells that a part holds only because its neighbor owns them (duplicate cell = 1)
        own = np.asarray(grid.cell_data["vtkGhostType"]) == 0
    points = np.asarray(grid.points, dtype=np.float64)
    displacement = np.asarray(grid.point_data["displacement"], dtype=np.float64)
    tetrahedra = np.flatnonzero(own & np.isin(grid.celltypes, _TETRAHEDRA))
    bricks = np.flatnonzero(own & np.isin(grid.celltypes, _HEXAHEDRA))
    if not len(tetrahedra) + len(bricks):
        raise InputError(Problem(str(path), "holds no tetrahedra", f"{grid.n_cells} cells", "cells with a volume"))
    corners = _corners(grid, tetrahedra, 4)
    if len(bricks):
        cut, points, displacement = _cut_bricks(_corners(grid, bricks, 8), points, displacement)
        corners = np.concatenate([corners, cut])
    used, corners = np.unique(corners, return_inverse=True)
    # parts repeat the nodes between them; without joining these, every cut between parts would look like a surface
    size = float(np.ptp(points, axis=0).max())
    rounded = np.rint(points[used] / (1e-9 * size))
    _, first, same = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    cells = same.reshape(-1)[corners.reshape(-1, 4)].astype(np.int64)
    of_cell = np.concatenate([tetrahedra, np.repeat(bricks, 4 * len(_BRICK_FACES))])
    arrays = {
        name: np.asarray(grid.cell_data[name], dtype=np.float64)[of_cell]
        for name in grid.cell_data.keys()  # noqa: SIM118  (pyvista's arrays are no dict)
        if not name.startswith("vtk")
    }
    if STRAIN not in arrays and WITHOUT_FIBERS not in arrays:
        got = ", ".join(arrays) or "no cell arrays"
        raise InputError(Problem(str(path), "holds no strain", got, f"a cell array '{STRAIN}' or '{WITHOUT_FIBERS}'"))
    return Tetrahedra(points[used][first], cells, displacement[used][first], arrays)


def _corners(grid: Any, cells: Ints, count: int) -> Ints:
    """The first nodes (cells, count) of some cells."""
    return np.asarray(grid.cell_connectivity)[np.asarray(grid.cell_offsets)[:-1][cells, None] + np.arange(count)]


def _cut_bricks(corners: Ints, points: Floats, displacement: Floats) -> tuple[Ints, Floats, Floats]:
    """Each brick (n, 8) as 24 tetrahedra around its center and those of its faces, whatever its neighbors are.

    Returns:
        the tetrahedra (24 n, 4), and points and displacement with the centers at their ends.
    """
    faces = corners[:, _BRICK_FACES]
    count = len(points)
    face_centers = count + np.arange(faces.shape[0] * 6).reshape(-1, 6)
    cell_centers = count + faces.shape[0] * 6 + np.arange(len(corners))

    def extended(values: Floats) -> Floats:
        on_faces = values[faces].mean(axis=2).reshape(-1, 3)
        return np.concatenate([values, on_faces, values[corners].mean(axis=1)])

    edges = np.stack([faces, np.roll(faces, -1, axis=2)], axis=-1)  # (n, 6, 4, 2)
    shape = edges.shape[:3]
    middle = np.broadcast_to(face_centers[..., None], shape)
    inner = np.broadcast_to(cell_centers[:, None, None], shape)
    cut = np.concatenate([edges, middle[..., None], inner[..., None]], axis=-1).reshape(-1, 4)
    return cut, extended(points), extended(displacement)
