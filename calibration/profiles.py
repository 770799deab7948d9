"""How much worse the data are met if one parameter is held: profile likelihoods and their intervals."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import SolveError

from .target import Target

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

THRESHOLD = 3.841458820694124
"""95 % quantile of χ² with one degree of freedom."""

FARTHEST = 6.0
"""Prior standard deviations from the prior's middle beyond which a profile is not followed."""

BACK = 30
"""Gauss-Newton steps for one point at most."""


@dataclass(frozen=True)
class Profile:
    """The profile likelihood of one parameter.

    Attributes:
        name: the parameter.
        values: where it was held (n,), rising.
        drops: twice the loss of log likelihood there (n,), the others being as good as they can be.
        interval: between which values the loss stays below 3.84; infinite where it does on the whole way.
        failed: points that could not be predicted.
        lost: whether, below and above, the way ended where nothing can be predicted, and so tells no bound.
    """

    name: str
    values: Vector
    drops: Vector
    interval: tuple[float, float]
    failed: int
    lost: tuple[bool, bool] = (False, False)

    @property
    def bounded(self) -> bool:
        """Whether the data alone bound the parameter on both sides."""
        return all(map(math.isfinite, self.interval))

    def said(self) -> str:
        """In words."""
        low, high = self.interval
        if any(self.lost):
            ends = f"{self.values[0]:.4g}" if self.lost[0] else f"{self.values[-1]:.4g}"
            return f"How far the data bound {self.name} is not known: nothing could be predicted beyond {ends}."
        if self.bounded:
            return f"The data alone hold {self.name} between {low:.4g} and {high:.4g}."
        if not math.isfinite(low) and not math.isfinite(high):
            return f"The data alone do not identify {self.name}: any value meets them as well, others giving way."
        side = f"from above, at {high:.4g}" if math.isfinite(high) else f"from below, at {low:.4g}"
        return f"The data alone bound {self.name} only {side}."


def profile(target: Target, name: str, begin: Vector, step: float = 0.5, finest: int = 12) -> Profile:
    """Follow the profile likelihood of a parameter to both sides until it has fallen by 3.84.

    The others are optimised by Gauss-Newton steps, each point beginning where the last one ended. An emulator's
    target makes it cost no solve where the emulator reaches; ``Posterior.stand_in`` solves beyond.

    Args:
        target: the posterior, of which the likelihood is used.
        name: the parameter.
        begin: coordinates (p,) to begin at, such as a mode.
        step: first step, in standard deviations that the likelihood's curvature gives, or the prior's if that is less.
        finest: bisections for the place of the threshold.

    Raises:
        SolveError: nothing can be predicted at the beginning.
    """
    line = _Line.of(target, name)
    top, best, score = line.summit(begin)
    length = step * min(line.width(top), 1.0)
    below = line.followed(top, best, score, -length, finest)
    above = line.followed(top, best, score, length, finest)
    points = sorted([*below.points, (score, 0.0), *above.points])
    at = np.array(points)
    prior = target.space.parameters[line.index].prior
    ends = tuple(float(prior.value(s)) if math.isfinite(s) else s for s in (below.end, above.end))
    failed = below.failed + above.failed
    lost = (below.lost, above.lost)
    return Profile(name, np.asarray(prior.value(at[:, 0])), at[:, 1], (ends[0], ends[1]), failed, lost)


@dataclass(frozen=True)
class _Side:
    points: list[tuple[float, float]]
    end: float
    failed: int
    lost: bool = False


