"""Meshes from files: nodes, region numbers, facet numbers and their names."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.surfaces.surface import MESHING

from .anatomy import TISSUE, RawMesh
from .lattice import CellShape
from .quality import right_handed, signed_volumes
from .second_order import STRAIGHT, bend, completed, in_order

LengthUnit = Literal["mm", "cm", "m"]
WorldAxes = Literal["RAS", "LPS"]

MILLIMETERS: dict[str, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
KNOWN_TAGS = ("gmsh:physical", "medit:ref", "cell_tags", "nastran:ref", "cell_markers", "name_to_read")
FAMILIES: dict[CellShape, dict[int, dict[str, int]]] = {
    "tetrahedra": {3: {"tetra": 4, "tetra10": 10}, 2: {"triangle": 3, "triangle6": 3}},
    "hexahedra": {
        3: {"hexahedron": 8, "hexahedron20": 20, "hexahedron27": 27},
        2: {"quad": 4, "quad8": 4, "quad9": 4},
    },
}
"""Cells that go together: by dimension, meshio's names and how many nodes are read of each."""

DIMENSIONS = {kind: dim for family in FAMILIES.values() for dim, kinds in family.items() for kind in kinds}
ONE: dict[CellShape, str] = {"tetrahedra": "tetrahedron", "hexahedra": "hexahedron"}
SWAPPED: dict[CellShape, str] = {"tetrahedra": "two", "hexahedra": "four"}
DEGENERATE = 1e-9
"""A cell whose volume is below this times the cube of its longest edge has none."""


@dataclass(frozen=True)
class _Block:
    """Cells of one shape out of all of a file's blocks.

    Attributes:
        nodes: (n, nodes) point indices in VTK's order.
        values: (n,) their numbers, or ``None`` where the file has none.
    """

    nodes: NDArray[np.int64]
    values: NDArray[np.int32] | None


