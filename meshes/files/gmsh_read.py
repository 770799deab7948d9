"""Gmsh .msh as text, formats 2 and 4.1: physical groups, also overlapping, and data of some elements only."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .contents import CORNERS, DIMENSIONS, Block, Contents, Floats, Integers
from .gmsh_write import HEXAHEDRON27, TETRA10, TYPES
from .text import flat, read_text

KINDS = {number: kind for kind, number in TYPES.items()} | {17: "hexahedron20", 16: "quad8"}
KINDS |= {15: "vertex", 1: "line", 8: "line3", 6: "wedge", 7: "pyramid"}
NODES = {4: 4, 5: 8, 11: 10, 12: 27, 2: 3, 3: 4, 9: 6, 10: 9, 17: 20, 16: 8, 15: 1, 1: 2, 8: 3, 6: 6, 7: 5}
"""Kinds of elements and their nodes by gmsh's numbers."""

ORDERS = {"tetra10": TETRA10, "hexahedron27": np.argsort(HEXAHEDRON27), "hexahedron20": np.argsort(HEXAHEDRON27[:20])}
"""Where VTK's nodes stand in gmsh's elements."""

HEAD = 400
"""Bytes at the beginning of a file in which its format is told."""


@dataclass
class _Groups:
    """Elements by kind: their numbers, nodes and physical groups, part by part."""

    numbers: dict[int, list[Integers]] = field(default_factory=lambda: defaultdict(list))
    nodes: dict[int, list[Integers]] = field(default_factory=lambda: defaultdict(list))
    physical: dict[int, list[tuple[int, tuple[int, ...]]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: int, rows: Integers, physical: tuple[int, ...]) -> None:
        """Rows of number and nodes that belong to the same physical groups."""
        self.numbers[kind].append(rows[:, 0])
        self.nodes[kind].append(rows[:, 1:])
        self.physical[kind].append((len(rows), physical))


def is_text(file: Path) -> bool:
    """Whether a .msh file is of format 2 or 4.1 and of text."""
    with file.open("rb") as opened:
        head = re.search(rb"\$MeshFormat\s+(\S+)\s+(\d)", opened.read(HEAD))
    return head is not None and head[2] == b"0" and (head[1].startswith(b"2") or head[1] == b"4.1")


def read_gmsh(file: Path) -> Contents:
    """A mesh with its physical groups; vectors and scalars of elements and nodes, zero where an element has none.

    Format: gmsh reference manual, MSH file format (https://gmsh.info/doc/texinfo/gmsh.html).

    Raises:
        InputError: a section is missing or cut short, or elements are of a kind that is not known.
    """
    sections = _sections(read_text(file), file)
    if "Nodes" not in sections or "Elements" not in sections:
        what = "has no nodes, or no elements"
        raise InputError(Problem(str(file), what, ", ".join(sections), "$Nodes and $Elements"))
    if sections["MeshFormat"][0].split()[0].startswith("2"):
        numbers, points = _old_nodes(sections["Nodes"][0], file)
        groups = _old_elements(sections["Elements"][0], file)
    else:
        numbers, points = _nodes(sections["Nodes"][0], file)
        groups = _elements(sections["Elements"][0], _entities(sections.get("Entities", [""])[0], file), file)
    return _contents(file, sections, numbers, points, groups)


def _sections(text: str, file: Path) -> dict[str, list[str]]:
    """The text of each section by its name, as often as it occurs."""
    found: dict[str, list[str]] = defaultdict(list)
    for match in re.finditer(r"^\$(?!End)(\w+)\s*?\n(.*?)(?:^\$End(\w+)|\Z)", text, flags=re.MULTILINE | re.DOTALL):
        if match[3] != match[1]:
            raise InputError(Problem(str(file), "can't be read as a mesh: it is cut short", f"${match[1]} has no end"))
        found[match[1]].append(match[2])
    return found


def _contents(file: Path, sections: dict[str, list[str]], ids: Integers, points: Floats, groups: _Groups) -> Contents:
    order = np.argsort(ids, kind="stable")
    names = _names(sections.get("PhysicalNames", [""])[0])
    blocks, elements = [], []
    named: dict[str, list[Integers]] = defaultdict(list)
    present: set[int] = set()
    for number, parts in groups.nodes.items():
        kind, rows = KINDS[number], np.concatenate(parts)
        at = np.minimum(np.searchsorted(ids, rows, sorter=order), len(ids) - 1)
        if (missing := ids[order[at]] != rows).any():
            got = str(int(rows[missing][0]))
            raise InputError(Problem(str(file), "an element names a node that doesn't exist", got))
        nodes = np.asarray(order[at], np.int64)
        nodes = nodes[:, ORDERS[kind]] if kind in ORDERS else nodes
        values = None
        if DIMENSIONS.get(kind) == 3:
            values = _first_groups(groups.physical[number])
            present |= set() if values is None else set(np.unique(values).tolist())
        if DIMENSIONS.get(kind) == 2:
            starts = np.cumsum([0, *(count for count, _ in groups.physical[number])])
            for (count, physical), start in zip(groups.physical[number], starts, strict=False):
                for group in physical:
                    corners = nodes[start : start + count, : CORNERS[kind]]
                    named[names[2].get(group, f"tag {group}")].append(corners)
        blocks.append(Block(kind, nodes, values))
        elements.append(np.concatenate(groups.numbers[number]))
    return Contents(
        points,
        tuple(blocks),
        regions={name: group for group, name in names[3].items() if group in present},
        named_facets={name: np.concatenate(corners) for name, corners in named.items()},
        point_data={n: _at(rows, ids) for n, rows in _data(sections.get("NodeData", []), file).items()},
        cell_data={
            name: tuple(_at(rows, numbers) for numbers in elements)
            for name, rows in _data(sections.get("ElementData", []), file).items()
        },
    )


def _names(text: str) -> dict[int, dict[int, str]]:
    """Names of physical groups by dimension (2 and 3) and number."""
    names: dict[int, dict[int, str]] = {2: {}, 3: {}}
    for line in text.splitlines()[1:]:
        dimension, group, name = line.split(None, 2)
        names.setdefault(int(dimension), {})[int(group)] = name.strip().strip('"')
    return names


def _first_groups(physical: list[tuple[int, tuple[int, ...]]]) -> NDArray[np.int32] | None:
    """The first physical group of each element, 0 where it has none; ``None`` where none has any."""
    if not any(groups for _, groups in physical):
        return None
    return np.repeat([groups[0] if groups else 0 for _, groups in physical], [n for n, _ in physical]).astype(np.int32)


def _at(rows: Floats, numbers: Integers) -> Floats:
    """Data (n, k) of elements or nodes of given numbers from rows of number and values; zero where there are none."""
    order = np.argsort(rows[:, 0], kind="stable")
    at = np.minimum(np.searchsorted(rows[:, 0], numbers, sorter=order), len(rows) - 1)
    found = rows[order[at], 0] == numbers
    values = np.where(found[:, None], rows[order[at], 1:], 0.0)
    return values[:, 0] if values.shape[1] == 1 else values


def _data(texts: list[str], file: Path) -> dict[str, Floats]:
    """Rows of number and values of each $ElementData or $NodeData by its name; the first time step counts."""
    found: dict[str, Floats] = {}
    for text in texts:
        lines = text.splitlines()
        strings = int(lines[0])
        name, at = lines[1].strip().strip('"'), 1 + strings
        at += 1 + int(lines[at])
        _, width, count = (int(word) for word in lines[at + 1 : at + 4])
        at += 1 + int(lines[at])
        values = flat("\n".join(lines[at:]), float, file, f"data {name}")
        if values.size != count * (1 + width):
            got, wanted = f"{values.size} numbers", f"{count} rows of {1 + width}"
            raise InputError(Problem(str(file), f"data {name} are cut short", got, wanted))
        if count:
            found.setdefault(name, values.reshape(count, 1 + width))
    return found


def _old_nodes(text: str, file: Path) -> tuple[Integers, Floats]:
    first, _, rest = text.partition("\n")
    rows = flat(rest, float, file, "nodes")
    if rows.size != 4 * int(first):
        got, wanted = f"{rows.size} numbers", f"{first.strip()} rows of 4"
        raise InputError(Problem(str(file), "can't be read as a mesh: nodes are cut short", got, wanted))
    rows = rows.reshape(-1, 4)
    return rows[:, 0].astype(np.int64), np.ascontiguousarray(rows[:, 1:])


def _old_elements(text: str, file: Path) -> _Groups:
    """Elements of format 2: number, kind, number of tags, physical group, other tags, nodes."""
    lines: dict[tuple[int, int], list[str]] = defaultdict(list)
    for line in text.splitlines()[1:]:
        words = line.split(None, 3)
        lines[int(words[1]), int(words[2])].append(line)
    groups = _Groups()
    for (kind, tags), found in lines.items():
        rows = _rows("\n".join(found), 3 + tags + _nodes_of(kind, file), file)
        physical = rows[:, 3] if tags else np.zeros(len(rows), np.int64)
        for number in np.unique(physical).tolist():
            chosen = rows[physical == number]
            groups.add(kind, np.delete(chosen, np.s_[1 : 3 + tags], axis=1), (number,) if number else ())
    return groups


def _entities(text: str, file: Path) -> dict[tuple[int, int], tuple[int, ...]]:
    """Physical groups of each entity by dimension and number."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    found: dict[tuple[int, int], tuple[int, ...]] = {}
    if not lines:
        return found
    at = 1
    for dimension, count in enumerate(map(int, lines[0])):
        first = 4 if dimension == 0 else 7
        for words in lines[at : at + count]:
            if len(words) <= first:
                raise InputError(Problem(str(file), "can't be read as a mesh: entities are cut short", " ".join(words)))
            groups = words[first + 1 : first + 1 + int(words[first])]
            found[dimension, int(words[0])] = tuple(abs(int(word)) for word in groups)
        at += count
    return found


def _nodes(text: str, file: Path) -> tuple[Integers, Floats]:
    """Nodes of format 4.1, in blocks of numbers and coordinates."""
    lines = text.splitlines()
    numbers, points, at = [], [], 1
    for _ in range(int(lines[0].split()[0])):
        count = int(lines[at].split()[3])
        numbers.append(flat("\n".join(lines[at + 1 : at + 1 + count]), int, file, "node numbers"))
        x = flat("\n".join(lines[at + 1 + count : at + 1 + 2 * count]), float, file, "nodes")
        if count and (numbers[-1].size != count or x.size < 3 * count or x.size % count):
            raise InputError(Problem(str(file), "can't be read as a mesh: nodes are cut short", f"{x.size} numbers"))
        points.append(x.reshape(count, -1)[:, :3] if count else np.zeros((0, 3)))
        at += 1 + 2 * count
    return np.concatenate(numbers), np.concatenate(points)


def _elements(text: str, physical: dict[tuple[int, int], tuple[int, ...]], file: Path) -> _Groups:
    """Elements of format 4.1, in blocks of one entity."""
    lines = text.splitlines()
    groups, at = _Groups(), 1
    for _ in range(int(lines[0].split()[0])):
        dimension, entity, kind, count = map(int, lines[at].split())
        rows = _rows("\n".join(lines[at + 1 : at + 1 + count]), 1 + _nodes_of(kind, file), file)
        groups.add(kind, rows, physical.get((dimension, entity), ()))
        at += 1 + count
    return groups


def _nodes_of(kind: int, file: Path) -> int:
    if kind not in NODES:
        wanted = ", ".join(f"{number} ({KINDS[number]})" for number in NODES)
        raise InputError(Problem(str(file), "holds elements of an unknown type", f"gmsh's type {kind}", wanted))
    return NODES[kind]


def _rows(text: str, width: int, file: Path) -> NDArray[np.int64]:
    rows = flat(text, int, file, "elements")
    if rows.size % width:
        got, wanted = f"{rows.size} numbers", f"rows of {width}"
        raise InputError(Problem(str(file), "can't be read as a mesh: elements are cut short", got, wanted))
    return np.asarray(rows.reshape(-1, width), np.int64)
