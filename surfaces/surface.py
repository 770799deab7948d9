"""Closed triangle surfaces: what they enclose, whether they are closed, their pieces."""

from collections.abc import Sequence
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
        """Genus: the number of handles of a closed connected surface, from Euler's V − E + F = 2 − 2g.

        Of a surface of several pieces take ``sum(piece.handles for piece in pieces(surface))``.
        """
        edges = len(directed_edges(self.triangles)) // 2
        return (2 - (len(np.unique(self.triangles)) - edges + len(self.triangles))) // 2

    def oriented(self) -> "Surface":
        """The same surface with its triangles facing outward."""
        return self if self.volume >= 0 else Surface(self.points, self.triangles[:, ::-1])


def pieces(surface: Surface) -> list[Surface]:
    """The connected pieces, that with the most triangles first; unused points are dropped."""
    of_triangle, count = _piece_of_triangles(surface)
    order = np.argsort(-np.bincount(of_triangle, minlength=count), kind="stable")
    return [_only(surface, of_triangle == k) for k in order if (of_triangle == k).any()]


def largest_piece(surface: Surface) -> Surface:
    """The connected piece with the most triangles; unused points are dropped."""
    of_triangle, _ = _piece_of_triangles(surface)
    return _only(surface, of_triangle == np.bincount(of_triangle).argmax())


def joined(parts: Sequence[Surface]) -> Surface:
    """Several surfaces as one, not sewn together."""
    starts = np.cumsum([0, *(len(part.points) for part in parts[:-1])])
    triangles = [part.triangles + start for part, start in zip(parts, starts, strict=True)]
    return Surface(np.concatenate([part.points for part in parts]), np.concatenate(triangles))


def _piece_of_triangles(surface: Surface) -> tuple[NDArray[np.int32], int]:
    from scipy import sparse

    n = len(surface.points)
    edges = directed_edges(surface.triangles)
    graph = sparse.coo_matrix((np.ones(len(edges), bool), (edges[:, 0], edges[:, 1])), shape=(n, n))
    count, piece = sparse.csgraph.connected_components(graph, directed=False)
    return piece[surface.triangles[:, 0]], count


def _only(surface: Surface, kept: NDArray[np.bool_]) -> Surface:
    used, triangles = np.unique(surface.triangles[kept], return_inverse=True)
    return Surface(surface.points[used], triangles.reshape(-1, 3))


def directed_edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """The edges (3m, 2) in the sense in which each triangle runs along them."""
    return np.concatenate([triangles[:, list(pair)] for pair in (*pairwise(range(3)), (2, 0))])
