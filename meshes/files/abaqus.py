"""Abaqus .inp as it stands: keywords, nodes, elements, sets, surfaces and axes, before anything is looked up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fibertwin.errors import InputError, Problem

from .contents import Floats, Integers
from .text import flat, read_text

SOLIDS = {"C3D4": ("tetra", 4), "C3D10": ("tetra10", 10), "C3D8": ("hexahedron", 8), "C3D20": ("hexahedron20", 20)}
SHELLS = {"S3": ("triangle", 3), "M3D3": ("triangle", 3), "R3D3": ("triangle", 3), "STRI3": ("triangle", 3)}
SHELLS |= {"SFM3D3": ("triangle", 3), "STRI65": ("triangle6", 6), "SFM3D6": ("triangle6", 6), "M3D6": ("triangle6", 6)}
SHELLS |= {"S4": ("quad", 4), "M3D4": ("quad", 4), "R3D4": ("quad", 4), "SFM3D4": ("quad", 4), "S8": ("quad8", 8)}
OTHERS = {"C3D5": 5, "C3D6": 6, "C3D15": 15, "C3D27": 27, "T3D2": 2, "B31": 2, "T3D3": 3, "B32": 3}
"""Elements that are recognised, to be named in a message or left out, by their number of nodes."""

Members = list["Integers | str"]
"""What the lines of a set name: numbers, and names of other sets."""


@dataclass
class Input:
    """What an input file says.

    Attributes:
        ids: numbers of the nodes, by block.
        points: their coordinates, by block.
        elements: meshio's kind, and rows of number and nodes, by block.
        element_sets: their members by name; names in upper case.
        node_sets: likewise.
        surfaces: type and words of each line, by name.
        sections: element sets of solid sections, in their order.
        internal: element sets that Abaqus/CAE made for itself.
        axes: rows of element number and axes, by distribution.
        spelled: how names are written, by the name in upper case.
        parts: number of parts.
    """

    ids: list[Integers] = field(default_factory=list)
    points: list[Floats] = field(default_factory=list)
    elements: list[tuple[str, Integers]] = field(default_factory=list)
    element_sets: dict[str, Members] = field(default_factory=dict)
    node_sets: dict[str, Members] = field(default_factory=dict)
    surfaces: dict[str, tuple[str, list[list[str]]]] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)
    internal: set[str] = field(default_factory=set)
    axes: list[Floats] = field(default_factory=list)
    spelled: dict[str, str] = field(default_factory=dict)
    parts: int = 0

    def named(self, text: str) -> str:
        """A name as it is looked up: without quotes or part, in upper case; its spelling is remembered."""
        plain = text.strip().strip('"').rpartition(".")[2]
        self.spelled.setdefault(plain.upper(), plain)
        return plain.upper()


def read_input(file: Path) -> Input:
    """Read an input file and those that it includes.

    Raises:
        InputError: it can't be read, or its numbers don't add up.
    """
    found = Input()
    for keyword, words, lines in _keywords(file):
        if keyword == "PART":
            found.parts += 1
        elif keyword == "NODE":
            _nodes(found, file, words, lines)
        elif keyword == "ELEMENT":
            _elements(found, file, words, lines)
        elif keyword in ("NSET", "ELSET"):
            name = found.named(words.get(keyword, ""))
            into = found.node_sets if keyword == "NSET" else found.element_sets
            into.setdefault(name, []).extend(_members(found, file, words, lines))
            if "INTERNAL" in words:
                found.internal.add(name)
        elif keyword == "SURFACE":
            kind = words.get("TYPE", "ELEMENT").upper()
            rows = [[word.strip() for word in line.split(",")] for line in lines]
            found.surfaces[found.named(words.get("NAME", ""))] = (kind, rows)
        elif keyword == "SOLID SECTION":
            found.sections.append(found.named(words.get("ELSET", "")))
        elif keyword == "DISTRIBUTION" and words.get("LOCATION", "ELEMENT").upper() == "ELEMENT":
            _distribution(found, file, lines)
    return found


def _keywords(file: Path) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """Each keyword in upper case, its parameters by their names in upper case, and its data lines."""
    keyword, words, lines, opened = "", dict[str, str](), list[str](), False
    for line in read_text(file).splitlines():
        if line.startswith("**") or not line.strip():
            continue
        if not line.startswith("*"):
            if opened:  # a keyword line that ends with a comma goes on
                words |= _parameters(line)
                opened = line.rstrip().endswith(",")
            else:
                lines.append(line)
            continue
        if keyword:
            yield keyword, words, lines
        first, _, rest = line[1:].partition(",")
        keyword, words, lines = " ".join(first.upper().split()), _parameters(rest), []
        opened = line.rstrip().endswith(",")
        if keyword == "INCLUDE":
            yield from _keywords(file.parent / words.get("INPUT", ""))
            keyword = ""
    if keyword:
        yield keyword, words, lines


def _parameters(text: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in text.split(",") if word.strip())
    return {name.strip().upper(): value.strip() for name, _, value in pairs}


def _rows(file: Path, lines: list[str], width: int, what: str) -> Floats:
    """Numbers of the lines (n, width); a row may go on over several lines."""
    numbers = flat(",".join(line.strip().rstrip(",") for line in lines), float, file, what, ",")
    if numbers.size % width:
        got, wanted = f"{numbers.size} numbers", f"{width} for each"
        raise InputError(Problem(str(file), f"{what} are cut short", got, wanted))
    return np.asarray(numbers.reshape(-1, width))


def _nodes(found: Input, file: Path, words: Mapping[str, str], lines: list[str]) -> None:
    rows = _rows(file, lines, 4, "nodes")
    found.ids.append(rows[:, 0].astype(np.int64))
    found.points.append(rows[:, 1:])
    if "NSET" in words:
        found.node_sets.setdefault(found.named(words["NSET"]), []).append(found.ids[-1])


def _elements(found: Input, file: Path, words: Mapping[str, str], lines: list[str]) -> None:
    kind = words.get("TYPE", "").upper()
    known = SOLIDS | SHELLS | {name: (name, nodes) for name, nodes in OTHERS.items()}
    name = next((n for n in sorted(known, key=len, reverse=True) if kind.startswith(n)), None)
    if name is None or kind[len(name) :].strip("RHIMTPS5") != "":
        wanted = ", ".join([*SOLIDS, *SHELLS])
        raise InputError(Problem(str(file), "holds elements of an unknown type", kind or "none", wanted))
    shape, nodes = known[name]
    rows = _rows(file, lines, 1 + nodes, f"elements of type {kind}").astype(np.int64)
    found.elements.append((shape, rows))
    if "ELSET" in words:
        found.element_sets.setdefault(found.named(words["ELSET"]), []).append(rows[:, 0])


def _members(found: Input, file: Path, words: Mapping[str, str], lines: list[str]) -> Members:
    """What the lines of a set name: numbers, ranges with GENERATE, other sets."""
    if "GENERATE" in words:
        made: Members = []
        for line in lines:
            ends = flat(line.strip().rstrip(","), int, file, "a generated set", ",")
            if ends.size not in (2, 3) or (ends.size == 3 and ends[2] < 1):
                wanted = "first, last and step"
                raise InputError(Problem(str(file), "a generated set is not a range", line.strip(), wanted))
            made.append(np.arange(ends[0], ends[1] + 1, ends[2] if ends.size == 3 else 1))
        return made
    texts = [word.strip() for line in lines for word in line.split(",") if word.strip()]
    numbers = np.array([int(word) for word in texts if word.lstrip("-").isdigit()], np.int64)
    return [numbers, *(found.named(word) for word in texts if not word.lstrip("-").isdigit())]


def _distribution(found: Input, file: Path, lines: list[str]) -> None:
    """Axes of elements; the first line, without a number, is what the other elements get."""
    rows = [line for line in lines if line.split(",")[0].strip()]
    if rows and len([word for word in rows[0].split(",") if word.strip()]) == 7:
        found.axes.append(_rows(file, rows, 7, "a distribution's axes"))
