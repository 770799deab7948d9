"""The exterior facets, flat or curved: normals, areas, and what follows from them on any number of ranks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from .anatomy import BOUNDARY, Anatomy, bounds
from .geometry import facet_nodes, map_facets


@dataclass(frozen=True)
class Boundary:
    """Exterior facets of this rank with their geometry.

    Attributes:
        comm: the ranks that share the surface.
        facets: (n,) local facet indices.
        corners: (n, 3 or 4, 3) corner coordinates (mm), counter-clockwise seen from outside.
        midpoints: (n, 3) points in the middle of the facets, on the curved surface where the geometry is curved (mm).
        points: (n, q, 3) quadrature points on the facets (mm).
        vectors: (n, q, 3) outward normals there, as long as their share of the area (mm²).
        lower: (3,) lower corner of the whole mesh's bounding box (mm).
        upper: (3,) upper corner.
        values: (n,) numbers that the mesh file gave to the facets, or ``None`` if it gave none.
        nodes: (n, 3 or 4) what the corners are called on all ranks alike.
    """

    comm: MPI.Comm
    facets: NDArray[np.int32]
    corners: NDArray[np.float64]
    midpoints: NDArray[np.float64]
    points: NDArray[np.float64]
    vectors: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    values: NDArray[np.int32] | None = None
    nodes: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), np.int64))

    @cached_property
    def area_vectors(self) -> NDArray[np.float64]:
        """Integrals of the outward normal over each facet (n, 3) in mm²."""
        sums: NDArray[np.float64] = self.vectors.sum(axis=1)
        return sums

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Facet areas (n,) in mm²; of facets that are not flat, by quadrature."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.vectors, axis=2).sum(axis=1)
        return lengths

    @cached_property
    def normals(self) -> NDArray[np.float64]:
        """Outward unit normals (n, 3), averaged over each facet."""
        unit: NDArray[np.float64] = self.area_vectors / np.linalg.norm(self.area_vectors, axis=1, keepdims=True)
        return unit

    @cached_property
    def triangles(self) -> NDArray[np.float64]:
        """Corners (m, 3, 3) of the flat triangles between the facets' corners: one of each facet, or two in turn."""
        fan = [(0, k, k + 1) for k in range(1, self.corners.shape[1] - 1)]
        parts: NDArray[np.float64] = self.corners[:, fan].reshape(-1, 3, 3)
        return parts

    @property
    def slack(self) -> float:
        """A length (mm) that tells round-off from geometry, so that ties fall the same way on every rank."""
        return 1e-8 * float(np.linalg.norm(self.upper - self.lower))

    def total(self, parts: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum over every rank's facets of values (n, ...) given per facet. Collective."""
        here = np.ascontiguousarray(parts.sum(axis=0), dtype=np.float64)
        there = np.empty_like(here)
        self.comm.Allreduce(here, there, MPI.SUM)
        return there

    def centroid(self) -> NDArray[np.float64]:
        """Center of mass (3,) of the enclosed body (mm), by the divergence theorem. Collective.

        With x from the bounding box's center, V = 1/3 ∮ x·n dA and ∫ xᵢ dV = 1/2 ∮ xᵢ² nᵢ dA.
        """
        middle = (self.lower + self.upper) / 2
        x = self.points - middle
        volumes = np.einsum("nqi,nqi->n", x, self.vectors) / 3
        moments = self.total(np.column_stack([volumes, np.einsum("nqi,nqi->ni", x**2, self.vectors) / 2]))
        center: NDArray[np.float64] = middle + moments[1:] / moments[0]
        return center


def boundary_of(anatomy: Anatomy, surface: str = BOUNDARY) -> Boundary:
    """The facets of a named surface with their geometry. Collective.

    Args:
        anatomy: the body.
        surface: a name in ``anatomy.surfaces``.
    """
    mesh, facets = anatomy.mesh, anatomy.surfaces[surface]
    found = map_facets(mesh, facets)
    lower, upper = bounds(mesh)
    values = _file_values(anatomy, facets)
    nodes = np.asarray(mesh.geometry.input_global_indices)[facet_nodes(mesh, facets)].astype(np.int64)
    return Boundary(
        mesh.comm, facets, found.corners, found.midpoints, found.points, found.vectors, lower, upper, values, nodes
    )


def _file_values(anatomy: Anatomy, facets: NDArray[np.int32]) -> NDArray[np.int32] | None:
    """What number the mesh file gave to each facet; the least int32 where it gave none."""
    tags = anatomy.facet_tags
    if tags is None:
        return None
    values = np.full(len(facets), np.iinfo(np.int32).min, dtype=np.int32)
    _, here, there = np.intersect1d(facets, tags.indices, return_indices=True)
    values[here] = tags.values[there]
    return values


def area(anatomy: Anatomy, surface: str) -> float:
    """Area of a named surface (mm²). Collective."""
    boundary = boundary_of(anatomy, surface)
    return float(boundary.total(boundary.areas[:, None])[0])


def mean_normal(anatomy: Anatomy, surface: str) -> NDArray[np.float64]:
    """Outward unit normal (3,) of a named surface, averaged by area; zero for a closed surface. Collective."""
    boundary = boundary_of(anatomy, surface)
    total = boundary.total(np.column_stack([boundary.area_vectors, boundary.areas]))
    length = float(np.linalg.norm(total[:3]))
    return total[:3] / length if length > 1e-10 * total[3] else np.zeros(3)


def centroid(anatomy: Anatomy, surface: str) -> NDArray[np.float64]:
    """Center (3,) of a named surface in mm, averaged by area. Collective."""
    boundary = boundary_of(anatomy, surface)
    shares = np.linalg.norm(boundary.vectors, axis=2)
    moments = np.einsum("nq,nqi->ni", shares, boundary.points)
    total = boundary.total(np.column_stack([moments, boundary.areas]))
    center: NDArray[np.float64] = total[:3] / total[3]
    return center


def facet_counts(anatomy: Anatomy, surfaces: Mapping[str, NDArray[np.int32]]) -> dict[str, int]:
    """How many facets each surface has on all ranks together. Collective."""
    return {name: int(anatomy.mesh.comm.allreduce(len(facets))) for name, facets in surfaces.items()}
