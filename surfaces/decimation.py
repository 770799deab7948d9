"""Fewer triangles for the same surface."""

import math

import numpy as np

from fibertwin.errors import InputError, Problem

from .surface import MESHING, Surface, largest_piece

RETRIES = (1.0, 0.97, 1.03, 0.94, 1.06)
"""Parts of the count of triangles wanted that are tried until the surface stays closed."""


def decimate(surface: Surface, count: int) -> Surface:
    """Fewer triangles, by quadric edge collapse (Garland & Heckbert 1997, doi 10.1145/258734.258849).

    Args:
        surface: closed surface.
        count: number of triangles wanted; a surface that has no more is returned as it is.

    Raises:
        InputError: fast-simplification is missing.
    """
    if count >= len(surface.triangles):
        return surface
    try:
        import fast_simplification
    except ImportError as error:
        raise InputError(
            Problem("fast-simplification", "is needed to mesh a mask", str(error), hint=MESHING)
        ) from error
    coarse = surface
    for part in RETRIES:
        points, triangles = fast_simplification.simplify(
            surface.points.astype(np.float32), surface.triangles.astype(np.int32), target_count=round(part * count)
        )
        coarse = Surface(np.asarray(points, dtype=np.float64), np.asarray(triangles, dtype=np.int64))
        coarse = largest_piece(without_fins(coarse))
        if coarse.is_watertight:
            break
    return coarse


def without_fins(surface: Surface) -> Surface:
    """The surface without pairs of triangles that lie back to back on the same three points."""
    ordered = np.sort(surface.triangles, axis=1)
    _, which, count = np.unique(ordered, axis=0, return_inverse=True, return_counts=True)
    return Surface(surface.points, surface.triangles[count[which.ravel()] == 1])


def triangles_for(surface: Surface, edge: float) -> int:
    """How many triangles with edges of ``edge`` (mm) cover the surface."""
    return max(8, round(surface.area / (math.sqrt(3) / 4 * edge**2)))
