"""fibertwin: from a patient's diffusion MRI to tissue strain and stress."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fibertwin.case import Case
    from fibertwin.pipeline import run
    from fibertwin.studies import sweep

__all__ = ["Case", "run", "sweep"]

_HOMES = {"Case": "fibertwin.case", "run": "fibertwin.pipeline", "sweep": "fibertwin.studies"}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for, so that ``import fibertwin`` stays light."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
