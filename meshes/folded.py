"""Cells that are turned inside out or lie over their neighbors: no mesh of a body, however the solver takes it."""

from collections.abc import Iterator

import numpy as np
from dolfinx.mesh import Mesh
from numpy.typing import NDArray

from .geometry import corners_of, facet_nodes, jacobian_determinants, nodes_of
from .quality import CHECKED, CHUNK


def folded_cell(mesh: Mesh) -> tuple[int, tuple[float, float, float]] | None:
    """The worst cell that is turned inside out or lies on the same side of a facet as its neighbor. Collective.

    A tetrahedron has no hand of its own, its corners may be numbered either way; turned inside out it lies over the
    cells around it. Facets between cells of different ranks are not looked at.

    Args:
        mesh: tetrahedra or hexahedra, straight or curved, that know which cells a facet has.

    Returns:
        its number in the mesh as it was read, and its center (mm); ``None`` where every cell is sound.
    """
    own = mesh.topology.index_map(3).size_local
    faults, centers = np.zeros(own, dtype=np.int64), np.zeros((own, 3))
    for part in _chunks(np.arange(own, dtype=np.int32)):
        nodes = nodes_of(mesh, part)
        determinants, _ = jacobian_determinants(nodes, CHECKED if nodes.shape[1] != 4 else 0)  # constant in those
        faults[part] = 8 * (determinants.min(axis=1) * determinants.max(axis=1) <= 0)
        centers[part] = nodes[:, : corners_of(mesh)].mean(axis=1)
    for pairs in _overlapping(mesh, centers):
        np.add.at(faults, pairs.ravel(), 1)
    here: tuple[int, int, tuple[float, float, float]] = (0, -1, (0.0, 0.0, 0.0))
    if own and faults.max() > 0:
        cell = int(np.argmax(faults))
        place = tuple(float(x) for x in centers[cell])
        here = (-int(faults[cell]), int(mesh.topology.original_cell_index[cell]), (place[0], place[1], place[2]))
    worst = min(mesh.comm.allgather(here))
    return worst[1:] if worst[0] < 0 else None


def _chunks(numbers: NDArray[np.int32]) -> Iterator[NDArray[np.int32]]:
    return (numbers[at : at + CHUNK] for at in range(0, len(numbers), CHUNK))


def _overlapping(mesh: Mesh, centers: NDArray[np.float64]) -> Iterator[NDArray[np.int32]]:
    """Pairs (n, 2) of this rank's cells that share a facet and lie on the same side of it, by and by."""
    links = mesh.topology.connectivity(2, 3)
    for facets in _chunks(np.flatnonzero(np.diff(links.offsets) == 2).astype(np.int32)):
        pairs = links.array[links.offsets[facets][:, None] + np.arange(2)]
        corners = mesh.geometry.x[facet_nodes(mesh, facets)]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        sides = np.einsum("npi,ni->np", centers[pairs] - corners.mean(axis=1)[:, None], normals)
        yield np.asarray(pairs[sides[:, 0] * sides[:, 1] > 0])
