"""XDMF with a grid for the mesh and grids for its tags, as DOLFINx and the old DOLFIN write it."""

import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.surfaces.surface import MESHING

from .contents import DIMENSIONS, Block, Contents, keys
from .text import flat

KINDS = {"tetrahedron": "tetra", "triangle": "triangle", "hexahedron": "hexahedron", "quadrilateral": "quad"}
KINDS |= {"tetrahedron_10": "tetra10", "tet_10": "tetra10", "triangle_6": "triangle6", "tri_6": "triangle6"}

UNSET = np.iinfo(np.uint64).max
"""What the old DOLFIN writes for a facet that was given no number."""


def grids_of(file: Path) -> list[ET.Element]:
    """The uniform grids of an XDMF file; none where it is no XML."""
    try:
        root = ET.parse(file).getroot()
    except (ET.ParseError, OSError):
        return []
    return [grid for grid in root.iter("Grid") if grid.get("GridType", "Uniform").lower() == "uniform"]


def read_grids(file: Path, grids: list[ET.Element]) -> Contents:
    """Points and cells of the first grid with cells in space; other grids number its cells or its facets.

    Cells are matched by their nodes, as a grid of tags may list some of them only; the others get number 0.

    Raises:
        InputError: no grid has cells in space, or data are missing or too few.
    """
    pieces = [(grid, *_topology(grid, file)) for grid in grids]
    solid = [piece for piece in pieces if DIMENSIONS.get(piece[1]) == 3]
    if not solid:
        raise InputError(Problem(str(file), "no grid has tetrahedra or hexahedra", ", ".join(p[1] for p in pieces)))
    grid, kind, cells = solid[0]
    item = grid.find("Geometry/DataItem")
    if item is None:
        raise InputError(Problem(str(file), "the mesh's grid has no points", wanted="Geometry"))
    points = np.asarray(_data(item, file), dtype=np.float64)
    values, facets = None, list[Block]()
    for other, shape, nodes in pieces:
        for attribute in other.findall("Attribute"):
            item = attribute.find("DataItem")
            if item is None or attribute.get("Center") != "Cell":
                continue
            found = np.asarray(_data(item, file)).ravel()
            if len(found) != len(nodes):
                continue
            if DIMENSIONS.get(shape) == 2:
                unset = found == UNSET if found.dtype.kind == "u" else np.zeros(len(found), dtype=bool)
                facets.append(Block(shape, nodes[~unset], found[~unset].astype(np.int32)))
            elif shape == kind and values is None:
                values = _matched(cells, nodes, found.astype(np.int32))
    return Contents(points, (Block(kind, cells, values), *facets))


def _matched(cells: NDArray[np.int64], nodes: NDArray[np.int64], found: NDArray[np.int32]) -> NDArray[np.int32] | None:
    """Numbers of all cells (n,) from those of some (m,), 0 for the others; ``None`` where none is among them."""
    listed, order = keys(nodes), np.argsort(keys(nodes), kind="stable")
    wanted = keys(cells)
    at = np.minimum(np.searchsorted(listed[order], wanted), len(listed) - 1)
    same = listed[order[at]] == wanted
    return np.where(same, found[order[at]], 0).astype(np.int32) if same.any() else None


def _topology(grid: ET.Element, file: Path) -> tuple[str, NDArray[np.int64]]:
    topology = grid.find("Topology")
    item = None if topology is None else topology.find("DataItem")
    if topology is None or item is None:
        return "no cells", np.zeros((0, 0), np.int64)
    kind = (topology.get("TopologyType") or topology.get("Type") or "").lower()
    return KINDS.get(kind, kind), np.asarray(_data(item, file), dtype=np.int64)


def _data(item: ET.Element, file: Path) -> NDArray[Any]:
    """The numbers of a DataItem, in their shape."""
    shape = [int(n) for n in re.findall(r"\d+", item.get("Dimensions", ""))]
    text = (item.text or "").strip()
    if item.get("Format", "XML").upper() != "HDF":
        found = flat(text, float, file, "data")
        if found.size != np.prod(shape):
            raise InputError(Problem(str(file), "data are cut short", f"{found.size} numbers", f"{shape}"))
        return found.reshape(shape)
    name, _, path = text.rpartition(":")
    try:
        import h5py
    except ImportError as error:
        raise InputError(Problem("h5py", "is needed to read HDF5 data", str(error), hint=MESHING)) from error
    source = file.parent / name
    try:
        with h5py.File(source, "r") as data:
            return np.asarray(data[path]).reshape(shape)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(Problem(str(source), f"holds no data {path}", str(error))) from error
