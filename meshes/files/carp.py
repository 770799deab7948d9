"""CARP and openCARP: .pts (micrometers), .elem, .lon with fibers and sheets, and a .surf file for each surface."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .contents import Block, Contents, Floats, Integers
from .text import flat, read_text, table

KINDS = {"Tt": ("tetra", 4), "Hx": ("hexahedron", 8)}
OTHERS = {"Py": "pyramid", "Pr": "wedge", "Tr": "triangle", "Qd": "quad", "Ln": "line"}
FACETS = {"Tr": ("triangle", 3), "Qd": ("quad", 4)}
HEXAHEDRON = np.array([0, 1, 2, 3, 4, 7, 6, 5])
"""CARP goes around a hexahedron's upper face the other way than VTK does; the same order leads back."""


def read_carp(file: Path) -> Contents:
    """A mesh by the name of any of its files.

    Format: https://opencarp.org/documentation/user-manual, chapter on mesh file formats.

    Raises:
        InputError: a file is missing, cut short, or holds something else.
    """
    stem = file.with_suffix("")
    blocks = _elements(stem.with_suffix(".elem"))
    path = stem.with_suffix(".pts")
    head, body = _headed(path)
    points = table(body, float, head, path, "points", 3)[:, :3]
    if points.size and (top := max(int(block.nodes.max()) for block in blocks)) >= len(points):
        got, wanted = f"point {top}", f"0 to {len(points) - 1}"
        raise InputError(Problem(str(stem.with_suffix(".elem")), "names points that don't exist", got, wanted))
    data, lon = {}, stem.with_suffix(".lon")
    if lon.is_file():
        axes = _axes(lon, sum(len(block.nodes) for block in blocks))
        cuts = np.cumsum([len(block.nodes) for block in blocks])[:-1]
        data = {name: tuple(np.split(vectors, cuts)) for name, vectors in axes.items()}
    surfaces = {
        _name_of(path, stem): _facets(path) for path in sorted(stem.parent.glob(f"{_quoted(stem.name)}.*.surf"))
    }
    return Contents(
        points,
        blocks,
        named_facets=surfaces,
        cell_data=data,
        fibers="f0" if "f0" in data else None,
        sheets="s0" if "s0" in data else None,
    )


def write_carp(
    file: Path,
    points: Floats,
    cells: Integers,
    values: NDArray[np.int32],
    surfaces: dict[str, Integers],
    fibers: Floats | None,
    sheets: Floats | None,
) -> None:
    """Write a mesh as .pts, .elem, .lon (where there are fibers) and .NAME.surf.

    Args:
        file: any of the files' names.
        points: (n, 3) in micrometers.
        cells: (m, 4) or (m, 8) in VTK's order.
        values: (m,) region numbers.
        surfaces: corners of their facets by name.
        fibers: (m, 3), or ``None``.
        sheets: likewise.
    """
    stem = file.with_suffix("")
    kind = "Tt" if cells.shape[1] == 4 else "Hx"
    order = np.arange(4) if kind == "Tt" else HEXAHEDRON
    np.savetxt(stem.with_suffix(".pts"), points, fmt="%.17g", header=str(len(points)), comments="")
    rows = np.column_stack([cells[:, order], values])
    form = f"{kind} " + " ".join(["%d"] * rows.shape[1])
    np.savetxt(stem.with_suffix(".elem"), rows, fmt=form, header=str(len(cells)), comments="")
    if fibers is not None:
        axes = fibers if sheets is None else np.hstack([fibers, sheets])
        count = "1" if sheets is None else "2"
        np.savetxt(stem.with_suffix(".lon"), axes, fmt="%.17g", header=count, comments="")
    for name, facets in surfaces.items():
        form = ("Tr" if facets.shape[1] == 3 else "Qd") + " %d" * facets.shape[1]
        path = stem.with_suffix(f".{name}.surf")
        np.savetxt(path, facets, fmt=form, header=str(len(facets)), comments="")


def _headed(path: Path) -> tuple[int, str]:
    """The count in a file's first line, and what follows."""
    first, _, rest = read_text(path).partition("\n")
    count = flat(first, int, path, "the first line's words")
    if count.size == 0 or count[0] < 1:
        raise InputError(Problem(str(path), "is empty, or does not begin with a count", first[:40], "a count"))
    return int(count[0]), rest


def _elements(path: Path) -> tuple[Block, ...]:
    count, text = _headed(path)
    words = set(re.findall(r"^\s*([A-Za-z]\w*)", text, flags=re.MULTILINE))
    if unknown := words - set(KINDS) - set(OTHERS):
        wanted = ", ".join([*KINDS, *OTHERS])
        raise InputError(Problem(str(path), "holds elements of an unknown type", ", ".join(sorted(unknown)), wanted))
    if len(words) != 1 or not words & set(KINDS):
        got = ", ".join(f"{w} ({KINDS[w][0] if w in KINDS else OTHERS[w]})" for w in sorted(words)) or "none"
        raise InputError(Problem(str(path), "holds not tetrahedra alone or hexahedra alone", got, "Tt, or Hx"))
    word = words.pop()
    kind, nodes = KINDS[word]
    rows = table(text.replace(word, " "), int, count, path, "elements", nodes)
    values = rows[:, nodes].astype(np.int32) if rows.shape[1] > nodes else None
    cells = rows[:, :nodes] if word == "Tt" else rows[:, HEXAHEDRON]
    return (Block(kind, np.ascontiguousarray(cells), values),)


def _axes(path: Path, cells: int) -> dict[str, Floats]:
    """Fibers, and sheets if there are any. Old files have no first line and one axis."""
    first, _, rest = read_text(path).partition("\n")
    head = flat(first, float, path, "axes")
    if head.size != 1:
        numbers, axes = flat(f"{first}\n{rest}", float, path, "axes"), 1
    else:
        numbers, axes = flat(rest, float, path, "axes"), int(head[0])
    if axes not in (1, 2) or numbers.size != 3 * axes * cells:
        wanted = f"{cells} rows of 3 or 6 numbers, one for each element, after a first line of 1 or 2"
        got = f"{numbers.size} numbers for {axes} axes"
        raise InputError(Problem(str(path), "fibers are not as many as elements", got, wanted))
    rows = numbers.reshape(cells, -1)
    return {name: rows[:, 3 * k : 3 * k + 3] for k, name in enumerate(("f0", "s0")[:axes])}


def _facets(path: Path) -> Integers:
    count, text = _headed(path)
    words = set(re.findall(r"^\s*([A-Za-z]\w*)", text, flags=re.MULTILINE))
    if len(words) != 1 or not words <= set(FACETS):
        raise InputError(Problem(str(path), "holds not triangles alone", ", ".join(sorted(words)), "Tr, or Qd"))
    word = words.pop()
    nodes = FACETS[word][1]
    return np.ascontiguousarray(table(text.replace(word, " "), int, count, path, "facets", nodes)[:, :nodes])


def _name_of(path: Path, stem: Path) -> str:
    return path.name[len(stem.name) + 1 : -len(".surf")]


def _quoted(name: str) -> str:
    """A file's name in which a pattern finds only itself."""
    return re.sub(r"([*?\[])", r"[\1]", name)
