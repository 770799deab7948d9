"""Regions filled with good tetrahedra by MMG, gmsh or fTetWild; each is given the same cut lattice to begin with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.surfaces import Surface
from fibertwin.surfaces.surface import MESHING

from .gmsh_model import TETRAHEDRON, TRIANGLE, GmshModel
from .improve import improve, shape_and_angle
from .multi_lattice import cleaned, pieces
from .multi_region import RegionMesh, compact, interfaces, neighbors
from .multi_shares import Shares
from .multi_smooth import settle
from .quality import right_handed
from .size_fields import Finer, edge_lengths

Mesher = Literal["mmg", "gmsh", "ftetwild"]
LIBRARIES = {"mmg": ("mmgpy",), "gmsh": ("mmgpy", "gmsh"), "ftetwild": ("pytetwild",)}
TARGET = 0.2
"""Scaled Jacobian, and dihedral angle as ``shape_and_angle`` has it, to which cells are mended: the gate wants 0.15."""
SETTLED = 0.25
GRADATION = 1.4
"""How much longer an edge may be than the one beside it."""
SHRINK = 1.15
"""MMG's edges come out shorter than asked by about this."""


@dataclass(frozen=True)
class Wanted:
    """What to make.

    Attributes:
        edge: mean edge length (mm).
        deviation: how far (mm) a facet may be from the smooth surface; where that is curved edges become shorter.
        finer: places where edges are shorter.
    """

    edge: float
    deviation: float
    finer: tuple[Finer, ...] = ()


def fill(start: RegionMesh, shares: Shares, wanted: Wanted, mesher: Mesher) -> RegionMesh:
    """The regions of a cut lattice, filled anew by one of the meshers; interfaces conform.

    Args:
        start: the cut lattice.
        shares: of the regions, whose surfaces of equal shares the interfaces lie on.
        wanted: sizes.
        mesher: by name.

    Raises:
        InputError: the library is missing, or it fails.
    """
    settled = settle(start, shares, SETTLED, 4)
    if mesher == "ftetwild":
        made = _by_ftetwild(settled, shares, wanted)
    else:
        made = settle(_by_mmg(settled, wanted), shares, SETTLED, 3)
        if mesher == "gmsh":
            made = refill(made, wanted.edge)
    return mended(made)


def mended(mesh: RegionMesh) -> RegionMesh:
    """The mesh with corners of its few worst cells moved, by small steps, interfaces with them."""
    points = improve(mesh.points, mesh.cells, TARGET, measure=shape_and_angle, free=True)
    return replace(mesh, points=points)


def _by_mmg(start: RegionMesh, wanted: Wanted) -> RegionMesh:
    """Remeshed by MMG, which keeps the facets between regions as surfaces (Dapogny et al. 2014)."""
    try:
        import mmgpy
    except ImportError as error:
        raise InputError(Problem("mmgpy", "is needed for this mesher", str(error), hint=MESHING)) from error
    lengths = SHRINK * edge_lengths(start, wanted.edge, wanted.finer)
    mesh: Any = mmgpy.MmgMesh3D()
    mesh.set_mesh_size(vertices=len(start.points), tetrahedra=len(start.cells))
    mesh.set_vertices(start.points)
    mesh.set_tetrahedra(start.cells.astype(np.int32), start.values.astype(np.int64))
    mesh["metric"] = lengths[:, None]
    limits = {"hmin": 0.5 * float(lengths.min()), "hmax": 1.3 * float(lengths.max()), "hausd": wanted.deviation}
    try:
        mesh.remesh(verbose=-1, angle=0, hgrad=GRADATION, **limits)
    except RuntimeError as error:
        hint = "another edge, more smoothing, or another mesher"
        raise InputError(Problem("mmg", "can't remesh the regions", str(error), hint=hint)) from error
    cells, values = mesh.get_tetrahedra_with_refs()
    points = np.asarray(mesh.get_vertices(), dtype=np.float64)
    cells = right_handed(points, cells.astype(np.int64))
    return compact(RegionMesh(points, cells, values.astype(np.int32), start.regions))


def refill(mesh: RegionMesh, edge: float) -> RegionMesh:
    """The same interfaces, filled anew by gmsh (HXT, then Netgen's optimizer).

    Args:
        mesh: whose facets between regions, and outside, are kept as they are.
        edge: largest edge length wanted inside (mm).
    """
    piece = 1 + pieces(mesh.values, neighbors(mesh.cells))
    found = interfaces(mesh.cells, piece.astype(np.int32))
    sides = np.sort(found.sides, axis=1)
    patches, which = np.unique(sides, axis=0, return_inverse=True)
    facets = [found.facets[which.ravel() == k] for k in range(len(patches))]
    volumes = [np.flatnonzero((patches == number).any(axis=1)).tolist() for number in range(1, piece.max() + 1)]
    values = np.zeros(piece.max() + 1, np.int32)
    values[piece] = mesh.values
    return _by_gmsh(mesh.points, facets, volumes, values[1:].tolist(), mesh.regions, edge)


