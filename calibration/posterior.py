"""What is known of parameters after measuring: draws with weights, how far they can be trusted, what they cost."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import InputError, Problem

from .counted import Cost
from .emulator import Emulator, StandIn
from .laplace import Laplace
from .model import ForwardModel
from .priors import Empirical, Refined
from .space import Parameter, Space
from .target import Measurement

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

UNKNOWN, WEAK = 0.2, 0.6
"""Contractions of variance below which data do not tell a parameter, and tell it badly."""

RELIABLE = 0.7
"""Shape k̂ of importance weights up to which averages converge."""


@dataclass(frozen=True)
class Certificate:
    """What true solves at draws say of these.

    Attributes:
        draws: how many draws were solved.
        failed: how many of them could not be.
        khat: Pareto shape of the importance weights.
        ess: effective sample size of the solved draws.
        largest: their greatest weight, all of them summing to one.
        passed: whether the draws may be used as they are weighted.
    """

    draws: int
    failed: int
    khat: float
    ess: float
    largest: float
    passed: bool

    @property
    def distance(self) -> float:
        """How far, in posterior standard deviations, any mean is off at most if weights are left out."""
        good = self.draws - self.failed
        return math.sqrt(max(good / self.ess - 1, 0.0)) if self.ess > 0 else math.inf

    def said(self) -> str:
        """In words."""
        shape = "weights all alike" if self.khat == -math.inf else f"Pareto k̂ {self.khat:.2f}"
        if self.passed and self.khat > RELIABLE:
            shape += " (noise, as the weights are nearly alike)"
        words = (
            f"{self.draws} true solves: effective sample {self.ess:.1f}, {shape}, greatest weight {self.largest:.2g}"
        )
        words += f"; {self.failed} failed" if self.failed else ""
        return words + ("." if self.passed else ": not to be trusted.")


@dataclass(frozen=True)
class Posterior:
    """A distribution of parameters given what was measured.

    Attributes:
        space: the parameters and what was believed of them.
        measurement: what was measured.
        kind: how the draws were made: ``laplace``, ``emulator``, ``importance``, ``nuts`` or ``ensemble``.
        z: draws (n, p) in the prior's coordinates.
        weights: their weights (n,), which sum to one.
        log_evidence: log of the probability density of what was measured; NaN where a method does not tell.
        modes: modes that were found, the most probable first.
        certificate: what true solves say of the draws; None where none were made.
        cost: solves.
        told: what was done and why, a sentence each.
        shown: draws (b,) whose predictions are kept.
        predictions: these (b, m).
        emulator: what stands in for the model there; None where none was trained.
    """

    space: Space
    measurement: Measurement
    kind: str
    z: Matrix
    weights: Vector
    log_evidence: float
    modes: tuple[Laplace, ...]
    certificate: Certificate | None
    cost: Cost
    told: tuple[str, ...]
    shown: NDArray[np.intp] = field(default_factory=lambda: np.zeros(0, dtype=np.intp))
    predictions: Matrix = field(default_factory=lambda: np.zeros((0, 0)))
    emulator: Emulator | None = None

    @cached_property
    def theta(self) -> Matrix:
        """Draws (n, p) of the parameters."""
        return self.space.theta(self.z)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.space.names

    @property
    def khat(self) -> float:
        """Pareto shape of the importance weights; NaN where they were not looked at."""
        return math.nan if self.certificate is None else self.certificate.khat

    @property
    def ess(self) -> float:
        """Effective number of draws, 1/Σw²."""
        return float(1 / (self.weights**2).sum())

    @property
    def mode(self) -> Vector:
        """The most probable parameters (p,), in the prior's coordinates that is."""
        return self.space.theta(self.modes[0].z)

    def mean(self) -> Vector:
        """Means (p,)."""
        return np.asarray(self.weights @ self.theta)

    def sd(self) -> Vector:
        """Standard deviations (p,)."""
        return np.sqrt(np.diag(self.covariance()))

    def covariance(self) -> Matrix:
        """Covariance (p, p)."""
        apart = self.theta - self.mean()
        return np.asarray(apart.T @ (self.weights[:, None] * apart))

    def quantiles(self, shares: ArrayLike) -> Matrix:
        """Quantiles (k, p) at shares (k,)."""
        return np.stack([weighted_quantiles(column, self.weights, shares) for column in self.theta.T], axis=-1)

    def interval(self, share: float = 0.95) -> Matrix:
        """Bounds (p, 2) that leave out as much below as above."""
        return self.quantiles([(1 - share) / 2, (1 + share) / 2]).T

    def contraction(self) -> Vector:
        """Share (p,) of the prior's variance that the data took away, in scores of each parameter's prior."""
        scores = self.space.scores(self.z)
        return np.asarray(1 - self.weights @ (scores - self.weights @ scores) ** 2)

    def resample(self, count: int, seed: int = 0) -> Matrix:
        """Parameters (count, p), all of the same weight."""
        return self.theta[self._places(count, seed)]

    def predictive(self, shares: ArrayLike = (0.025, 0.5, 0.975), seed: int | None = None) -> Matrix:
        """Quantiles (k, m) of what is predicted; with a seed of what would be measured, noise included."""
        if not len(self.shown):
            raise ValueError("predictions were not kept")
        weights = self.weights[self.shown] / self.weights[self.shown].sum()
        drawn = self.predictions
        if seed is not None:
            random = np.random.default_rng(seed)
            times = max(1, math.ceil(2000 / len(drawn)))
            drawn, weights = np.repeat(drawn, times, axis=0), np.repeat(weights, times) / times
            drawn = np.array([self.measurement.draw(prediction, random) for prediction in drawn])
        return np.stack([weighted_quantiles(column, weights, shares) for column in drawn.T], axis=-1)

    def misfit(self) -> float:
        """Standardised residuals' mean square at the mode: about one where model and noise are right."""
        prediction = self.modes[0].mode.prediction
        residual = self.measurement.residual(prediction)
        return float(self.measurement.pull(prediction, self._column(residual))[1][0, 0]) / len(residual)

    def residuals(self) -> Vector:
        """Measured less predicted at the mode over the standard deviation of noise (m,); NaN where nothing was seen.

        Where noise is correlated that deviation is what is left of it once the other numbers are known.
        """
        prediction = self.modes[0].mode.prediction
        found = np.full(len(self.measurement.values), np.nan)
        precision = self.measurement.precision(prediction)
        found[self.measurement.known] = self.measurement.residual(prediction) * np.sqrt(precision)
        return found

    def _column(self, residual: Vector) -> Matrix:
        """Residuals (k,) as the derivative (m, 1) of the predictions that they belong to."""
        column = np.zeros((len(self.measurement.values), 1))
        column[self.measurement.known, 0] = residual
        return column

    def as_space(self, quantiles: int = 99) -> Space:
        """This posterior as the next one's prior: its marginals and the correlation of their scores."""
        shares = (np.arange(quantiles) + 0.5) / quantiles
        scores = self.space.scores(self.z)
        parameters, normal = [], []
        for index, parameter in enumerate(self.space.parameters):
            values = weighted_quantiles(scores[:, index], self.weights, shares)
            values = values + 1e-12 * np.arange(quantiles)
            marginal = Empirical(tuple(values.tolist()))
            parameters.append(Parameter(parameter.name, Refined(parameter.prior, marginal), parameter.unit))
            normal.append(np.clip(marginal.score(scores[:, index]), -4, 4))
        apart = np.array(normal).T
        apart = apart - self.weights @ apart
        covariance = apart.T @ (self.weights[:, None] * apart)
        width = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(width, width)
        correlation = (1 - 1e-9) * (correlation + correlation.T) / 2 + 1e-9 * np.eye(len(width))
        return Space(tuple(parameters), tuple(map(tuple, correlation.tolist())) if len(width) > 1 else None)

    def stand_in(self, model: ForwardModel) -> ForwardModel:
        """The model, for which the emulator stands in where it holds; itself where none was trained."""
        return model if self.emulator is None else StandIn(self.emulator, model)

    def at(self, theta: ArrayLike) -> Mapping[str, float]:
        """Parameters (p,) by name."""
        return self.space.named(theta)

    def sentences(self) -> tuple[str, ...]:
        """How well each parameter is known, in words."""
        rows = zip(self.space.parameters, self.quantiles([0.5])[0], self.interval(), self.contraction(), strict=True)
        return tuple(_known(*row) for row in rows)

    def to_arviz(self, count: int = 2000, seed: int = 0) -> Any:
        """Draws of equal weight and what was measured, as ArviZ has them (extra ``bayes``).

        Raises:
            InputError: ArviZ is not installed.
        """
        try:
            import arviz
        except ModuleNotFoundError as error:
            raise InputError(
                Problem("posterior", "needs ArviZ to be exported to it", hint="install fibertwin[bayes]")
            ) from error
        drawn = self.resample(count, seed)
        groups: dict[str, dict[str, Any]] = {
            "posterior": {name: drawn[None, :, index] for index, name in enumerate(self.names)},
            "observed_data": {"y": np.array(self.measurement.values)},
        }
        return arviz.from_dict(groups)

    def with_cost(self, cost: Cost) -> "Posterior":
        """The same at another cost."""
        return replace(self, cost=cost)

    def _places(self, count: int, seed: int) -> NDArray[np.intp]:
        random = np.random.default_rng(seed)
        marks = (np.arange(count) + random.uniform()) / count
        places = np.minimum(np.searchsorted(np.cumsum(self.weights), marks), len(self.weights) - 1)
        return random.permutation(places)


def weighted_quantiles(values: Vector, weights: Vector, shares: ArrayLike) -> Vector:
    """Quantiles (k,) of weighted values (n,), straight between them."""
    order = np.argsort(values)
    sums = np.cumsum(weights[order])
    return np.asarray(
        np.interp(np.asarray(shares, dtype=float), (sums - 0.5 * weights[order]) / sums[-1], values[order])
    )


def _known(parameter: Parameter, median: float, bounds: Vector, contraction: float) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    between = f"95 % between {bounds[0]:.4g} and {bounds[1]:.4g}{unit}"
    half = 0.5 * (bounds[1] - bounds[0]) / abs(median) if median else math.inf
    near = f"±{100 * half:.2g} %" if bounds[0] * bounds[1] > 0 else f"±{0.5 * (bounds[1] - bounds[0]):.2g}{unit}"
    if contraction < UNKNOWN:
        left = 100 * (1 - contraction)
        told = f"is not identified by these data, which leave {left:.0f} % of the prior's variance"
        return f"{parameter.name} {told} ({between})."
    if contraction < WEAK:
        return f"{parameter.name} is known badly, to {near} ({between}): the prior says as much as the data."
    return f"{parameter.name} is known to {near} ({between})."
