"""What a case file says was measured on the body, or could be, each kind with the observation that predicts it."""

from .entry import Measured, Taken
from .images import DisplacementImage, StrainImage
from .markers import Markers
from .names import at_levels, told_apart
from .numbers import EnclosedPressure, EnclosedVolume, RegionStrain, SupportForce, SupportTorque

__all__ = [
    "DisplacementImage",
    "EnclosedPressure",
    "EnclosedVolume",
    "Markers",
    "Measured",
    "RegionStrain",
    "StrainImage",
    "SupportForce",
    "SupportTorque",
    "Taken",
    "at_levels",
    "told_apart",
]
