"""Scalar fields of voxel images and mesh files, looked up at points. Nothing here is collective."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import basix.ufl
import numpy as np
from dolfinx import fem, geometry
from dolfinx.mesh import Mesh, create_mesh
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .files.through_meshio import meshio_read
from .images import read_image

Array = NDArray[np.float64]

CORNERS: dict[str, tuple[str, tuple[int, ...]]] = {
    "tetra": ("tetrahedron", (0, 1, 2, 3)),
    "tetra10": ("tetrahedron", (0, 1, 2, 3)),
    "hexahedron": ("hexahedron", (0, 1, 3, 2, 4, 5, 7, 6)),
    "hexahedron20": ("hexahedron", (0, 1, 3, 2, 4, 5, 7, 6)),
    "hexahedron27": ("hexahedron", (0, 1, 3, 2, 4, 5, 7, 6)),
}
"""meshio's solid cells: their shape, and their corners in DOLFINx's order."""


@dataclass(frozen=True)
class LookedUp:
    """A field at points.

    Attributes:
        values: (n,); NaN where the field has none.
        outside: (n,) whether the point lies outside the field.
    """

    values: Array
    outside: NDArray[np.bool_]


@dataclass(frozen=True)
class CellBlock:
    """Cells of one shape.

    Attributes:
        shape: ``tetrahedron`` or ``hexahedron``.
        corners: (n, 4) or (n, 8) point indices, in DOLFINx's order.
        values: (n,) of cell data, or (n, 4) or (n, 8) of point data at the corners.
    """

    shape: str
    corners: NDArray[np.int64]
    values: Array


@dataclass(frozen=True)
class MeshField:
    """A point or cell field of a mesh file.

    Attributes:
        points: (n, 3), in mm.
        blocks: the solid cells.
    """

    points: Array
    blocks: tuple[CellBlock, ...]


def image_values(file: Path, points: Array) -> LookedUp:
    """A voxel image at points, linear between voxel centers; beyond the outermost centers theirs.

    Args:
        file: a volume.
        points: (n, 3) in RAS+ mm.

    Raises:
        InputError: the file cannot be read, or does not hold real numbers.
    """
    volume, affine = read_image(file)
    if volume.dtype.kind not in "biuf":
        raise InputError(Problem(str(file), "does not hold real numbers", str(volume.dtype), "integers or floats"))
    inverse = np.linalg.inv(affine)
    index = points @ inverse[:3, :3].T + inverse[:3, 3]
    last = np.array(volume.shape) - 1
    outside = ((index < -0.5) | (index > last + 0.5)).any(axis=1)
    index = np.clip(index, 0, last)
    base = np.minimum(np.floor(index).astype(np.int64), np.maximum(last - 1, 0))
    part = index - base
    values = np.zeros(len(points))
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, part, 1 - part), axis=1)
        found = volume[tuple(np.minimum(base + corner, last).T)].astype(float)
        values += np.where(weight > 0, weight * found, 0.0)
    return LookedUp(np.where(outside, np.nan, values), outside)


def read_mesh_field(file: Path, name: str, millimeters: float = 1.0) -> MeshField:
    """Read a scalar field of a mesh file: point data where both have the name.

    Args:
        file: any format that meshio reads, with tetrahedra or hexahedra; of curved cells the corners are taken.
        name: name of the field.
        millimeters: what the file's coordinates are multiplied with.

    Raises:
        InputError: the file cannot be read, has no solid cells, or no such field.
    """
    mesh = meshio_read(file)
    blocks = [(number, block) for number, block in enumerate(mesh.cells) if block.type in CORNERS]
    if not blocks:
        got = ", ".join(sorted({block.type for block in mesh.cells})) or "no cells"
        raise InputError(Problem(str(file), "has no solid cells", got, "tetrahedra or hexahedra"))
    scalars = _scalars(mesh, [number for number, _ in blocks])
    if name not in scalars["point"] and name not in scalars["cell"]:
        known = "; ".join(f"{kind} data {', '.join(fields) or 'none'}" for kind, fields in scalars.items())
        raise InputError(Problem(str(file), "has no such scalar field", name, known))
    read = []
    for position, (_, block) in enumerate(blocks):
        shape, order = CORNERS[block.type]
        corners = np.asarray(block.data, dtype=np.int64)[:, order]
        values = scalars["point"][name][corners] if name in scalars["point"] else scalars["cell"][name][position]
        read.append(CellBlock(shape, corners, values))
    return MeshField(np.asarray(mesh.points, dtype=float) * millimeters, tuple(read))


def _scalars(mesh: Any, blocks: list[int]) -> dict[str, dict[str, Any]]:
    """The scalar fields of a file: at the points, and in the cells of some blocks."""

    def flat(values: Any, count: int) -> Array | None:
        array = np.asarray(values)
        return array.astype(float).reshape(count) if array.size == count and array.dtype.kind in "biuf" else None

    points = {name: flat(values, len(mesh.points)) for name, values in mesh.point_data.items()}
    cells = {
        name: [flat(values[number], len(mesh.cells[number].data)) for number in blocks]
        for name, values in mesh.cell_data.items()
    }
    return {
        "point": {name: values for name, values in points.items() if values is not None},
        "cell": {name: parts for name, parts in cells.items() if all(part is not None for part in parts)},
    }


def mesh_values(field: MeshField, points: Array) -> LookedUp:
    """A field of a mesh at points (n, 3) in mm: point data linear in the cell around each, cell data its value."""
    values, outside = np.full(len(points), np.nan), np.ones(len(points), dtype=bool)
    for block in field.blocks:
        mesh = _mesh(field.points, block)
        left = np.flatnonzero(outside)
        cells = _cells_around(mesh, points[left])
        at = left[cells >= 0]
        values[at] = _in_cells(mesh, block, points[at], cells[cells >= 0])
        outside[at] = False
    return LookedUp(values, outside)


def _mesh(points: Array, block: CellBlock) -> Mesh:
    """The block as a mesh of this process alone."""
    used, corners = np.unique(block.corners, return_inverse=True)
    element = basix.ufl.element("Lagrange", block.shape, 1, shape=(3,))
    return create_mesh(MPI.COMM_SELF, corners.reshape(block.corners.shape), element, points[used])


def _cells_around(mesh: Mesh, points: Array) -> NDArray[np.int32]:
    """A cell (n,) that each point lies in; -1 where there is none."""
    found = np.full(len(points), -1, dtype=np.int32)
    if len(points):
        near = geometry.compute_collisions_points(geometry.bb_tree(mesh, 3), points)
        around = geometry.compute_colliding_cells(mesh, near, points)
        starts, ends = around.offsets[:-1], around.offsets[1:]
        found[ends > starts] = around.array[starts[ends > starts]]
    return found


def _in_cells(mesh: Mesh, block: CellBlock, points: Array, cells: NDArray[np.int32]) -> Array:
    """The block's values at points that lie in given cells of its mesh."""
    original = mesh.topology.original_cell_index
    if block.values.ndim == 1:
        return np.asarray(block.values[original[cells]])
    space = fem.functionspace(mesh, ("Lagrange", 1))
    function = fem.Function(space)
    function.x.array[space.dofmap.list] = block.values[original]
    return np.asarray(function.eval(points, cells)).reshape(len(points))
