"""Whether a body is of a size that bodies have: the unit of a mesh file is easily mistaken."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fibertwin.errors import InputError, Problem

from .contents import Floats

POSSIBLE = (0.3, 10_000.0)
"""Diagonals (mm) beyond which a unit must be mistaken: a few cells of tissue, a room."""

USUAL = (10.0, 500.0)
"""Diagonals (mm) of most bodies: a mouse's heart, a human thigh."""

UNITS: Mapping[str, float] = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}


def require_size(points: Floats, unit: str, file: Path) -> None:
    """Refuse a body of no plausible size, and say in which unit its coordinates seem to be.

    Args:
        points: (n, 3) in mm, as they come out with the unit that was stated.
        unit: that unit.
        file: for the message.

    Raises:
        InputError: the diagonal of the bounding box is not between ``POSSIBLE``.
    """
    size = float(np.linalg.norm(np.ptp(points, axis=0)))
    if POSSIBLE[0] <= size <= POSSIBLE[1]:
        return
    likely = [u for u, mm in UNITS.items() if USUAL[0] <= size * mm / UNITS[unit] <= USUAL[1]]
    spoken = f"{size:.3g} mm across" if size < 1000 else f"{size / 1000:.3g} m across"
    raise InputError(
        Problem(
            str(file),
            "the body is of no plausible size: its unit seems to be another",
            f'{spoken} with length_unit = "{unit}"',
            f"{POSSIBLE[0]:g} mm to {POSSIBLE[1] / 1000:g} m across",
            "the coordinates seem to be in " + " or ".join(likely) if likely else "",
        )
    )
