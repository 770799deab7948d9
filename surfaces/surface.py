"""Closed triangle surfaces: what they enclose, whether they are closed, their pieces."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MESHING = "pip install 'fibertwin[meshing]'"


@dataclass(frozen=True)
class Surface:
    """A triangle surface.

    Attributes:
        points: (n, 3) in mm.
        triangles: (m, 3) indices into ``points``, counter-clockwise seen from outside.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int64]

    @property
    def volume(self) -> float:
        """Enclosed volume (mm³), negative where the triangles face inward."""
        a, b, c = (self.points[self.triangles[:, i]] for i in range(3))
        return float(np.einsum("ni,ni->", a, np.cross(b, c)) / 6)

    @property
    def area(self) -> float:
        """Area (mm²)."""
        a, b, c = (self.points[self.triangles[:, i]] for i in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def is_watertight(self) -> bool:
        """Whether each edge joins exactly two triangles that run along it in opposite senses."""
        edges = directed_edges(self.triangles)
        forth = np.unique(edges, axis=0)
        back = np.unique(edges[:, ::-1], axis=0)
        return len(forth) == len(edges) and np.array_equal(forth, back)

    @property
    def handles(self) -> int:
        """Genus: the number of handles of a closed connected surface, from Euler's V − E + F = 2 − 2g."""
        edges = len(directed_edges(self.triangles)) // 2
        return (2 - (len(np.unique(self.triangles)) - edges + len(self.triangles))) // 2

    def oriented(self) -> "Surface":
        """The same surface with its triangles facing outward."""
        return self if self.volume >= 0 else Surface(self.points, self.triangles[:, ::-1])


def largest_piece(surface: Surface) -> Surface:
    """The connected piece with the most triangles; unused points are dropped."""
    from scipy import sparse

    n = len(surface.points)
    edges = directed_edges(surface.triangles)
    graph = sparse.coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, piece = sparse.csgraph.connected_components(graph, directed=False)
    of_triangle = piece[surface.triangles[:, 0]]
    kept = surface.triangles[of_triangle == np.bincount(of_triangle).argmax()]
    used, triangles = np.unique(kept, return_inverse=True)
    return Surface(surface.points[used], triangles.reshape(-1, 3))


def directed_edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """The edges (3m, 2) in the sense in which each triangle runs along them."""
    return np.concatenate([triangles[:, list(pair)] for pair in (*pairwise(range(3)), (2, 0))])
