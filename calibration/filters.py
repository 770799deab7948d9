"""States that change in time: extended and unscented Kalman filters and the smoother that looks back.

The model is x_{k+1} = f(x_k, k) + w, w ~ N(0, Q), y_k = h(x_k, k) + v, v ~ N(0, R). Both filters replace a function of
a normal state by its first two moments, taken from tangents or from sigma points; where f and h are linear both are
Kalman's filter (Kalman 1960, J. Basic Eng. 82:35) to round-off.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .ode import TINY, Ode

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]
type Step = Callable[[NDArray[Any], int], ArrayLike]
"""A function of a state (n,) and the number of the step."""

type Slopes = Callable[[Vector, int], ArrayLike]
"""Its derivatives by the state."""

type Spread = ArrayLike | Callable[[int], ArrayLike]
"""A covariance, or one for each step."""

Way = Literal["extended", "unscented"]


@dataclass(frozen=True)
class StateModel:
    """How a state moves and is seen.

    Attributes:
        move: f, from step k to k + 1.
        observe: h (m,), at step k.
        process: covariance Q (n, n) of what moves it besides.
        noise: covariance R (m, m) of observations.
        move_slopes: ∂f/∂x (n, n); by complex steps without it.
        observe_slopes: ∂h/∂x (m, n); by complex steps without it.
    """

    move: Step
    observe: Step
    process: Spread
    noise: Spread
    move_slopes: Slopes | None = None
    observe_slopes: Slopes | None = None

    def q(self, k: int) -> Matrix:
        """Q (n, n)."""
        return np.atleast_2d(np.asarray(self.process(k) if callable(self.process) else self.process, dtype=float))

    def r(self, k: int) -> Matrix:
        """R (m, m)."""
        return np.atleast_2d(np.asarray(self.noise(k) if callable(self.noise) else self.noise, dtype=float))


@dataclass(frozen=True)
class Belief:
    """A state that is known as normal.

    Attributes:
        mean: (n,).
        covariance: (n, n).
    """

    mean: Vector
    covariance: Matrix

    @property
    def sd(self) -> Vector:
        """Standard deviations (n,)."""
        return np.sqrt(np.diag(self.covariance))


@dataclass(frozen=True)
class Filtered:
    """What was known of a state at each of some steps.

    Attributes:
        predicted: from what was seen before the step.
        updated: from what was seen up to the step.
        crossed: covariances (n, n) of each state with the next one.
        ahead: the belief at the step after the last.
        log_evidence: log density of what was seen at each step, given what was seen before (k,).
        surprise: squared distance of what was seen from what was predicted, in standard deviations (k,), which is χ²
            with as many degrees of freedom as numbers were seen where the model is right.
    """

    predicted: tuple[Belief, ...]
    updated: tuple[Belief, ...]
    crossed: tuple[Matrix, ...]
    ahead: Belief
    log_evidence: Vector
    surprise: Vector

    @property
    def means(self) -> Matrix:
        """Means (k, n) of the updated beliefs."""
        return np.array([belief.mean for belief in self.updated])

    @property
    def sds(self) -> Matrix:
        """Standard deviations (k, n) of the updated beliefs."""
        return np.array([belief.sd for belief in self.updated])

    def then(self, later: "Filtered") -> "Filtered":
        """This and what was filtered from ``ahead`` on."""
        return Filtered(
            self.predicted + later.predicted,
            self.updated + later.updated,
            self.crossed + later.crossed,
            later.ahead,
            np.concatenate([self.log_evidence, later.log_evidence]),
            np.concatenate([self.surprise, later.surprise]),
        )


def linear(A: ArrayLike, H: ArrayLike, Q: ArrayLike, R: ArrayLike) -> StateModel:
    """The model of Kalman's filter, x_{k+1} = A x_k + w, y_k = H x_k + v."""
    A, H = np.atleast_2d(np.asarray(A, dtype=float)), np.atleast_2d(np.asarray(H, dtype=float))
    return StateModel(lambda x, k: A @ x, lambda x, k: H @ x, Q, R, lambda x, k: A, lambda x, k: H)


def joint(
    move: Callable[[NDArray[Any], NDArray[Any], int], ArrayLike],
    observe: Callable[[NDArray[Any], NDArray[Any], int], ArrayLike],
    states: int,
    process: ArrayLike,
    noise: Spread,
    walk: ArrayLike,
) -> StateModel:
    """States (n,) and parameters (p,) of f(x, θ, k) and h(x, θ, k) as one state (n + p,).

    Args:
        move: f (n,).
        observe: h (m,).
        states: n.
        process: covariance (n, n) of what moves the states besides.
        noise: covariance of observations.
        walk: standard deviations (p,) of the parameters' steps; zeros where they stay as they are.
    """
    steps = np.atleast_1d(np.asarray(walk, dtype=float))
    spread = np.zeros((states + len(steps), states + len(steps)))
    spread[:states, :states] = process
    spread[states:, states:] = np.diag(steps**2)
    return StateModel(
        lambda x, k: np.concatenate([np.atleast_1d(move(x[:states], x[states:], k)), x[states:]]),
        lambda x, k: observe(x[:states], x[states:], k),
        spread,
        noise,
    )


