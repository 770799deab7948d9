"""An emulator where the posterior lies: trained about its mode, moved to where its own draws are, trained again."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import chi2

from fibertwin.errors import SolveError

from .counted import Counted
from .emulator import Chart, Emulator, Sample, train
from .laplace import Bell, Laplace
from .surrogate import Particles, Surrogate, temper
from .target import Target

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

SPREAD = 1.4
"""Standard deviations in which training points lie about the mode, next to the posterior's own."""

ENOUGH = 0.2
"""Standard deviation of the log likelihood's error, from that of the emulator, below which training ends."""

WIDER = (1.0, 1.5, 2.0, 3.0)
"""How much wider than the posterior an emulator of solves that were done before may be."""

MANY = 8
"""Parameters beyond which an emulator begins with fewer predictions than a cubic needs."""

ROUNDS = 4
"""Trainings at most."""


@dataclass(frozen=True)
class Trained:
    """An emulator and the draws that it gives.

    Attributes:
        emulator: the emulator.
        particles: draws of its posterior.
        rounds: trainings that it took; none where solves that were done before sufficed.
        said: in words.
    """

    emulator: Emulator
    particles: Particles
    rounds: int
    said: str

    @property
    def surrogate_error(self) -> float:
        """Standard deviation of the log likelihood's error."""
        return self.emulator.error * math.sqrt(len(self.emulator.base))


def emulated(
    target: Target, model: Counted, mode: Laplace, seed: int, count: int, spare: int, region: Chart | None = None
) -> Trained:
    """Train an emulator about a mode until it tells the posterior.

    Args:
        target: the posterior, of ``model``.
        model: what is solved, and knows what was solved before.
        mode: where to begin.
        seed: of points and draws.
        count: draws of the emulator's posterior.
        spare: linearised predictions that it may take.
        region: where an emulator of what was solved before was good; if the posterior lies there, it still is.

    Raises:
        SolveError: too few predictions succeeded.
    """
    p = target.space.size
    chart = Chart(mode.z, mode.factor, math.sqrt(float(chi2.ppf(0.9999, p))))
    wanted = min(needed(p), spare)
    if model.learned >= needed(p):
        ready = _from_what_is_known(target, model, chart, region, mode, seed, count)
        if ready is not None:
            return ready
    points = chart.z(SPREAD * _even(wanted, p, seed))
    taken = 0
    for turn in range(1, ROUNDS + 1):
        random = np.random.default_rng([seed, turn])
        taken += _solve(model, target, chart, points, max(spare - taken, 0))
        trained = fitted(target, model, chart, mode, random, count)
        chart = recharted(chart, trained.particles.z)
        trained = fitted(target, model, chart, mode, random, count)
        if (trained.surrogate_error <= ENOUGH and not _leaves(chart, trained.particles.z)) or taken >= spare:
            break
        chart = recharted(chart, trained.particles.z)
        inflated = chart.center + SPREAD * (trained.particles.z - chart.center)
        points = inflated[random.choice(len(inflated), wanted, replace=False)]
    return replace(trained, rounds=turn, said=_words(trained.emulator))


def _from_what_is_known(
    target: Target, model: Counted, chart: Chart, region: Chart | None, mode: Laplace, seed: int, count: int
) -> Trained | None:
    """The emulator of solves that were done before; None where they do not suffice.

    They were done for a posterior that was wider, so that charts about the mode are tried which are wider too, the one
    whose emulator errs least first, and the region of the last emulator.
    """
    scaled, known = scale(target, mode), samples(model, target)
    places: list[tuple[float, Chart]] = []
    for place in [*(replace(chart, factor=wider * chart.factor) for wider in WIDER), region]:
        if place is None:
            continue
        try:
            emulator = train(target.space, place, known, scaled)
        except SolveError:
            continue  # too few of them lie there
        if emulator.samples >= needed(target.space.size) and emulator.error * math.sqrt(len(scaled)) <= ENOUGH:
            places.append((math.inf if place is region else emulator.error, place))
    for turn, (_, place) in enumerate(sorted(places, key=lambda pair: pair[0])):
        trained = fitted(target, model, place, mode, np.random.default_rng([seed, 0, turn]), count)
        if not _crowds(place, trained.particles.z):
            return replace(trained, rounds=0, said=f"Nothing was solved to train it. {_words(trained.emulator)}")
    return None


