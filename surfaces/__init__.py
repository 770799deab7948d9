"""Closed triangle surfaces: made from images and points, mended, compared. No mesh of cells, no DOLFINx."""

from .compare import Comparison, Made, coarsened, compare
from .crossings import crossing_triangles
from .decimation import decimate, triangles_for
from .files import read_contours, read_points, read_surface
from .marching import isosurface, signed_distance, smoothed_surface, surface_from_mask
from .mending import Mended, Repair, mend
from .oriented_points import OrientedPoints, points_of_cloud, points_of_contours, points_of_surface
from .poisson import poisson_surface
from .remeshing import remesh
from .smoothing import relax_tangentially, smooth_taubin
from .surface import Surface, joined, largest_piece, pieces

__all__ = [
    "Comparison",
    "Made",
    "Mended",
    "OrientedPoints",
    "Repair",
    "Surface",
    "coarsened",
    "compare",
    "crossing_triangles",
    "decimate",
    "isosurface",
    "joined",
    "largest_piece",
    "mend",
    "pieces",
    "points_of_cloud",
    "points_of_contours",
    "points_of_surface",
    "poisson_surface",
    "read_contours",
    "read_points",
    "read_surface",
    "relax_tangentially",
    "remesh",
    "signed_distance",
    "smooth_taubin",
    "smoothed_surface",
    "surface_from_mask",
    "triangles_for",
]
