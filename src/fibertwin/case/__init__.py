"""The case file: one TOML file that says everything about a run."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diffusion import DiffusionScan, DiffusionSource, Eigenvectors, TensorVolume
    from .model import Case, Output, Solve

__all__ = ["Case", "DiffusionScan", "DiffusionSource", "Eigenvectors", "Output", "Solve", "TensorVolume"]


def __getattr__(name: str) -> Any:
    """Load the case, and with it the rooms, when it is first asked for: ``fibertwin init`` needs none."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import diffusion, model

    return getattr(model, name, None) or getattr(diffusion, name)
