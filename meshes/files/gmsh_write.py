"""Gmsh .msh of format 4.1 or 2.2, written: a physical group for each region and surface, fibers as data."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from .contents import Floats, Integers
from .export import Export

TYPES = {"tetra": 4, "hexahedron": 5, "tetra10": 11, "hexahedron27": 12}
TYPES |= {"triangle": 2, "quad": 3, "triangle6": 9, "quad9": 10}
TETRA10 = np.array([0, 1, 2, 3, 4, 5, 6, 7, 9, 8])
HEXAHEDRON27 = np.array([*range(9), 11, 16, 9, 17, 10, 18, 19, 12, 15, 13, 14, 24, 22, 20, 21, 23, 25, 26])
"""gmsh's order of nodes, by VTK's (gmsh reference manual, Node ordering)."""

Group = tuple[int, int, tuple[int, ...], Integers, str]
"""Dimension, entity, physical groups, element rows in gmsh's order, and meshio's kind."""


def write_gmsh(file: Path, export: Export, version: str = "4.1") -> tuple[str, ...]:
    """Write a mesh as text; cells come region by region.

    Format: gmsh reference manual, MSH file format (https://gmsh.info/doc/texinfo/gmsh.html).

    Returns:
        what the format has no room for.
    """
    groups, order = _groups(export)
    notes = () if min(export.regions.values(), default=1) > 0 else ("regions are numbered anew: gmsh counts from 1",)
    shared = [group for group in groups if len(group[2]) > 1]
    with file.open("w", encoding="utf-8") as out:
        out.write(f"$MeshFormat\n{version} 0 8\n$EndMeshFormat\n")
        _names(out, export)
        if version == "4.1":
            _entities(out, groups, export.points)
            _nodes(out, export.points, groups[-1][1])
            _elements(out, groups)
        else:
            _old_style(out, export.points, groups)
            if shared:
                count = sum(len(group[3]) for group in shared)
                notes = (
                    *notes,
                    f"{count} facets belong to several surfaces and stand there for each, as format 2.2 has it",
                )
        repeats = sum((len(group[2]) - 1) * len(group[3]) for group in shared) if version != "4.1" else 0
        facets = sum(len(group[3]) for group in groups if group[0] == 2) + repeats
        for name, axes in (("f0", export.fibers), ("s0", export.sheets)):
            if axes is not None:
                _data(out, name, axes[order], facets + 1)
    return notes


def _numbers(export: Export) -> dict[str, int]:
    """Physical numbers of the regions, above zero."""
    least = min(export.regions.values(), default=1)
    return {name: number if least > 0 else number - least + 1 for name, number in export.regions.items()}


def _groups(export: Export) -> tuple[list[Group], Integers]:
    """Facets by the surfaces that they share, then cells by region, and the order that brings cells into."""
    groups: list[Group] = []
    places, belongs = export.each_facet
    if len(places):
        combinations, which = np.unique(belongs, axis=0, return_inverse=True)
        for k, combination in enumerate(combinations):
            numbers = tuple(int(n) + 1 for n in np.flatnonzero(combination))
            groups.append((2, k + 1, numbers, export.nodes_of(places[which.ravel() == k]), export.facet_kind))
    members = {name: np.flatnonzero(export.values == number) for name, number in export.regions.items()}
    cells = export.cells
    if export.kind in ("tetra10", "hexahedron27"):
        cells = cells[:, TETRA10 if export.kind == "tetra10" else HEXAHEDRON27]
    for k, (name, number) in enumerate(_numbers(export).items(), start=1):
        groups.append((3, k, (number,), cells[members[name]], export.kind))
    return groups, np.concatenate(list(members.values()))


def _names(out: TextIO, export: Export) -> None:
    names = [(2, number, name) for number, name in enumerate(export.surfaces, start=1)]
    names += [(3, number, name) for name, number in _numbers(export).items()]
    out.write(f"$PhysicalNames\n{len(names)}\n")
    out.writelines(f'{dimension} {number} "{name}"\n' for dimension, number, name in names)
    out.write("$EndPhysicalNames\n")


def _entities(out: TextIO, groups: list[Group], points: Floats) -> None:
    """One discrete entity for each group, with the box around its points."""
    counts = [sum(group[0] == dimension for group in groups) for dimension in (2, 3)]
    out.write(f"$Entities\n0 0 {counts[0]} {counts[1]}\n")
    for _, entity, numbers, rows, _ in groups:
        x = points[np.unique(rows)]
        box = " ".join(f"{value:.17g}" for value in (*x.min(axis=0), *x.max(axis=0)))
        out.write(f"{entity} {box} {len(numbers)} {' '.join(map(str, numbers))} 0\n")
    out.write("$EndEntities\n")


def _nodes(out: TextIO, points: Floats, entity: int) -> None:
    count = len(points)
    out.write(f"$Nodes\n1 {count} 1 {count}\n3 {entity} 0 {count}\n")
    np.savetxt(out, np.arange(1, count + 1), fmt="%d")
    np.savetxt(out, points, fmt="%.17g")
    out.write("$EndNodes\n")


def _elements(out: TextIO, groups: list[Group]) -> None:
    count = sum(len(group[3]) for group in groups)
    out.write(f"$Elements\n{len(groups)} {count} 1 {count}\n")
    start = 1
    for dimension, entity, _, rows, kind in groups:
        out.write(f"{dimension} {entity} {TYPES[kind]} {len(rows)}\n")
        np.savetxt(out, np.column_stack([np.arange(start, start + len(rows)), rows + 1]), fmt="%d")
        start += len(rows)
    out.write("$EndElements\n")


def _old_style(out: TextIO, points: Floats, groups: list[Group]) -> None:
    """Nodes and elements of format 2.2; a facet of several surfaces stands there once for each."""
    out.write(f"$Nodes\n{len(points)}\n")
    np.savetxt(out, np.column_stack([np.arange(1, len(points) + 1), points]), fmt="%d %.17g %.17g %.17g")
    count = sum(len(group[3]) * len(group[2]) for group in groups)
    out.write(f"$EndNodes\n$Elements\n{count}\n")
    start = 1
    for entity, number, rows, kind in _single(groups):
        tags = np.tile([TYPES[kind], 2, number, entity], (len(rows), 1))
        np.savetxt(out, np.column_stack([np.arange(start, start + len(rows)), tags, rows + 1]), fmt="%d")
        start += len(rows)
    out.write("$EndElements\n")


def _single(groups: list[Group]) -> Iterator[tuple[int, int, Integers, str]]:
    for _, entity, numbers, rows, kind in groups:
        for number in numbers:
            yield entity, number, rows, kind


def _data(out: TextIO, name: str, vectors: Floats, start: int) -> None:
    """Vectors of the elements from a number on."""
    out.write(f'$ElementData\n1\n"{name}"\n1\n0\n3\n0\n3\n{len(vectors)}\n')
    np.savetxt(out, np.column_stack([np.arange(start, start + len(vectors)), vectors]), fmt="%d %.17g %.17g %.17g")
    out.write("$EndElementData\n")
