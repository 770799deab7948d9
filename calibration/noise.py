"""How measured numbers scatter about what a model predicts."""

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

RAREST = 1e-12
"""Expected counts below which derivatives of their density are taken as if there were as many."""


class Noise(Protocol):
    """A distribution of measured numbers y about predicted ones; r = y - predicted is the residual."""

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """Log density of measured numbers (m,), normalised."""

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """Derivative (m,) of the log density by the prediction."""

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """Positive semidefinite Gauss-Newton weight (m, m) of predictions."""

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """The weight times columns (m, k), without its m² numbers where noise is independent."""

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """Numbers (m,) that might be measured."""

    def kept(self, rows: NDArray[np.bool_]) -> "Noise":
        """The noise of some of the numbers only."""


@dataclass(frozen=True)
class Gaussian:
    """Independent normal noise with known standard deviations, one for all or one for each number (m,)."""

    sd: float | tuple[float, ...]

    def __post_init__(self) -> None:
        if not (np.isfinite(self.sd).all() and (np.asarray(self.sd) > 0).all()):
            raise ValueError("the standard deviation of noise must be positive")

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """-|r/σ|²/2 - Σ ln σ - m/2 ln 2π."""
        return float(self.log_densities(measured, predicted[None])[0])

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""
        sd = self._sd(len(measured))
        squares = (((measured - predicted) / sd) ** 2).sum(axis=-1)
        return np.asarray(-0.5 * squares - np.log(sd).sum() - 0.5 * len(sd) * math.log(2 * math.pi))

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """r/σ²."""
        residual = measured - predicted
        return np.asarray(residual / self._sd(len(residual)) ** 2)

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """diag(1/σ²)."""
        return np.diag(self._sd(len(predicted)) ** -2.0)

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """Columns over σ²."""
        return np.asarray(columns / self._sd(len(predicted))[:, None] ** 2)

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """Normal numbers about the predicted ones."""
        return np.asarray(predicted + random.standard_normal(len(predicted)) * self._sd(len(predicted)))

    def kept(self, rows: NDArray[np.bool_]) -> "Gaussian":
        """The standard deviations of some numbers."""
        return self if np.ndim(self.sd) == 0 else Gaussian(tuple(np.array(self.sd)[rows].tolist()))

    def _sd(self, size: int) -> Vector:
        return np.broadcast_to(np.asarray(self.sd, dtype=float), (size,))


@dataclass(frozen=True)
class Correlated:
    """Normal noise with a known covariance (m, m); a model's discrepancy adds to it.

    Attributes:
        covariance: rows of the covariance.
    """

    covariance: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        matrix = np.array(self.covariance)
        if matrix.ndim != 2 or not np.allclose(matrix, matrix.T) or np.linalg.eigvalsh(matrix).min() <= 0:
            raise ValueError("a covariance of noise is symmetric and positive definite")

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """-r'C⁻¹r/2 - ln det(2πC)/2."""
        return float(self.log_densities(measured, predicted[None])[0])

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""
        factor = np.linalg.cholesky(np.array(self.covariance))
        white = np.linalg.solve(factor, (measured - predicted).T)
        constant = np.log(np.diag(factor)).sum() + 0.5 * len(white) * math.log(2 * math.pi)
        return np.asarray(-0.5 * (white**2).sum(axis=0) - constant)

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """C⁻¹ r."""
        residual = measured - predicted
        return np.asarray(np.linalg.solve(np.array(self.covariance), residual))

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """C⁻¹."""
        return np.asarray(np.linalg.inv(np.array(self.covariance)))

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """C⁻¹ times columns."""
        return np.asarray(np.linalg.solve(np.array(self.covariance), columns))

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """Correlated normal numbers about the predicted ones."""
        lower = np.linalg.cholesky(np.array(self.covariance))
        return np.asarray(predicted + lower @ random.standard_normal(len(predicted)))

    def kept(self, rows: NDArray[np.bool_]) -> "Correlated":
        """The covariance of some numbers."""
        return Correlated(tuple(map(tuple, np.array(self.covariance)[np.ix_(rows, rows)].tolist())))


