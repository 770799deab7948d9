"""What can be measured on a body in equilibrium, each kind a small class that predicts its numbers."""

from .direction import Around
from .images import DisplacementImage, StrainImage, voxels_of
from .observation import Observation, Seen, linear_pull
from .points import PointDisplacements
from .scalars import CavityPressure, CavityVolume, MeanStrain, Reaction, StrainedShare, Torque

__all__ = [
    "Around",
    "CavityPressure",
    "CavityVolume",
    "DisplacementImage",
    "MeanStrain",
    "Observation",
    "PointDisplacements",
    "Reaction",
    "Seen",
    "StrainedShare",
    "StrainImage",
    "Torque",
    "linear_pull",
    "voxels_of",
]
