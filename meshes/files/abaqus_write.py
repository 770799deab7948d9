"""Abaqus .inp: elements, a set for each region, a surface for each named surface, fibers as a distribution; written."""

from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from .abaqus import SOLIDS
from .contents import Integers
from .export import Export

TYPES = {kind: name for name, (kind, _) in SOLIDS.items()}
PER_LINE = 16


def write_abaqus(file: Path, export: Export) -> tuple[str, ...]:
    """Write an input file without materials or steps, to be included or gone on with; numbers count from 1.

    Returns:
        what the format has no room for.
    """
    with file.open("w", encoding="utf-8") as out:
        out.write("*HEADING\nwritten by fibertwin\n*NODE\n")
        _numbered(out, export.points, "%d, %.17g, %.17g, %.17g")
        out.write(f"*ELEMENT, TYPE={TYPES[export.kind]}\n")
        _numbered(out, export.cells + 1, ", ".join(["%d"] * (1 + export.cells.shape[1])))
        for name, number in export.regions.items():
            _set(out, f"*ELSET, ELSET={_quoted(name)}", np.flatnonzero(export.values == number) + 1)
        for name, places in export.surfaces.items():
            sides = np.unique(places[:, 1])
            for side in sides:
                members = places[places[:, 1] == side, 0] + 1
                _set(out, f"*ELSET, ELSET={_quoted(f'_{name}_S{side + 1}')}, INTERNAL", members)
            out.write(f"*SURFACE, NAME={_quoted(name)}, TYPE=ELEMENT\n")
            out.writelines(f"{_quoted(f'_{name}_S{side + 1}')}, S{side + 1}\n" for side in sides)
        if export.fibers is not None:
            _distribution(out, export)
    return ()


def _distribution(out: TextIO, export: Export) -> None:
    assert export.fibers is not None
    sheets = export.sheets_or_normals
    out.write(
        "*DISTRIBUTION TABLE, NAME=axes\nCOORD3D, COORD3D\n*DISTRIBUTION, NAME=axes, LOCATION=ELEMENT, TABLE=axes\n"
    )
    out.write(", 1., 0., 0., 0., 1., 0.\n")
    fibrous = export.fibers.any(axis=1)
    rows = np.column_stack([np.flatnonzero(fibrous) + 1, export.fibers[fibrous], sheets[fibrous]])
    np.savetxt(out, rows, fmt="%d" + ", %.17g" * 6)
    out.write("*ORIENTATION, NAME=fibers, SYSTEM=RECTANGULAR\naxes\n")


def _numbered(out: TextIO, rows: NDArray[np.generic], form: str) -> None:
    np.savetxt(out, np.column_stack([np.arange(1, len(rows) + 1), rows]), fmt=form)


def _set(out: TextIO, head: str, members: Integers) -> None:
    out.write(f"{head}\n")
    for start in range(0, len(members), PER_LINE):
        out.write(", ".join(map(str, members[start : start + PER_LINE])) + "\n")


def _quoted(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else f'"{name}"'
