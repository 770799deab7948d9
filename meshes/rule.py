"""What a rule for a named surface is, and how it states places and directions."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import StringConstraints

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Number

from .boundary import Boundary

Share = Annotated[str, StringConstraints(pattern=r"^\s*-?\d+(\.\d*)?\s*%\s*$")]
Position = Length | Share
"""A coordinate: absolute (mm), or ``"30 %"`` of the way from the low to the high end of the body's bounding box."""

Axis = Literal["x", "y", "z"]
Direction = tuple[Number, Number, Number] | Literal["left", "right", "back", "front", "down", "up"]
"""A vector of any length in RAS+ axes, or the patient's own left (−x), right, back (−y), front, down (−z), up."""

_NAMED: dict[str, tuple[float, float, float]] = {
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "back": (0, -1, 0),
    "front": (0, 1, 0),
    "down": (0, 0, -1),
    "up": (0, 0, 1),
}


@dataclass(frozen=True)
class SurfaceSelector(Declared):
    """A rule that picks exterior facets by where their midpoints are, how they face or what a file called them."""

    key: ClassVar[str] = "select"

    @abstractmethod
    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which of this rank's exterior facets the rule picks (n,). Collective.

        Raises:
            InputError: on every rank, if the rule can't be applied to this body.
        """

    def nominal_area(self) -> float | None:
        """The area (mm²) that the rule means to pick, if it means one."""
        return None


def coordinate(position: float | str, boundary: Boundary, axis: int) -> float:
    """An absolute coordinate (mm), whichever way it was given."""
    if not isinstance(position, str):
        return float(position)
    try:
        share = float(position.strip().removesuffix("%")) / 100
    except ValueError:
        raise InputError(Problem("position", "can't be read", position, 'mm, or "30 %" of the bounding box')) from None
    return float(boundary.lower[axis] + share * (boundary.upper[axis] - boundary.lower[axis]))


def point_of(positions: tuple[float | str, float | str, float | str], boundary: Boundary) -> NDArray[np.float64]:
    """Absolute coordinates (3,) in mm."""
    return np.array([coordinate(position, boundary, axis) for axis, position in enumerate(positions)])


def unit(direction: ArrayLike | str, where: str) -> NDArray[np.float64]:
    """The direction with length one."""
    if isinstance(direction, str) and direction not in _NAMED:
        raise InputError(Problem(where, "is no direction", direction, "a vector, or one of " + ", ".join(_NAMED)))
    vector = np.array(_NAMED[direction] if isinstance(direction, str) else direction, dtype=float)
    length = float(np.linalg.norm(vector))
    if length == 0:
        raise InputError(Problem(where, "has no length", written(vector), "a direction"))
    return vector / length


def written(x: NDArray[np.float64]) -> str:
    """Coordinates (3,) as a message shows them."""
    return "(" + ", ".join(f"{value:.4g}" for value in x) + ")"
