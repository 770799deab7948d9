"""Samplers that use true solves alone, to verify the others: the no-U-turn sampler, and emcee's ensemble."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, SolveError

from .counted import Counted
from .optimum import Modes
from .posterior import Posterior
from .target import Target

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

DEEPEST = 8
"""Doublings of a trajectory."""

DIVERGED = 50.0
"""Energy by which a trajectory that lost its way exceeds its beginning."""


@dataclass(frozen=True)
class _Point:
    """A place on a trajectory, in coordinates in which the posterior is about a standard normal."""

    u: Vector
    momentum: Vector
    log_density: float
    gradient: Vector
    prediction: Vector

    @property
    def energy(self) -> float:
        return 0.5 * float(self.momentum @ self.momentum) - self.log_density


@dataclass
class _Tree:
    """Part of a trajectory."""

    left: _Point
    right: _Point
    chosen: _Point
    log_weight: float
    going: bool
    accepted: float
    steps: int


def nuts(target: Target, modes: Modes, draws: int, seed: int = 0, told: tuple[str, ...] = ()) -> Posterior:
    """Draws by the no-U-turn sampler, in coordinates in which the normal distribution about the mode is standard.

    Multinomial choice on a trajectory (Betancourt 2017, arXiv 1701.02434) that doubles until it turns (Hoffman &
    Gelman 2014, J. Mach. Learn. Res. 15:1593); the step is found by dual averaging during a warm-up of a quarter of
    the draws, at least 50. A prediction that fails ends its trajectory, and is counted.

    Args:
        target: the posterior; its model is ``Counted``.
        modes: the modes; the chain begins at the best.
        draws: that are kept.
        seed: of all numbers at random.
        told: what was done before.
    """
    sampler = _Nuts(target, modes, np.random.default_rng([seed, 5]))
    warm = max(50, draws // 4)
    for turn in range(warm):
        sampler.step(adapting=True, turn=turn)
    sampler.settle()
    kept = []
    for _ in range(draws):
        sampler.step(adapting=False)
        kept.append(sampler.here)
    z = modes.best.z + np.array([point.u for point in kept]) @ modes.best.factor.T
    sentence = (
        f"{draws} draws by the no-U-turn sampler after {warm} of warm-up, step {sampler.length:.2g},"
        f" {sampler.diverged} trajectories diverged."
    )
    predictions = np.array([point.prediction for point in kept])
    ess = min(effective(column) for column in z.T)
    return _posterior(target, "nuts", z, modes, (*told, sentence), predictions, ess)


def ensemble(target: Target, modes: Modes, draws: int, seed: int = 0, told: tuple[str, ...] = ()) -> Posterior:
    """Draws by emcee's affine-invariant ensemble (Foreman-Mackey et al. 2013, PASP 125:306), begun about the mode.

    Args:
        target: the posterior; its model is ``Counted``.
        modes: the modes; walkers begin about the best.
        draws: that are kept, after as many of warm-up.
        seed: of all numbers at random.
        told: what was done before.

    Raises:
        InputError: emcee is not installed.
    """
    try:
        import emcee
    except ModuleNotFoundError as error:
        raise InputError(
            Problem("method", "needs a library that is not there", got="ensemble", hint="install fibertwin[bayes]")
        ) from error
    walkers = max(12, 2 * target.space.size + 2)
    best = modes.best
    random = np.random.default_rng([seed, 6])
    first = best.z + random.standard_normal((walkers, len(best.z))) @ best.factor.T

    def log_density(z: Vector) -> float:
        try:
            return target.log_density(z, target.predict(z))
        except SolveError:
            return -math.inf  # counted by the model, and told in the end

    sampler = emcee.EnsembleSampler(walkers, len(best.z), log_density)
    state = emcee.State(first, random_state=np.random.RandomState(seed).get_state())
    rounds = math.ceil(draws / walkers)
    state = sampler.run_mcmc(state, rounds, skip_initial_state_check=True)
    sampler.reset()
    sampler.run_mcmc(state, rounds, skip_initial_state_check=True)
    z = np.asarray(sampler.get_chain(flat=True))
    sentence = f"{len(z)} draws of {walkers} walkers, {100 * sampler.acceptance_fraction.mean():.0f} % of moves taken."
    ess = len(z) / float(np.max(sampler.get_autocorr_time(tol=0, quiet=True)))
    return _posterior(target, "ensemble", z, modes, (*told, sentence), None, ess)


def effective(draws: Vector) -> float:
    """Effective number of correlated draws (n,): Geyer's initial monotone sequence (1992, Stat. Sci. 7:473)."""
    n = len(draws)
    apart = draws - draws.mean()
    size = 2 ** math.ceil(math.log2(2 * n))
    power = np.abs(np.fft.rfft(apart, size)) ** 2
    correlation = np.fft.irfft(power, size)[:n] / n
    if correlation[0] <= 0:
        return float(n)
    rho = correlation / correlation[0]
    pairs = rho[0 : n - 1 : 2] + rho[1:n:2]
    stop = int(np.argmax(pairs <= 0)) if (pairs <= 0).any() else len(pairs)
    falling = np.minimum.accumulate(pairs[:stop])
    return float(n / max(2 * falling.sum() - 1, 1 / math.log10(max(n, 10))))


