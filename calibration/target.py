"""What is measured, and the posterior that it leaves, with its derivatives, in the prior's coordinates."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mixed_noise import diagonal
from .model import ForwardModel
from .noise import Noise
from .space import Space

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """Measured numbers, in the order in which a model predicts them.

    Attributes:
        values: numbers (m,); NaN where one is missing or was rejected.
        noise: how they scatter.
        names: what each is called (m); empty where nobody asks.
        unit: of each (m); empty where nobody asks.
    """

    values: tuple[float, ...]
    noise: Noise
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if np.isinf(self.values).any():
            raise ValueError("measured numbers must be finite, or NaN where they are missing")
        if not self.known.any():
            raise ValueError("nothing was measured")

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which numbers (m,) were measured."""
        return ~np.isnan(self.values)

    def residual(self, prediction: Vector) -> Vector:
        """Measured less predicted, of the numbers that were measured."""
        measured, predicted = self._pair(prediction)
        return np.asarray(measured - predicted)

    def log_likelihood(self, prediction: Vector) -> float:
        """Log density of what was measured, given a prediction (m,)."""
        return self._noise().log_density(*self._pair(prediction))

    def log_likelihoods(self, predictions: Matrix) -> Vector:
        """Log densities (n,) of what was measured, given each of some predictions (n, m)."""
        known = self.known
        return self._noise().log_densities(np.array(self.values)[known], predictions[:, known])

    def pull(self, prediction: Vector, slopes: Matrix) -> tuple[Vector, Matrix]:
        """Gradient (p,) of the log likelihood and its Gauss-Newton curvature (p, p), from slopes (m, p)."""
        pair, known, noise = self._pair(prediction), slopes[self.known], self._noise()
        return known.T @ noise.score(*pair), known.T @ noise.weighed(*pair, known)

    def weight(self, prediction: Vector) -> Matrix:
        """Gauss-Newton weight (k, k) of the k numbers that were measured, given a prediction (m,)."""
        return self._noise().weight(*self._pair(prediction))

    def precision(self, prediction: Vector) -> Vector:
        """Diagonal (k,) of the weight."""
        return diagonal(self._noise(), *self._pair(prediction))

    def draw(self, prediction: Vector, random: np.random.Generator) -> Vector:
        """Numbers (m,) that might have been measured, the missing ones too, given a prediction (m,)."""
        return self.noise.draw(prediction, random)

    def _pair(self, prediction: Vector) -> tuple[Vector, Vector]:
        """The numbers that were measured, and what is predicted of them."""
        if len(prediction) != len(self.values):
            raise ValueError(f"{len(self.values)} numbers were measured and {len(prediction)} are predicted")
        return np.array(self.values)[self.known], prediction[self.known]

    def _noise(self) -> Noise:
        return self.noise if self.known.all() else self.noise.kept(self.known)


@dataclass(frozen=True)
class Local:
    """The posterior about a point.

    Attributes:
        z: the point (p,).
        prediction: what the model predicts there (m,).
        slopes: derivatives dy/dz (m, p).
        log_density: log likelihood plus log prior, normalised but for the evidence.
        gradient: of the log density (p,).
        curvature: Gauss-Newton approximation (p, p) of minus its second derivatives; positive definite.
    """

    z: Vector
    prediction: Vector
    slopes: Matrix
    log_density: float
    gradient: Vector
    curvature: Matrix


@dataclass(frozen=True)
class Target:
    """A posterior: a model, what is believed, what was measured.

    Attributes:
        model: what predicts; its parameters are those of ``space``, in this order.
        space: what is believed of the parameters.
        measurement: what was measured.
    """

    model: ForwardModel
    space: Space
    measurement: Measurement

    def __post_init__(self) -> None:
        if self.model.names != self.space.names:
            raise ValueError(f"the model has parameters {self.model.names}, the prior {self.space.names}")

    def predict(self, z: Vector) -> Vector:
        """Predictions (m,) at coordinates (p,).

        Raises:
            SolveError: there are none.
        """
        return self.model.solve(self.space.theta(z))

    def log_density(self, z: Vector, prediction: Vector) -> float:
        """Log likelihood of a prediction (m,) plus log prior at coordinates (p,)."""
        return self.measurement.log_likelihood(prediction) + log_prior(z)

    def about(self, z: Vector) -> Local:
        """The posterior about coordinates (p,), from one linearised prediction.

        Raises:
            SolveError: there is none.
        """
        prediction, slopes = self.model.linearise(self.space.theta(z))
        return self.local(z, prediction, slopes @ self.space.slopes(z))

    def local(self, z: Vector, prediction: Vector, slopes: Matrix) -> Local:
        """The posterior about coordinates (p,) where predictions (m,) and dy/dz (m, p) are known."""
        gradient, curvature = self.measurement.pull(prediction, slopes)
        density = self.log_density(z, prediction)
        return Local(z, prediction, slopes, density, gradient - z, curvature + np.eye(len(z)))


def log_prior(z: Vector) -> float:
    """Log density of a standard normal in p dimensions."""
    return float(-0.5 * z @ z - 0.5 * len(z) * math.log(2 * math.pi))
