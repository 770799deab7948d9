"""The verb ``geometry compare``: an image's surface made in several ways, measured and drawn side by side."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from fibertwin.imaging import VoxelMask
    from fibertwin.surfaces import Comparison

EXAMPLE = """examples:
  fibertwin geometry compare mask.nii.gz -o surfaces
  fibertwin geometry compare labels.nii.gz --labels 2,41 --edge 4 -o surfaces
  fibertwin geometry compare probability.nii.gz --above 0.5 --json
"""
METHODS = ("marching-cubes", "smoothed", "poisson", "poisson-pymeshlab")


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    plain = argparse.RawDescriptionHelpFormatter
    group = verbs.add_parser("geometry", help="compare ways to make a surface of an image")
    kinds = group.add_subparsers(dest="geometry", required=True, metavar="WHAT")
    verb = kinds.add_parser(
        "compare", help="marching cubes and Poisson side by side", epilog=EXAMPLE, formatter_class=plain
    )
    verb.add_argument("image", type=Path, metavar="IMAGE", help="a mask, labels, or with --above a map of probability")
    verb.add_argument("--labels", metavar="N,N", help="numbers or names of the labels that make the body")
    verb.add_argument("--above", type=float, metavar="VALUE", help="what is at least this is inside")
    verb.add_argument("--closing", type=float, metavar="MM", help="close gaps and fill holes first, as a case does")
    verb.add_argument("--edge", type=float, metavar="MM", help="bring all surfaces to this edge length")
    verb.add_argument("--smoothing", type=float, metavar="MM", help="of the Gaussian (one voxel unless given)")
    verb.add_argument("--spacing", type=float, metavar="MM", help="of the Poisson grid (two voxels unless given)")
    verb.add_argument("--methods", default=",".join(METHODS[:3]), help=f"of {', '.join(METHODS)}")
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="write compare.json, .md, .png and the surfaces")
    verb.add_argument("--json", action="store_true", help="print JSON instead of a table")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Compare, tell, and write what was asked for.

    Raises:
        InputError: an option or the image can't be, or the folder can't be written.
    """
    _check_arguments(arguments)
    from fibertwin.surfaces import compare

    mask = _body(arguments)
    found = compare(
        mask,
        edge=arguments.edge,
        smoothing=arguments.smoothing,
        spacing=arguments.spacing,
        methods=[word.strip() for word in arguments.methods.split(",")],
    )
    if arguments.output is not None:
        try:
            _write(found, arguments.output)
        except OSError as error:
            raise InputError(Problem(str(arguments.output), f"cannot be written: {error.strerror}")) from error
    print(json.dumps(found.figures(), indent=1) if arguments.json else as_text(found))
    return 0


def _check_arguments(arguments: argparse.Namespace) -> None:
    problems = []
    for name in ("edge", "spacing"):
        value = getattr(arguments, name)
        if value is not None and not value > 0:
            problems.append(Problem(f"--{name}", "is no length", f"{value:g}", "a positive number of mm"))
    for name in ("smoothing", "closing"):
        value = getattr(arguments, name)
        if value is not None and not value >= 0:
            problems.append(Problem(f"--{name}", "is no length", f"{value:g}", "0 or a positive number of mm"))
    if arguments.labels is not None and arguments.above is not None:
        problems.append(Problem("--labels", "and --above can't both be: labels are no values"))
    unknown = [word for word in arguments.methods.split(",") if word.strip() not in METHODS]
    if unknown:
        problems.append(Problem("--methods", "is unknown", ", ".join(unknown), ", ".join(METHODS)))
    if not arguments.image.exists():
        problems.append(Problem(str(arguments.image), "there is no such image"))
    if problems:
        raise InputError(problems)


def _body(arguments: argparse.Namespace) -> "VoxelMask":
    from fibertwin.imaging import clean_mask, read_labels, threshold
    from fibertwin.imaging.medical import read_grey
    from fibertwin.meshes.images import read_mask

    if arguments.labels is not None:
        words = [word.strip() for word in arguments.labels.split(",")]
        mask = read_labels(arguments.image).mask([int(word) if word.isdigit() else word for word in words])
    elif arguments.above is not None:
        mask = threshold(read_grey(arguments.image), above=arguments.above)
    else:
        mask = read_mask(arguments.image)
    return mask if arguments.closing is None else clean_mask(mask, arguments.closing)


HEADER = (
    "method",
    "triangles",
    "volume",
    "area",
    "mean mm",
    "95 % mm",
    "Hausdorff mm",
    "noise deg",
    "closed mL",
    "lost mL",
    "cavities lost",
    "pieces",
    "handles",
    "watertight",
    "crossing",
    "shape least",
    "shape mean",
    "cpu s",
)


def rows(found: "Comparison") -> list[tuple[str, ...]]:
    """The table's lines, a method each, in the order of ``HEADER``."""
    return [
        (
            made.method,
            f"{len(made.surface.triangles)}",
            f"{100 * made.volume_change:+.2f} %",
            f"{100 * made.area_change:+.2f} %",
            f"{made.distance.mean:.3g}",
            f"{made.distance.percentile95:.3g}",
            f"{made.distance.hausdorff:.3g}",
            f"{made.roughness:.1f}",
            f"{made.features.closed / 1e3:.3g}",
            f"{made.features.lost / 1e3:.3g}",
            f"{made.features.cavities_lost} of {made.features.cavities}",
            f"{made.parts}",
            f"{made.handles}",
            "yes" if made.watertight else "no",
            f"{made.crossing}",
            f"{made.shape_least:.2f}",
            f"{made.shape_mean:.2f}",
            f"{made.seconds:.2g}",
        )
        for made in found.made
    ]


def as_text(found: "Comparison") -> str:
    """The figures with methods in columns."""
    lines = list(zip(HEADER, *rows(found), strict=True))
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    table = ["  ".join(word.ljust(w) for word, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([f"{found.source}, against {found.reference_words}", *table])


def as_markdown(found: "Comparison") -> str:
    """The same as a page with the picture."""
    lines = list(zip(HEADER, *rows(found), strict=True))
    table = [f"| {' | '.join(line)} |" for line in lines]
    table.insert(1, "|" + "---|" * len(lines[0]))
    gauss = f"Gaussian of {found.smoothing:g} mm, Poisson grid of {found.spacing:g} mm"
    edge = "as each method leaves it" if found.edge is None else f"all brought to edges of {found.edge:g} mm"
    return "\n".join(
        [
            f"# Surfaces of {found.source}",
            "",
            f"Against {found.reference_words}; {gauss}; {edge}. Distances are symmetric, between points spread evenly "
            "by area. Noise is the angle of normals to their mean within two voxels. Closed: background deeper than a "
            "voxel inside the surface; lost: body farther than a voxel outside it.",
            "",
            *table,
            "",
            "![Surfaces colored by their distance](compare.png)",
            "",
        ]
    )


def _write(found: "Comparison", folder: Path) -> None:
    from fibertwin.report.surfaces import draw_in_child
    from fibertwin.surfaces.measures import polydata

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.json").write_text(json.dumps(found.figures(), indent=1) + "\n", encoding="utf-8")
    (folder / "compare.md").write_text(as_markdown(found), encoding="utf-8")
    polydata(found.reference).save(folder / "reference.ply")
    for made in found.made:
        polydata(made.surface).save(folder / f"{made.method}.ply")
    trouble = draw_in_child(folder)
    if trouble:
        print(trouble, file=sys.stderr)
