"""Helix, transverse and sheet angles of any fibers in a wall, and how far two fiber fields are from one another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.meshes.fibers import FiberField
from fibertwin.meshes.geometry import nodes_of, tabulate

from .frames import wall_frame

Array = NDArray[np.float64]

PERCENTILES = (5, 25, 50, 75, 90, 95)


@dataclass(frozen=True, eq=False)
class AngleMaps:
    """Angles of fibers and sheets in a wall's axes at the quadrature points of this rank's cells, from −90° to 90°.

    They do not change with the sign of a fiber or a sheet.

    Attributes:
        helix: (cells, q) from the circumference toward the base, of the fiber seen across the wall (degrees).
        transverse: (cells, q) from the circumference out of the cavity, of the fiber seen along the long axis.
        sheet: (cells, q) from the wall's normal, about the fiber, of the sheet direction.
    """

    helix: Array
    transverse: Array
    sheet: Array


@dataclass(frozen=True, eq=False)
class Difference:
    """How far apart the fibers of two fields are, weighted by volume.

    Attributes:
        angles: (cells, q) between the axes at this rank's points, 0 to 90 degrees.
        edges: (91,) of the histogram's bins (degrees).
        histogram: (90,) part of the volume in each bin, of all ranks.
        percentiles: angle (degrees) below which so many per cent of the volume are, of all ranks, to half a bin.
        mean: of all ranks (degrees).
    """

    angles: Array
    edges: Array
    histogram: Array
    percentiles: dict[int, float]
    mean: float

    @property
    def median(self) -> float:
        """The angle (degrees) that half of the volume is below."""
        return self.percentiles[50]

    @property
    def sentence(self) -> str:
        """What to tell."""
        p = self.percentiles
        return f"fibers differ by {p[50]:.1f}° (median), by less than {p[90]:.1f}° in 90 % of the volume"


def values_of(field: FiberField) -> tuple[Array, Array]:
    """Fiber and sheet directions (cells, q, 3) of a field. Local."""
    order = field.axis.function_space.dofmap.list
    fiber, sheet = (f.x.array.reshape(-1, 3)[order] for f in (field.axis, field.sheet))
    return fiber, sheet


def angle_maps(field: FiberField, wall: Array) -> AngleMaps:
    """Angles of a field's fibers and sheets in a wall's axes. Local.

    Args:
        field: fibers of any origin.
        wall: (cells, q, 3, 3) circumferential, longitudinal and transmural unit axes in columns, such as
            ``HeartCoordinates.wall`` or ``axes_about``.
    """
    fiber, sheet = values_of(field)
    f, s = (np.einsum("nqi,nqik->nqk", direction, wall) for direction in (fiber, sheet))
    # the sheet angle turns about the fiber as it runs with the circumference, from what of the wall's normal is across
    f *= np.where(f[..., :1] < 0, -1.0, 1.0)
    normal = np.eye(3)[2] - f[..., 2:] * f
    sidewise = np.cross(normal, f)
    return AngleMaps(
        helix=_from_line(f[..., 1], f[..., 0]),
        transverse=_from_line(f[..., 2], f[..., 0]),
        sheet=_from_line(np.einsum("nqi,nqi->nq", s, sidewise), np.einsum("nqi,nqi->nq", s, normal)),
    )


def axes_about(points: Array, axis: ArrayLike, center: ArrayLike = (0.0, 0.0, 0.0)) -> Array:
    """Circumferential, longitudinal and radial unit axes (..., 3, 3), in columns, about a line. Local.

    Args:
        points: (..., 3) in mm, off the line.
        axis: the line's direction (toward the base).
        center: a point on it (mm).

    Raises:
        InputError: the direction has no length.
    """
    up = np.asarray(axis, dtype=float)
    length = np.linalg.norm(up)
    if not length > 0:
        raise InputError(Problem("axis", "has no length", str(up.tolist()), "a direction"))
    up = up / length
    spokes = points.reshape(-1, 3) - np.asarray(center, dtype=float)
    spokes = spokes - (spokes @ up)[:, None] * up
    return wall_frame(np.broadcast_to(up, spokes.shape), spokes).reshape(*points.shape, 3)


def angular_difference(one: FiberField, other: FiberField) -> Difference:
    """The angle between the fibers of two fields at the same points; signs do not matter. Collective.

    Raises:
        InputError: the fields are not of one mesh and one degree.
    """
    if one.mesh is not other.mesh or one.degree != other.degree:
        raise InputError(Problem("fibers", "the fields are not of one mesh and one quadrature degree"))
    a, b = values_of(one)[0], values_of(other)[0]
    angles = np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), np.abs(np.einsum("nqi,nqi->nq", a, b))))
    comm, owned = one.mesh.comm, one.mesh.topology.index_map(3).size_local
    weights, edges = volumes(one), np.linspace(0.0, 90.0, 91)
    here = np.histogram(angles[:owned], edges, weights=weights[:owned])[0]
    total, sums = comm.allreduce(float(here.sum())), np.array(comm.allgather(here)).sum(axis=0)
    mean = comm.allreduce(float((angles[:owned] * weights[:owned]).sum())) / total
    cumulative = np.concatenate([[0.0], np.cumsum(sums)]) / total
    found = {p: float(np.interp(p / 100, cumulative, edges)) for p in PERCENTILES}
    return Difference(angles, edges, sums / total, found, mean)


def volumes(field: FiberField) -> Array:
    """The volume (cells, q) in mm³ that each quadrature point stands for. Local."""
    import basix

    nodes = nodes_of(field.mesh, len(field.points))
    reference, weights = basix.make_quadrature(field.mesh.basix_cell(), field.degree)
    jacobians = np.einsum("dqk,nki->nqid", tabulate(nodes.shape[1], reference)[1:], nodes)
    parts: Array = np.abs(np.linalg.det(jacobians)) * weights
    return parts


def _from_line(across: Array, along: Array) -> Array:
    """The angle (degrees) of a line in a plane, from −90 to 90."""
    angle: Array = np.degrees(np.arctan2(across * np.where(along < 0, -1.0, 1.0), np.abs(along)))
    return angle
