"""Fibers of hearts that were never scanned: angles that turn through the wall, by Laplace's equation."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.meshes.anatomy import Anatomy
from fibertwin.meshes.fibers import FiberField, fibers_from_axes

from .coordinates import Depth, HeartCoordinates, HeartSurfaces, heart_coordinates
from .frames import blended, turned

Array = NDArray[np.float64]
Angles = tuple[float, float]
"""At the endocardium and at the epicardium (rad)."""

Blending = Literal["walls", "published"]


def laplace_dirichlet_fibers(
    anatomy: Anatomy,
    degree: int,
    surfaces: HeartSurfaces | None = None,
    *,
    helix: Angles = (np.pi / 3, -np.pi / 3),
    sheet: Angles = (0.0, 0.0),
    depth: Depth = "laplace",
    blending: Blending = "walls",
    fa: float = 1.0,
) -> FiberField:
    """Fibers and sheets of one or two ventricles by Laplace–Dirichlet rules. Collective.

    Bayer, Blake, Plank & Trayanova (2012, doi 10.1007/s10439-012-0593-5). In free walls the angles go linearly from
    endocardium to epicardium; through the septum from the left endocardium's angle to the right one's, which is the
    same as seen from its own cavity.

    The paper blends the turned axes of the endocardium with those of the epicardium. Its angles then go as the square
    of the depth, and where they are more than 90° apart the shortest way between the two is the wrong one: the fibers
    jump amid the wall. So here, unless ``blending`` says otherwise, each ventricle turns the axes of its own wall and
    those are blended, by how near the ventricles are.

    Args:
        anatomy: the heart, with its surfaces named.
        degree: quadrature degree.
        surfaces: the names of its surfaces.
        helix: angle of the fiber from the circumference toward the base, at endocardium and epicardium (rad).
        sheet: angle of the sheet direction from the wall's normal about the fiber, at both (rad).
        depth: in what the angles are linear: ``laplace``, the potential between endocardium and epicardium, as in the
            paper, or ``distance``, the part of the way through the wall.
        blending: ``walls``, or ``published`` to have what other implementations of the paper give.
        fa: fractional anisotropy of the tensors, 0 to 1.

    Raises:
        InputError: on every rank, where a surface is missing.
        SolveError: a potential was not found.
    """
    where = heart_coordinates(anatomy, degree, surfaces, depth=depth)
    axes = turned_axes(where, helix, sheet) if blending == "walls" else published_axes(where, helix, sheet)
    return fibers_from_axes(anatomy.mesh, degree, lambda _: (axes[..., 0], axes[..., 2]), fa)


def turned_axes(where: HeartCoordinates, helix: Angles, sheet: Angles) -> Array:
    """Fiber, sheet normal and sheet direction, the columns (cells · q, 3, 3). Local.

    Args:
        where: the heart's coordinates.
        helix: at endocardium and epicardium (rad).
        sheet: at both (rad).
    """
    depth, right = where.depth.ravel(), where.rightness.ravel()

    def seen_from(ventricle_is: float) -> tuple[Array, Array]:
        # across a septum the inner angle goes to its opposite: the other ventricle sees it as its own
        inner = 1 - 2 * np.abs(right - ventricle_is)
        first, second = ((1 - depth) * inner * endo + depth * epi for endo, epi in (helix, sheet))
        return first, second

    left = turned(where.frames(-where.lv.gradients), *seen_from(0.0))
    if where.rv is None:
        return left
    return blended(left, turned(where.frames(-where.rv.gradients), *seen_from(1.0)), right)


def published_axes(where: HeartCoordinates, helix: Angles, sheet: Angles) -> Array:
    """The same as the paper's algorithm 2 blends them. Local."""
    depth, right = where.depth.ravel(), where.rightness.ravel()
    septum, wall = (
        [(1 - t) * endo + t * last for endo, last in ends]
        for t, ends in (
            (right, [(angles[0], -angles[0]) for angles in (helix, sheet)]),
            (depth, [helix, sheet]),
        )
    )
    inner = turned(where.frames(-where.lv.gradients), *septum)
    outward = -where.lv.gradients
    if where.rv is not None:
        inner = blended(inner, turned(where.frames(where.rv.gradients), *septum), right)
        outward = outward - where.rv.gradients
    return blended(inner, turned(where.frames(outward), *wall), depth)
