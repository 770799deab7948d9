"""The case file: one TOML file that says everything about a run."""

from .diffusion import DiffusionSource, Eigenvectors, Scan, TensorVolume
from .model import Case, Output, Solve

__all__ = ["Case", "DiffusionSource", "Eigenvectors", "Output", "Scan", "Solve", "TensorVolume"]
