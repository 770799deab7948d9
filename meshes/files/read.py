"""Meshes from files: nodes, region numbers, named facets and fibers, checked and put in order."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.meshes.anatomy import TISSUE, RawMesh
from fibertwin.meshes.lattice import CellShape, outer_facets
from fibertwin.meshes.quality import right_handed, signed_volumes
from fibertwin.meshes.second_order import STRAIGHT, bend, completed, in_order

from .abaqus_sets import read_abaqus
from .axes import axes_of
from .carp import read_carp
from .contents import Contents, Floats, Integers, faces_named
from .febio import read_febio
from .gmsh_read import is_text, read_gmsh
from .size import require_size
from .tetgen import read_tetgen
from .through_meshio import read_through_meshio
from .xdmf import grids_of, read_grids

LengthUnit = Literal["mm", "cm", "m", "um"]
WorldAxes = Literal["RAS", "LPS"]

MILLIMETERS: dict[str, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3}
OWN: dict[str, Callable[[Path], Contents]] = {
    ".feb": read_febio,
    ".inp": read_abaqus,
    **dict.fromkeys((".pts", ".elem", ".lon"), read_carp),
    **dict.fromkeys((".node", ".ele", ".face"), read_tetgen),
}
"""What reads a file that meshio can't read, or not all of."""

FAMILIES: dict[CellShape, dict[int, dict[str, int]]] = {
    "tetrahedra": {3: {"tetra": 4, "tetra10": 10}, 2: {"triangle": 3, "triangle6": 3}},
    "hexahedra": {
        3: {"hexahedron": 8, "hexahedron20": 20, "hexahedron27": 27},
        2: {"quad": 4, "quad8": 4, "quad9": 4},
    },
}
"""Cells that go together: by dimension, meshio's names and how many nodes are read of each."""

ONE: dict[CellShape, str] = {"tetrahedra": "tetrahedron", "hexahedra": "hexahedron"}
SWAPPED: dict[CellShape, str] = {"tetrahedra": "two", "hexahedra": "four"}
DEGENERATE = 1e-9
"""A cell whose volume is below this times the cube of its longest edge has none."""


@dataclass(frozen=True)
class _Cells:
    """Cells of one shape out of all of a file's blocks.

    Attributes:
        nodes: (n, nodes) point indices in VTK's order.
        values: (n,) their numbers, or ``None`` where the file has none.
        blocks: which of the file's blocks they are.
    """

    nodes: Integers
    values: NDArray[np.int32] | None
    blocks: tuple[int, ...]


