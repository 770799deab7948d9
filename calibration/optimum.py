"""Where a posterior is greatest: Gauss-Newton steps, damped where they fail, from several starts."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import SolveError

from .laplace import Laplace
from .target import Local, Target

type Vector = NDArray[np.float64]

STEPS = 60
"""Linearised predictions from one start."""

DECREMENT = 1e-8
"""Half the squared distance to the mode, in posterior standard deviations, at which a climb has arrived."""

REACH = 3.0
"""Prior standard deviations that one step may go."""

SAME = 1.0
"""Posterior standard deviations from a known mode within which a further climb is held to go there too."""


@dataclass(frozen=True)
class Climb:
    """A way up.

    Attributes:
        top: the posterior where it ended.
        arrived: whether it ended at a mode.
        merged: whether it was given up because it came to a mode that is known.
        refused: steps whose predictions failed.
    """

    top: Local
    arrived: bool
    merged: bool
    refused: int


@dataclass(frozen=True)
class Modes:
    """Modes that were found.

    Attributes:
        found: each as a normal distribution, the one of the greatest evidence first.
        climbs: the way from each start that there was one from.
        hopeless: starts about which nothing could be predicted.
    """

    found: tuple[Laplace, ...]
    climbs: tuple[Climb, ...]
    hopeless: int

    @property
    def best(self) -> Laplace:
        """The mode of the greatest evidence."""
        return self.found[0]

    def rivals(self, beyond: float = 7.0) -> tuple[Laplace, ...]:
        """The best mode and those whose log evidence is not that much less."""
        least = self.best.log_evidence - beyond
        return tuple(mode for mode in self.found if mode.log_evidence >= least)

    def said(self) -> str:
        """In words."""
        starts = len(self.climbs) + self.hopeless
        words = f"{len(self.climbs)} of {starts} starts" if self.hopeless else f"{starts} starts"
        if len(self.found) == 1:
            return f"One mode was found from {words}."
        shares = np.exp(np.array([mode.log_evidence for mode in self.found]) - self.best.log_evidence)
        told = ", ".join(f"{share:.2g}" for share in shares / shares.sum())
        return f"{len(self.found)} modes were found from {words}; their shares of the posterior are about {told}."


def climb(target: Target, start: Vector, known: tuple[Laplace, ...] = (), steps: int = STEPS) -> Climb:
    """Gauss-Newton steps from coordinates (p,), Marquardt's damping where one does not rise or its prediction fails.

    Args:
        target: the posterior.
        start: where to begin; nearer to the prior's middle where nothing can be predicted there.
        known: modes that are known, at which the climb may stop early.
        steps: how many predictions it may take.

    Raises:
        SolveError: there is no prediction at the start, nor on the way from it to the prior's middle.
    """
    here, refused, taken = _first(target, start)
    damping = 0.0
    while taken < steps:
        if decrement(here) < DECREMENT:
            return Climb(here, True, False, refused)
        if any(np.linalg.norm(mode.whitened(here.z)) < SAME and _as_high(mode, here) for mode in known):
            return Climb(here, True, True, refused)
        step = _step(here, damping)
        expected = float(here.gradient @ step - 0.5 * step @ here.curvature @ step)
        taken += 1
        try:
            there = target.about(here.z + step)
        except SolveError:
            refused += 1
            there = None
        if there is not None and there.log_density - here.log_density > 1e-4 * expected:
            gained = (there.log_density - here.log_density) / expected
            damping = 0.0 if damping < 1e-3 else damping * (0.1 if gained > 0.5 else 1.0)
            here = there
        elif damping > 1e8:
            break  # the predictions' own round-off is all that is left
        else:
            damping = max(0.1, 10 * damping)
    return Climb(here, decrement(here) < 1e-3, False, refused)


def search(target: Target, starts: int = 3, seed: int = 0, first: Vector | None = None) -> Modes:
    """Climb from the prior's middle, or from ``first``, and from draws of the prior.

    Raises:
        SolveError: nothing can be predicted at any start, or no climb arrived at a mode.
    """
    random = np.random.default_rng(seed)
    p = target.space.size
    begins = [np.zeros(p) if first is None else np.asarray(first, dtype=float)]
    begins += list(random.standard_normal((max(starts, 1) - 1, p)))
    found: list[Laplace] = []
    climbs: list[Climb] = []
    errors: list[SolveError] = []
    for begin in begins:
        try:
            way = climb(target, begin, tuple(found))
        except SolveError as error:
            errors.append(error)
            continue
        climbs.append(way)
        known = any(np.linalg.norm(mode.whitened(way.top.z)) < SAME for mode in found)
        if way.arrived and not way.merged and not known:
            found.append(Laplace(way.top))
    if not found:
        what = str(errors[0]) if errors else ""
        if climbs:
            best = max(climbs, key=lambda way: way.top.log_density)
            at = target.space.said(target.space.theta(best.top.z))
            what = f"The highest point was {at}, beyond which {best.refused} predictions failed."
        raise SolveError(f"No mode of the posterior was found from {len(begins)} starts. {what}")
    ordered = sorted(found, key=lambda mode: -mode.log_evidence)
    return Modes(tuple(ordered), tuple(climbs), len(errors))


def decrement(local: Local) -> float:
    """What a full Gauss-Newton step promises to add to the log density."""
    return float(0.5 * local.gradient @ np.linalg.solve(local.curvature, local.gradient))


def _as_high(mode: Laplace, here: Local) -> bool:
    return here.log_density > mode.mode.log_density - 0.5 * (SAME + 1) ** 2


def _step(here: Local, damping: float) -> Vector:
    damped = here.curvature + damping * np.diag(np.diag(here.curvature))
    step = np.linalg.solve(damped, here.gradient)
    return np.asarray(step * min(1.0, REACH / max(float(np.linalg.norm(step)), math.ulp(1.0))))


def _first(target: Target, start: Vector) -> tuple[Local, int, int]:
    """The posterior about a start, or about a point between it and the middle; failed and all predictions."""
    shares = (1.0, 0.7, 0.5, 0.3, 0.1, 0.0) if np.any(start) else (0.0, 0.05, -0.05, 0.1, -0.1, 0.2)
    last: SolveError | None = None
    for failed, share in enumerate(shares):
        try:
            return target.about(share * start if np.any(start) else np.full(len(start), share)), failed, failed + 1
        except SolveError as error:
            last = error
    raise SolveError(f"Nothing can be predicted near {target.space.said(target.space.theta(start))}. {last}") from last
