"""Triangles of a wanted size on the same surface."""

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .decimation import decimate, triangles_for
from .measures import polydata
from .smoothing import relax_tangentially
from .surface import MESHING, Surface, directed_edges

Remesher = Literal["quadric", "pyacvd"]
FINER = 3
"""How many times more triangles than wanted the clustering is given to choose from."""


def remesh(surface: Surface, edge: float, by: Remesher = "quadric") -> Surface:
    """Triangles with edges of about ``edge`` (mm), more or fewer than there were.

    Longer edges are split, then triangles collapse to the number wanted: ``quadric`` keeps sharp edges (Garland &
    Heckbert 1997, doi 10.1145/258734.258849); ``pyacvd`` makes evener triangles, rounds edges and is slower (Valette
    & Chassery 2004, doi 10.1111/j.1467-8659.2004.00769.x).

    Args:
        surface: closed surface in one piece.
        edge: wanted (mm).
        by: how the number of triangles is reached.

    Raises:
        InputError: a library is missing, or the surface didn't stay closed.
    """
    count = triangles_for(surface, edge)
    fine = _split(surface, edge)
    made = _clustered(fine, count // 2 + 2) if by == "pyacvd" else relax_tangentially(decimate(fine, count), 5)
    if not made.is_watertight:
        hint = "another edge" + (', or by = "quadric"' if by == "pyacvd" else "")
        raise InputError(
            Problem("edge", "the surface doesn't stay closed with triangles of this size", f"{edge:g} mm", hint=hint)
        )
    return made.oriented()


def _split(surface: Surface, edge: float) -> Surface:
    """Edges longer than wanted cut in two, all at once in each triangle that has them, until none is left."""
    while True:
        ends = np.sort(directed_edges(surface.triangles), axis=1)
        unique, which = np.unique(ends, axis=0, return_inverse=True)
        length = np.linalg.norm(surface.points[unique[:, 1]] - surface.points[unique[:, 0]], axis=1)
        long = length > edge
        if not long.any():
            return surface
        middle = np.full(len(unique), -1)
        middle[long] = len(surface.points) + np.arange(long.sum())
        points = np.concatenate([surface.points, surface.points[unique[long]].mean(axis=1)])
        surface = Surface(points, _cut(surface.triangles, middle[which.ravel()].reshape(3, -1).T))


def _cut(triangles: NDArray[np.int64], middles: NDArray[np.int64]) -> NDArray[np.int64]:
    """Triangles with a point, or -1, in the middle of each edge from a corner to the next, cut through these points."""
    parts = [triangles[(middles < 0).all(axis=1)]]
    for first in range(3):
        order = [first, (first + 1) % 3, (first + 2) % 3]
        (a, b, c), (ab, bc, ca) = triangles[:, order].T, middles[:, order].T
        one = (ab >= 0) & (bc < 0) & (ca < 0)
        two = (ab >= 0) & (bc >= 0) & (ca < 0)
        for chosen, corners in (
            (one, (a, ab, c)),
            (one, (ab, b, c)),
            (two, (ab, b, bc)),
            (two, (a, ab, c)),
            (two, (ab, bc, c)),
        ):
            parts.append(np.column_stack(corners)[chosen])
    (a, b, c), (ab, bc, ca) = triangles.T, middles.T
    every = (middles >= 0).all(axis=1)
    parts += [np.column_stack(corners)[every] for corners in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return np.concatenate(parts)


def _clustered(surface: Surface, points: int) -> Surface:
    try:
        import pyacvd
    except ImportError as error:
        raise InputError(Problem("pyacvd", "is needed for this way to remesh", str(error), hint=MESHING)) from error
    with warnings.catch_warnings():
        # pyacvd 0.4 reads a property that pyvista 0.48 renamed
        warnings.filterwarnings("ignore", message=".*_connectivity_array")
        clustering: Any = pyacvd.Clustering(polydata(surface))
        while len(clustering.mesh.points) < FINER * points:
            clustering.subdivide(2)
        clustering.cluster(points)
        made = clustering.create_mesh()
    return Surface(np.asarray(made.points, np.float64), np.asarray(made.regular_faces, np.int64))
