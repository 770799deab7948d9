"""Files that meshio reads: gmsh, VTK, VTU, XDMF, MED, Medit, Nastran and more."""

import contextlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.surfaces.surface import MESHING

from .contents import CORNERS, DIMENSIONS, Block, Contents, Integers

KNOWN_TAGS = ("gmsh:physical", "medit:ref", "cell_tags", "nastran:ref", "cell_markers", "name_to_read")
REGION, SURFACE = "region:", "surface:"
"""With these begin the names of cell data that number one region or surface, and are 0 elsewhere."""


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
    except (
        meshio.ReadError,
        SystemExit,
        OSError,
        EOFError,
        ValueError,
        LookupError,
        TypeError,
        SyntaxError,
        AttributeError,
        AssertionError,
        OverflowError,
        MemoryError,
    ) as error:
        text = " ".join((said.getvalue() or str(error) or type(error).__name__).split())
        hint = "save it as text (in gmsh, Mesh.Binary = 0)" if file.suffix.lower() == ".msh" else ""
        raise InputError(
            Problem(str(file), "can't be read as a mesh", text, "a mesh that meshio reads", hint)
        ) from error


def read_through_meshio(file: Path, tags: str | None) -> Contents:
    """A file's contents.

    Args:
        file: the mesh.
        tags: name of the cell data that numbers regions and surfaces; if ``None``, the known names are tried, then
            names of this program's own, cell sets, and the only integer cell data.

    Raises:
        InputError: meshio can't read the file, or it has no such cell data.
    """
    mesh = meshio_read(file)
    own = _own_names(mesh)
    key = None if own and tags is None else _tag_key(mesh, file, tags)
    numbers: list[NDArray[Any]] | None = None
    names: dict[int, dict[str, int]] = {3: {}, 2: {}}
    named: dict[str, Integers] = {}
    notes: tuple[str, ...] = ()
    if key == "cell_tags" and any(getattr(mesh, "cell_tags", {}).values()):
        mesh.cell_sets = _groups(mesh)
        numbers, names[3], named, notes = _from_sets(mesh)
    elif key is not None:
        numbers, names = mesh.cell_data[key], _names(mesh)
        if key == "gmsh:physical":
            named = _facets_of_sets(mesh, names[2])
    elif own:
        numbers, names[3], named = _own(mesh, own)
    elif mesh.cell_sets:
        numbers, names[3], named, notes = _from_sets(mesh)
    blocks = tuple(
        Block(
            block.type,
            np.asarray(block.data, dtype=np.int64),
            None if numbers is None or (named and DIMENSIONS.get(block.type) == 2) else _whole(numbers[i], file),
        )
        for i, block in enumerate(mesh.cells)
    )
    return Contents(
        np.asarray(mesh.points, dtype=np.float64),
        blocks,
        regions=names[3],
        surfaces={} if named else names[2],
        named_facets=named,
        node_sets={name: np.asarray(at, dtype=np.int64) for name, at in mesh.point_sets.items()},
        point_data={name: np.asarray(values) for name, values in mesh.point_data.items()},
        cell_data={name: tuple(map(_array, values)) for name, values in mesh.cell_data.items()},
        notes=notes,
    )


def _array(values: Any) -> NDArray[Any]:
    return np.zeros(0) if values is None else np.asarray(values)


def _whole(values: Any, file: Path) -> NDArray[np.int32]:
    """Numbers of cells, whole ones whatever type they are stored as."""
    found = np.asarray(values).ravel()
    whole = found.astype(np.int32)
    if not np.array_equal(whole, found):
        raise InputError(Problem(str(file), "the cells' numbers are not whole", str(found[whole != found][0])))
    return whole


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


def _groups(mesh: Any) -> dict[str, list[NDArray[np.int64]]]:
    """MED's groups as cell sets: a family, which has a number, belongs to any number of groups."""
    families: Mapping[int, list[str]] = mesh.cell_tags
    groups = dict.fromkeys(name for names in families.values() for name in names)
    return {
        group: [
            np.flatnonzero(np.isin(values, [number for number, names in families.items() if group in names]))
            for values in mesh.cell_data["cell_tags"]
        ]
        for group in groups
    }


