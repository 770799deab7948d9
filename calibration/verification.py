"""Samplers that use true solves alone, to verify the others: nutpie's no-U-turn sampler, and emcee's ensemble."""

import math

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, SolveError

from .counted import Counted
from .optimum import Modes
from .posterior import Posterior
from .target import Target

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

WARM = 0.25
"""Draws of the warm-up over those that are kept."""

LEAST_WARM = 100
"""Draws of the shortest warm-up."""

SHOWN = 400
"""Draws whose predictions are kept."""


def nuts(target: Target, modes: Modes, draws: int, seed: int = 0, told: tuple[str, ...] = ()) -> Posterior:
    """Draws by nutpie's no-U-turn sampler, in coordinates in which the normal distribution about the mode is standard.

    Hoffman & Gelman 2014, J. Mach. Learn. Res. 15:1593. A prediction that fails ends its trajectory, and is counted.
    One chain; on several ranks each rank samples the same one.

    Args:
        target: the posterior; its model is ``Counted``.
        modes: the modes; the chain begins at the best.
        draws: that are kept.
        seed: of all numbers at random.
        told: what was done before.

    Raises:
        InputError: nutpie is not installed.
    """
    from .no_u_turn import sampled

    best = modes.best

    def about(u: Vector) -> tuple[float, Vector]:
        local = target.about(best.z + best.factor @ u)
        return local.log_density, best.factor.T @ local.gradient

    warm = max(LEAST_WARM, round(WARM * draws))
    found = sampled(about, len(best.z), draws, warm, seed)
    z = np.array([best.z + best.factor @ u for u in found.u])  # to the bit what was solved
    sentence = (
        f"{draws} draws by the no-U-turn sampler after {warm} of warm-up, step {found.step:.2g},"
        f" {found.diverged} trajectories diverged."
    )
    ess = min(effective(column) for column in z.T)
    return _posterior(target, "nuts", z, modes, (*told, sentence), ess)


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
    return _posterior(target, "ensemble", z, modes, (*told, sentence), ess)


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


def _posterior(
    target: Target,
    kind: str,
    z: Matrix,
    modes: Modes,
    told: tuple[str, ...],
    ess: float,
) -> Posterior:
    model = target.model
    if not isinstance(model, Counted):
        raise TypeError("samplers need a model whose solves are counted")
    shown = np.linspace(0, len(z) - 1, min(len(z), SHOWN)).astype(np.intp)
    predictions = np.array([target.predict(z[i]) for i in shown])  # remembered, so at no cost
    cost = model.cost
    sentences = (*told, f"Effective draws of the worst parameter: {ess:.0f}.", f"In all {cost.said()}.")
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
        shown,
        predictions,
    )
