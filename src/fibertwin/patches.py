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
    from fibertwin.imaging import VoxelMask
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
    from fibertwin.meshes import name_surfaces

    body = case.anatomy.build(comm, on_root(comm, lambda: _mask(case)))
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


def _mask(case: "Case") -> "VoxelMask | None":
    """The body as the scan shows it, in the mesh's space; ``None`` without a scan."""
    from fibertwin import stages
    from fibertwin.case import DiffusionScan
    from fibertwin.imaging import VoxelMask

    source = case.diffusion
    if source is None:
        return None
    if isinstance(source, DiffusionScan):
        mask = stages.scan_mask(source)
    else:
        image = stages.read(source)
        mask = VoxelMask(image.mask, image.affine, "the scan's mask")
    if source.transform is None:
        return mask
    return VoxelMask(mask.inside, stages.matrix(source.transform) @ mask.affine, mask.source)


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

    made = figure(11.5, 9.0)
    grid = made.subplots(2, 3, width_ratios=(1, 1, 0.62))
    colors = _colors(painted)
    for column, (spoken, camera) in enumerate(VIEWS):
        for row, opened in enumerate((False, True)):
            axes = grid[row, column]
            _paint(axes, painted.triangles, colors, np.array(camera), opened)
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


def _paint(axes: Any, triangles: NDArray[np.float64], colors: NDArray[np.float64], camera: Any, opened: bool) -> None:
    """Draw the triangles that look at the camera, the farthest first; of an opened body those of the far half."""
    from matplotlib.collections import PolyCollection

    toward = camera / np.linalg.norm(camera)
    right = np.cross([0.0, 0.0, 1.0], toward)
    right /= np.linalg.norm(right)
    frame = np.stack([right, np.cross(toward, right), toward])
    middles = triangles.mean(axis=1) @ toward
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-300)
    seen = normals @ toward > 0
    if opened:
        seen &= middles < (middles.min() + middles.max()) / 2
    order = np.flatnonzero(seen)[np.argsort(middles[seen])]
    flat = triangles[order] @ frame[:2].T
    light = toward + 0.35 * frame[1] - 0.25 * frame[0]
    shade = 0.55 + 0.45 * np.clip(normals[order] @ light / np.linalg.norm(light), 0, 1)
    faces = np.clip(colors[order] * shade[:, None], 0, 1)
    axes.add_collection(PolyCollection(flat, facecolors=faces, edgecolors=faces, linewidths=0.3))
    whole = triangles.reshape(-1, 3) @ frame[:2].T
    low, high = whole.min(axis=0), whole.max(axis=0)
    margin = 0.04 * float((high - low).max())
    axes.set_xlim(low[0] - margin, high[0] + margin)
    axes.set_ylim(low[1] - margin, high[1] + margin)
    axes.set_aspect("equal")
    axes.set_axis_off()


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
