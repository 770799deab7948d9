"""Ultrasound geometry: where echoes truly come from when sound is not as fast as the scanner assumes."""

from .budget import Budget, error_budget, sensitivity
from .layers import Layers
from .probe import Linear, Probe, Sector
from .resample import resample, resample_tensors
from .speed_map import SpeedMap

__all__ = [
    "Budget",
    "Layers",
    "Linear",
    "Probe",
    "Sector",
    "SpeedMap",
    "error_budget",
    "resample",
    "resample_tensors",
    "sensitivity",
]