def read_mesh(
    file: Path, length_unit: LengthUnit, axes: WorldAxes = "RAS", tags: str | None = None, curved: bool = True
) -> RawMesh:
    """Read a mesh of tetrahedra or of hexahedra; not collective.

    Inverted cells are mended by swapping corners and counted in the notes.

    Args:
        file: the mesh.
        length_unit: unit of its coordinates.
        axes: its axes; LPS is turned into RAS+.
        tags: name of the cell data that numbers regions and surfaces; if ``None``, the known names are tried, then
            a cell set's name, then the only integer cell data.
        curved: whether the nodes between the corners of second-order cells bend them; where all such nodes lie where
            straight cells have theirs, the cells are straight anyway.

    Raises:
        InputError: the file can't be read, holds no tetrahedra or hexahedra, or other cells too, a coordinate isn't
            finite, or cells have no volume.
    """
    mesh = meshio_read(file)
    points = np.asarray(mesh.points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise InputError(Problem(str(file), "the mesh is not in space", f"{points.shape}", "points with x, y, z"))
    points = points * MILLIMETERS[length_unit] * (np.array([-1.0, -1.0, 1.0]) if axes == "LPS" else 1.0)
    kind, cells, facets, names = _blocks(mesh, file, tags)
    _require_finite(points, cells.nodes, file)
    idle = len(points) - len(np.unique(cells.nodes))
    points, nodes, bent = _shaped(points, cells.nodes, curved)
    used, nodes = np.unique(nodes, return_inverse=True)
    points, nodes = points[used], nodes.reshape(len(cells.nodes), -1)
    corners = nodes[:, : 4 if kind == "tetrahedra" else 8]
    _require_volume(points, corners, file, kind)
    notes = [f"{file.name}: {len(nodes)} {kind}, {len(used)} points, coordinates in {length_unit}, {axes} axes", *bent]
    if inverted := int((signed_volumes(points, corners) < 0).sum()):
        notes.append(f"{inverted} inverted {kind} mended by swapping {SWAPPED[kind]} corners")
    if idle:
        notes.append(f"{idle} points belong to no {ONE[kind]}; left out")
    if (pieces := _pieces(corners, len(used))) > 1:
        notes.append(f"the mesh is in {pieces} pieces that share no points")
    values, regions = _named(cells.values, names[3], TISSUE, len(nodes))
    facet_values, surfaces = _named(facets.values, names[2], "", len(facets.nodes))
    here = _found(used, facets.nodes)
    if facets.values is None:
        here, facet_values = here[:0], np.zeros(0, np.int32)
    return RawMesh(points, right_handed(points, nodes), values, regions, here, facet_values, surfaces, tuple(notes))


def _shaped(
    points: NDArray[np.float64], nodes: NDArray[np.int64], curved: bool
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Points and cells in DOLFINx's order, curved or cut to their corners, and what became of their midside nodes."""
    if nodes.shape[1] in (4, 8):
        return points, in_order(nodes), []
    if nodes.shape[1] == 20:
        points, nodes = completed(points, nodes)
    nodes = in_order(nodes)
    off, part = bend(points, nodes)
    straight = nodes[:, : 4 if nodes.shape[1] == 10 else 8]
    if part < STRAIGHT:
        return points, straight, ["midside nodes left out: the cells are straight"]
    if not curved:
        said = f"midside nodes left out, though up to {off:.3g} mm off straight: the cells are straight"
        return points, straight, [said]
    return points, nodes, [f"the cells are curved: midside nodes are up to {off:.3g} mm off straight"]


def _found(used: NDArray[np.int64], corners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places of points among those used, −1 for those of no cell."""
    place = np.minimum(np.searchsorted(used, corners), len(used) - 1)
    return np.where(used[place] == corners, place, -1)


def meshio_read(file: Path) -> Any:
    """A file as meshio reads it.

    Raises:
        InputError: meshio is missing, or cannot read the file.
    """
    try:
        import meshio
    except ImportError as error:
        raise InputError(Problem("meshio", "is needed to read mesh files", str(error), hint=MESHING)) from error
    said = io.StringIO()
    try:
        # meshio prints its errors and leaves the program
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return meshio.read(file)
    except (meshio.ReadError, SystemExit, OSError, EOFError, ValueError, LookupError, TypeError, SyntaxError) as error:
        text = " ".join((said.getvalue() or str(error)).split())
        raise InputError(Problem(str(file), "can't be read as a mesh", text, "a mesh that meshio reads")) from error


def _blocks(mesh: Any, file: Path, tags: str | None) -> tuple[CellShape, _Block, _Block, dict[int, dict[str, int]]]:
    """What the cells are, the file's cells and facets, and the names of their numbers by dimension (3 and 2)."""
    kinds = {block.type for block in mesh.cells}
    shapes = [shape for shape, family in FAMILIES.items() if kinds & set(family[3])]
    others = (
        kinds - {"vertex", "line", "line3"} - {k for shape in shapes for part in FAMILIES[shape].values() for k in part}
    )
    if others or len(shapes) != 1:
        got = ", ".join(sorted(kinds)) or "no cells"
        wanted = "tetrahedra with triangles, or hexahedra with quadrilaterals, of first or second order"
        raise InputError(Problem(str(file), "is no mesh of tetrahedra alone or hexahedra alone", got, wanted))
    family = FAMILIES[shapes[0]]
    orders = [kind for kind in family[3] if kind in kinds]
    if len(orders) > 1:
        raise InputError(Problem(str(file), "mixes cells of first and second order", ", ".join(orders), "one order"))
    key = _tag_key(mesh, file, tags)
    numbers, names = _from_sets(mesh) if key is None else (mesh.cell_data[key], _field_names(mesh))
    parts: dict[int, list[tuple[NDArray[Any], Any]]] = {3: [], 2: []}
    for i, block in enumerate(mesh.cells):
        if dimension := DIMENSIONS.get(block.type):
            count = family[dimension][block.type]
            parts[dimension].append((block.data[:, :count], None if numbers is None else numbers[i]))
    return shapes[0], _joined(parts[3], 0), _joined(parts[2], family[2][next(iter(family[2]))]), names


def _joined(parts: list[tuple[NDArray[Any], Any]], nodes: int) -> _Block:
    if not parts:
        return _Block(np.zeros((0, nodes), np.int64), None)
    together = np.concatenate([part for part, _ in parts]).astype(np.int64)
    if parts[0][1] is None:
        return _Block(together, None)
    return _Block(together, np.concatenate([np.asarray(v).ravel() for _, v in parts]).astype(np.int32))


def _tag_key(mesh: Any, file: Path, tags: str | None) -> str | None:
    """The name of the cell data that numbers the cells."""
    if tags is not None:
        if tags not in mesh.cell_data:
            have = ", ".join(mesh.cell_data) or "none"
            raise InputError(Problem(str(file), "has no such cell data", tags, f"one of: {have}"))
        return tags
    for name in KNOWN_TAGS:
        if name in mesh.cell_data:
            return name
    if mesh.cell_sets:
        return None
    whole = [
        name
        for name, values in mesh.cell_data.items()
        if all(np.issubdtype(np.asarray(v).dtype, np.integer) and np.asarray(v).ndim == 1 for v in values)
        and not name.startswith("gmsh:")
    ]
    return whole[0] if len(whole) == 1 else None


def _field_names(mesh: Any) -> dict[int, dict[str, int]]:
    """Names of the numbers by dimension, as gmsh writes them."""
    names: dict[int, dict[str, int]] = {3: {}, 2: {}}
    for name, (number, dimension) in ((n, v) for n, v in mesh.field_data.items() if len(v) == 2):
        if int(dimension) in names:
            names[int(dimension)][name] = int(number)
    return names


def _from_sets(mesh: Any) -> tuple[list[NDArray[np.int32]] | None, dict[int, dict[str, int]]]:
    """Numbers and names from cell sets: the n-th set has the number n, cells in no set 0; a later set wins."""
    names: dict[int, dict[str, int]] = {3: {}, 2: {}}
    sets = {n: s for n, s in mesh.cell_sets.items() if not n.startswith("gmsh:")}
    if not sets:
        return None, names
    numbers = [np.zeros(len(block.data), np.int32) for block in mesh.cells]
    for number, (name, members) in enumerate(sets.items(), start=1):
        for i, (block, member) in enumerate(zip(mesh.cells, members, strict=True)):
            if member is not None and len(member) and block.type in DIMENSIONS:
                numbers[i][np.asarray(member, dtype=np.int64)] = number
                names[DIMENSIONS[block.type]][name] = number
    return numbers, names


def _named(
    values: NDArray[np.int32] | None, names: dict[str, int], single: str, count: int
) -> tuple[NDArray[np.int32], dict[str, int]]:
    """The numbers that occur, by name: the file's own, or "tag 10"."""
    if values is None:
        return np.ones(count, np.int32), ({single: 1} if single else {})
    known = {number: name for name, number in names.items()}
    present = [int(value) for value in np.unique(values)]
    return values, {known.get(number, f"tag {number}"): number for number in present}


def _require_finite(points: NDArray[np.float64], cells: NDArray[np.int64], file: Path) -> None:
    if cells.size and (cells.min() < 0 or cells.max() >= len(points)):
        raise InputError(
            Problem(str(file), "cells name points that don't exist", f"{int(cells.max())}", f"0 to {len(points) - 1}")
        )
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        got = f"{len(bad)} points, the first is point {bad[0]}: {points[bad[0]]}"
        raise InputError(Problem(str(file), "coordinates are not finite", got, "finite coordinates"))


def _require_volume(points: NDArray[np.float64], cells: NDArray[np.int64], file: Path, kind: str) -> None:
    corner = points[cells]
    pairs = [(i, j) for i in range(cells.shape[1]) for j in range(i)]
    longest = np.max([np.linalg.norm(corner[:, i] - corner[:, j], axis=1) for i, j in pairs], axis=0)
    volume = np.abs(signed_volumes(points, cells))
    flat = volume <= DEGENERATE * longest**3
    if flat.any():
        relative = np.divide(volume, longest**3, out=np.zeros_like(volume), where=longest > 0)
        worst = int(np.argmin(relative))
        x, y, z = corner[worst].mean(axis=0)
        raise InputError(
            Problem(
                str(file),
                f"{kind} have no volume",
                f"{int(flat.sum())} of {len(cells)}; the worst is cell {worst} at ({x:.4g}, {y:.4g}, {z:.4g}) mm",
                f"{kind} whose corners are not all in one plane",
                "remove or remesh these cells",
            )
        )


def _pieces(cells: NDArray[np.int64], points: int) -> int:
    """How many pieces share no points with one another."""
    from scipy import sparse

    edges = np.concatenate([cells[:, [0, k]] for k in range(1, cells.shape[1])])
    graph = sparse.coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(points, points))
    return int(sparse.csgraph.connected_components(graph, directed=False)[0])