def read_mesh(
    file: Path | str,
    length_unit: LengthUnit,
    axes: WorldAxes = "RAS",
    tags: str | None = None,
    curved: bool = True,
    fibers: str | None = None,
    sheets: str | None = None,
) -> RawMesh:
    """Read a mesh of tetrahedra or of hexahedra; not collective.

    Inverted cells are mended by swapping corners and counted in the notes.

    Args:
        file: the mesh; of several files (CARP, TetGen), any.
        length_unit: unit of its coordinates.
        axes: its axes; LPS is turned into RAS+.
        tags: name of the cell data that numbers regions and surfaces; if ``None``, the known names are tried, then
            a cell set's name, then the only integer cell data.
        curved: whether the nodes between the corners of second-order cells bend them; where all such nodes lie where
            straight cells have theirs, the cells are straight anyway.
        fibers: name of the vectors, in cells or at points, that are fibers; if ``None``, those that the format itself
            has for fibers.
        sheets: likewise the sheet directions.

    Raises:
        InputError: the file can't be read, holds no tetrahedra or hexahedra, or other cells too, a coordinate isn't
            finite, cells have no volume, the body is of no plausible size, or fibers are missing.
    """
    file = Path(file)
    contents = read_contents(file, tags)
    if contents.points.ndim != 2 or contents.points.shape[1] != 3:
        got = f"{contents.points.shape}"
        raise InputError(Problem(str(file), "the mesh is not in space", got, "points with x, y, z"))
    turned = np.array([-1.0, -1.0, 1.0]) if axes == "LPS" else np.ones(3)
    points = contents.points * (MILLIMETERS[length_unit] * turned)
    kind, cells, facets = _solids(contents, file)
    _require_points(points, cells.nodes, file)
    vectors = axes_of(contents, file, fibers, sheets, cells.nodes[:, : 4 if kind == "tetrahedra" else 8], cells.blocks)
    idle = len(points) - len(np.unique(cells.nodes))
    points, nodes, bent = _shaped(points, cells.nodes, curved)
    used, nodes = np.unique(nodes, return_inverse=True)
    points, nodes = points[used], nodes.reshape(len(cells.nodes), -1)
    corners = nodes[:, : 4 if kind == "tetrahedra" else 8]
    require_size(points, length_unit, file)
    _require_volume(points, corners, file, kind)
    notes = [f"{file.name}: {len(nodes)} {kind}, {len(used)} points, coordinates in {length_unit}, {axes} axes", *bent]
    notes += contents.notes
    if inverted := int((signed_volumes(points, corners) < 0).sum()):
        notes.append(f"{inverted} inverted {kind} mended by swapping {SWAPPED[kind]} corners")
    if idle:
        notes.append(f"{idle} points belong to no {ONE[kind]}; left out")
    if (pieces := _pieces(corners, len(used))) > 1:
        notes.append(f"the mesh is in {pieces} pieces that share no points")
    values, regions = _named(cells.values, dict(contents.regions), len(nodes))
    nodes = right_handed(points, nodes)
    tagged, facet_values, surfaces = _surfaces(contents, file, cells, facets, used, nodes)
    return RawMesh(
        points,
        nodes,
        values,
        regions,
        tagged,
        facet_values,
        surfaces,
        (*notes, *vectors.notes),
        None if vectors.fibers is None else vectors.fibers * turned,
        None if vectors.sheets is None else vectors.sheets * turned,
    )


def read_contents(file: Path, tags: str | None = None) -> Contents:
    """What a mesh file holds, as it stands there.

    Raises:
        InputError: the file can't be read.
    """
    suffix = file.suffix.lower()
    if not file.is_file():
        raise InputError(Problem(str(file), "there is no such mesh file"))
    if reader := OWN.get(suffix):
        if tags is not None:
            what = f"has no cell data to choose from: {suffix} files number or name their own regions"
            raise InputError(Problem(str(file), what, tags, hint="leave tags out"))
        return _understood(reader, file)
    if suffix == ".msh" and tags is None and is_text(file):
        return _understood(read_gmsh, file)
    if suffix == ".xdmf" and tags is None and len(grids := grids_of(file)) > 1:
        return read_grids(file, grids)
    return read_through_meshio(file, tags)


def _understood(reader: Callable[[Path], Contents], file: Path) -> Contents:
    """What a reader makes of a file; where a number or a line is missing that it counted on, a message says so.

    Raises:
        InputError: the reader's own, or that the file can't be read.
    """
    try:
        return reader(file)
    except (ValueError, IndexError) as error:
        raise InputError(Problem(str(file), "can't be read as a mesh: its numbers don't add up", str(error))) from error


def _shaped(points: Floats, nodes: Integers, curved: bool) -> tuple[Floats, Integers, list[str]]:
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


def _found(used: Integers, corners: Integers) -> Integers:
    """Places of points among those used, −1 for those of no cell."""
    place = np.minimum(np.searchsorted(used, corners), len(used) - 1)
    return np.where(used[place] == corners, place, -1)


def _solids(contents: Contents, file: Path) -> tuple[CellShape, _Cells, _Cells]:
    """What the cells are, the file's cells and its facets."""
    kinds = {block.kind for block in contents.blocks}
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
    corners = family[2][next(iter(family[2]))]
    return shapes[0], _joined(contents, family[3], 0), _joined(contents, family[2], corners)


def _joined(contents: Contents, kinds: dict[str, int], nodes: int) -> _Cells:
    """All blocks of some kinds together, cells without a number with number 0 if others have one."""
    places = tuple(i for i, block in enumerate(contents.blocks) if block.kind in kinds)
    blocks = [contents.blocks[i] for i in places]
    if not blocks:
        return _Cells(np.zeros((0, nodes), np.int64), None, ())
    together = np.concatenate([block.nodes[:, : kinds[block.kind]] for block in blocks])
    if all(block.values is None for block in blocks):
        return _Cells(together, None, places)
    parts = [np.zeros(len(b.nodes), np.int32) if b.values is None else b.values for b in blocks]
    return _Cells(together, np.concatenate(parts), places)


