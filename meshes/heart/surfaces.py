"""Endocardium, epicardium and base of a heart, found by their shape, without tags."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.meshes.anatomy import Anatomy
from fibertwin.meshes.boundary import Boundary, area, boundary_of
from fibertwin.meshes.rule import SurfaceSelector
from fibertwin.parallel import on_root

Array = NDArray[np.float64]
Part = Literal["epicardium", "base", "lv-endocardium", "rv-endocardium"]
NOTHING, EPICARDIUM, BASE, LV, RV = range(5)
NUMBERS: dict[Part, int] = dict(zip(get_args(Part), (EPICARDIUM, BASE, LV, RV), strict=True))

DIRECTIONS = 2000
"""Directions in which a flat base is looked for; neighbors are about 5° apart."""

CONE = np.cos(np.radians(8))
ROUGH = np.cos(np.radians(30))
"""Cosines of the angles within which normals count for a direction, and facets for the base."""

FLAT = 0.02
"""How far from its plane the base may be, as a part of the bounding box's diagonal."""

TRIES = 30
"""Flat patches that are tried, from the largest on."""

SPECK = 0.005
"""Part of the whole area below which a piece of the surface is no wall."""


@dataclass(frozen=True)
class Heart(SurfaceSelector):
    """A part of a heart, found by its shape; the heart is cut flat at its base and open there.

    The base is the largest flat patch without which the surface falls into an outside and one or two cavities. Of two
    cavities the left ventricle's is the one with the thicker wall.

    Attributes:
        part: which part.
    """

    part: Part

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets belong to the part."""
        picked: NDArray[np.bool_] = find_parts(boundary) == NUMBERS[self.part]
        return picked


def name_heart(anatomy: Anatomy) -> Anatomy:
    """The same heart with its surfaces found and named, their areas noted. Collective.

    The names are epicardium, base, lv-endocardium and, where there are two cavities, rv-endocardium.

    Raises:
        InputError: on every rank, where it is no heart that is cut flat at its base.
    """
    boundary = boundary_of(anatomy)
    parts = find_parts(boundary)
    comm = anatomy.mesh.comm
    found = {
        name: boundary.facets[parts == number]
        for name, number in NUMBERS.items()
        if comm.allreduce(int((parts == number).sum())) > 0
    }
    named = replace(anatomy, surfaces=anatomy.surfaces | found)
    sizes = ", ".join(f"{name} {area(named, name):.4g} mm²" for name in found)
    return replace(named, notes=(*anatomy.notes, f"surfaces of the heart found by shape: {sizes}"))


def find_parts(boundary: Boundary) -> NDArray[np.int8]:
    """What each of this rank's facets belongs to (n,), as ``NUMBERS`` says; 0 where to no part. Collective.

    Raises:
        InputError: on every rank, where it is no heart that is cut flat at its base.
    """
    comm = boundary.comm
    pieces = comm.gather(boundary.corners)

    def search() -> NDArray[np.int8]:
        return parts_of(np.concatenate(pieces))

    everywhere = on_root(comm, search)
    ends = np.cumsum(comm.allgather(len(boundary.facets)))
    here: NDArray[np.int8] = everywhere[ends[comm.rank] - len(boundary.facets) : ends[comm.rank]]
    return here


def parts_of(corners: Array) -> NDArray[np.int8]:
    """What each facet of a heart's closed surface belongs to (n,), as ``NUMBERS`` says. Local.

    Args:
        corners: (n, 3 or 4, 3) corners of each facet (mm), counter-clockwise seen from outside.

    Raises:
        InputError: no flat patch divides the surface into an outside and one or two cavities.
    """
    shell = _Shell.of(corners)
    for normal, height in _flat_patches(shell):
        flat = (shell.normals @ normal > ROUGH) & (np.abs(shell.midpoints @ normal - height) < FLAT * shell.size)
        parts = _walls(shell, flat, normal * height)
        if parts is not None:
            return parts
    raise InputError(
        Problem(
            "heart",
            "no flat patch was found that divides the surface into an outside and one or two cavities",
            f"{len(corners)} facets",
            "a heart that is cut flat at its base, with its cavities open there",
            "cut it, or name its surfaces by other rules",
        )
    )


@dataclass(frozen=True)
class _Shell:
    """Facets of a closed surface.

    Attributes:
        corners: (n, k, 3) in mm.
        midpoints: (n, 3).
        normals: (n, 3) outward, of length one.
        areas: (n,) mm².
        pairs: (m, 2) facets that share an edge.
        size: diagonal of the bounding box (mm).
    """

    corners: Array
    midpoints: Array
    normals: Array
    areas: Array
    pairs: NDArray[np.int64]
    size: float

    @staticmethod
    def of(corners: Array) -> "_Shell":
        spokes = corners - corners[:, :1]
        vectors = np.cross(spokes, np.roll(spokes, -1, axis=1)).sum(axis=1) / 2
        areas = np.linalg.norm(vectors, axis=1)
        flat = corners.reshape(-1, 3)
        _, vertices = np.unique(flat, axis=0, return_inverse=True)
        numbers = vertices.reshape(corners.shape[:2])
        edges = np.sort(np.stack([numbers, np.roll(numbers, -1, axis=1)], axis=-1).reshape(-1, 2), axis=1)
        owners = np.repeat(np.arange(len(corners)), corners.shape[1])
        order = np.lexsort(edges.T)
        same = (edges[order][1:] == edges[order][:-1]).all(axis=1)
        pairs = np.column_stack([owners[order][:-1][same], owners[order][1:][same]])
        size = float(np.linalg.norm(np.ptp(flat, axis=0)))
        return _Shell(corners, corners.mean(axis=1), vectors / np.maximum(areas, 1e-300)[:, None], areas, pairs, size)


def _flat_patches(shell: _Shell) -> Iterator[tuple[Array, float]]:
    """Outward normal (3,) and height along it (mm) of flat patches, from the largest on, each about once."""
    # normals are binned first: looking in every direction then costs the same for any number of facets
    bins, which = np.unique(np.round(shell.normals / 0.02).astype(np.int64), axis=0, return_inverse=True)
    weights = np.bincount(which.ravel(), shell.areas)
    units = bins / np.linalg.norm(bins, axis=1, keepdims=True)
    ways = _directions(DIRECTIONS)
    shares = np.array([weights[units @ way > CONE].sum() for way in ways])
    patches: list[tuple[float, Array, float]] = []
    for way in ways[np.argsort(-shares, kind="stable")[: 4 * TRIES]]:
        area_here, normal, height = _settled(shell, way)
        if area_here > 0 and not any(n @ normal > CONE and abs(h - height) < FLAT * shell.size for _, n, h in patches):
            patches.append((area_here, normal, height))
    for _, normal, height in sorted(patches, key=lambda patch: -patch[0])[:TRIES]:
        yield normal, height


def _settled(shell: _Shell, way: Array) -> tuple[float, Array, float]:
    """The largest flat patch that looks about one way: its area (mm²), normal (3,) and height (mm)."""
    normal, height, area_here = way, 0.0, 0.0
    for _ in range(3):
        near = np.flatnonzero(shell.normals @ normal > CONE)
        if len(near) == 0:
            return 0.0, normal, 0.0
        order = near[np.argsort(shell.midpoints[near] @ normal, kind="stable")]
        heights, sums = shell.midpoints[order] @ normal, np.concatenate([[0.0], np.cumsum(shell.areas[order])])
        ends = np.searchsorted(heights, heights + FLAT * shell.size, side="right")
        first = int(np.argmax(sums[ends] - sums[:-1]))
        patch = order[first : ends[first]]
        area_here = float(shell.areas[patch].sum())
        mean = shell.areas[patch] @ shell.normals[patch]
        normal = mean / np.linalg.norm(mean)
        height = float(shell.areas[patch] @ (shell.midpoints[patch] @ normal)) / area_here
    return area_here, normal, height


def _directions(count: int) -> Array:
    """Directions (count, 3) spread evenly over the sphere (Fibonacci's spiral)."""
    k = np.arange(count) + 0.5
    polar, turn = np.arccos(1 - 2 * k / count), np.pi * (1 + 5**0.5) * k
    return np.column_stack([np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)])