@dataclass(frozen=True)
class _Line:
    """Coordinates in which one parameter's score is held: z = held (score) + across w."""

    target: Target
    index: int
    along: Vector
    across: Matrix

    @classmethod
    def of(cls, target: Target, name: str) -> "_Line":
        index = target.space.names.index(name)
        row = target.space.scores(np.eye(target.space.size))[:, index]
        _, _, axes = np.linalg.svd(row[None])
        return cls(target, index, row / (row @ row), axes[1:].T)

    def summit(self, z: Vector) -> tuple[Vector, float, float]:
        """The greatest likelihood near a point, all parameters free."""
        z, likelihood = self._climbed(z, np.eye(len(z)))
        return z, likelihood, float(self.target.space.scores(z)[self.index])

    def width(self, z: Vector) -> float:
        """Standard deviation of the score that the likelihood has at its greatest; infinite where it is flat."""
        _, fisher = self.target.measurement.pull(*self._linear(z))
        values, vectors = np.linalg.eigh(fisher)
        row = self.along / (self.along @ self.along)
        parts = (vectors.T @ row) ** 2
        flat = values <= 1e-12 * max(float(values[-1]), 1e-300)
        if (parts[flat] > 1e-12).any():
            return math.inf
        return math.sqrt(float((parts[~flat] / values[~flat]).sum()))

    def followed(self, top: Vector, best: float, score: float, length: float, finest: int) -> _Side:
        """Points to one side, and the score at which the loss passes the threshold."""
        points: list[tuple[float, float]] = []
        z, last, drop_last, failed = top, score, 0.0, 0
        while True:
            at = last + length
            if abs(at) > FARTHEST and abs(at) > abs(score):
                return _Side(points, math.copysign(math.inf, length), failed)
            try:
                there, drop = self._held(z, at, best)
            except SolveError:
                failed += 1
                length *= 0.5
                if failed > 8:
                    return _Side(points, math.copysign(math.inf, length), failed, True)
                continue
            points.append((at, drop))
            if drop > THRESHOLD:
                return _Side(points, self._crossed(z, last, drop_last, at, drop, best, finest), failed)
            z, last, rise, drop_last = there, at, drop - drop_last, drop
            length *= 1.6 if rise < 0.5 else 0.8 if rise > 1.5 else 1.0

    def _crossed(
        self, z: Vector, low: float, drop_low: float, high: float, drop_high: float, best: float, finest: int
    ) -> float:
        """The score between two at which the loss is the threshold: secant steps on its square root."""
        at = high
        for _ in range(finest):
            share = (math.sqrt(THRESHOLD) - _root(drop_low)) / max(_root(drop_high) - _root(drop_low), 1e-300)
            at = low + share * (high - low)
            try:
                there, drop = self._held(z, at, best)
            except SolveError:
                return at
            if abs(drop - THRESHOLD) < 1e-9:
                break
            if drop < THRESHOLD:
                z, low, drop_low = there, at, drop
            else:
                high, drop_high = at, drop
        return at

    def _held(self, z: Vector, score: float, best: float) -> tuple[Vector, float]:
        moved = z + self.along * (score - float(self.target.space.scores(z)[self.index]))
        found, likelihood = self._climbed(moved, self.across)
        return found, 2 * (best - likelihood)

    def _climbed(self, z: Vector, across: Matrix) -> tuple[Vector, float]:
        """Gauss-Newton steps of the likelihood in some directions (p, k)."""
        prediction, slopes = self._linear(z)
        likelihood, damping = self.target.measurement.log_likelihood(prediction), 1e-9
        for _ in range(BACK):
            gradient, fisher = self.target.measurement.pull(prediction, slopes @ across)
            if not gradient.size:
                break
            scale = max(float(np.trace(fisher)), 1e-12)
            step = np.linalg.solve(fisher + damping * scale * np.eye(len(gradient)), gradient)
            if float(gradient @ step) < 1e-10:
                break
            step *= min(1.0, 2.0 / max(float(np.linalg.norm(step)), 1e-300))
            try:
                there = z + across @ step
                next_prediction, next_slopes = self._linear(there)
                next_likelihood = self.target.measurement.log_likelihood(next_prediction)
            except SolveError:
                next_likelihood = -math.inf
            if next_likelihood > likelihood:
                z, prediction, slopes, likelihood = there, next_prediction, next_slopes, next_likelihood
                damping = max(0.1 * damping, 1e-9)
            else:
                damping = max(1e-3, 10 * damping)
                if damping > 1e6:
                    break
        return z, likelihood

    def _linear(self, z: Vector) -> tuple[Vector, Matrix]:
        prediction, slopes = self.target.model.linearise(self.target.space.theta(z))
        return prediction, slopes @ self.target.space.slopes(z)


def _root(drop: float) -> float:
    return math.sqrt(max(drop, 0.0))
