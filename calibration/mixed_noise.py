"""Noise of numbers that are of several kinds, or that have grown old."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .noise import Correlated, Noise

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """Numbers of several kinds one after the other, each with a noise of its own, independent of the others.

    Attributes:
        parts: noise of each block.
        sizes: numbers in each.
    """

    parts: tuple[Noise, ...]
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.parts or len(self.parts) != len(self.sizes) or min(self.sizes) < 1:
            raise ValueError("each block of noise has a size of at least one")

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """Sum of the blocks'."""
        return float(self.log_densities(measured, predicted[None])[0])

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""
        return np.asarray(sum(part.log_densities(measured[at], predicted[:, at]) for part, at in self.rows()))

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """The blocks', one after the other."""
        return np.concatenate([part.score(measured[at], predicted[at]) for part, at in self.rows()])

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """Block diagonal."""
        return self.weighed(measured, predicted, np.eye(len(measured)))

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """Each block's weight times its rows."""
        return np.concatenate([part.weighed(measured[at], predicted[at], columns[at]) for part, at in self.rows()])

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """The blocks', one after the other."""
        return np.concatenate([part.draw(predicted[at], random) for part, at in self.rows()])

    def kept(self, rows: NDArray[np.bool_]) -> "Blocks":
        """Blocks of which something is left."""
        left = [(part.kept(rows[at]), int(rows[at].sum())) for part, at in self.rows() if rows[at].any()]
        return Blocks(tuple(part for part, _ in left), tuple(size for _, size in left))

    def rows(self) -> list[tuple[Noise, slice]]:
        """Each block's noise, and which numbers it is of."""
        ends = np.cumsum(self.sizes).tolist()
        starts = (end - size for end, size in zip(ends, self.sizes, strict=True))
        return [(part, slice(a, b)) for part, a, b in zip(self.parts, starts, ends, strict=True)]


@dataclass(frozen=True)
class Faded:
    """Noise of numbers that count for less than they did: their log density times a share.

    Attributes:
        noise: what it was.
        share: how much they still count, between 0 and 1.
    """

    noise: Noise
    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError("old numbers count for a share between 0 and 1")

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """The share of the noise's, which is not normalised."""
        return self.share * self.noise.log_density(measured, predicted)

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""
        return np.asarray(self.share * self.noise.log_densities(measured, predicted))

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """The share of the noise's."""
        return np.asarray(self.share * self.noise.score(measured, predicted))

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """The share of the noise's."""
        return np.asarray(self.share * self.noise.weight(measured, predicted))

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """The share of the noise's."""
        return np.asarray(self.share * self.noise.weighed(measured, predicted, columns))

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """The noise's: numbers scattered as ever when they were new."""
        return self.noise.draw(predicted, random)

    def kept(self, rows: NDArray[np.bool_]) -> "Faded":
        """Of some numbers."""
        return Faded(self.noise.kept(rows), self.share)


def diagonal(noise: Noise, measured: Vector, predicted: Vector) -> Vector:
    """Diagonal (m,) of the weight of predictions, without its m² numbers where noise is independent."""
    if isinstance(noise, Blocks):
        return np.concatenate([diagonal(part, measured[at], predicted[at]) for part, at in noise.rows()])
    if isinstance(noise, Faded):
        return np.asarray(noise.share * diagonal(noise.noise, measured, predicted))
    if isinstance(noise, Correlated):
        return np.diag(noise.weight(measured, predicted))
    return np.asarray(noise.weighed(measured, predicted, np.ones((len(measured), 1)))[:, 0])
