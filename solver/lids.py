"""How a cavity's surface is closed, so that its volume is a flux through the surface alone."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong

from .loads import Cavity

if TYPE_CHECKING:
    from fibertwin.meshes import Anatomy

type Array = NDArray[np.float64]

FLAT = 1e-6
"""Largest share of the rim's edges, squared, that may stand along the lids' normal."""


def lid_matrix(anatomy: "Anatomy", name: str, load: Cavity) -> Array:
    """The matrix A (3, 3), tr A = 1, for which A x has no flux through what closes a cavity. Collective.

    A is I/3 where the surface is closed, or where all that closes it passes through the origin of x; (I − n⊗n)/2 where
    it is closed by flat lids with the normal n, to which the rim's edges are all perpendicular.

    Args:
        anatomy: the body.
        name: name of the load, for messages.
        load: the cavity.

    Raises:
        InputError: on every rank, if the rim is not flat and ``center`` is not given.
    """
    if load.axis is not None:
        return _across(np.array(load.axis))
    if load.center is not None:
        return np.eye(3) / 3
    edges = _rim(anatomy, load.surface)
    whole = float(np.trace(edges))
    if whole == 0:
        return np.eye(3) / 3
    values, vectors = np.linalg.eigh(edges)
    if values[0] < FLAT * whole:
        return _across(vectors[:, 0])
    what = "is open in several directions: what closes it is not clear"
    hint = "give center, a point in all planes of symmetry, and axis, the normal of ends that do not pass through it"
    raise InputError(Wrong(f"loads.{name}.surface", what, load.surface, "closed, or with parallel flat lids", hint))


def _rim(anatomy: "Anatomy", surface: str) -> Array:
    """Sum of the dyads (3, 3) (mm²) of all edges that belong to one facet of the surface only. Collective."""
    from dolfinx.mesh import entities_to_geometry

    mesh = anatomy.mesh
    mesh.topology.create_entities(1)
    mesh.topology.create_connectivity(2, 1)
    links = mesh.topology.connectivity(2, 1)
    facets = anatomy.surfaces[surface]
    local = np.concatenate([links.links(facet) for facet in facets]) if len(facets) else np.zeros(0, np.int32)
    numbers = mesh.topology.index_map(1).local_to_global(local.astype(np.int32))
    everywhere, counts = np.unique(np.concatenate(mesh.comm.allgather(numbers)), return_counts=True)
    mine = local[np.isin(numbers, everywhere[counts == 1])]
    mesh.topology.create_connectivity(1, 3)
    nodes = entities_to_geometry(mesh, 1, mine).reshape(len(mine), -1)[:, :2] if len(mine) else np.zeros((0, 2), int)
    steps = mesh.geometry.x[nodes[:, 1]] - mesh.geometry.x[nodes[:, 0]]
    return np.asarray(mesh.comm.allreduce(steps.T @ steps))


def _across(normal: Array) -> Array:
    unit = normal / np.linalg.norm(normal)
    return np.asarray((np.eye(3) - np.outer(unit, unit)) / 2)