def flow(ode: Ode, states: int, times: ArrayLike) -> tuple[Step, Slopes]:
    """The move of an equation's states and parameters (n + p,) from each of some times to the next, and its slopes.

    The equation's parameters θ are the last p numbers; its start, times and observations are not looked at, what
    enters and its input are.
    """
    clock = np.asarray(times, dtype=float)

    def leg(k: int) -> Ode:
        begin, end = float(clock[k]), float(clock[k + 1])
        return replace(
            ode,
            names=(*(f"x{i}" for i in range(states)), *ode.names),
            rate=lambda x, q, u, t: ode.rate(x, q[states:], u, t),
            start=lambda q: q[:states],
            times=(end,),
            observe=lambda x, q, u, t: np.concatenate([x, q[states:]]),
            doses=tuple(dose.after(begin) for dose in ode.doses if dose.until(begin) and dose.time < end),
            begin=begin,
            rate_slopes=None,
        )

    return lambda x, k: leg(k).solve(x), lambda x, k: leg(k).linearise(x)[1]


def filtered(model: StateModel, start: Belief, seen: ArrayLike, way: Way = "extended", first: int = 0) -> Filtered:
    """Filter what was seen.

    Args:
        model: how the state moves and is seen.
        start: what is known of the state at the first step, before anything is seen there.
        seen: observations (steps, m); NaN where one is missing.
        way: tangents (``extended``) or sigma points (``unscented``, Julier & Uhlmann 1997).
        first: number of the first step.
    """
    belief, rows = start, np.atleast_2d(np.asarray(seen, dtype=float))
    predicted, updated, crossed, evidence, surprise = [], [], [], [], []
    for k, row in enumerate(rows, first):
        predicted.append(belief)
        belief, density, distance = seeing(model, belief, row, k, way)
        updated.append(belief)
        evidence.append(density)
        surprise.append(distance)
        mean, covariance, cross = _moments(model.move, model.move_slopes, belief, k, way)
        belief = Belief(mean, _even(covariance + model.q(k)))
        crossed.append(cross)
    return Filtered(tuple(predicted), tuple(updated), tuple(crossed), belief, np.array(evidence), np.array(surprise))


def seeing(model: StateModel, belief: Belief, row: Vector, k: int, way: Way) -> tuple[Belief, float, float]:
    """A belief after numbers (m,) were seen, their log density and their squared distance from what was expected."""
    known = ~np.isnan(row)
    if not known.any():
        return belief, 0.0, 0.0
    mean, covariance, cross = _moments(model.observe, model.observe_slopes, belief, k, way)
    spread = _even((covariance + model.r(k))[np.ix_(known, known)])
    apart, cross = (row - mean)[known], cross[:, known]
    gain = np.linalg.solve(spread, cross.T).T
    distance = float(apart @ np.linalg.solve(spread, apart))
    density = -0.5 * (distance + float(np.linalg.slogdet(2 * math.pi * spread)[1]))
    return Belief(belief.mean + gain @ apart, _even(belief.covariance - gain @ cross.T)), density, distance


def looked_back(found: Filtered) -> tuple[Belief, ...]:
    """Beliefs at each step from all that was seen (Rauch, Tung & Striebel 1965, AIAA J. 3:1445)."""
    beliefs = [found.updated[-1]]
    for k in range(len(found.updated) - 2, -1, -1):
        here, ahead, later = found.updated[k], found.predicted[k + 1], beliefs[0]
        gain = np.linalg.solve(ahead.covariance, found.crossed[k].T).T
        mean = here.mean + gain @ (later.mean - ahead.mean)
        covariance = here.covariance + gain @ (later.covariance - ahead.covariance) @ gain.T
        beliefs.insert(0, Belief(mean, _even(covariance)))
    return tuple(beliefs)


def _moments(function: Step, slopes: Slopes | None, belief: Belief, k: int, way: Way) -> tuple[Vector, Matrix, Matrix]:
    """Mean (m,), covariance (m, m) of a function of a normal state (n,), and covariance (n, m) of both."""
    if way == "unscented":
        return _from_points(function, belief, k)
    x, p = belief.mean, belief.covariance
    value = np.atleast_1d(np.asarray(function(x, k), dtype=float))
    if slopes is None:
        columns = [np.imag(np.atleast_1d(function(x + 1j * TINY * axis, k))) / TINY for axis in np.eye(len(x))]
        tangent = np.array(columns).T
    else:
        tangent = np.atleast_2d(np.asarray(slopes(x, k), dtype=float))
    cross = p @ tangent.T
    return value, tangent @ cross, cross


def _from_points(function: Step, belief: Belief, k: int) -> tuple[Vector, Matrix, Matrix]:
    """From 2n points at ±√n standard deviations: all weights alike, exact for cubic functions' means."""
    n = len(belief.mean)
    values, vectors = np.linalg.eigh(belief.covariance)
    arms = vectors * np.sqrt(n * np.maximum(values, 0))
    points = np.concatenate([arms.T, -arms.T])
    images = np.array([np.atleast_1d(np.asarray(function(belief.mean + arm, k), dtype=float)) for arm in points])
    mean = images.mean(axis=0)
    apart = images - mean
    return mean, apart.T @ apart / (2 * n), points.T @ apart / (2 * n)


def _even(matrix: Matrix) -> Matrix:
    return 0.5 * (matrix + matrix.T)
