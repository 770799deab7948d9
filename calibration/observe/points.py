"""Displacements of material points: markers, landmarks, nodes of a registered image."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .observation import Observation, Seen, linear_pull

if TYPE_CHECKING:
    from dolfinx.mesh import Mesh
    from scipy.sparse import csr_array

    from fibertwin.solver.system import System

type Vector = NDArray[np.float64]

AXES = "xyz"
MOST_TOLD = 5
"""Points that a message names one by one."""


@dataclass(frozen=True)
class PointDisplacements(Observation):
    """Displacements (mm) of points given in the reference configuration.

    A point that lies outside the mesh by no more than ``reach`` is taken at the nearest point of the mesh: markers on a
    surface lie a little off its facets.

    Attributes:
        points: positions (n, 3) (RAS+ mm).
        components: which components are seen, of each point in turn: ``xyz``, ``z`` …
        names: of the points (n); numbered where left out.
        reach: largest distance from the mesh (mm).
    """

    points: tuple[tuple[float, float, float], ...]
    components: str = "xyz"
    names: tuple[str, ...] = ()
    reach: float = 2.0

    def __post_init__(self) -> None:
        if not self.points:
            raise ValueError("no points are observed")
        if not self.components or not set(self.components) <= set(AXES):
            raise ValueError(f"components must be some of x, y, z; got {self.components!r}")
        if self.names and len(self.names) != len(self.points):
            raise ValueError("as many names as points, or none")

    def on(self, system: "System") -> Seen:
        """Find the points. Collective.

        Raises:
            InputError: on every rank, with the points that are too far from the mesh.
        """
        named = self.names or tuple(f"point {i}" for i in range(len(self.points)))
        matrix = self._matrix(system, named)
        comm = system.comm

        def value(system: "System") -> Vector:
            return np.asarray(comm.allreduce(matrix @ system.state.displacement.x.array))

        names = tuple(f"{name} {axis}" for name in named for axis in self.components)
        return Seen(names, "mm", value, linear_pull(matrix))

    def _matrix(self, system: "System", named: tuple[str, ...]) -> "csr_array":
        """This rank's rows of the map from local degrees of freedom to what is seen."""
        from scipy.sparse import csr_array

        V = system.state.displacement.function_space
        points = np.array(self.points, dtype=float)
        cells, places, distances = nearest_cells(V.mesh, points)
        owner = _owners(system.comm, distances)
        _require_near(system.comm, distances, self.reach, named, points)
        rows, columns, weights = [], [], []
        mine = np.flatnonzero(owner == system.comm.rank)
        for point in mine:
            nodes = V.dofmap.cell_dofs(int(cells[point]))
            shape = V.element.basix_element.tabulate(0, reference(V.mesh, int(cells[point]), places[point]))[0, 0, :, 0]
            for position, axis in enumerate(self.components):
                rows += [point * len(self.components) + position] * len(nodes)
                columns += list(3 * nodes + AXES.index(axis))
                weights += list(shape)
        shape_of = (len(points) * len(self.components), len(system.state.displacement.x.array))
        return csr_array((weights, (rows, columns)), shape=shape_of)


def nearest_cells(mesh: "Mesh", points: Vector) -> tuple[NDArray[np.int32], Vector, Vector]:
    """For each point (n, 3) the nearest of this rank's cells, the place in it (n, 3), and how far (n,) that is."""
    from dolfinx import geometry

    count = mesh.topology.index_map(3).size_local
    own = np.arange(count, dtype=np.int32)
    if not count:
        return np.zeros(len(points), np.int32), points.copy(), np.full(len(points), np.inf)
    tree = geometry.bb_tree(mesh, 3, entities=own)
    middles = geometry.create_midpoint_tree(mesh, 3, own)
    cells = np.asarray(geometry.compute_closest_entity(tree, middles, mesh, points))
    nodes = mesh.geometry.x[mesh.geometry.dofmaps[0][cells]][:, : len(_corners(mesh))]
    away = np.array(
        [geometry.compute_distance_gjk(corners, point) for corners, point in zip(nodes, points, strict=True)]
    )
    return cells, points + away, np.linalg.norm(away, axis=1)


def reference(mesh: "Mesh", cell: int, place: Vector) -> Vector:
    """Coordinates (1, 3) of a place (3,) in the reference cell."""
    shape = mesh.geometry.cmaps[0]
    return np.asarray(shape.pull_back(place[None, :], mesh.geometry.x[mesh.geometry.dofmaps[0][cell]]))


def _corners(mesh: "Mesh") -> range:
    from dolfinx.cpp.mesh import cell_num_vertices

    return range(cell_num_vertices(mesh.topology.cell_type))


def _owners(comm: Any, distances: Vector) -> NDArray[np.int64]:
    """The first of the ranks that are nearest to each point."""
    return np.asarray(np.argmin(np.round(comm.allgather(distances), 9), axis=0))


def _require_near(comm: Any, distances: Vector, reach: float, names: tuple[str, ...], points: Vector) -> None:
    least = np.min(comm.allgather(distances), axis=0)
    far = np.flatnonzero(least > reach)
    if len(far):
        told = "; ".join(
            f"{names[i]} at ({', '.join(f'{x:.1f}' for x in points[i])}) mm by {least[i]:.2g} mm"
            for i in far[:MOST_TOLD]
        )
        rest = f" and {len(far) - MOST_TOLD} more" if len(far) > MOST_TOLD else ""
        hint = "positions are in the mesh's space, RAS+ mm, before the load; a larger reach moves them onto the mesh"
        wanted = f"within {reach:g} mm of the mesh"
        raise InputError(Problem("points", "lie outside the body", told + rest, wanted, hint))
