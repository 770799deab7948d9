"""FEBio .feb of format 4: a part for each region, surfaces, and fibers as ``mat_axis`` data; written."""

from collections.abc import Iterable
from pathlib import Path
from typing import TextIO
from xml.sax.saxutils import quoteattr

import numpy as np

from .contents import Floats, Integers
from .export import Export
from .febio import KINDS, VTK_FROM_FEBIO

TYPES = {kind: name for name, (kind, _) in KINDS.items()}
PLACEHOLDER = "<E>1</E><v>0.3</v><density>1</density>"
"""FEBio refuses a part without a material; this one is to be replaced, which the file says."""


def write_febio(file: Path, export: Export) -> tuple[str, ...]:
    """Write a model that FEBio and FEBio Studio open: a mesh with its domains and fibers, without loads.

    Cells come part by part. Every part has a material that is to be replaced. Fibers are ``mat_axis`` data: ``a`` is
    the fiber, ``d`` the sheet direction.

    Returns:
        what the format has no room for.
    """
    members = {name: np.flatnonzero(export.values == number) for name, number in export.regions.items()}
    order = np.concatenate(list(members.values()))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(1, len(order) + 1)
    with file.open("w", encoding="utf-8") as out:
        out.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<febio_spec version="4.0">\n<Module type="solid"/>\n<Material>\n'
        )
        out.write("<!-- written by fibertwin: a mesh, and in each part a material that is to be replaced -->\n")
        for k, name in enumerate(members, start=1):
            out.write(f'<material id="{k}" name={quoteattr(name)} type="neo-Hookean">{PLACEHOLDER}</material>\n')
        out.write('</Material>\n<Mesh>\n<Nodes name="points">\n')
        _rows(out, "node", range(1, len(export.points) + 1), export.points, "%.17g")
        out.write("</Nodes>\n")
        cells = export.cells[:, np.argsort(VTK_FROM_FEBIO)] if export.cells.shape[1] == 27 else export.cells
        for name, at in members.items():
            out.write(f'<Elements type="{TYPES[export.kind]}" name={quoteattr(name)}>\n')
            _rows(out, "elem", number[at], cells[at] + 1, "%d")
            out.write("</Elements>\n")
        for name in export.surfaces:
            out.write(f"<Surface name={quoteattr(name)}>\n")
            facets = export.facets(name) + 1
            _rows(out, TYPES[export.facet_kind], range(1, len(facets) + 1), facets, "%d")
            out.write("</Surface>\n")
        out.write("</Mesh>\n<MeshDomains>\n")
        out.writelines(f"<SolidDomain name={quoteattr(name)} mat={quoteattr(name)}/>\n" for name in members)
        out.write("</MeshDomains>\n")
        if export.fibers is not None:
            out.write("<MeshData>\n")
            for name, at in members.items():
                _axes(out, name, export.fibers[at], export.sheets_or_normals[at])
            out.write("</MeshData>\n")
        out.write("</febio_spec>\n")
    invented = export.fibers is not None and export.sheets is None
    return ("without sheet directions, d of mat_axis is some normal of the fiber",) if invented else ()


def _rows(out: TextIO, tag: str, ids: Iterable[int] | Integers, rows: Floats | Integers, form: str) -> None:
    """One element for each row, its numbers between commas."""
    line = f'<{tag} id="%d">' + ",".join([form] * rows.shape[1]) + f"</{tag}>\n"
    out.writelines(line % (number, *row) for number, row in zip(ids, rows.tolist(), strict=True))


def _axes(out: TextIO, name: str, fibers: Floats, sheets: Floats) -> None:
    """Axes of a part's elements, which every material takes; ``fiber`` data only those that have a fiber would take.

    Elements without a fiber are left out.
    """
    out.write(f'<ElementData type="mat_axis" elem_set={quoteattr(name)}>\n')
    text = "%.17g,%.17g,%.17g"
    for lid in np.flatnonzero(fibers.any(axis=1)).tolist():
        a, d = text % tuple(fibers[lid]), text % tuple(sheets[lid])
        out.write(f'<e lid="{lid + 1}"><a>{a}</a><d>{d}</d></e>\n')
    out.write("</ElementData>\n")
