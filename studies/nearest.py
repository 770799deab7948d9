"""Which members are near each other: distances between samples, each axis on the scale of what the sweep spans."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .samples import Sample, quantity

if TYPE_CHECKING:
    from numpy.typing import NDArray


def coordinates(samples: Sequence[Sample]) -> "NDArray[np.float64]":
    """Points (samples, axes) in the unit cube; what is no quantity counts by which of the values met it is."""
    keys = list(samples[0]) if samples else []
    columns = [_column([sample[key] for sample in samples]) for key in keys]
    return np.array(columns, dtype=float).reshape(len(keys), len(samples)).T


def _column(values: Sequence[object]) -> "NDArray[np.float64]":
    found = [quantity(value) for value in values]
    units = {pair[1] for pair in found if pair is not None}
    if None in found or len(units) > 1:
        names = {repr(value): i for i, value in reversed(list(enumerate(values)))}
        numbers = np.array([names[repr(value)] for value in values], dtype=float)
    else:
        numbers = np.array([pair[0] for pair in found if pair is not None])
    low, span = numbers.min(), np.ptp(numbers)
    return np.asarray((numbers - low) / span if span else np.zeros(len(numbers)))


def next_for(points: "NDArray[np.float64]", waiting: Sequence[int], solved: Sequence[int]) -> int:
    """Of the samples that wait, the one nearest to any that was solved; the first where none was."""
    if not solved:
        return waiting[0]
    ahead, behind = points[list(waiting)], points[list(solved)]
    distance = np.min(((ahead[:, None, :] - behind[None, :, :]) ** 2).sum(axis=-1), axis=1)
    return waiting[int(np.argmin(distance))]


def nearest(points: "NDArray[np.float64]", number: int, solved: Sequence[int]) -> int | None:
    """Of the samples that were solved, the one nearest to a sample; None where none was."""
    if not solved:
        return None
    return solved[int(np.argmin(((points[list(solved)] - points[number]) ** 2).sum(axis=-1)))]


def chain(points: "NDArray[np.float64]") -> list[int]:
    """An order in which each sample follows one that is near."""
    waiting = list(range(len(points)))
    order: list[int] = []
    while waiting:
        number = next_for(points, waiting, order[-1:])
        waiting.remove(number)
        order.append(number)
    return order
