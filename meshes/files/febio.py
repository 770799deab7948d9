"""FEBio .feb: mesh, surfaces, node sets, and fibers as ``fiber`` or ``mat_axis`` data of elements; read."""

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from fibertwin.errors import InputError, Problem

from .contents import CORNERS, Block, Contents, Floats, Integers
from .text import flat

KINDS = {"tet4": ("tetra", 4), "tet10": ("tetra10", 10), "hex8": ("hexahedron", 8)}
KINDS |= {"hex20": ("hexahedron20", 20), "hex27": ("hexahedron27", 27), "tri3": ("triangle", 3)}
KINDS |= {"tri6": ("triangle6", 6), "quad4": ("quad", 4), "quad8": ("quad8", 8), "quad9": ("quad9", 9)}
VTK_FROM_FEBIO = np.array([*range(20), 23, 21, 20, 22, 24, 25, 26])
"""FEBio goes around a hexahedron's side faces (−y, +x, +y, −x) where VTK pairs them (−x, +x, −y, +y)."""


def read_febio(file: Path) -> Contents:
    """A mesh out of a model of format 2.5, 3 or 4: its parts are the regions, its surfaces and node sets the surfaces.

    Fibers are ``ElementData`` of ``fiber`` or ``mat_axis`` (``a`` is the fiber, ``d`` the sheet direction), or the
    constant vectors of a part's material.

    Format: FEBio User Manual, sections on Mesh, MeshDomains and MeshData (https://help.febio.org).

    Raises:
        InputError: the file is no such model, or names nodes or elements that don't exist.
    """
    root = _root(file)
    mesh = root.find("Mesh") if root.find("Mesh") is not None else root.find("Geometry")
    if mesh is None:
        raise InputError(Problem(str(file), "holds no mesh", wanted="a section Mesh (or Geometry, as of format 2.5)"))
    ids, points = _nodes(mesh, file)
    order = np.argsort(ids, kind="stable")

    def places(numbers: Integers, what: str) -> Integers:
        at = np.minimum(np.searchsorted(ids[order], numbers), len(ids) - 1)
        if (missing := ids[order[at]] != numbers).any():
            got = str(int(numbers[missing][0]))
            raise InputError(Problem(str(file), f"{what} names a node that doesn't exist", got))
        return np.asarray(order[at])

    blocks, parts, numbers = list[Block](), list[str](), list[Integers]()
    regions: dict[str, int] = {}
    for part in mesh.findall("Elements"):
        name = part.get("name") or part.get("mat") or f"part {len(regions) + 1}"
        kind, count = KINDS.get(part.get("type", ""), (part.get("type", ""), 0))
        if count == 0:
            wanted = ", ".join(KINDS)
            raise InputError(Problem(str(file), f"part {name} has elements of an unknown type", kind, wanted))
        cells = places(_rows([e.text for e in part], count, file, f"part {name}"), f"part {name}")
        cells = cells[:, VTK_FROM_FEBIO] if count == 27 else cells
        number = regions.setdefault(name, len(regions) + 1)
        blocks.append(Block(kind, cells, np.full(len(cells), number, np.int32)))
        parts.append(name)
        numbers.append(np.array([int(e.get("id", k + 1)) for k, e in enumerate(part)]))
    if not blocks:
        raise InputError(Problem(str(file), "the mesh has no elements", wanted="Elements"))
    data = _fibers(root, mesh, blocks, parts, numbers, file)
    solid = {parts[k] for k, block in enumerate(blocks) if CORNERS[block.kind] != 3 and "quad" not in block.kind}
    return Contents(
        points,
        tuple(blocks),
        regions={name: number for name, number in regions.items() if name in solid},
        surfaces={name: number for name, number in regions.items() if name not in solid},
        named_facets={
            s.get("name", ""): places(_facets(s, file), f"surface {s.get('name')}") for s in mesh.findall("Surface")
        },
        node_sets={
            s.get("name", ""): places(_listed(s, file), f"node set {s.get('name')}") for s in mesh.findall("NodeSet")
        },
        cell_data=data,
        fibers="f0" if "f0" in data else None,
        sheets="s0" if "s0" in data else None,
    )


def _root(file: Path) -> ET.Element:
    try:
        root = ET.parse(file).getroot()
    except ET.ParseError as error:
        raise InputError(Problem(str(file), "can't be read as a FEBio model", str(error), "well-formed XML")) from error
    except OSError as error:
        raise InputError(Problem(str(file), f"can't be read: {error.strerror}")) from error
    if root.tag != "febio_spec":
        raise InputError(Problem(str(file), "is no FEBio model", f"<{root.tag}>", "<febio_spec>"))
    return root


def _nodes(mesh: ET.Element, file: Path) -> tuple[Integers, Floats]:
    entries = [node for part in mesh.findall("Nodes") for node in part]
    if not entries:
        raise InputError(Problem(str(file), "the mesh has no nodes", wanted="Nodes"))
    points = _numbers([node.text for node in entries], float, 3, file, "nodes")
    return np.array([int(node.get("id", k + 1)) for k, node in enumerate(entries)]), points


