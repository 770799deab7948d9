"""Triangle surfaces made fit to be filled: closed, facing outward, not crossing themselves; what was done is told."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .crossings import crossing_triangles
from .oriented_points import points_of_surface
from .poisson import poisson_surface
from .surface import Surface, directed_edges, largest_piece, pieces

Repair = Literal["mend", "rebuild", "pymeshfix"]
HOLE = 0.15
"""Largest hole that is filled, across, as a part of the surface's own size."""

TOUCHING = 1e-7
"""Points nearer than this part of the surface's size are one."""

OTHER_WAYS = 'repair = "rebuild", which makes it anew by Poisson reconstruction and rounds edges'


@dataclass(frozen=True)
class Mended:
    """A surface fit to be filled.

    Attributes:
        surface: one closed piece, facing outward.
        notes: what was done, a sentence each; none where it was fit already.
    """

    surface: Surface
    notes: tuple[str, ...]


def mend(surface: Surface, repair: Repair = "mend", spacing: float | None = None, source: str = "surface") -> Mended:
    """Close, turn outward and check a surface.

    Points in the same place are joined, triangles without three points and double ones left out, neighbors made to face
    the same side, small holes filled, the largest piece kept and turned outward.

    Args:
        surface: any triangles.
        repair: what to do with large holes, edges of more than two triangles and triangles that cross: ``mend``
            refuses; ``rebuild`` makes the surface anew by screened Poisson reconstruction; ``pymeshfix`` (AGPL, an
            extra) cuts them out and patches (Attene 2010, doi 10.1007/s00371-010-0416-3).
        spacing: step (mm) of the grid for ``rebuild``; a sixtieth of the surface's size unless given.
        source: what to call it in messages.

    Raises:
        InputError: there is no triangle, coordinates aren't finite, or what is wrong can't be mended that way.
    """
    if repair not in get_args(Repair):
        raise InputError(Problem("repair", "is unknown", repr(repair), " or ".join(get_args(Repair))))
    if not len(surface.triangles):
        raise InputError(Problem(source, "holds no triangles", "an empty surface", "a closed surface of triangles"))
    if not np.isfinite(surface.points).all():
        bad = int((~np.isfinite(surface.points).all(axis=1)).sum())
        raise InputError(Problem(source, "has coordinates that are not finite", f"{bad} points"))
    notes: list[str] = []
    joined = _joined(surface, notes)
    if repair == "pymeshfix":
        return Mended(_sound(_outward(_by_pymeshfix(joined, notes), notes), source), tuple(notes))
    try:
        closed = _filled(_consistent(_outer_piece(joined, notes), notes, source), notes, source)
        return Mended(_sound(_outward(closed, notes), source), tuple(notes))
    except InputError as error:
        if repair == "mend":
            raise
        size = float(np.ptp(joined.points, axis=0).max())
        step = spacing or size / 60
        notes.append(f"made anew by Poisson reconstruction, grid of {step:.3g} mm: it {error.problems[0].what}")
        largest = _outer_piece(joined, [])
        made = poisson_surface(points_of_surface(_facing_alike(largest)[0].oriented()), step)
        return Mended(_sound(_outer_piece(made, notes).oriented(), source), tuple(notes))


def _joined(surface: Surface, notes: list[str]) -> Surface:
    """Points in one place joined; triangles without three different points, and double ones, left out."""
    size = float(np.ptp(surface.points, axis=0).max())
    grid = np.rint((surface.points - surface.points.min(axis=0)) / (TOUCHING * size or 1.0)).astype(np.int64)
    _, first, which = np.unique(grid, axis=0, return_index=True, return_inverse=True)
    triangles = which.ravel()[surface.triangles]
    different = (triangles != np.roll(triangles, 1, axis=1)).all(axis=1)
    _, once = np.unique(np.sort(triangles[different], axis=1), axis=0, return_index=True)
    kept = triangles[different][np.sort(once)]
    flat, double = int((~different).sum()), int(different.sum()) - len(kept)
    notes += [f"{count} {word} triangles left out" for count, word in ((flat, "flat"), (double, "double")) if count]
    return Surface(surface.points[first], kept)


def _outer_piece(surface: Surface, notes: list[str]) -> Surface:
    every = pieces(surface)
    # a crumb may have the most triangles
    largest = max(every, key=lambda piece: float(np.linalg.norm(np.ptp(piece.points, axis=0))))
    if len(every) > 1:
        rest = len(surface.triangles) - len(largest.triangles)
        notes.append(f"{len(every) - 1} smaller pieces left out, {rest} triangles")
    return largest


def _facing_alike(surface: Surface) -> tuple[Surface, int, bool]:
    """Neighbors facing the same side, how many triangles were turned, and whether the surface has two sides at all."""
    from scipy import sparse

    count = len(surface.triangles)
    edges = directed_edges(surface.triangles)
    owner = np.tile(np.arange(count), 3)
    ends = np.sort(edges, axis=1)
    order = np.lexsort(ends.T)
    same = (np.diff(ends[order], axis=0) == 0).all(axis=1)
    one, other = order[:-1][same], order[1:][same]
    alike = edges[one, 0] != edges[other, 0]
    # every triangle stands there twice, as it is and turned; neighbors are tied as they must face
    a = np.concatenate([owner[one], owner[one] + count])
    b = np.where(alike, owner[other], owner[other] + count)
    b = np.concatenate([b, np.where(alike, owner[other] + count, owner[other])])
    graph = sparse.coo_matrix((np.ones(len(a), bool), (a, b)), shape=(2 * count,) * 2)
    _, group = sparse.csgraph.connected_components(graph, directed=False)
    turned = group[:count] > group[count:]
    if 2 * turned.sum() > count:
        turned = ~turned
    triangles = surface.triangles.copy()
    triangles[turned] = triangles[turned, ::-1]
    return Surface(surface.points, triangles), int(turned.sum()), bool((group[:count] != group[count:]).all())


