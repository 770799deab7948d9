"""What is believed of a parameter before it is measured.

Every prior is a rising map from a standard normal score z to the parameter's value, θ(z) = F⁻¹(Φ(z)). In scores all
priors look alike: independent standard normals, without bounds. Optimisers, emulators and samplers work there.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

type Vector = NDArray[np.float64]

FARTHEST = 8.0
"""Scores beyond which a bounded prior is held, where its distribution function has no digits left."""


class Prior(Protocol):
    """A distribution of one number."""

    def value(self, score: ArrayLike) -> Vector:
        """The parameter at standard normal scores of any shape."""

    def slope(self, score: ArrayLike) -> Vector:
        """Its derivative by the score."""

    def score(self, value: ArrayLike) -> Vector:
        """The scores of values; infinite outside the prior's range."""


@dataclass(frozen=True)
class Normal:
    """Normal with a mean and a standard deviation, in the parameter's unit."""

    mean: float
    sd: float

    def __post_init__(self) -> None:
        _require(self.sd > 0, "the standard deviation of a prior must be positive")

    def value(self, score: ArrayLike) -> Vector:
        """Mean + sd z."""
        return np.asarray(self.mean + self.sd * np.asarray(score, dtype=float))

    def slope(self, score: ArrayLike) -> Vector:
        """Sd."""
        return np.full(np.shape(score), self.sd)

    def score(self, value: ArrayLike) -> Vector:
        """(θ - mean)/sd."""
        return np.asarray((np.asarray(value, dtype=float) - self.mean) / self.sd)


@dataclass(frozen=True)
class LogNormal:
    """Positive, with a median and a standard deviation of its natural logarithm."""

    median: float
    sd: float

    def __post_init__(self) -> None:
        _require(self.median > 0, "the median of a lognormal prior must be positive")
        _require(self.sd > 0, "the standard deviation of a prior must be positive")

    def value(self, score: ArrayLike) -> Vector:
        """Median exp(sd z)."""
        return np.asarray(self.median * np.exp(self.sd * np.asarray(score, dtype=float)))

    def slope(self, score: ArrayLike) -> Vector:
        """Sd θ."""
        return self.sd * self.value(score)

    def score(self, value: ArrayLike) -> Vector:
        """ln(θ/median)/sd."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.log(np.asarray(value, dtype=float) / self.median) / self.sd
        return np.where(np.asarray(value) > 0, found, -np.inf)


@dataclass(frozen=True)
class Uniform:
    """Even between two bounds."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _require(self.low < self.high, "the bounds of a uniform prior must rise")

    def value(self, score: ArrayLike) -> Vector:
        """Low + (high - low) Φ(z)."""
        return np.asarray(self.low + (self.high - self.low) * ndtr(np.asarray(score, dtype=float)))

    def slope(self, score: ArrayLike) -> Vector:
        """(high - low) φ(z)."""
        return (self.high - self.low) * _density(score)

    def score(self, value: ArrayLike) -> Vector:
        """Φ⁻¹ of the share of the way from low to high."""
        share = (np.asarray(value, dtype=float) - self.low) / (self.high - self.low)
        return np.asarray(ndtri(np.clip(share, 0, 1)))


@dataclass(frozen=True)
class TruncatedNormal:
    """Normal, known to lie between two bounds, either of which may be infinite."""

    mean: float
    sd: float
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _require(self.sd > 0, "the standard deviation of a prior must be positive")
        _require(self.low < self.high, "the bounds of a truncated prior must rise")
        _require(self._shares()[1] - self._shares()[0] > 1e-12, "the bounds of a truncated prior leave nothing of it")

    def value(self, score: ArrayLike) -> Vector:
        """F⁻¹(Φ(z)) of the truncated distribution F."""
        low, high = self._shares()
        share = low + (high - low) * ndtr(np.clip(score, -FARTHEST, FARTHEST))
        return np.asarray(np.clip(self.mean + self.sd * ndtri(share), self.low, self.high))

    def slope(self, score: ArrayLike) -> Vector:
        """φ(z)/F'(θ)."""
        low, high = self._shares()
        inner = (self.value(score) - self.mean) / self.sd
        return np.asarray(self.sd * (high - low) * _density(score) / np.maximum(_density(inner), 1e-300))

    def score(self, value: ArrayLike) -> Vector:
        """Φ⁻¹(F(θ))."""
        low, high = self._shares()
        share = (ndtr((np.asarray(value, dtype=float) - self.mean) / self.sd) - low) / (high - low)
        return np.asarray(ndtri(np.clip(share, 0, 1)))

    def _shares(self) -> tuple[float, float]:
        return float(ndtr((self.low - self.mean) / self.sd)), float(ndtr((self.high - self.mean) / self.sd))


@dataclass(frozen=True)
class Empirical:
    """A saved posterior's marginal: values (n,) at even quantiles, straight between them and beyond the last two.

    Attributes:
        quantiles: values at Φ⁻¹((i + 1/2)/n), rising.
    """

    quantiles: tuple[float, ...]

    def __post_init__(self) -> None:
        _require(len(self.quantiles) >= 5, "a prior of quantiles needs at least five of them")
        _require(bool((np.diff(self.quantiles) > 0).all()), "the quantiles of a prior must rise")

    def value(self, score: ArrayLike) -> Vector:
        """Straight between quantiles."""
        knots, values = self._knots(), np.array(self.quantiles)
        cell = self._cell(np.asarray(score, dtype=float), knots)
        slope = np.diff(values)[cell] / np.diff(knots)[cell]
        return np.asarray(values[cell] + slope * (np.asarray(score, dtype=float) - knots[cell]))

    def slope(self, score: ArrayLike) -> Vector:
        """Of the piece that the score lies in."""
        knots = self._knots()
        cell = self._cell(np.asarray(score, dtype=float), knots)
        return np.asarray(np.diff(self.quantiles)[cell] / np.diff(knots)[cell])

    def score(self, value: ArrayLike) -> Vector:
        """The inverse of ``value``."""
        knots, values = self._knots(), np.array(self.quantiles)
        cell = self._cell(np.asarray(value, dtype=float), values)
        slope = np.diff(knots)[cell] / np.diff(values)[cell]
        return np.asarray(knots[cell] + slope * (np.asarray(value, dtype=float) - values[cell]))

    def _knots(self) -> Vector:
        count = len(self.quantiles)
        return np.asarray(ndtri((np.arange(count) + 0.5) / count))

    @staticmethod
    def _cell(points: Vector, knots: Vector) -> NDArray[np.intp]:
        return np.clip(np.searchsorted(knots, points) - 1, 0, len(knots) - 2)


@dataclass(frozen=True)
class Refined:
    """A prior that has learned: what its scores have become, so that its range stays what it was.

    Attributes:
        prior: what was believed before.
        scores: what its scores are believed to be now.
    """

    prior: Prior
    scores: Empirical

    def value(self, score: ArrayLike) -> Vector:
        """The prior's value at the refined score."""
        return self.prior.value(self.scores.value(score))

    def slope(self, score: ArrayLike) -> Vector:
        """By the chain rule."""
        return np.asarray(self.prior.slope(self.scores.value(score)) * self.scores.slope(score))

    def score(self, value: ArrayLike) -> Vector:
        """The inverse of ``value``."""
        return self.scores.score(self.prior.score(value))


def _density(score: ArrayLike) -> Vector:
    return np.asarray(np.exp(-0.5 * np.asarray(score, dtype=float) ** 2) / math.sqrt(2 * math.pi))


def _require(true: bool, sentence: str) -> None:
    if not true:
        raise ValueError(sentence)
