"""Closed triangle surfaces: made from images and points, mended, compared. No mesh of cells, no DOLFINx."""

from .compare import Comparison, Made, coarsened, compare
from .crossings import crossing_triangles
from .decimation import decimate, triangles_for
from .marching import isosurface, signed_distance, smoothed_surface, surface_from_mask
from .oriented_points import OrientedPoints, points_of_cloud, points_of_contours, points_of_surface
from .poisson import poisson_surface
from .smoothing import relax_tangentially, smooth_taubin
from .surface import Surface, joined, largest_piece, pieces

__all__ = [
    "Comparison",
    "Made",
    "OrientedPoints",
    "Surface",
    "coarsened",
    "compare",
    "crossing_triangles",
    "decimate",
    "isosurface",
    "joined",
    "largest_piece",
    "pieces",
    "points_of_cloud",
    "points_of_contours",
    "points_of_surface",
    "poisson_surface",
    "relax_tangentially",
    "signed_distance",
    "smooth_taubin",
    "smoothed_surface",
    "surface_from_mask",
    "triangles_for",
]
