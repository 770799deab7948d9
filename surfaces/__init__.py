"""Closed triangle surfaces: made from images and points, mended, compared. No mesh of cells, no DOLFINx."""

from .decimation import decimate, triangles_for
from .marching import surface_from_mask
from .smoothing import relax_tangentially, smooth_taubin
from .surface import Surface, largest_piece

__all__ = [
    "Surface",
    "decimate",
    "largest_piece",
    "relax_tangentially",
    "smooth_taubin",
    "surface_from_mask",
    "triangles_for",
]
