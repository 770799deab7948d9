"""Formats that meshio writes: VTK, VTU, XDMF with everything as cell data; MED with groups; Medit with numbers."""

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem
from fibertwin.surfaces.surface import MESHING

from .contents import Floats, Integers
from .export import Export
from .through_meshio import REGION, SURFACE


def write_with_data(file: Path, export: Export) -> tuple[str, ...]:
    """Write VTK, VTU or XDMF: ``region`` numbers the cells, ``region:NAME`` and ``surface:NAME`` one each, f0 and s0.

    Returns:
        what the format has no room for.
    """
    places, belongs = export.each_facet
    counts = (len(export.cells), len(places))
    facets = np.zeros(len(places), np.int32)
    data = {"region": [export.values.astype(np.int32), facets]}
    for name, number in export.regions.items():
        shown = number or int(max(export.regions.values())) + 1  # 0 means elsewhere
        data[f"{REGION}{_plain(name)}"] = [np.where(export.values == number, shown, 0).astype(np.int32), facets]
    for k, name in enumerate(export.surfaces):
        numbers = np.where(belongs[:, k], k + 1, 0).astype(np.int32)
        data[f"{SURFACE}{_plain(name)}"] = [np.zeros(counts[0], np.int32), numbers]
    _write(file, export, places, data | _vectors(export, counts[1]))
    return ()


def write_med(file: Path, export: Export) -> tuple[str, ...]:
    """Write MED: a group for each region and surface, f0 and s0 as fields.

    Returns:
        what the format has no room for.
    """
    places, belongs = export.each_facet
    families = {-1 - k: [name] for k, name in enumerate(export.regions)}
    numbers = {number: -1 - k for k, number in enumerate(export.regions.values())}
    cells = np.array([numbers[int(v)] for v in np.unique(export.values)])[
        np.unique(export.values, return_inverse=True)[1]
    ]
    facets = np.zeros(len(places), np.int64)
    if len(places):
        combinations, which = np.unique(belongs, axis=0, return_inverse=True)
        names = list(export.surfaces)
        for k, combination in enumerate(combinations):
            number = -1 - len(export.regions) - k
            families[number] = [names[i] for i in np.flatnonzero(combination)]
            facets[which.ravel() == k] = number
    _write(file, export, places, {"cell_tags": [cells, facets], **_vectors(export, len(places))}, families)
    return ()


def write_medit(file: Path, export: Export) -> tuple[str, ...]:
    """Write Medit, which numbers cells and facets and knows neither names nor fibers.

    Returns:
        what the format has no room for.
    """
    _, numbers, several = export.numbered()
    places, _ = export.each_facet
    _write(file, export, places, {"medit:ref": [export.values.astype(np.int64), numbers.astype(np.int64)]})
    return lost_names(export, several)


def lost_names(export: Export, several: int) -> tuple[str, ...]:
    """What a format that has numbers only leaves out, and which number is what."""
    notes = []
    if export.regions:
        spoken = ", ".join(f"{number} {name}" for name, number in export.regions.items())
        notes.append(f"the format has no names: regions are {spoken}")
    if export.surfaces:
        spoken = ", ".join(f"{number} {name}" for number, name in enumerate(export.surfaces, start=1))
        notes.append(f"the format has no names: surfaces are {spoken}")
    if several:
        notes.append(f"{several} facets belong to several surfaces: the first is written")
    if export.fibers is not None:
        notes.append("the format has no place for fibers: left out")
    return tuple(notes)


def _vectors(export: Export, facets: int) -> dict[str, list[Floats]]:
    named = (("f0", export.fibers), ("s0", export.sheets))
    return {name: [axes, np.zeros((facets, 3))] for name, axes in named if axes is not None}


def _plain(name: str) -> str:
    """A name without blanks, which VTK's old files can't have."""
    return name.replace("%", "%25").replace(" ", "%20")


def _write(
    file: Path,
    export: Export,
    places: Integers,
    data: dict[str, list[Any]],
    families: dict[int, list[str]] | None = None,
) -> None:
    try:
        import meshio
    except ImportError as error:
        raise InputError(Problem("meshio", "is needed to write this format", str(error), hint=MESHING)) from error
    cells = [(export.kind, export.cells)]
    if len(places):
        cells.append((export.facet_kind, export.nodes_of(places)))
    kept = {name: values[: len(cells)] for name, values in data.items()}
    mesh = meshio.Mesh(export.points, cells, cell_data=kept)
    if families is not None:
        mesh.cell_tags = families
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            mesh.write(file)
    except (meshio.WriteError, SystemExit, KeyError, ValueError) as error:
        text = " ".join((said.getvalue() or str(error)).split())
        raise InputError(Problem(str(file), "can't be written in this format", text, hint="try .vtu")) from error