def _words(emulator: Emulator) -> str:
    return (
        f"An emulator of degree {emulator.degree} from {emulator.samples} predictions with derivatives"
        f" is off by {100 * emulator.error:.2g} % of a standard deviation of noise,"
        f" {100 * emulator.worst:.2g} % at worst."
    )


def needed(p: int) -> int:
    """Linearised predictions that tell a cubic in p parameters twice over, of many parameters a quadratic.

    Where a quadratic does not suffice the next rounds bring what a cubic needs.
    """
    degree = 3 if p <= MANY else 2
    return max(8, 5 * p, math.ceil(2 * math.comb(p + degree, degree) / (p + 1)))


def fitted(
    target: Target, model: Counted, chart: Chart, mode: Laplace, random: np.random.Generator, count: int
) -> Trained:
    """The emulator of all that was solved, and draws of its posterior.

    Raises:
        SolveError: too few predictions succeeded.
    """
    emulator = train(target.space, chart, samples(model, target), scale(target, mode))
    surrogate = Surrogate(emulator, target.measurement)
    bell = Bell(chart.center[None], chart.factor[None], np.ones(1))
    first = bell.draws(count, random)
    try:
        particles = temper(surrogate.log_densities, first, bell.log_densities, random)
    except ValueError as error:
        raise SolveError("The emulator's posterior vanishes where it was trained.") from error
    return Trained(emulator, particles, 1, "")


def samples(model: Counted, target: Target) -> list[Sample]:
    """All that was solved, in the prior's coordinates."""
    found = []
    for theta, prediction, slopes in model.known():
        z = target.space.z(theta)
        found.append(Sample(z, prediction, None if slopes is None else slopes @ target.space.slopes(z)))
    return found


def scale(target: Target, mode: Laplace) -> Vector:
    """Standard deviation of noise of each prediction (m,); of those that nobody measured the median one's."""
    known = target.measurement.known
    weights = target.measurement.precision(mode.mode.prediction)
    found = np.full(len(known), float(np.median(weights**-0.5)))
    found[known] = weights**-0.5
    return found


def recharted(chart: Chart, z: Matrix) -> Chart:
    """Coordinates in which draws (n, p) are about standard normal."""
    spread = np.atleast_2d(np.cov(z.T)) + 1e-10 * np.eye(z.shape[1])
    return Chart(z.mean(axis=0), np.linalg.cholesky(spread), chart.radius)


def _solve(model: Counted, target: Target, chart: Chart, points: Matrix, most: int) -> int:
    """Linearise at points (n, p), and where that fails nearer to the middle; returns how many solves it took."""
    taken, points = 0, points[:most]
    for share in (1.0, 0.6, 0.35):
        at = target.space.theta(chart.center + share * (points - chart.center))
        found = model.several_linearised(at)
        taken += len(found)
        failed = [isinstance(one, SolveError) for one in found]  # counted by the model, and told in the end
        points = points[failed][: most - taken]
        if not len(points):
            break
    return taken


def _leaves(chart: Chart, z: Matrix) -> bool:
    """Whether draws crowd at the rim, or have another shape than the chart's normal by far."""
    u = chart.u(z)
    return _crowds(chart, z) or bool(np.linalg.norm(u.mean(axis=0)) > 1) or bool((u.std(axis=0) > 1.6).any())


def _crowds(chart: Chart, z: Matrix) -> bool:
    """Whether draws crowd at the rim."""
    return float((np.linalg.norm(chart.u(z), axis=1) > 0.9 * chart.radius).mean()) > 0.02


def _even(count: int, p: int, seed: int) -> Matrix:
    """Points (count, p) that are spread evenly under a standard normal."""
    from scipy.stats.qmc import Halton

    return np.asarray(ndtri(np.clip(Halton(p, rng=np.random.default_rng(seed)).random(count), 1e-3, 1 - 1e-3)))
