"""The verb ``quality``: how good a mesh's cells are: histograms, worst cells with coordinates, picture and JSON."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from fibertwin.meshes import CellQuality

EXAMPLE = """examples:
  fibertwin quality heart.msh --unit mm -o quality
  fibertwin quality case.toml                      the body that the case describes, built as a run would
"""
SHOWN = 10
"""Worst cells that are told."""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    plain_text = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "quality", help="tell how good a mesh's cells are", epilog=EXAMPLE, formatter_class=plain_text
    )
    verb.add_argument("file", type=Path, metavar="MESH|CASE", help="a mesh, or a case file (.toml)")
    verb.add_argument("--unit", choices=("mm", "cm", "m"), default="mm", help="what a mesh file is measured in")
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="write quality.json and quality.png there")
    verb.add_argument("--json", action="store_true", help="print JSON instead of text")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Measure, tell, and write what was asked for; exit code 1 where the mesh would be refused."""
    from fibertwin.meshes.quality_report import as_dict

    found = _measured(arguments.file, arguments.unit)
    figures = as_dict(found, SHOWN)
    if arguments.output is not None:
        try:
            arguments.output.mkdir(parents=True, exist_ok=True)
            (arguments.output / "quality.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
            draw(found, arguments.output / "quality.png")
        except OSError as error:
            raise InputError(Problem(str(arguments.output), f"cannot be written: {error.strerror}")) from error
    print(json.dumps(figures, indent=1) if arguments.json else told(found))
    return 0 if figures["accepted"] else 1


def told(found: "CellQuality") -> str:
    """The figures and the worst cells in lines."""
    import numpy as np

    rows = [["", "least", "1 %", "median", "largest"]]
    for name, values in (
        ("scaled Jacobian", found.jacobian),
        ("least dihedral angle, degrees", found.dihedral),
        ("mean edge, mm", found.edges),
    ):
        at = np.percentile(values, [0, 1, 50, 100])
        rows.append([name, *(f"{x:.3g}" for x in at)])
    lines = [f"{len(found.jacobian)} cells, {int((found.jacobian <= 0).sum())} turned inside out"]
    lines += ["  ".join([row[0].ljust(30), *(word.rjust(9) for word in row[1:])]).rstrip() for row in rows]
    lines.append("worst cells (scaled Jacobian, least angle, center):")
    lines += [f"  {cell}: {found.told(int(cell))}" for cell in found.worst(SHOWN)]
    return "\n".join(lines)


def draw(found: "CellQuality", file: Path) -> None:
    """Three histograms with the limits of the gate.

    Raises:
        InputError: matplotlib is missing.
        OSError: the file cannot be written.
    """
    from fibertwin.meshes.quality_report import DIHEDRAL, JACOBIAN
    from fibertwin.report.drawing import GREY, INK, REGION_COLORS, figure, plain

    made = figure(9.6, 3.0)
    panels = (
        ("scaled Jacobian", found.jacobian, JACOBIAN),
        ("least dihedral angle (degrees)", found.dihedral, DIHEDRAL),
        ("mean edge (mm)", found.edges, None),
    )
    for axes, (title, values, limit) in zip(made.subplots(1, 3), panels, strict=True):
        plain(axes)
        axes.hist(values, bins=40, color=REGION_COLORS[0])
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.set_title(title, fontsize=9.5, loc="left", color=INK)
        axes.set_ylabel("cells" if limit == JACOBIAN else "")
        if limit is not None:
            axes.axvline(limit, color=GREY, linestyle="--", linewidth=1)
            axes.text(limit, 1.0, f" {limit:g}", transform=axes.get_xaxis_transform(), fontsize=8, va="top")
    made.savefig(file)


def _measured(file: Path, unit: Any) -> "CellQuality":
    """The cells of a mesh file, or of the body of a case.

    Raises:
        InputError: the file is missing or can't be read, or the body can't be made.
    """
    if not file.is_file():
        raise InputError(Problem(str(file), "there is no such file"))
    if file.suffix == ".toml":
        return _of_case(file)
    from fibertwin.meshes import cell_quality, read_mesh

    raw = read_mesh(file, unit)
    return cell_quality(raw.points, raw.cells)


def _of_case(file: Path) -> "CellQuality":
    from mpi4py import MPI

    import fibertwin.stack  # noqa: F401 (before MPI is loaded)
    from fibertwin import stages
    from fibertwin.case import Case
    from fibertwin.meshes import cell_quality

    case = Case.read(file)
    mask = None if case.diffusion is None else stages.body_mask(case.diffusion)
    anatomy = case.anatomy.build(MPI.COMM_SELF, mask)
    return cell_quality(anatomy.mesh.geometry.x, anatomy.mesh.geometry.dofmaps[0])
