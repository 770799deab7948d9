"""What it is worth to know more before choosing, from draws."""

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number from draws.

    Attributes:
        value: the number.
        error: its Monte-Carlo standard error.
    """

    value: float
    error: float

    def __str__(self) -> str:
        digits = 3 if self.error <= 0 else max(0, 1 - math.floor(math.log10(self.error)))
        return f"{self.value:.{min(digits, 6)}f} ± {self.error:.1g}"


def gain(values: Matrix, weights: Vector, worth: float) -> Estimate:
    """What it is worth to see the values (candidates, n) before choosing."""
    now = int(np.argmax(values @ weights))
    gains = values.max(axis=0) - values[now]
    mean = float(weights @ gains)
    return Estimate(mean, math.sqrt(float(weights @ (gains - mean) ** 2) / worth))


def regressed(seen: Matrix, values: Matrix, weights: Vector) -> Matrix:
    """Expectations of values (n, c) given what was seen (n, k), of the degree that predicts best what was left out."""
    spread = seen.std(axis=0)
    scores = (seen - seen.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    fold = np.arange(len(seen)) % 5
    best = (math.inf, values)
    for degree in range(5):
        terms = [c for d in range(degree + 1) for c in combinations_with_replacement(range(scores.shape[1]), d)]
        if len(terms) > len(seen) / 10 and degree:
            break
        design = np.array([np.prod(scores[:, c], axis=1) for c in terms]).T
        error = 0.0
        for held in range(5):
            fit = _least_squares(design[fold != held], values[fold != held], weights[fold != held])
            error += float((weights[fold == held, None] * (values - design @ fit)[fold == held] ** 2).sum())
        if error < best[0]:
            best = (error, np.asarray(design @ _least_squares(design, values, weights)))
    return best[1]


def _least_squares(design: Matrix, values: Matrix, weights: Vector) -> Matrix:
    root = np.sqrt(weights)[:, None]
    return np.asarray(np.linalg.lstsq(root * design, root * values, rcond=None)[0])