class _Nuts:
    def __init__(self, target: Target, modes: Modes, random: np.random.Generator) -> None:
        self.target, self.best, self.random = target, modes.best, random
        self.here = self._point(np.zeros(target.space.size), np.zeros(target.space.size))
        self.length, self.diverged = 0.7, 0
        self._mean, self._smooth, self._center = 0.0, math.log(0.7), math.log(7.0)

    def step(self, adapting: bool, turn: int = 0) -> None:
        """One draw."""
        momentum = self.random.standard_normal(len(self.here.u))
        begin = replace(self.here, momentum=momentum)
        tree = _Tree(begin, begin, begin, 0.0, True, 0.0, 0)
        for depth in range(DEEPEST):
            sign = 1 if self.random.uniform() < 0.5 else -1
            more = self._grown(tree.right if sign > 0 else tree.left, sign, depth, begin.energy)
            if more.going and math.log(self.random.uniform()) < more.log_weight - tree.log_weight:
                tree.chosen = more.chosen
            tree.left, tree.right = (tree.left, more.right) if sign > 0 else (more.left, tree.right)
            tree.log_weight = float(np.logaddexp(tree.log_weight, more.log_weight))
            tree.accepted, tree.steps = tree.accepted + more.accepted, tree.steps + more.steps
            if not more.going or _turned(tree.left, tree.right):
                break
        self.here = tree.chosen
        if adapting:
            self._adapt(tree.accepted / max(tree.steps, 1), turn + 1)

    def settle(self) -> None:
        """End the warm-up."""
        self.length, self.diverged = math.exp(self._smooth), 0

    def _adapt(self, accepted: float, turn: int) -> None:
        share = 1 / (turn + 10)
        self._mean = (1 - share) * self._mean + share * (0.8 - accepted)
        logarithm = self._center - math.sqrt(turn) / 0.05 * self._mean
        weight = turn**-0.75
        self._smooth = weight * logarithm + (1 - weight) * self._smooth
        self.length = min(math.exp(logarithm), 2.0)

    def _grown(self, edge: _Point, sign: int, depth: int, first: float) -> _Tree:
        if depth == 0:
            return self._leapt(edge, sign, first)
        inner = self._grown(edge, sign, depth - 1, first)
        if not inner.going:
            return inner
        outer = self._grown(inner.right if sign > 0 else inner.left, sign, depth - 1, first)
        total = float(np.logaddexp(inner.log_weight, outer.log_weight))
        took = math.log(self.random.uniform()) < outer.log_weight - total
        left, right = (inner.left, outer.right) if sign > 0 else (outer.left, inner.right)
        going = outer.going and not _turned(left, right)
        chosen = outer.chosen if took and outer.going else inner.chosen
        return _Tree(left, right, chosen, total, going, inner.accepted + outer.accepted, inner.steps + outer.steps)

    def _leapt(self, edge: _Point, sign: int, first: float) -> _Tree:
        step = sign * self.length
        half = edge.momentum + 0.5 * step * edge.gradient
        try:
            there = self._point(edge.u + step * half, half)
        except SolveError:
            self.diverged += 1
            return _Tree(edge, edge, edge, -math.inf, False, 0.0, 1)
        there = replace(there, momentum=half + 0.5 * step * there.gradient)
        excess = there.energy - first
        going = excess < DIVERGED
        self.diverged += not going
        return _Tree(there, there, there, -excess, going, min(1.0, math.exp(min(-excess, 0.0))), 1)

    def _point(self, u: Vector, momentum: Vector) -> _Point:
        local = self.target.about(self.best.z + self.best.factor @ u)
        return _Point(u, momentum, local.log_density, self.best.factor.T @ local.gradient, local.prediction)


def _turned(left: _Point, right: _Point) -> bool:
    across = right.u - left.u
    return bool(across @ left.momentum < 0 or across @ right.momentum < 0)


def _posterior(
    target: Target,
    kind: str,
    z: Matrix,
    modes: Modes,
    told: tuple[str, ...],
    predictions: Matrix | None,
    ess: float,
) -> Posterior:
    model = target.model
    if not isinstance(model, Counted):
        raise TypeError("samplers need a model whose solves are counted")
    cost = model.cost
    sentences = (*told, f"Effective draws of the worst parameter: {ess:.0f}.", f"In all {cost.said()}.")
    shown = np.linspace(0, len(z) - 1, min(len(z), 400)).astype(np.intp)
    kept = np.zeros((0, 0)) if predictions is None else predictions[shown]
    return Posterior(
        target.space,
        target.measurement,
        kind,
        z,
        np.full(len(z), 1 / len(z)),
        math.nan,
        modes.found,
        None,
        cost,
        sentences,
        shown if predictions is not None else shown[:0],
        kept,
    )
