"""Surfaces made smoother, and their triangles more even."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .surface import Surface, directed_edges

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TAUBIN_LAMBDA = 0.5


def smooth_taubin(surface: Surface, iterations: int = 20, pass_band: float = 0.1) -> Surface:
    """Smooth without shrinking: a Laplacian step forward, one back (Taubin 1995, doi 10.1145/218380.218473).

    Args:
        surface: closed surface.
        iterations: pairs of steps.
        pass_band: what is smoother than this (0 to 2, as eigenvalues of the umbrella operator) stays.
    """
    back = 1 / (pass_band - 1 / TAUBIN_LAMBDA)
    umbrella = _umbrella(surface)
    points = surface.points
    for _ in range(iterations):
        for factor in (TAUBIN_LAMBDA, back):
            points = points + factor * (umbrella @ points - points)
    return Surface(points, surface.triangles)


def relax_tangentially(surface: Surface, iterations: int = 5) -> Surface:
    """Even out the triangles: points move half-way to their neighbors' mean, but only along the surface.

    Args:
        surface: closed surface.
        iterations: number of steps.
    """
    umbrella = _umbrella(surface)
    points = surface.points
    for _ in range(iterations):
        normals = point_normals(points, surface.triangles)
        step = umbrella @ points - points
        step -= np.einsum("ni,ni->n", step, normals)[:, None] * normals
        points = points + 0.5 * step
    return Surface(points, surface.triangles)


def _umbrella(surface: Surface) -> "csr_matrix":
    """The matrix (n, n) that gives each point the mean of its neighbors."""
    from scipy import sparse

    n = len(surface.points)
    edges = directed_edges(surface.triangles)
    graph = sparse.coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    graph = ((graph + graph.T) > 0).astype(np.float64)
    count = np.asarray(graph.sum(axis=1)).ravel()
    return sparse.diags(1 / np.maximum(count, 1)) @ graph


def point_normals(points: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    """Unit normals (n, 3) at the points, weighted by the area of the triangles around."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for i in range(3):
        np.add.at(normals, triangles[:, i], face)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    unit: NDArray[np.float64] = normals / np.where(length > 0, length, 1)
    return unit
