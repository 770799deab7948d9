"""Cells that are turned inside out or lie over their neighbors: no mesh of a body, however the solver takes it."""

import numpy as np
from dolfinx.mesh import Mesh
from numpy.typing import NDArray

from .geometry import corners_of, facet_nodes, jacobian_determinants, nodes_of
from .quality import CHECKED


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
    nodes = nodes_of(mesh, own)
    determinants, _ = jacobian_determinants(nodes, CHECKED)
    faults = 8 * np.asarray(determinants.min(axis=1, initial=np.inf) * determinants.max(axis=1, initial=-np.inf) <= 0)
    centers = nodes[:, : corners_of(mesh)].mean(axis=1)
    np.add.at(faults, _overlapping(mesh, centers).ravel(), 1)
    here: tuple[int, int, tuple[float, float, float]] = (0, -1, (0.0, 0.0, 0.0))
    if own and faults.max() > 0:
        cell = int(np.argmax(faults))
        place = tuple(float(x) for x in centers[cell])
        here = (-int(faults[cell]), int(mesh.topology.original_cell_index[cell]), (place[0], place[1], place[2]))
    worst = min(mesh.comm.allgather(here))
    return worst[1:] if worst[0] < 0 else None


def _overlapping(mesh: Mesh, centers: NDArray[np.float64]) -> NDArray[np.int32]:
    """Pairs (n, 2) of this rank's cells that share a facet and lie on the same side of it."""
    links = mesh.topology.connectivity(2, 3)
    facets = np.flatnonzero(np.diff(links.offsets) == 2).astype(np.int32)
    pairs = links.array[links.offsets[facets][:, None] + np.arange(2)]
    corners = mesh.geometry.x[facet_nodes(mesh, facets)]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sides = np.einsum("npi,ni->np", centers[pairs] - corners.mean(axis=1)[:, None], normals)
    return np.asarray(pairs[sides[:, 0] * sides[:, 1] > 0])