def _names(mesh: Any) -> dict[int, dict[str, int]]:
    """Names of the numbers by dimension, as gmsh writes them."""
    names: dict[int, dict[str, int]] = {3: {}, 2: {}}
    for name, (number, dimension) in ((n, v) for n, v in mesh.field_data.items() if len(v) == 2):
        if isinstance(dimension, int | np.integer) and int(dimension) in names:
            names[int(dimension)][name] = int(number)
    return names


def _facets_of_sets(mesh: Any, names: Mapping[str, int]) -> dict[str, Integers]:
    """Facets of gmsh's surfaces where some facets belong to several; empty where none does."""
    found = {name: _facets(mesh, mesh.cell_sets[name]) for name in names if name in mesh.cell_sets}
    numbered = sum(
        int(np.isin(values, list(names.values())).sum())
        for block, values in zip(mesh.cells, mesh.cell_data["gmsh:physical"], strict=True)
        if DIMENSIONS.get(block.type) == 2
    )
    return found if sum(map(len, found.values())) > numbered else {}


def _facets(mesh: Any, members: Any) -> Integers:
    """Corners of the triangles or quadrilaterals in a cell set."""
    parts = [
        block.data[np.asarray(member, dtype=np.int64), : CORNERS[block.type]]
        for block, member in zip(mesh.cells, members, strict=True)
        if member is not None and len(member) and DIMENSIONS.get(block.type) == 2
    ]
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros((0, 3), np.int64)


def _own_names(mesh: Any) -> list[str]:
    return [name for name in mesh.cell_data if name.startswith((REGION, SURFACE))]


def _own(mesh: Any, keys: list[str]) -> tuple[list[NDArray[Any]], dict[str, int], dict[str, Integers]]:
    """Numbers of all blocks, names of regions, facets of surfaces, as ``write_mesh`` puts them into cell data."""
    numbers = [np.zeros(len(block.data), np.int32) for block in mesh.cells]
    regions, named = {}, {}
    for key in keys:
        values = [np.asarray(v).ravel() for v in mesh.cell_data[key]]
        name = unquote(key.partition(":")[2])
        if key.startswith(SURFACE):
            named[name] = _facets(mesh, [np.flatnonzero(v) for v in values])
            continue
        regions[name] = int(max(v.max(initial=0) for v in values)) or int(min(v.min(initial=0) for v in values))
        for i, v in enumerate(values):
            numbers[i] = np.where(v != 0, v, numbers[i]).astype(np.int32)
    return numbers, regions, named


def _from_sets(
    mesh: Any,
) -> tuple[list[NDArray[Any]] | None, dict[str, int], dict[str, Integers], tuple[str, ...]]:
    """Numbers and names from cell sets: the n-th set has the number n, cells in no set 0; the smaller set wins."""
    sets = {n: s for n, s in mesh.cell_sets.items() if not n.startswith("gmsh:")}
    numbers = [np.zeros(len(block.data), np.int32) for block in mesh.cells]
    facets = {name: _facets(mesh, members) for name, members in sets.items()}
    solids = {}
    for name, members in sets.items():
        pairs = zip(mesh.cells, members, strict=True)
        solids[name] = [
            np.asarray(m if m is not None and DIMENSIONS.get(b.type) == 3 else [], np.int64) for b, m in pairs
        ]
    sizes = {name: sum(map(len, members)) for name, members in solids.items()}
    regions = {name: number for number, name in enumerate(sets, start=1) if sizes[name]}
    for name in sorted(regions, key=lambda name: -sizes[name]):
        for i, member in enumerate(solids[name]):
            numbers[i][member] = regions[name]
    overlap = sum(sizes.values()) > sum(int((values > 0).sum()) for values in numbers)
    notes = ("cell sets overlap: in regions the smaller set wins",) if overlap else ()
    present = {int(n) for values in numbers for n in np.unique(values)}
    named = {name: corners for name, corners in facets.items() if len(corners)}
    kept = {name: number for name, number in regions.items() if number in present}
    return (numbers if kept else None), kept, named, notes
