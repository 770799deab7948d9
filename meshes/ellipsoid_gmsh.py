"""Unstructured tetrahedra of a truncated ellipsoid, by gmsh, with nodes exactly on its surfaces."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .anatomy import TISSUE, RawMesh
from .geometry import reference_nodes
from .gmsh_model import TRIANGLE, GmshModel, read_tetrahedra

if TYPE_CHECKING:
    from .ellipsoid import TruncatedEllipsoid

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
NAMES = ("endocardium", "epicardium", "base")
ENDOCARDIUM, EPICARDIUM, BASE = range(3)


def unstructured(shape: "TruncatedEllipsoid", edge: float) -> RawMesh:
    """Tetrahedra with edges of about ``edge`` (mm); not collective.

    Raises:
        InputError: gmsh is missing or fails.
    """
    with GmshModel("can't mesh the ellipsoid", "a different edge") as gmsh:
        _outline(gmsh, shape)
        gmsh.option.setNumber("Mesh.MeshSizeMax", edge)
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.optimize("Netgen")
        points, cells, index = read_tetrahedra(gmsh)
        facets, values = _facets(gmsh, shape, index)
    points = _snapped(shape, points, [np.unique(facets[values == k]) for k in range(3)])
    if shape.curved:
        points, cells = _curved(shape, points, cells, [facets[values == k] for k in range(3)])
    return RawMesh(
        points,
        cells,
        np.ones(len(cells), np.int32),
        {TISSUE: 1},
        facets,
        (values + 1).astype(np.int32),
        {name: number for number, name in enumerate(NAMES, start=1)},
    )


def _outline(gmsh: Any, shape: "TruncatedEllipsoid") -> None:
    """Two spheres stretched to ellipsoids, one less the other, cut at the base."""
    occ = gmsh.model.occ
    bodies = []
    for short, long in (shape.epicardium, shape.endocardium):
        ball = occ.addSphere(0, 0, 0, 1)
        occ.dilate([(3, ball)], 0, 0, 0, short, short, long)
        bodies.append((3, ball))
    wall, _ = occ.cut(bodies[:1], bodies[1:])
    short, long = shape.epicardium
    below = occ.addBox(-2 * short, -2 * short, -2 * long, 4 * short, 4 * short, 2 * long + shape.base)
    occ.intersect(wall, [(3, below)])
    occ.synchronize()


def _facets(gmsh: Any, shape: "TruncatedEllipsoid", index: Integers) -> tuple[Integers, Integers]:
    """Corners (n, 3) of the triangles, and which surface each is on (n,)."""
    facets, values = [], []
    for _, entity in gmsh.model.getEntities(2):
        _, corners = gmsh.model.mesh.getElementsByType(TRIANGLE, entity)
        x = gmsh.model.mesh.getNodes(2, entity, includeBoundary=True)[1].reshape(-1, 3)
        if np.abs(x[:, 2] - shape.base).max() < 1e-6 * shape.epicardium[1]:
            surface = BASE
        else:
            level = (x[:, :2] ** 2).sum(axis=1) / shape.endocardium[0] ** 2 + (x[:, 2] / shape.endocardium[1]) ** 2
            surface = ENDOCARDIUM if np.abs(level - 1).max() < 1e-3 else EPICARDIUM
        facets.append(index[corners.astype(np.int64)].reshape(-1, 3))
        values.append(np.full(len(facets[-1]), surface))
    return np.concatenate(facets), np.concatenate(values)


def _snapped(shape: "TruncatedEllipsoid", points: Array, on: list[Integers]) -> Array:
    """The points, with those on each surface moved exactly onto it, the base's within its plane."""
    moved = points.copy()
    moved[on[BASE], 2] = shape.base
    for surface, (short, long) in ((ENDOCARDIUM, shape.endocardium), (EPICARDIUM, shape.epicardium)):
        free = np.setdiff1d(on[surface], on[BASE])
        x = moved[free]
        level = (x[:, :2] ** 2).sum(axis=1) / short**2 + (x[:, 2] / long) ** 2
        moved[free] = x / np.sqrt(level)[:, None]
        rim = np.intersect1d(on[surface], on[BASE])
        radius = short * np.sqrt(1 - (shape.base / long) ** 2)
        moved[rim, :2] *= (radius / np.linalg.norm(moved[rim, :2], axis=1))[:, None]
    return moved


def _curved(
    shape: "TruncatedEllipsoid", points: Array, cells: Integers, facets: list[Integers]
) -> tuple[Array, Integers]:
    """Cells (m, 10) with a node amid each edge, those of the surfaces' edges on the surfaces."""
    ends = np.array([np.flatnonzero(row) for row in _weights()])
    pairs = np.sort(cells[:, ends].reshape(-1, 2), axis=1)
    edges, which = np.unique(pairs, axis=0, return_inverse=True)
    number = {(int(a), int(b)): k for k, (a, b) in enumerate(edges)}
    on = []
    for corners in facets:
        sides = np.unique(np.sort(corners[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2), axis=1), axis=0)
        on.append(np.array([number[int(a), int(b)] for a, b in sides], dtype=np.int64))
    middles = _snapped(shape, points[edges].mean(axis=1), on)
    return np.concatenate([points, middles]), np.column_stack([cells, len(points) + which.reshape(-1, 6)])


def _weights() -> Array:
    """Barycentric coordinates (6, 4) of a tetrahedron's nodes amid its edges."""
    inner = reference_nodes(10)[4:]
    return np.column_stack([1 - inner.sum(axis=1), inner]).round(6)
