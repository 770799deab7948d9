"""Tetrahedra of several regions that share the facets between them."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .quality import signed_volumes

FACES = ((1, 2, 3), (0, 3, 2), (0, 1, 3), (0, 2, 1))
"""Corners of a right-handed tetrahedron's faces, counter-clockwise seen from outside."""

OUTSIDE = 0
"""The number of what belongs to no region."""


@dataclass(frozen=True)
class RegionMesh:
    """Tetrahedra in arrays, each of one region; regions meet in whole facets.

    Attributes:
        points: (n, 3) in mm, every one used.
        cells: (m, 4) indices into ``points``, right-handed.
        values: (m,) region number of each cell, from 1.
        regions: region numbers by name.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int64]
    values: NDArray[np.int32]
    regions: Mapping[str, int]

    @property
    def volumes(self) -> dict[str, float]:
        """The volume (mm³) of each region by name."""
        sums = np.bincount(self.values, signed_volumes(self.points, self.cells), max(self.regions.values()) + 1)
        return {name: float(sums[number]) for name, number in self.regions.items()}


@dataclass(frozen=True)
class Interfaces:
    """The facets between regions, and those on the outside.

    Attributes:
        facets: (k, 3) corners, counter-clockwise seen from the second side.
        sides: (k, 2) the numbers on either side, the cell's own first; the second is 0 on the outside.
        cells: (k,) the cell that the facet was taken from.
    """

    facets: NDArray[np.int64]
    sides: NDArray[np.int32]
    cells: NDArray[np.int64]

    def between(self, a: int, b: int) -> NDArray[np.int64]:
        """Facets (k, 3) between two numbers, seen from ``b``."""
        forth = self.facets[(self.sides == (a, b)).all(axis=1)]
        back = self.facets[(self.sides == (b, a)).all(axis=1)]
        return np.concatenate([forth, back[:, ::-1]])

    def around(self, a: int) -> NDArray[np.int64]:
        """All facets (k, 3) around a region, counter-clockwise seen from outside of it: a closed surface."""
        forth = self.facets[self.sides[:, 0] == a]
        back = self.facets[self.sides[:, 1] == a]
        return np.concatenate([forth, back[:, ::-1]])


def neighbors(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cell (m, 4) behind each face of each cell, −1 where there is none.

    Raises:
        ValueError: three cells share a face.
    """
    faces = np.sort(np.concatenate([cells[:, face] for face in FACES]), axis=1)
    order = np.lexsort(faces.T)
    same = (faces[order[1:]] == faces[order[:-1]]).all(axis=1)
    if (same[1:] & same[:-1]).any():
        raise ValueError("three cells share a face")
    found = np.full(len(faces), -1, dtype=np.int64)
    first, second = order[:-1][same], order[1:][same]
    found[first], found[second] = second % len(cells), first % len(cells)
    return found.reshape(4, -1).T


def interfaces(cells: NDArray[np.int64], values: NDArray[np.int32]) -> Interfaces:
    """The facets where regions meet, each once, and those on the outside.

    Args:
        cells: (m, 4), right-handed.
        values: (m,) region numbers from 1.
    """
    behind = neighbors(cells)
    beyond = np.where(behind >= 0, values[behind], OUTSIDE)
    which, face = np.nonzero(beyond < values[:, None])
    corners = cells[which[:, None], np.array(FACES)[face]]
    return Interfaces(corners, np.column_stack([values[which], beyond[which, face]]).astype(np.int32), which)


def open_edges(found: Interfaces) -> int:
    """How many edges of the interfaces end in nothing: 0 where regions conform.

    The surface around a region must be closed: each edge has as many facets running one way as the other. Where it
    is, the interface between two regions is closed too, or ends on a third one or on the outside.
    """
    count = 0
    for region in np.unique(found.sides[found.sides != OUTSIDE]):
        facets = found.around(int(region))
        edges = np.concatenate([facets[:, list(pair)] for pair in (*pairwise(range(3)), (2, 0))])
        sense = np.where(edges[:, 0] < edges[:, 1], 1, -1)
        _, which = np.unique(np.sort(edges, axis=1), axis=0, return_inverse=True)
        count += int((np.bincount(which.ravel(), sense) != 0).sum())
    return count


def pinched_edges(found: Interfaces, region: int) -> int:
    """Edges of the surface around a region where more than two of its facets meet: 0 for a manifold."""
    facets = found.around(region)
    edges = np.sort(np.concatenate([facets[:, list(pair)] for pair in (*pairwise(range(3)), (2, 0))]), axis=1)
    _, count = np.unique(edges, axis=0, return_counts=True)
    return int((count > 2).sum())


def compact(mesh: RegionMesh) -> RegionMesh:
    """The mesh without points that no cell uses."""
    used, cells = np.unique(mesh.cells, return_inverse=True)
    return RegionMesh(mesh.points[used], cells.reshape(-1, 4), mesh.values, mesh.regions)
