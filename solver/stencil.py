"""Values on either side of a place, from which a first derivative along a direction is taken."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError

type Vector = NDArray[np.float64]

CENTRAL = {-1: -0.5, 1: 0.5}
"""Weights of a first derivative by how many steps away each value is."""

FORWARD = {0: -11 / 6, 1: 3.0, 2: -1.5, 3: 1 / 3}
"""The same on one side, where the other is out of bounds."""


@dataclass(frozen=True)
class Stencil[T]:
    """What was made of parameters along a direction.

    Attributes:
        step: from one to the next; negative where they lie on the lower side.
        weights: of each in the derivative, times the step, by how many steps away it is.
        made: what was made there.
    """

    step: float
    weights: dict[int, float]
    made: dict[int, T]


def stencil_of[T](
    make: Callable[[Vector], T], theta: Vector, direction: Vector, sizes: Vector, relative: float
) -> Stencil[T]:
    """The stencil along a direction: on both sides, or on the one that is within bounds.

    Args:
        make: what takes parameters (p,) to what is looked at; an ``InputError`` says that they are out of bounds.
        theta: parameters (p,) in the middle.
        direction: direction (p,), not zero.
        sizes: sizes (p,) of the parameters where they are zero.
        relative: largest step of a parameter over its size.

    Raises:
        InputError: parameters are out of bounds on either side.
    """
    scales = np.where(theta != 0, np.abs(theta), np.where(sizes != 0, np.abs(sizes), 1.0))
    length = relative / float(np.max(np.abs(direction) / scales))
    refused: InputError | None = None
    for step, weights in ((length, CENTRAL), (length, FORWARD), (-length, FORWARD)):
        try:
            made = {k: make(theta + k * step * direction) for k in weights}
        except InputError as error:
            refused = error
            continue
        return Stencil(step, weights, made)
    assert refused is not None
    raise refused