@dataclass(frozen=True)
class StudentT:
    """Independent noise with heavy tails, which outliers do not pull far.

    Attributes:
        scale: width, as the standard deviation of normal noise.
        freedom: degrees of freedom; 4 bears a tenth of outliers.
    """

    scale: float
    freedom: float = 4.0

    def __post_init__(self) -> None:
        if not (self.scale > 0 and self.freedom > 0):
            raise ValueError("scale and degrees of freedom of noise must be positive")

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """Sum of the numbers' log densities."""
        return float(self.log_densities(measured, predicted[None])[0])

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""
        nu = self.freedom
        constant = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * math.log(nu * math.pi) - math.log(self.scale)
        surprise = np.log1p(((measured - predicted) / self.scale) ** 2 / nu).sum(axis=-1)
        return np.asarray(len(measured) * constant - (nu + 1) / 2 * surprise)

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """(ν + 1) r/(ν s² + r²)."""
        residual = measured - predicted
        return np.asarray((self.freedom + 1) * residual / (self.freedom * self.scale**2 + residual**2))

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """diag((ν + 1)/(ν s² + r²)), as iteratively reweighted least squares has it."""
        residual = measured - predicted
        return np.diag((self.freedom + 1) / (self.freedom * self.scale**2 + residual**2))

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """Columns over (ν s² + r²)/(ν + 1)."""
        residual = measured - predicted
        return np.asarray(columns * ((self.freedom + 1) / (self.freedom * self.scale**2 + residual**2))[:, None])

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """Student-t numbers about the predicted ones."""
        return np.asarray(predicted + self.scale * random.standard_t(self.freedom, len(predicted)))

    def kept(self, rows: NDArray[np.bool_]) -> "StudentT":
        """Itself: all numbers scatter alike."""
        return self


@dataclass(frozen=True)
class UnknownScale:
    """Independent normal noise of one standard deviation that nobody knows, integrated over.

    With a scaled inverse χ² belief σ² ~ ν s²/χ²(ν) the residuals follow a multivariate Student t (Gelman et al.,
    Bayesian Data Analysis, 3rd ed., §3.2).

    Attributes:
        guess: a standard deviation (s) that would not surprise.
        worth: how many measured numbers (ν) the guess is worth.
    """

    guess: float
    worth: float = 2.0

    def __post_init__(self) -> None:
        if not (self.guess > 0 and self.worth > 0):
            raise ValueError("guess and worth of an unknown scale must be positive")

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """Ln t_ν(r; 0, s² I)."""
        return float(self.log_densities(measured, predicted[None])[0])

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""
        nu, m, s = self.worth, len(measured), self.guess
        constant = gammaln((nu + m) / 2) - gammaln(nu / 2) - 0.5 * m * math.log(nu * math.pi * s**2)
        squares = ((measured - predicted) ** 2).sum(axis=-1)
        return np.asarray(constant - (nu + m) / 2 * np.log1p(squares / (nu * s**2)))

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """(ν + m) r/(ν s² + r'r)."""
        residual = measured - predicted
        return np.asarray(residual / self.variance(residual))

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """(ν + m)/(ν s² + r'r) I."""
        residual = measured - predicted
        return np.asarray(np.eye(len(residual)) / self.variance(residual))

    def variance(self, residual: Vector) -> float:
        """What the residuals say of σ²: (ν s² + r'r)/(ν + m)."""
        return (self.worth * self.guess**2 + float(residual @ residual)) / (self.worth + len(residual))

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """Columns over what the residuals say of σ²."""
        return np.asarray(columns / self.variance(measured - predicted))

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """Numbers of one scale, itself drawn."""
        sd = self.guess * math.sqrt(self.worth / random.chisquare(self.worth))
        return np.asarray(predicted + sd * random.standard_normal(len(predicted)))

    def kept(self, rows: NDArray[np.bool_]) -> "UnknownScale":
        """Itself: all numbers scatter alike."""
        return self


@dataclass(frozen=True)
class Poisson:
    """Counts of events whose expected number is predicted: seizures in a week, photons in a voxel."""

    def log_density(self, measured: Vector, predicted: Vector) -> float:
        """Σ y ln λ - λ - ln y!; minus infinity where something was counted that is predicted never to happen."""
        return float(self.log_densities(measured, predicted[None])[0])

    def log_densities(self, measured: Vector, predicted: Matrix) -> Vector:
        """The same (n,) for n predictions (n, m)."""
        possible = (predicted >= 0).all(axis=-1)
        rates = np.maximum(predicted, 0.0)
        found = (xlogy(measured, rates) - rates - gammaln(measured + 1)).sum(axis=-1)
        return np.asarray(np.where(possible, found, -math.inf))

    def score(self, measured: Vector, predicted: Vector) -> Vector:
        """y/λ - 1."""
        return np.asarray(measured / self._rate(predicted) - 1)

    def weight(self, measured: Vector, predicted: Vector) -> Matrix:
        """diag(1/λ), which is Fisher's information."""
        return np.diag(1 / self._rate(predicted))

    def weighed(self, measured: Vector, predicted: Vector, columns: Matrix) -> Matrix:
        """Columns over λ."""
        return np.asarray(columns / self._rate(predicted)[:, None])

    def draw(self, predicted: Vector, random: np.random.Generator) -> Vector:
        """Counts."""
        return np.asarray(random.poisson(self._rate(predicted)), dtype=float)

    def kept(self, rows: NDArray[np.bool_]) -> "Poisson":
        """Itself: counts know no other number."""
        return self

    @staticmethod
    def _rate(predicted: Vector) -> Vector:
        return np.maximum(predicted, RAREST)