def _numbers(texts: list[str | None], kind: type, width: int, file: Path, what: str) -> Floats:
    """Rows of so many numbers between commas, one for each text."""
    numbers = flat(",".join(text or "" for text in texts), kind, file, what, ",")
    if numbers.size != width * len(texts):
        got, wanted = f"{numbers.size} numbers in {len(texts)} rows", f"{width} numbers in each"
        raise InputError(Problem(str(file), f"{what}: rows are cut short, or too long", got, wanted))
    return np.asarray(numbers.reshape(-1, width))


def _rows(texts: list[str | None], width: int, file: Path, what: str) -> Integers:
    return _numbers(texts, int, width, file, what).astype(np.int64)


def _facets(surface: ET.Element, file: Path) -> Integers:
    """Corners of a surface's facets."""
    name = f"surface {surface.get('name')}"
    kinds = {facet.tag for facet in surface}
    if len(kinds) != 1 or not kinds <= {"tri3", "tri6", "quad4", "quad8", "quad9"}:
        got = ", ".join(sorted(kinds)) or "no facets"
        raise InputError(Problem(str(file), f"{name} is not of triangles alone or quadrilaterals alone", got))
    kind, count = KINDS[kinds.pop()]
    return _rows([facet.text for facet in surface], count, file, name)[:, : CORNERS[kind]]


def _listed(entries: ET.Element, file: Path) -> Integers:
    """The numbers of a set: a list (format 4), or one element with an id for each (before)."""
    if len(entries):
        return np.array([int(entry.get("id", 0)) for entry in entries])
    return flat((entries.text or "").strip(), int, file, f"{entries.tag} {entries.get('name')}", ",")


def _fibers(
    root: ET.Element, mesh: ET.Element, blocks: list[Block], parts: list[str], numbers: list[Integers], file: Path
) -> dict[str, tuple[Floats, ...]]:
    """Fibers, and sheets if any element has one, by block; zero where the file has none."""
    sizes = [len(block.nodes) for block in blocks]
    axes = np.zeros((sum(sizes), 2, 3))
    starts = np.cumsum([0, *sizes])
    known = {
        name: np.concatenate([np.arange(starts[k], starts[k + 1]) for k, n in enumerate(parts) if n == name])
        for name in parts
    }
    whole = np.concatenate(numbers)
    order = np.argsort(whole, kind="stable")
    for entry in mesh.findall("ElementSet"):
        listed = _listed(entry, file)
        at = order[np.minimum(np.searchsorted(whole[order], listed), len(whole) - 1)]
        known.setdefault(entry.get("name", ""), at)
    _constant(root, known, axes)
    for data in root.findall("MeshData/ElementData"):
        kind = data.get("type") or data.get("var")
        if kind in ("fiber", "mat_axis"):
            _varying(data, kind, known, axes, file)
    if not axes.any():
        return {}
    pairs = {"f0": axes[:, 0], "s0": axes[:, 1]} if axes[:, 1].any() else {"f0": axes[:, 0]}
    return {name: tuple(np.split(vectors, starts[1:-1])) for name, vectors in pairs.items()}


def _constant(root: ET.Element, known: dict[str, Integers], axes: Floats) -> None:
    """Put in the constant vectors of the parts' materials."""
    materials = {material.get("name"): material for material in root.findall("Material/material")}
    for domain in root.findall("MeshDomains/SolidDomain"):
        material, at = materials.get(domain.get("mat")), known.get(domain.get("name", ""))
        if material is None or at is None:
            continue
        for place, path in ((0, "fiber"), (0, "mat_axis/a"), (1, "mat_axis/d")):
            found = material.find(f".//{path}")
            if found is not None and (found.get("type") in (None, "vector")) and found.text and "," in found.text:
                axes[at, place] = [float(word) for word in found.text.split(",")]


def _varying(data: ET.Element, kind: str, known: dict[str, Integers], axes: Floats, file: Path) -> None:
    """Put in the vectors of an ElementData; ``lid`` counts from 1 in its element set."""
    name = data.get("elem_set", "")
    at, what = known.get(name), f"ElementData {kind} of {name}"
    if at is None:
        got, wanted = name, f"one of: {', '.join(known)}"
        raise InputError(Problem(str(file), f"ElementData {kind} names a set that doesn't exist", got, wanted))
    places = np.array([int(entry.get("lid", k + 1)) for k, entry in enumerate(data)], np.int64) - 1
    if len(places) and (places.min() < 0 or places.max() >= len(at)):
        got, wanted = f"element {int(places.max()) + 1}", f"1 to {len(at)}"
        raise InputError(Problem(str(file), f"{what} goes beyond its set", got, wanted))
    if kind == "fiber":
        axes[at[places], 0] = _numbers([entry.text for entry in data], float, 3, file, what)
        return
    for place, tag in enumerate("ad"):
        axes[at[places], place] = _numbers([entry.findtext(tag) for entry in data], float, 3, file, what)