def _surfaces(
    contents: Contents, file: Path, solids: _Cells, facets: _Cells, used: Integers, cells: Integers
) -> tuple[Integers, NDArray[np.int32], dict[str, int]]:
    """Corners of all tagged facets among the points used, their numbers, and the numbers' names.

    A facet stands there once for each surface that it belongs to. A node set is the surface of those outer facets whose
    corners it has all.
    """
    width = facets.nodes.shape[1]
    numbers = np.zeros(0, np.int32) if facets.values is None else facets.values
    surfaces = _names_of(numbers, dict(contents.surfaces))
    corners = [_found(used, facets.nodes[: len(numbers)])]
    named = {}
    for name, nodes in contents.named_facets.items():
        _require_faces(name, nodes, solids.nodes, width, file)
        named[name] = _found(used, nodes)
    if sets := {name: _found(used, at) for name, at in contents.node_sets.items() if name not in named}:
        outer = outer_facets(cells)
        for name, nodes in sets.items():
            inside = np.zeros(len(used), dtype=bool)
            inside[nodes[nodes >= 0]] = True
            if len(within := outer[inside[outer].all(axis=1)]):
                named[name] = within
    values = [numbers]
    for number, (name, nodes) in enumerate(named.items(), start=1 + max([0, *surfaces.values()])):
        surfaces[name] = number
        corners.append(nodes.reshape(-1, width))
        values.append(np.full(len(nodes), number, np.int32))
    return np.concatenate(corners), np.concatenate(values).astype(np.int32), surfaces


def _require_faces(name: str, nodes: Integers, cells: Integers, width: int, file: Path) -> None:
    """Refuse a surface that is not made of the cells' faces."""
    if len(nodes) and nodes.shape[1] != width:
        got = f"facets of {nodes.shape[1]} corners"
        raise InputError(Problem(str(file), f"surface {name} does not fit the cells", got, f"{width} corners"))
    missing = faces_named(cells, nodes)[0] < 0
    if missing.any():
        got = f"{int(missing.sum())} of {len(nodes)}; the first has the points {', '.join(map(str, nodes[missing][0]))}"
        what = f"surface {name} has facets that are no face of any cell"
        raise InputError(Problem(str(file), what, got, "faces of the cells (points are counted from 0)"))


def _names_of(values: NDArray[np.int32], names: dict[str, int]) -> dict[str, int]:
    """The numbers that occur, by name: the file's own, or "tag 10"."""
    known = {number: name for name, number in names.items()}
    return {known.get(number, f"tag {number}"): number for number in map(int, np.unique(values))}


def _named(
    values: NDArray[np.int32] | None, names: dict[str, int], count: int
) -> tuple[NDArray[np.int32], dict[str, int]]:
    """The number of every cell, and the numbers by name; one region where the file has no numbers."""
    if values is None:
        return np.ones(count, np.int32), {TISSUE: 1}
    return values, _names_of(values, names)


def _require_points(points: Floats, cells: Integers, file: Path) -> None:
    if cells.size and (cells.min() < 0 or cells.max() >= len(points)):
        raise InputError(
            Problem(str(file), "cells name points that don't exist", f"{int(cells.max())}", f"0 to {len(points) - 1}")
        )
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        got = f"{len(bad)} points, the first is point {bad[0]}: {points[bad[0]]}"
        raise InputError(Problem(str(file), "coordinates are not finite", got, "finite coordinates"))


def _require_volume(points: Floats, cells: Integers, file: Path, kind: str) -> None:
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


def _pieces(cells: Integers, points: int) -> int:
    """How many pieces share no points with one another."""
    from scipy import sparse

    edges = np.concatenate([cells[:, [0, k]] for k in range(1, cells.shape[1])])
    graph = sparse.coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(points, points))
    return int(sparse.csgraph.connected_components(graph, directed=False)[0])
