"""TetGen: .node, .ele and .face, with fibers in Chaste's .axi (fibers) or .ortho (fibers, sheets, normals)."""

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .contents import Block, Contents, Floats, Integers
from .text import flat, read_text, table

TETGEN_EDGES = np.array([6, 7, 9, 5, 8, 4])
"""Where VTK's midside nodes of a tetrahedron stand in TetGen's second-order cells."""


def read_tetgen(file: Path) -> Contents:
    """A mesh by the name of any of its files; numbers of cells are the first attribute, of facets the marker.

    Formats: https://wias-berlin.de/software/tetgen/fformats.html; Chaste's fibers:
    https://chaste.github.io/docs/user-guides/file-formats.

    Raises:
        InputError: a file is missing, cut short, or holds something else.
    """
    path = file.with_suffix(".node")
    head, nodes = _rows(path, float, 3)
    if len(head) > 1 and head[1] != 3:
        raise InputError(Problem(str(path), "the mesh is not in space", f"{head[1]} dimensions", "3 dimensions"))
    points = np.ascontiguousarray(nodes[:, 1:4])
    base = int(nodes[0, 0])
    if not np.array_equal(nodes[:, 0], base + np.arange(len(nodes))):
        raise InputError(
            Problem(str(path), "points are not numbered one after the other", wanted=f"{base}, {base + 1}")
        )
    path = file.with_suffix(".ele")
    head, rows = _rows(path, int, 4)
    count = head[1] if len(head) > 1 else 4
    if count not in (4, 10) or rows.shape[1] < 1 + count:
        raise InputError(Problem(str(path), "holds no tetrahedra", f"{count} points each", "4 or 10 points each"))
    cells = rows[:, 1 : 1 + count] - base
    if count == 10:
        cells = np.column_stack([cells[:, :4], cells[:, TETGEN_EDGES]])
    attributes = len(head) > 2 and head[2] > 0 and rows.shape[1] > 1 + count
    values = rows[:, 1 + count].astype(np.int32) if attributes else None
    blocks = [Block("tetra" if count == 4 else "tetra10", cells, values)]
    path = file.with_suffix(".face")
    if path.is_file():
        head, rows = _rows(path, int, 3)
        marked = len(head) > 1 and head[1] > 0 and rows.shape[1] > 4
        blocks.append(Block("triangle", rows[:, 1:4] - base, rows[:, 4].astype(np.int32) if marked else None))
    axes = _axes(file, len(cells))
    data = {
        name: tuple(vectors if k == 0 else np.zeros((len(b.nodes), 3)) for k, b in enumerate(blocks))
        for name, vectors in axes.items()
    }
    return Contents(
        points,
        tuple(blocks),
        cell_data=data,
        fibers="f0" if "f0" in axes else None,
        sheets="s0" if "s0" in axes else None,
    )


def write_tetgen(
    file: Path,
    points: Floats,
    cells: Integers,
    values: NDArray[np.int32],
    facets: Integers,
    facet_values: NDArray[np.int32],
    fibers: Floats | None,
    sheets: Floats | None,
) -> None:
    """Write .node, .ele, .face and, where there are fibers, .axi or .ortho.

    Args:
        file: any of the files' names.
        points: (n, 3) in the file's unit.
        cells: (m, 4) in VTK's order.
        values: (m,) region numbers.
        facets: (k, 3) corners of named facets.
        facet_values: (k,) their numbers.
        fibers: (m, 3), or ``None``.
        sheets: likewise.
    """
    _save(file.with_suffix(".node"), f"{len(points)} 3 0 0", "%d %.17g %.17g %.17g", points)
    _save(file.with_suffix(".ele"), f"{len(cells)} 4 1", "%d %d %d %d %d %d", np.column_stack([cells, values]))
    _save(file.with_suffix(".face"), f"{len(facets)} 1", "%d %d %d %d %d", np.column_stack([facets, facet_values]))
    if fibers is not None:
        rows = fibers if sheets is None else np.hstack([fibers, sheets, np.cross(fibers, sheets)])
        path = file.with_suffix(".axi" if sheets is None else ".ortho")
        np.savetxt(path, rows, fmt="%.17g", header=str(len(rows)), comments="")


def _save(path: Path, head: str, form: str, rows: NDArray[np.generic]) -> None:
    np.savetxt(path, np.column_stack([np.arange(len(rows)), rows]), fmt=form, header=head, comments="")


def _rows(path: Path, kind: type, least: int) -> tuple[list[int], NDArray[Any]]:
    """The numbers of a file's first line, and its rows with their index; comments begin with #."""
    text = re.sub(r"#.*", "", read_text(path)).lstrip()
    first, _, rest = text.partition("\n")
    head = [int(x) for x in flat(first, int, path, "the first line's words")]
    if not head:
        raise InputError(Problem(str(path), "is empty", wanted="a first line with the number of rows"))
    if head[0] == 0:
        return head, np.zeros((0, 1 + least), np.int64)
    return head, table(rest, kind, head[0], path, "rows", 1 + least)


def _axes(file: Path, cells: int) -> dict[str, Floats]:
    for suffix, width in ((".ortho", 9), (".axi", 3)):
        path = file.with_suffix(suffix)
        if path.is_file():
            first, _, rest = read_text(path).partition("\n")
            said, numbers = flat(first, int, path, "the first line's words"), flat(rest, float, path, "fibers")
            if said.size != 1 or said[0] != cells or numbers.size != width * cells:
                got, wanted = f"{numbers.size} numbers", f"{cells} rows of {width}, after a first line {cells}"
                raise InputError(Problem(str(path), "fibers are not as many as elements", got, wanted))
            rows = numbers.reshape(cells, width)
            return {"f0": rows[:, :3]} if width == 3 else {"f0": rows[:, :3], "s0": rows[:, 3:6]}
    return {}