def fill_nested(surfaces: dict[str, Surface], edge: float) -> RegionMesh:
    """Closed surfaces within each other, filled: each name is the region directly inside its surface.

    Args:
        surfaces: by name; none touches or crosses another.
        edge: largest edge length wanted inside (mm).

    Raises:
        InputError: a surface is open, or gmsh can't fill them.
    """
    for name, surface in surfaces.items():
        if not surface.is_watertight:
            count = f"{len(surface.triangles)} triangles"
            raise InputError(Problem(f"surface {name}", "is not watertight", count, "a closed surface"))
    shells = list(surfaces.values())
    inside = [[k for k, outer in enumerate(shells) if k != i and _encloses(outer, s.points[0])]
              for i, s in enumerate(shells)]  # fmt: skip
    volumes = [
        [i, *(k for k in range(len(shells)) if i in inside[k] and len(inside[k]) == len(inside[i]) + 1)]
        for i in range(len(shells))
    ]
    offsets = np.cumsum([0, *(len(s.points) for s in shells)])
    facets = [s.triangles + at for s, at in zip(shells, offsets, strict=False)]
    regions = {name: number for number, name in enumerate(surfaces, start=1)}
    points = np.concatenate([s.points for s in shells])
    return mended(_by_gmsh(points, facets, volumes, list(regions.values()), regions, edge))


def _encloses(surface: Surface, point: NDArray[np.float64]) -> bool:
    """Whether a closed surface winds around a point (van Oosterom & Strackee 1983, doi 10.1109/TBME.1983.325207)."""
    a, b, c = (surface.points[surface.triangles[:, k]] - point for k in range(3))
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    top = np.einsum("ni,ni->n", a, np.cross(b, c))
    bottom = la * lb * lc + np.einsum("ni,ni->n", a, b) * lc + np.einsum("ni,ni->n", a, c) * lb
    bottom += np.einsum("ni,ni->n", b, c) * la
    return bool(abs(np.arctan2(top, bottom).sum()) > np.pi)


def _by_gmsh(
    points: NDArray[np.float64], facets: Sequence[NDArray[np.int64]], volumes: Sequence[Sequence[int]],
    values: Sequence[int], regions: Any, edge: float,
) -> RegionMesh:  # fmt: skip
    """Volumes between patches of triangles that share points, filled by gmsh."""
    hint = "surfaces that cross or touch: another edge, more smoothing, or another mesher"
    with GmshModel("can't fill the regions with tetrahedra", hint) as gmsh:
        placed = np.zeros(len(points), bool)
        for k, triangles in enumerate(facets, start=1):
            gmsh.model.addDiscreteEntity(2, k)
            own = np.unique(triangles)
            own = own[~placed[own]]
            placed[own] = True
            gmsh.model.mesh.addNodes(2, k, own + 1, points[own].ravel())
        for k, triangles in enumerate(facets, start=1):
            gmsh.model.mesh.addElementsByType(k, TRIANGLE, [], (triangles + 1).ravel())
        tags = []
        for patches in volumes:
            loop = gmsh.model.geo.addSurfaceLoop([k + 1 for k in patches])
            tags.append(gmsh.model.geo.addVolume([loop]))
        gmsh.model.geo.synchronize()
        gmsh.option.setNumber("Mesh.MeshSizeMax", edge)
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.optimize("Netgen")
        numbers, coordinates, _ = gmsh.model.mesh.getNodes()
        place = np.zeros(int(numbers.max()) + 1, np.int64)
        place[numbers.astype(np.int64)] = np.arange(len(numbers))
        found = [gmsh.model.mesh.getElementsByType(TETRAHEDRON, tag)[1].astype(np.int64) for tag in tags]
    cells = place[np.concatenate(found)].reshape(-1, 4)
    owners = np.repeat(values, [len(f) // 4 for f in found]).astype(np.int32)
    x = np.asarray(coordinates, dtype=np.float64).reshape(-1, 3)
    return compact(RegionMesh(x, right_handed(x, cells), owners, regions))


def _by_ftetwild(start: RegionMesh, shares: Shares, wanted: Wanted) -> RegionMesh:
    """The interfaces as a soup of triangles, filled by fTetWild (Hu et al. 2020); cells by shares in their middle."""
    try:
        import pytetwild
    except ImportError as error:
        raise InputError(Problem("pytetwild", "is needed for this mesher", str(error), hint=MESHING)) from error
    facets = interfaces(start.cells, start.values).facets
    used, triangles = np.unique(facets, return_inverse=True)
    soup = start.points[used]
    diagonal = float(np.linalg.norm(np.ptp(soup, axis=0)))
    made: Any = getattr(pytetwild, "tetrahedralize")  # noqa: B009 (it is not exported as type checkers want)
    points, cells = made(
        soup, triangles.reshape(-1, 3).astype(np.int32), edge_length_abs=wanted.edge,
        epsilon=0.5 * wanted.deviation / diagonal, num_threads=1, disable_filtering=True, quiet=True,
    )  # fmt: skip
    points = np.asarray(points, dtype=np.float64)
    cells = right_handed(points, np.asarray(cells, dtype=np.int64))
    values = np.argmax(shares.at(points[cells].mean(axis=1)), axis=0).astype(np.int32)
    values = cleaned(values, neighbors(cells))
    inside = values > 0
    return compact(RegionMesh(points, cells[inside], values[inside], start.regions))
