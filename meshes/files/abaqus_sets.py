"""Abaqus .inp, looked up: sets become regions, surfaces and fibers."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .abaqus import Input, read_input
from .contents import CORNERS, DIMENSIONS, FACES, Block, Contents, Floats, Integers


def read_abaqus(file: Path) -> Contents:
    """A mesh with its sets.

    Regions are the element sets of solid sections or, without sections, all those that hold solid elements; where they
    overlap the smaller one wins. Surfaces are ``*SURFACE`` of elements or nodes, element sets of shells or membranes,
    and node sets. Fibers come from ``*DISTRIBUTION, LOCATION=ELEMENT``: the first axis is the fiber, the second the
    sheet direction. Numbered element faces S1, S2 … come in the order of ``FACES``.

    Format: Abaqus Keywords Reference Guide, *ELEMENT, *ELSET, *NSET, *SURFACE, *DISTRIBUTION.

    Raises:
        InputError: the file can't be read, or a set or surface names what doesn't exist.
    """
    said = read_input(file)
    if not said.points or not said.elements:
        raise InputError(Problem(str(file), "holds no nodes, or no elements", wanted="*NODE and *ELEMENT"))
    return _Model(said, file).contents()


def _ranked(numbers: Integers) -> tuple[Integers, Integers]:
    order = np.argsort(numbers, kind="stable")
    return numbers[order], order


def _places(numbers: Integers, among: tuple[Integers, Integers]) -> Integers:
    """Where numbers stand, −1 for those that don't exist."""
    ordered, order = among
    at = np.minimum(np.searchsorted(ordered, numbers), len(ordered) - 1)
    return np.asarray(np.where(ordered[at] == numbers, order[at], -1))