def _consistent(surface: Surface, notes: list[str], source: str) -> Surface:
    ends = np.sort(directed_edges(surface.triangles), axis=1)
    unique, shared = np.unique(ends, axis=0, return_counts=True)
    if (shared > 2).any():
        at = _told(surface.points[unique[shared > 2][0]].mean(axis=0))
        got = f"{int((shared > 2).sum())} edges, one at {at}"
        raise InputError(Problem(source, "has edges of more than two triangles", got, hint=OTHER_WAYS))
    made, turned, two_sided = _facing_alike(surface)
    if not two_sided:
        raise InputError(Problem(source, "has only one side, like a Möbius strip", wanted="a closed surface"))
    if turned:
        notes.append(f"{turned} triangles turned to face as their neighbors do")
    return made


def _filled(surface: Surface, notes: list[str], source: str) -> Surface:
    """Small holes closed by triangles around their middle."""
    surface = _parted(surface, notes, source)
    loops = _holes(surface)
    if not loops:
        return surface
    size = float(np.linalg.norm(np.ptp(surface.points, axis=0)))
    across = [float(np.linalg.norm(np.ptp(surface.points[loop], axis=0))) for loop in loops]
    if max(across) > HOLE * size:
        worst = int(np.argmax(across))
        at = _told(surface.points[loops[worst]].mean(axis=0))
        got = f"{len(loops)} holes, the largest {across[worst]:.3g} mm across at {at}"
        wanted = f"holes of at most {HOLE * size:.3g} mm, {HOLE:.0%} of its size"
        raise InputError(Problem(source, "is open", got, wanted, OTHER_WAYS))
    points, triangles = [surface.points], [surface.triangles]
    for k, loop in enumerate(loops):
        middle = len(surface.points) + k
        points.append(surface.points[loop].mean(axis=0, keepdims=True))
        triangles.append(np.column_stack([np.roll(loop, -1), loop, np.full(len(loop), middle)]))
    notes.append(f"{len(loops)} holes filled, the largest {max(across):.3g} mm across")
    return Surface(np.concatenate(points), np.concatenate(triangles))


def _holes(surface: Surface) -> list[NDArray[np.int64]]:
    """The points around each hole, in the sense in which the triangles run along it."""
    after = dict(_rim(surface).tolist())
    loops = []
    while after:
        start, at = after.popitem()
        loop = [start]
        while at != start:
            loop.append(at)
            at = after.pop(at)
        loops.append(np.array(loop))
    return loops


def _rim(surface: Surface) -> NDArray[np.int64]:
    """The edges (k, 2) of one triangle only."""
    edges = directed_edges(surface.triangles)
    _, which, shared = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True, return_counts=True)
    rim: NDArray[np.int64] = edges[shared[which.ravel()] == 1]
    return rim


def _parted(surface: Surface, notes: list[str], source: str) -> Surface:
    """The surface without the triangles at points where holes touch, so that each hole has a rim of its own."""
    before = len(surface.triangles)
    while True:
        starts, count = np.unique(_rim(surface)[:, 0], return_counts=True)
        touched = np.isin(surface.triangles, starts[count > 1]).any(axis=1)
        if not touched.any():
            break
        if touched.all():
            raise InputError(
                Problem(source, "is open everywhere", f"{before} triangles", "a closed surface", OTHER_WAYS)
            )
        surface = _outer_piece(Surface(surface.points, surface.triangles[~touched]), [])
    if len(surface.triangles) < before:
        notes.append(f"{before - len(surface.triangles)} triangles left out where holes touch")
    return surface


def _outward(surface: Surface, notes: list[str]) -> Surface:
    if surface.volume < 0:
        notes.append("was inside out: all triangles turned to face outward")
    return surface.oriented()


def _sound(surface: Surface, source: str) -> Surface:
    """The surface, once it is known to enclose something and not to cross itself."""
    size = float(np.ptp(surface.points, axis=0).max())
    if not surface.is_watertight:
        raise InputError(Problem(source, "is not watertight", f"{len(surface.triangles)} triangles", hint=OTHER_WAYS))
    if not surface.volume > 1e-9 * size**3:
        raise InputError(Problem(source, "encloses nothing", f"{surface.volume:g} mm³", "a closed body"))
    crossing = crossing_triangles(surface)
    if len(crossing):
        at = _told(surface.points[surface.triangles[crossing[0]]].mean(axis=0))
        got = f"{len(crossing)} triangles that cross others, one at {at}"
        raise InputError(Problem(source, "cuts through itself", got, hint=OTHER_WAYS))
    return surface


def _by_pymeshfix(surface: Surface, notes: list[str]) -> Surface:
    try:
        import pymeshfix
    except ImportError as error:
        hint = "pip install 'fibertwin[reconstruction]', or another repair"
        raise InputError(Problem("pymeshfix", "is needed for this repair", str(error), hint=hint)) from error
    points, triangles = pymeshfix.clean_from_arrays(surface.points, surface.triangles.astype(np.int32))
    notes.append(f"pymeshfix: {len(surface.triangles)} triangles became {len(triangles)}")
    return largest_piece(Surface(np.asarray(points, np.float64), np.asarray(triangles, np.int64)))


def _told(point: NDArray[np.float64]) -> str:
    return f"({', '.join(f'{x:.4g}' for x in point)}) mm"
