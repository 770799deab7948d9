"""What data say of a field: its most probable course, how sure it is where, and how many things were learnt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import SolveError

from .model import ForwardModel

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

SHORTEST = 1 / 64
"""Shortest part of a step that is tried."""


class FieldPrior(Protocol):
    """A normal prior of many numbers with mean zero: ``Smooth``."""

    def covariance(self, columns: Matrix) -> Matrix:
        """C times columns (n, k)."""

    def cost(self, z: Vector) -> float:
        """The product z · C⁻¹ z."""

    def draw(self, seed: int, count: int) -> Matrix:
        """Draws (count, n)."""

    @property
    def sd(self) -> Vector:
        """Standard deviations (n,)."""


@dataclass(frozen=True, eq=False)
class FieldPosterior:
    """The normal distribution about the most probable field (Laplace): the prior, and a direction for each datum.

    Attributes:
        mode: most probable z (n,).
        prior: the prior.
        predicted: what is predicted there (m,) of the numbers that were measured, as in all that follows.
        measured: what was measured (m,).
        slopes: derivatives (m, n) there.
        gain: C J' (n, m).
        noise: standard deviations (m,) of what was measured.
        linearisations: sets of derivatives that it took.
    """

    mode: Vector
    prior: FieldPrior
    predicted: Vector
    measured: Vector
    slopes: Matrix
    gain: Matrix
    noise: Vector
    linearisations: int

    @property
    def sd(self) -> Vector:
        """Standard deviation (n,) of z."""
        return np.sqrt(np.maximum(self.prior.sd**2 - (self._learnt() ** 2).sum(axis=0), 0.0))

    @property
    def information(self) -> Vector:
        """Eigenvalues (m,), falling, of what data know over what the prior knows: above 1 a direction is the data's.

        Bui-Thanh et al. 2013, doi 10.1137/12089586X.
        """
        scaled = (self.slopes @ self.gain) / np.outer(self.noise, self.noise)
        return np.linalg.eigvalsh(0.5 * (scaled + scaled.T))[::-1]

    @property
    def contraction(self) -> Vector:
        """Share (n,) of the prior's variance that the data took away in each cell."""
        return 1 - (self.sd / self.prior.sd) ** 2

    @property
    def misfit(self) -> float:
        """Mean square of what is left of the measured numbers over their standard deviations."""
        return float(np.mean(((self.measured - self.predicted) / self.noise) ** 2))

    def draw(self, seed: int, count: int) -> Matrix:
        """Fields (count, n) at random."""
        fields = self.prior.draw(seed, count)
        measured = self.noise * np.random.default_rng([seed, 1]).normal(size=(count, len(self.noise)))
        away = np.linalg.solve(self._spread(), (fields @ self.slopes.T + measured).T)
        return self.mode + fields - (self.gain @ away).T

    def _spread(self) -> Matrix:
        """Covariance (m, m) of what would be measured, by the prior."""
        return self.slopes @ self.gain + np.diag(self.noise**2)

    def _learnt(self) -> Matrix:
        """Rows (m, n) whose squares are the variance that data take away."""
        return np.asarray(np.linalg.solve(np.linalg.cholesky(self._spread()), self.gain.T))


def field_posterior(
    model: ForwardModel,
    prior: FieldPrior,
    measured: Vector,
    noise: Vector | float,
    *,
    tolerance: float = 1e-3,
    most: int = 30,
    told: Callable[[str], None] | None = None,
) -> FieldPosterior:
    """The posterior of many numbers, by Gauss–Newton steps in the space of the data.

    Args:
        model: predictions and derivatives, such as ``FieldModel``.
        prior: their prior.
        measured: what was measured; NaN where a number is missing.
        noise: its standard deviation, one or one for each number.
        tolerance: change of the prediction over the noise, root mean square, at which the steps end.
        most: steps after which it is given up.
        told: called with a sentence before each step.

    Raises:
        SolveError: there is no equilibrium at the prior's mean, or the steps do not end.
    """
    known = ~np.isnan(measured)
    sds = np.broadcast_to(np.asarray(noise, dtype=float), known.shape)[known]
    measured = np.asarray(measured, dtype=float)[known]

    def cost(at: Vector, predicted: Vector) -> float:
        return float((((predicted - measured) / sds) ** 2).sum()) + prior.cost(at)

    z = np.zeros(len(model.names))
    for step in range(1, most + 1):
        seen, slopes = (found[known] for found in model.linearise(z))
        gain = prior.covariance(slopes.T)
        spread = slopes @ gain + np.diag(sds**2)
        goal = gain @ np.linalg.solve(spread, measured - seen + slopes @ z)
        if np.sqrt(np.mean((slopes @ (goal - z) / sds) ** 2)) < tolerance:
            return FieldPosterior(z, prior, seen, measured, slopes, gain, sds, step)
        if told is not None:
            told(f"step {step}: the misfit is {np.mean(((measured - seen) / sds) ** 2):.3g} times the noise")
        z = _stepped(lambda at: cost(at, model.solve(at)[known]), z, cost(z, seen), goal)
    raise SolveError(f"The most probable field was not found in {most} steps.")


def _stepped(cost: Callable[[Vector], float], z: Vector, here: float, goal: Vector) -> Vector:
    """As far towards the goal as the cost falls below what it is here.

    Raises:
        SolveError: it does not, or nothing can be solved on the way.
    """
    part = 1.0
    while part >= SHORTEST:
        at = z + part * (goal - z)
        try:
            if cost(at) < here:
                return at
        except SolveError:
            pass  # too far: a shorter step is tried, and told where none is short enough
        part /= 2
    raise SolveError("No step towards the most probable field raises its density.")
