"""Hearts: their surfaces found, their coordinates, fibers by rule, and angles to compare any fibers by."""

from .coordinates import HeartCoordinates, HeartSurfaces, heart_coordinates
from .rule import laplace_dirichlet_fibers

__all__ = ["HeartCoordinates", "HeartSurfaces", "heart_coordinates", "laplace_dirichlet_fibers"]
