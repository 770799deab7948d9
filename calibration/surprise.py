"""How far new data are from what was expected of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .target import Measurement

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

REPLICATES = 1000
"""Data sets that are made up to compare with."""

ODD, FAR = 0.01, 4.0
"""Chance of data below which they are a surprise; standard deviations from which a number is named."""


@dataclass(frozen=True)
class Surprise:
    """New data next to what was expected.

    Attributes:
        chance: posterior predictive p-value: share of data sets, made up from what was known, that are as far out.
        distance: squared distance from what was expected, in standard deviations; about ``numbers``.
        numbers: how many numbers are new.
        far: names of those that are far out, and by how many standard deviations.
    """

    chance: float
    distance: float
    numbers: int
    far: tuple[tuple[str, float], ...]

    @property
    def odd(self) -> bool:
        """Whether the data contradict what was known."""
        return self.chance < ODD

    def said(self) -> str:
        """In words."""
        words = f"squared distance {self.distance:.3g} of {self.numbers} numbers, chance {self.chance:.2g}"
        if not self.odd:
            return f"The data are as expected ({words})."
        named = ", ".join(f"{name} ({off:+.1f} sd)" for name, off in self.far[:3])
        more = f" and {len(self.far) - 3} more" if len(self.far) > 3 else ""
        which = f" Far out: {named}{more}." if named else ""
        return (
            f"The data are a surprise ({words}): they are wrong, or noisier than was said, or the model is, or the"
            f" patient has changed.{which}"
        )


def surprise(measurement: Measurement, predictions: Matrix, random: np.random.Generator) -> Surprise:
    """Compare what was measured with what draws predict, noise included.

    Gelman, Meng & Stern 1996, Statistica Sinica 6:733, with the distance from the predictive mean in its covariance.

    Args:
        measurement: new numbers (m).
        predictions: of them, by draws of what was known before (n, m).
        random: numbers at random.
    """
    known = measurement.known
    y, mean = np.array(measurement.values)[known], predictions.mean(axis=0)
    sd = measurement.precision(mean) ** -0.5
    apart = (predictions - mean)[:, known] / sd / np.sqrt(max(len(predictions) - 1, 1))
    small = np.linalg.cholesky(np.eye(len(apart)) + apart @ apart.T)

    def distances(rows: Matrix) -> Vector:
        """R' (I + A'A)⁻¹ r of rows r (k, m), with as many unknowns as there are draws."""
        inner = np.linalg.solve(small, apart @ rows.T)
        return np.asarray((rows**2).sum(axis=1) - (inner**2).sum(axis=0))

    places = random.integers(len(predictions), size=REPLICATES)
    made_up = np.array([measurement.draw(predictions[place], random)[known] for place in places])
    here = (y - mean[known]) / sd
    distance = float(distances(here[None])[0])
    further = int((distances((made_up - mean[known]) / sd) >= distance).sum())
    off = here / np.sqrt(1 + (apart**2).sum(axis=0))
    names = measurement.names or tuple(f"number {index}" for index in range(len(known)))
    told = [(names[index], float(z)) for index, z in zip(np.flatnonzero(known), off, strict=True) if abs(z) > FAR]
    told.sort(key=lambda pair: -abs(pair[1]))
    return Surprise((1 + further) / (1 + REPLICATES), distance, len(y), tuple(told))
