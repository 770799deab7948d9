"""A picture of a body's named surfaces with a legend: ``geometry patches``, ``check --picture``."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.parallel import on_root

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.case import Case
    from fibertwin.meshes import Anatomy

SUFFIXES = (".png",)
COLORS = ("#31688e", "#c2693b", "#4f8a5b", "#7a5195", "#d4a72c", "#4bb3c3", "#b5446e", "#8a6d4b", "#5b6abf", "#9aa33a")
NONE = "#d3d3d8"
VIEWS = (("from the front and the left", (-0.75, 1.0, 0.55)), ("from the back and the right", (0.75, -1.0, 0.4)))
"""Where the camera stands, as seen from the body's center."""


@dataclass(frozen=True)
class Painted:
    """The triangles of a body's surface and which named surfaces they belong to.

    Attributes:
        triangles: (n, 3, 3) corners (mm), counter-clockwise seen from outside.
        belongs: (n, surfaces) whether a triangle belongs to each.
        names: of the surfaces.
        areas: of the surfaces (mm²).
        facets: how many facets each has.
    """

    triangles: NDArray[np.float64]
    belongs: NDArray[np.bool_]
    names: tuple[str, ...]
    areas: tuple[float, ...]
    facets: tuple[int, ...]


def add_to(verbs: Any) -> None:
    """Put ``patches`` among the verbs that look at geometry."""
    parser = verbs.add_parser(
        "patches",
        help="draw a case's named surfaces with a legend",
        description="Build the body of a case, name its surfaces, and draw them from two sides and cut open.",
    )
    parser.add_argument("case", type=Path, metavar="CASE", help="the case file")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="the picture, a .png")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="changes", help="change a value"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")
    parser.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Build, draw, and print what each surface is."""
    from fibertwin.cli import _on_every_rank, _read

    def work(comm: "MPI.Comm") -> None:
        require_picture(arguments.output, comm)
        sentences = draw(_read(arguments, comm), arguments.output, comm)
        if comm.rank == 0:
            print(sentences)

    return _on_every_rank(work, arguments.verbose)


def require_picture(file: Path, comm: "MPI.Comm") -> None:
    """Refuse a picture that can't be written, before anything is built. Collective.

    Raises:
        InputError: on every rank: the suffix is not .png, or there is no such folder.
    """

    def look() -> None:
        if file.suffix.lower() not in SUFFIXES:
            raise InputError(Problem(str(file), "is no picture that can be written", file.suffix, ", ".join(SUFFIXES)))
        if not file.absolute().parent.is_dir():
            raise InputError(Problem(str(file.parent), "there is no such folder"))

    on_root(comm, look)


def draw(case: "Case", file: Path, comm: "MPI.Comm") -> str:
    """Draw a case's surfaces into a file; the notes on how they came to be. Collective.

    Raises:
        InputError: on every rank: the body can't be built, a surface is empty, or the file can't be written.
    """
    from fibertwin import stages
    from fibertwin.meshes import name_surfaces

    source = case.diffusion
    body = case.anatomy.build(comm, on_root(comm, lambda: None if source is None else stages.body_mask(source)))
    if case.surfaces:
        body = name_surfaces(body, case.surfaces)
    painted = gather(body)

    def paint() -> None:
        assert painted is not None
        try:
            file.write_bytes(picture(painted, case.title or case.anatomy.kind()))
        except OSError as error:
            raise InputError(Problem(str(file), f"cannot be written: {error.strerror}")) from error

    on_root(comm, paint)
    return "\n".join((*body.notes, f"wrote {file}"))


def gather(body: "Anatomy") -> Painted | None:
    """The painted surface on rank 0, ``None`` elsewhere. Collective."""
    from fibertwin.meshes import BOUNDARY, boundary_of

    boundary = boundary_of(body)
    names = tuple(name for name in body.surfaces if name != BOUNDARY)
    belongs = np.array([np.isin(boundary.facets, body.surfaces[name]) for name in names], dtype=bool)
    belongs = belongs.reshape(len(names), -1).T
    each = boundary.corners.shape[1] - 2
    areas = boundary.total(belongs * boundary.areas[:, None])
    counts = boundary.total(belongs.astype(float))
    parts = boundary.comm.gather((boundary.triangles, np.repeat(belongs, each, axis=0)))
    if parts is None:
        return None
    triangles, shown = (np.concatenate([part[k] for part in parts]) for k in range(2))
    return Painted(triangles, shown, names, tuple(map(float, areas)), tuple(map(int, counts)))


def picture(painted: Painted, title: str) -> bytes:
    """The surface from two sides, and below cut open along its middle, with a legend: a PNG's bytes."""
    from fibertwin.report.drawing import INK, figure, png
    from fibertwin.report.solid import camera_frame, draw_solid

    made = figure(11.5, 9.0)
    grid = made.subplots(2, 3, width_ratios=(1, 1, 0.62))
    colors = _colors(painted)
    for column, (spoken, camera) in enumerate(VIEWS):
        for row, opened in enumerate((False, True)):
            axes = grid[row, column]
            draw_solid(axes, painted.triangles, colors, camera_frame(np.array(camera)), opened=opened)
            axes.set_title(f"{'the far half, ' if opened else ''}{spoken}", fontsize=9, color=INK)
    for axes in grid[:, 2]:
        axes.set_axis_off()
    _legend(grid[0, 2], painted)
    made.suptitle(title, fontsize=11, color=INK)
    return png(made)


def _colors(painted: Painted) -> NDArray[np.float64]:
    """One color (n, 3) for each triangle; where surfaces overlap, that of the smallest."""
    from matplotlib.colors import to_rgb

    table = np.array([to_rgb(color) for color in (NONE, *COLORS)])
    shown = np.zeros(len(painted.triangles), np.int64)
    for k in sorted(range(len(painted.names)), key=lambda k: -painted.areas[k]):
        shown[painted.belongs[:, k]] = 1 + k % len(COLORS)
    return np.asarray(table[shown])


def _legend(axes: Any, painted: Painted) -> None:
    from matplotlib.patches import Patch

    entries = [
        Patch(color=COLORS[k % len(COLORS)], label=f"{name}: {area / 100:.4g} cm², {count} facets")
        for k, (name, area, count) in enumerate(zip(painted.names, painted.areas, painted.facets, strict=True))
    ]
    count = painted.belongs.sum(axis=1)
    if (count > 1).any():
        entries.append(Patch(color="none", label="(where they overlap, the smaller one is drawn)"))
    if (count == 0).any():
        entries.append(Patch(color=NONE, label="none of them"))
    axes.legend(handles=entries, loc="upper left", fontsize=8, frameon=False, borderaxespad=0)
