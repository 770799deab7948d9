"""Hearts: their surfaces found, their coordinates, fibers by rule, and angles to compare any fibers by."""

from .angles import AngleMaps, Difference, angle_maps, angular_difference, axes_about
from .coordinates import HeartCoordinates, HeartSurfaces, heart_coordinates
from .rule import laplace_dirichlet_fibers
from .surfaces import Heart, name_heart, parts_of

__all__ = [
    "AngleMaps",
    "Difference",
    "Heart",
    "HeartCoordinates",
    "HeartSurfaces",
    "angle_maps",
    "angular_difference",
    "axes_about",
    "heart_coordinates",
    "laplace_dirichlet_fibers",
    "name_heart",
    "parts_of",
]
