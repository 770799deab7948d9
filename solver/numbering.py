"""Nodes and cells in an order that no partition changes, so that what one number of ranks wrote another can read."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from dolfinx import fem
from dolfinx.mesh import Mesh
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mpi4py import MPI

type Integers = NDArray[np.int64]


class Numbering:
    """The rows of all ranks in the order of their keys, on rank 0. Everything on it is collective.

    Args:
        comm: the ranks.
        keys: whole numbers (rows, width) that tell each row of this rank from every other row of any rank.
    """

    def __init__(self, comm: "MPI.Comm", keys: Integers) -> None:
        self._comm = comm
        parts = comm.gather(keys)
        self._order: Integers | None = None
        if parts is not None:
            whole = np.concatenate(parts)
            self._order = np.lexsort(whole.T[::-1])
            self._bounds = np.cumsum([len(part) for part in parts])[:-1]
        self.size: int = comm.allreduce(len(keys))

    def gather(self, values: NDArray[Any]) -> NDArray[Any] | None:
        """This rank's rows (rows, …) with those of all others, in order; None on all ranks but the first."""
        parts = self._comm.gather(np.ascontiguousarray(values))
        return None if parts is None or self._order is None else np.concatenate(parts)[self._order]

    def scatter(self, values: NDArray[Any] | None) -> NDArray[Any]:
        """What ``gather`` gave, taken from rank 0 back to this rank's rows."""
        parts = None
        if values is not None and self._order is not None:
            back = np.empty_like(values)
            back[self._order] = values
            parts = np.split(back, self._bounds)
        return np.asarray(self._comm.scatter(parts))


def of_cells(mesh: Mesh) -> Numbering:
    """Each rank's own cells, by the number that they had when the mesh was made. Collective."""
    owned = mesh.topology.index_map(mesh.topology.dim).size_local
    return Numbering(mesh.comm, _column(mesh.topology.original_cell_index[:owned]))


def of_points(mesh: Mesh) -> Numbering:
    """Each rank's own points of the geometry, by the number that they had when the mesh was made. Collective."""
    owned = mesh.geometry.index_map().size_local
    return Numbering(mesh.comm, _column(mesh.geometry.input_global_indices[:owned]))


def of_nodes(V: fem.FunctionSpace) -> Numbering:
    """Each rank's own nodes of a Lagrange space of degree 1 or 2, by the corners of the entity that they lie in.

    Every entity holds one node at most, so that its corners tell it from all others and it does not matter how a
    partition turns it. Collective.

    Args:
        V: the space; the components of a vector are one row.
    """
    mesh, layout = V.mesh, V.dofmap.dof_layout
    cells = mesh.geometry.dofmaps[0]
    points = np.asarray(mesh.geometry.input_global_indices, dtype=np.int64)
    reference = V.element.basix_element
    corners = points[cells[:, : len(reference.entity_dofs[0])]]
    keys = np.full((len(V.tabulate_dof_coordinates()), corners.shape[1]), -1, dtype=np.int64)
    for dimension, entities in enumerate(_entities(V)):
        for number, of_entity in enumerate(entities):
            dofs = layout.entity_dofs(dimension, number)
            if dofs:
                (dof,) = dofs
                keys[V.dofmap.list[:, dof], : len(of_entity)] = np.sort(corners[:, of_entity], axis=1)
    return Numbering(mesh.comm, keys[: V.dofmap.index_map.size_local])


def _entities(V: fem.FunctionSpace) -> list[list[list[int]]]:
    """The corners of every entity of the reference cell, by dimension."""
    import basix

    topology: list[list[list[int]]] = basix.topology(V.element.basix_element.cell_type)
    return topology


def _column(numbers: NDArray[Any]) -> Integers:
    return np.asarray(numbers, dtype=np.int64)[:, None]


def connectivity(mesh: Mesh, cells: Numbering) -> str:
    """Checksum of the points of all cells, in each cell's own order, as they were when the mesh was made. Collective.

    Cells that agree in it have their quadrature points in the same order too.

    Args:
        mesh: the mesh.
        cells: its cells.
    """
    owned = mesh.topology.index_map(mesh.topology.dim).size_local
    points = np.asarray(mesh.geometry.input_global_indices, dtype=np.int64)
    whole = cells.gather(points[mesh.geometry.dofmaps[0][:owned]])
    found = None if whole is None else hashlib.sha256(np.ascontiguousarray(whole).tobytes()).hexdigest()
    checksum: str = mesh.comm.bcast(found)
    return checksum
