"""Directions along which strain is measured."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]


@dataclass(frozen=True)
class Around:
    """The circumferential direction about an axis, such as a ventricle's long one.

    Attributes:
        center: a point of the axis (mm).
        axis: its direction, of any length.
    """

    center: tuple[float, float, float]
    axis: tuple[float, float, float]

    def at(self, points: Array) -> Array:
        """Unit vectors (..., 3) at points (..., 3) (mm); NaN on the axis itself."""
        across = np.cross(np.array(self.axis, dtype=float), points - np.array(self.center))
        with np.errstate(invalid="ignore"):
            return np.asarray(across / np.linalg.norm(across, axis=-1, keepdims=True))


type Direction = str | tuple[float, float, float] | Around
"""``fiber``, ``sheet``, a vector in world axes, or around an axis."""


def named(direction: Direction) -> str:
    """A direction in a word or two."""
    if isinstance(direction, str):
        return direction
    return "circumferential" if isinstance(direction, Around) else "given direction"