def _walls(shell: _Shell, flat: NDArray[np.bool_], origin: Array) -> NDArray[np.int8] | None:
    """The parts (n,) if what is not flat falls into an outside and cavities; else None.

    Seen from a point in the plane of the base, the signed volume below a wall that is open there is its cavity's:
    negative, as its normals point into the cavity, and the outside's positive.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    joined = shell.pairs[~flat[shell.pairs].any(axis=1)]
    graph = coo_matrix((np.ones(len(joined), dtype=bool), tuple(joined.T)), shape=(len(flat), len(flat)))
    _, piece = connected_components(graph, directed=False)
    piece = np.where(flat, -1, piece)
    names, piece = np.unique(piece, return_inverse=True)
    areas = np.bincount(piece, shell.areas)
    volumes = np.bincount(piece, np.einsum("ni,ni->n", shell.midpoints - origin, shell.normals) * shell.areas / 3)
    walls = [k for k in range(len(names)) if names[k] >= 0 and areas[k] > SPECK * areas.sum()]
    outside = [k for k in walls if volumes[k] > 0]
    cavities = sorted((k for k in walls if volumes[k] < 0), key=lambda k: volumes[k])[:2]
    if not outside or not cavities:
        return None
    outer = max(outside, key=lambda k: volumes[k])
    parts = np.zeros(len(flat), dtype=np.int8)
    parts[flat] = BASE
    parts[piece == outer] = EPICARDIUM
    for number, cavity in zip((LV, RV), _thicker_first(shell, piece, [outer, *cavities], cavities), strict=False):
        parts[piece == cavity] = number
    return parts


def _thicker_first(shell: _Shell, piece: NDArray[np.int64], walls: list[int], cavities: list[int]) -> list[int]:
    """Cavities in the order of their walls' thickness, of which the thinnest quarter is looked at."""
    from scipy.spatial import cKDTree

    def thickness(cavity: int) -> float:
        across = cKDTree(shell.midpoints[np.isin(piece, [wall for wall in walls if wall != cavity])])
        return float(np.quantile(across.query(shell.midpoints[piece == cavity])[0], 0.25))

    return sorted(cavities, key=thickness, reverse=True) if len(cavities) > 1 else cavities