@dataclass(frozen=True, eq=False)
class _Model:
    said: Input
    file: Path

    @cached_property
    def nodes(self) -> tuple[Integers, Integers]:
        """Node numbers in order, and where each stands."""
        ordered, order = _ranked(np.concatenate(self.said.ids))
        self._require_distinct(ordered, "nodes")
        return ordered, order

    @cached_property
    def elements(self) -> tuple[Integers, Integers]:
        """Element numbers in order, and where each stands in all blocks together."""
        ordered, order = _ranked(np.concatenate([rows[:, 0] for _, rows in self.said.elements]))
        self._require_distinct(ordered, "elements")
        return ordered, order

    @cached_property
    def blocks(self) -> list[Block]:
        return [Block(kind, self._node_places(rows[:, 1:], "an element")) for kind, rows in self.said.elements]

    @cached_property
    def starts(self) -> Integers:
        """Where each block starts in all blocks together, and where the last ends."""
        return np.cumsum([0, *(len(block.nodes) for block in self.blocks)])

    @cached_property
    def solid(self) -> NDArray[np.bool_]:
        """Whether each element fills space."""
        return np.concatenate([np.full(len(b.nodes), DIMENSIONS.get(b.kind) == 3) for b in self.blocks])

    def contents(self) -> Contents:
        """Everything that is read."""
        values, regions, notes = self._regions()
        surfaces = {name: self._surface(name) for name in self.said.surfaces}
        sheets = {name: self._shells(name) for name in self.said.element_sets if name not in self.said.internal}
        node_sets = {
            name: self._node_places(self._resolved(self.said.node_sets, name, "*NSET"), f"*NSET {self._spelled(name)}")
            for name in self.said.node_sets
            if name not in surfaces
        }
        named = surfaces | {name: facets for name, facets in sheets.items() if len(facets) and name not in surfaces}
        data = self._axes()
        return Contents(
            np.concatenate(self.said.points),
            tuple(
                Block(b.kind, b.nodes, values[start:end] if regions and DIMENSIONS.get(b.kind) == 3 else None)
                for b, start, end in zip(self.blocks, self.starts, self.starts[1:], strict=False)
            ),
            regions=regions,
            named_facets={self._spelled(name): facets for name, facets in named.items()},
            node_sets={self._spelled(name): at for name, at in node_sets.items() if name not in named},
            cell_data=data,
            fibers="f0" if data else None,
            sheets="s0" if data else None,
            notes=notes,
        )

    def _regions(self) -> tuple[NDArray[np.int32], dict[str, int], tuple[str, ...]]:
        """Region number of every element, names of the numbers, and what was noticed."""
        names = list(dict.fromkeys(self.said.sections)) or [
            name for name in self.said.element_sets if name not in self.said.internal and not name.startswith("_")
        ]
        sets = {name: self._members(name, "*SOLID SECTION") for name in names}
        sets = {name: at[self.solid[at]] for name, at in sets.items()}
        sets = {name: at for name, at in sets.items() if len(at)}
        values = np.zeros(len(self.solid), np.int32)
        painted = sorted(sets, key=lambda name: -len(sets[name]))
        numbers = {name: number for number, name in enumerate(sets, start=1)}
        for name in painted:
            values[sets[name]] = numbers[name]
        notes = []
        if sum(len(at) for at in sets.values()) > int((values > 0).sum()):
            notes.append("element sets overlap: in regions the smaller set wins")
        present = set(np.unique(values).tolist())
        return values, {self._spelled(n): k for n, k in numbers.items() if k in present}, tuple(notes)

    def _surface(self, name: str) -> Integers:
        """Corners (k, 3 or 4) of a *SURFACE's facets."""
        kind, rows = self.said.surfaces[name]
        if kind == "NODE":
            at = np.unique(np.concatenate([self._surface_nodes(row[0], name) for row in rows]))
            return self._faces_within(at)
        if kind != "ELEMENT":
            what = f"*SURFACE {self._spelled(name)} is of a type that is not read"
            raise InputError(Problem(str(self.file), what, kind, "ELEMENT or NODE"))
        parts = [self._sides(row, name) for row in rows]
        return np.concatenate(parts) if parts else np.zeros((0, 3), np.int64)

    def _sides(self, row: list[str], name: str) -> Integers:
        """The facets that one line of a surface names: elements or a set, and one of their faces."""
        side = row[1].upper() if len(row) > 1 else ""
        if row[0].isdigit():
            at = _places(np.array([int(row[0])]), self.elements)
        else:
            at = self._members(row[0], f"*SURFACE {self._spelled(name)}")
        if (at < 0).any():
            what = f"*SURFACE {self._spelled(name)} names an element that doesn't exist"
            raise InputError(Problem(str(self.file), what, row[0]))
        found = []
        for block, start, end in zip(self.blocks, self.starts, self.starts[1:], strict=False):
            nodes = block.nodes[at[(at >= start) & (at < end)] - start]
            if len(nodes) == 0:
                continue
            if DIMENSIONS.get(block.kind) == 2:
                found.append(nodes[:, : CORNERS[block.kind]])
                continue
            table = FACES.get(CORNERS.get(block.kind, 0), np.zeros((0, 3), np.int64))
            number = int(side[1:]) if side[:1] == "S" and side[1:].isdigit() else 0
            if not 1 <= number <= len(table):
                what = f"*SURFACE {self._spelled(name)} names a face that elements don't have"
                raise InputError(Problem(str(self.file), what, ", ".join(row), f"S1 to S{len(table)}"))
            found.append(nodes[:, table[number - 1]])
        return np.concatenate(found) if found else np.zeros((0, 3), np.int64)

    def _shells(self, name: str) -> Integers:
        """Corners of the shells and membranes in an element set."""
        at = self._members(name, "*ELSET")
        found = []
        for block, start, end in zip(self.blocks, self.starts, self.starts[1:], strict=False):
            if DIMENSIONS.get(block.kind) == 2:
                found.append(block.nodes[at[(at >= start) & (at < end)] - start, : CORNERS[block.kind]])
        return np.concatenate(found) if found else np.zeros((0, 3), np.int64)

    def _surface_nodes(self, word: str, name: str) -> Integers:
        what = f"*SURFACE {self._spelled(name)}"
        if word.isdigit():
            return self._node_places(np.array([int(word)]), what)
        return self._node_places(self._resolved(self.said.node_sets, self.said.named(word), what), what)

    def _faces_within(self, nodes: Integers) -> Integers:
        """Faces of solid elements whose corners are all among the nodes, each once."""
        marked = np.zeros(len(self.nodes[0]), dtype=bool)
        marked[nodes] = True
        found = []
        for block in self.blocks:
            if DIMENSIONS.get(block.kind) == 3:
                faces = block.nodes[:, FACES[CORNERS[block.kind]]]
                found.append(faces[marked[faces].all(axis=2)])
        facets = np.concatenate(found)
        _, first = np.unique(np.sort(facets, axis=1), axis=0, return_index=True)
        return facets[np.sort(first)]

    def _axes(self) -> dict[str, tuple[Floats, ...]]:
        """Fibers and sheets of all blocks, zero where the file has none."""
        if not self.said.axes:
            return {}
        rows = np.concatenate(self.said.axes)
        at = _places(rows[:, 0].astype(np.int64), self.elements)
        whole = np.zeros((len(self.solid), 6))
        whole[at[at >= 0]] = rows[at >= 0, 1:]
        cuts = self.starts[1:-1]
        return {"f0": tuple(np.split(whole[:, :3], cuts)), "s0": tuple(np.split(whole[:, 3:], cuts))}

    def _members(self, name: str, what: str) -> Integers:
        """Places of a set's elements in all blocks together; those that don't exist are left out."""
        at = _places(self._resolved(self.said.element_sets, self.said.named(name), what), self.elements)
        return np.unique(at[at >= 0])

    def _resolved(self, sets: dict[str, list[Integers | str]], name: str, what: str) -> Integers:
        """The numbers that a set names, through the sets that it names."""
        if name not in sets:
            known = ", ".join(map(self._spelled, sets)) or "none"
            raise InputError(
                Problem(
                    str(self.file), f"{what} names a set that doesn't exist", self._spelled(name), f"one of: {known}"
                )
            )
        parts = [
            part if not isinstance(part, str) else self._resolved(sets, part, what)
            for part in sets[name]
            if not isinstance(part, str) or part != name
        ]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def _node_places(self, numbers: Integers, what: str) -> Integers:
        at = _places(numbers, self.nodes)
        if (at < 0).any():
            got = str(int(numbers[at < 0][0]))
            raise InputError(Problem(str(self.file), f"{what} names a node that doesn't exist", got))
        return at

    def _require_distinct(self, ordered: Integers, what: str) -> None:
        same = np.flatnonzero(np.diff(ordered) == 0)
        if len(same):
            parts = self.said.parts > 1
            sentence = f"several parts number their {what} alike" if parts else f"several {what} have the same number"
            hint = "merge the parts into one" if parts else ""
            raise InputError(Problem(str(self.file), sentence, str(int(ordered[same[0]])), hint=hint))

    def _spelled(self, name: str) -> str:
        return self.said.spelled.get(name.upper(), name)
