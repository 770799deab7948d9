"""The exterior facets as triangles: normals, areas, and what follows from them on any number of ranks."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from dolfinx.mesh import entities_to_geometry
from mpi4py import MPI
from numpy.typing import NDArray

from .anatomy import BOUNDARY, Anatomy, bounds


@dataclass(frozen=True)
class Boundary:
    """Exterior facets of this rank with their geometry.

    Attributes:
        comm: the ranks that share the surface.
        facets: (n,) local facet indices.
        corners: (n, 3, 3) corner coordinates (mm), counter-clockwise seen from outside.
        lower: (3,) lower corner of the whole mesh's bounding box (mm).
        upper: (3,) upper corner.
        values: (n,) numbers that the mesh file gave to the facets, or ``None`` if it gave none.
    """

    comm: MPI.Comm
    facets: NDArray[np.int32]
    corners: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    values: NDArray[np.int32] | None = None

    @cached_property
    def midpoints(self) -> NDArray[np.float64]:
        """Facet midpoints (n, 3) in mm."""
        middle: NDArray[np.float64] = self.corners.mean(axis=1)
        return middle

    @cached_property
    def area_vectors(self) -> NDArray[np.float64]:
        """Outward normals (n, 3) as long as the facet's area (mm²)."""
        a, b, c = (self.corners[:, i] for i in range(3))
        vectors: NDArray[np.float64] = np.cross(b - a, c - a) / 2
        return vectors

    @cached_property
    def areas(self) -> NDArray[np.float64]:
        """Facet areas (n,) in mm²."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.area_vectors, axis=1)
        return lengths

    @cached_property
    def normals(self) -> NDArray[np.float64]:
        """Outward unit normals (n, 3)."""
        unit: NDArray[np.float64] = self.area_vectors / self.areas[:, None]
        return unit

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
        """Center of mass (3,) of the enclosed body (mm), by the divergence theorem. Collective."""
        a, b, c = (self.corners[:, i] for i in range(3))
        sixth = np.einsum("ni,ni->n", a, np.cross(b, c))
        moments = self.total(np.column_stack([sixth / 6, sixth[:, None] * (a + b + c) / 24]))
        center: NDArray[np.float64] = moments[1:] / moments[0]
        return center


def boundary_of(anatomy: Anatomy, surface: str = BOUNDARY) -> Boundary:
    """The facets of a named surface with their geometry. Collective.

    Args:
        anatomy: the body.
        surface: a name in ``anatomy.surfaces``.
    """
    mesh, facets = anatomy.mesh, anatomy.surfaces[surface]
    corners = mesh.geometry.x[entities_to_geometry(mesh, 2, facets).reshape(-1, 3)]
    cells = mesh.topology.connectivity(2, 3)
    inner = np.array([cells.links(facet)[0] for facet in facets], dtype=np.int32)
    inside = mesh.geometry.x[mesh.geometry.dofmaps[0][inner]]
    depth = np.einsum(
        "ni,ni->n",
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]),
        corners[:, 0] - inside.mean(axis=1),
    )
    corners[depth < 0] = corners[depth < 0][:, ::-1]
    return Boundary(mesh.comm, facets, corners, *bounds(mesh), values=_file_values(anatomy, facets))


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
    total = boundary.total(np.column_stack([boundary.midpoints * boundary.areas[:, None], boundary.areas]))
    center: NDArray[np.float64] = total[:3] / total[3]
    return center


def facet_counts(anatomy: Anatomy, surfaces: Mapping[str, NDArray[np.int32]]) -> dict[str, int]:
    """How many facets each surface has on all ranks together. Collective."""
    return {name: int(anatomy.mesh.comm.allreduce(len(facets))) for name, facets in surfaces.items()}
