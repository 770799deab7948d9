"""Fibers that came with a mesh, at the quadrature points."""

from dataclasses import replace

import numpy as np

from fibertwin.imaging.algebra import from_matrix
from fibertwin.meshes.anatomy import Anatomy
from fibertwin.meshes.fibers import FiberField, field_of, quadrature_points

from .contents import Floats

DIFFUSIVITY = 1e-3
"""Mean diffusivity (mm²/s) of the tensors that stand for fibers; no law reads it."""

ALONG = 1e-6
"""A sheet direction whose part normal to the fiber is shorter than this counts as none."""


def file_fibers(anatomy: Anatomy, degree: int) -> FiberField | None:
    """The fibers and sheets that a mesh file gave to its cells, the same all over each cell. Collective.

    Fibers count as aligned: FA is 1, and 0 in cells without a fiber. A cell without a sheet direction gets the normal
    of its fiber that is nearest to the world axis most across it; sheets are made normal to the fiber.

    Args:
        anatomy: the body.
        degree: quadrature degree.

    Returns:
        ``None`` where the mesh came without fibers.
    """
    if anatomy.fibers is None:
        return None
    mesh = anatomy.mesh
    fibers = anatomy.fibers
    none = ~fibers.any(axis=1)
    fibers = np.where(none[:, None], np.array([1.0, 0.0, 0.0]), fibers)
    sheets = across(fibers, anatomy.sheets)
    points, weights = quadrature_points(mesh, degree)
    shape = points.shape[:2]
    dyads = 3 * DIFFUSIVITY * np.einsum("ni,nj->nij", fibers, fibers)
    tensors = from_matrix(np.where(none[:, None, None], DIFFUSIVITY * np.eye(3), dyads))

    def spread(values: Floats) -> Floats:
        return np.repeat(values[:, None], shape[1], axis=1)

    nothing = np.zeros(shape)
    made = field_of(
        mesh,
        degree,
        points,
        weights,
        spread(tensors),
        nothing.astype(bool),
        nothing,
        (),
        (spread(fibers), spread(sheets)),
    )
    owned = mesh.topology.index_map(3).size_local
    count = int(mesh.comm.allreduce(int(none[:owned].sum())))
    with_sheets = "fibers and sheets" if anatomy.sheets is not None else "fibers"
    notes = [f"{with_sheets} of the mesh file, one direction in each cell, as fully aligned (FA 1)"]
    if count:
        notes.append(f"{count} cells have no fiber: they count as isotropic (FA 0)")
    return replace(made, notes=tuple(notes))


def across(fibers: Floats, sheets: Floats | None) -> Floats:
    """Sheet directions (n, 3) of length one and normal to the fibers (n, 3), where there are none some normal."""
    some = _normal_part(np.eye(3)[np.argmin(np.abs(fibers), axis=-1)], fibers)
    if sheets is None:
        return some
    given = _normal_part(sheets, fibers)
    return np.where(given.any(axis=1)[:, None], given, some)


def _normal_part(vectors: Floats, fibers: Floats) -> Floats:
    """The vectors' parts normal to the fibers with length one, zero where there is next to nothing of them."""
    normal = vectors - np.einsum("ni,ni->n", vectors, fibers)[:, None] * fibers
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    return np.asarray(np.divide(normal, length, out=np.zeros_like(normal), where=length > ALONG))
