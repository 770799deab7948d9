"""The verb ``convert``: a mesh from one program's format to another's, with regions, surfaces and fibers."""

import argparse
from pathlib import Path
from typing import Any

from fibertwin.errors import InputError, Problem

UNITS = ("mm", "cm", "m", "um")
CARP = (".pts", ".elem", ".lon")
EXAMPLE = """examples:
  fibertwin convert heart.vtu heart.feb --length-unit m --fibers f0 --sheets s0
  fibertwin convert torso.pts torso.vtu                        CARP is in micrometers, so no unit is needed
  fibertwin convert part.inp part.msh --length-unit mm --gmsh 2.2

formats: .msh .vtk .vtu .xdmf .med .mesh .inp .feb, .pts (.elem .lon .surf), .node (.ele .face .ortho);
whatever else meshio reads can be read too
"""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    parser = verbs.add_parser(
        "convert",
        help="a mesh to another program's format, with regions, surfaces and fibers",
        description="Read a mesh, mend what can be mended, and write it in another format, in millimeters and RAS+ "
        "axes unless told otherwise. What the other format has no room for is told.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", type=Path, metavar="IN", help="the mesh; of several files, any")
    parser.add_argument("target", type=Path, metavar="OUT", help="where to; the suffix says the format")
    parser.add_argument("--length-unit", choices=UNITS, help="unit of IN's coordinates; needed but for CARP")
    parser.add_argument("--to-unit", choices=UNITS, help="unit of OUT's coordinates (mm; um for CARP)")
    parser.add_argument("--axes", choices=("RAS", "LPS"), default="RAS", help="axes of IN (RAS)")
    parser.add_argument("--tags", metavar="NAME", help="cell data of IN that numbers regions and surfaces")
    parser.add_argument("--fibers", metavar="NAME", help="vectors of IN, in cells or at points, that are fibers")
    parser.add_argument("--sheets", metavar="NAME", help="vectors of IN that are sheet directions")
    parser.add_argument("--straight", action="store_true", help="leave the midside nodes of curved cells out")
    parser.add_argument("--gmsh", choices=("4.1", "2.2"), default="4.1", help="version of a .msh file (4.1)")
    parser.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Convert, and print what was found and what was lost."""
    source, target = arguments.source, arguments.target
    unit: Any = arguments.length_unit or ("um" if source.suffix.lower() in CARP else None)
    problems = []
    if not source.is_file():
        problems.append(Problem(str(source), "there is no such mesh file"))
    if unit is None:
        what = "is needed: meters taken for millimeters are the commonest of all mistakes"
        problems.append(Problem("--length-unit", what, wanted=f"one of {', '.join(UNITS)}"))
    if source.resolve() == target.resolve():
        problems.append(Problem(str(target), "is the file that is read", wanted="another name"))
    if not target.absolute().parent.is_dir():
        problems.append(Problem(str(target.parent), "there is no such folder"))
    if problems:
        raise InputError(problems)
    from fibertwin.meshes import read_mesh, write_mesh
    from fibertwin.meshes.files.write import require_writable
    from fibertwin.meshes.quality import measure

    require_writable(target)
    raw = read_mesh(
        source, unit, arguments.axes, arguments.tags, not arguments.straight, arguments.fibers, arguments.sheets
    )
    for note in raw.notes:
        print(note)
    print(measure(raw.points, raw.cells))
    print(f"regions: {', '.join(f'{name} ({(raw.cell_values == n).sum()} cells)' for name, n in raw.regions.items())}")
    if raw.surfaces:
        found = {name: (raw.facet_values == number).sum() for name, number in raw.surfaces.items()}
        print(f"surfaces: {', '.join(f'{name} ({count} facets)' for name, count in found.items())}")
    kinds = [name for name, axes in (("fibers", raw.fibers), ("sheets", raw.sheets)) if axes is not None]
    print(f"one direction in each cell: {' and '.join(kinds)}" if kinds else "no fibers")
    for note in write_mesh(raw, target, length_unit=arguments.to_unit, gmsh=arguments.gmsh):
        print(note)
    return 0
