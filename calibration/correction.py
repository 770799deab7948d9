"""Draws corrected by true solves: importance weights, what they certify, and proposals that learn from them."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from fibertwin.errors import SolveError

from .counted import Counted
from .laplace import Bell, Laplace
from .posterior import RELIABLE, Certificate
from .psis import smoothed
from .surrogate import LogDensities
from .target import Target

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

ALIKE = 0.15
"""Greatest distance of means, in posterior standard deviations, at which weights are left out."""

WANTED = 100.0
"""Effective draws below which a weighted sample does not pass."""


@dataclass(frozen=True)
class Solved:
    """True solves at draws.

    Attributes:
        z: draws (n, p) whose solves succeeded.
        predictions: (n, m).
        log_density: of the posterior (n,).
        lost: draws (k, p) whose solves failed.
    """

    z: Matrix
    predictions: Matrix
    log_density: Vector
    lost: Matrix

    def where_lost(self) -> str:
        """Whether those that failed lie where the others do, in words; empty where none failed."""
        if not len(self.lost):
            return ""
        together = np.concatenate([self.z, self.lost])
        share = f"{len(self.lost)} of {len(together)} draws could not be solved and are left out"
        if len(self.z) < 3 or len(self.lost) < 3:
            return f"{share}."
        apart = (self.lost.mean(axis=0) - self.z.mean(axis=0)) / together.std(axis=0)
        surprise = np.abs(apart) / math.sqrt(1 / len(self.lost) + 1 / len(self.z))
        if surprise.max() < 3.5:
            return f"{share}; they lie where the others do, so that the posterior keeps its shape."
        return f"{share}; they lie {np.abs(apart).max():.1f} standard deviations aside, so that a part may be missing."


def solved(target: Target, model: Counted, z: Matrix) -> Solved:
    """Solve at draws (n, p).

    Raises:
        SolveError: all failed.
    """
    found = model.several(target.space.theta(z))
    good = np.array([not isinstance(y, SolveError) for y in found], dtype=bool)
    if not good.any():
        raise SolveError(f"None of {len(z)} draws could be solved. {found[0]}")
    predictions = np.array([y for y in found if not isinstance(y, SolveError)])
    density = [target.log_density(point, y) for point, y in zip(z[good], predictions, strict=True)]
    return Solved(z[good], predictions, np.array(density), z[~good])


def certified(log_weights: Vector, failed: int, enough: float = WANTED) -> tuple[Vector, Certificate]:
    """Smoothed weights (n,) and what they are worth.

    With about a hundred weights that are nearly equal k̂ is noise; then the effective size and the greatest weight
    are judged.
    """
    smooth = smoothed(log_weights)
    calm = smooth.efficiency > 0.9 and smooth.largest < 5 / len(log_weights)
    passed = (smooth.khat < RELIABLE or calm) and smooth.ess >= min(enough, 0.9 * len(log_weights))
    total = len(log_weights) + failed
    certificate = Certificate(total, failed, smooth.khat, smooth.ess, smooth.largest, bool(passed))
    return smooth.weights, certificate


@dataclass(frozen=True)
class Weighted:
    """Solved draws of learning proposals with their weights.

    Attributes:
        sample: the solves.
        weights: (n,), which sum to one.
        certificate: what they are worth.
        log_evidence: log of the posterior's integral.
        rounds: proposals that were used.
    """

    sample: Solved
    weights: Vector
    certificate: Certificate
    log_evidence: float
    rounds: int


@dataclass(frozen=True)
class Proposal:
    """Where draws come from: a mixture of bells, and of particles of a known density.

    Attributes:
        bell: the bells.
        particles: draws (n, p) of ``density``; none where there is no such part.
        density: their normalised log densities.
        share: of draws that are particles.
    """

    bell: Bell
    particles: Matrix | None = None
    density: LogDensities | None = None
    share: float = 0.0

    def draws(self, count: int, random: np.random.Generator) -> Matrix:
        """Draws (count, p)."""
        some = 0 if self.particles is None else round(self.share * count)
        found = self.bell.draws(count - some, random)
        if self.particles is None or not some:
            return found
        return np.concatenate([found, self.particles[random.choice(len(self.particles), some, replace=False)]])

    def log_densities(self, z: Matrix) -> Vector:
        """Log densities (n,) at points (n, p)."""
        bells = self.bell.log_densities(z)
        if self.density is None:
            return bells
        return np.logaddexp(bells + math.log1p(-self.share), self.density(z) + math.log(self.share))


def weighted(
    target: Target, model: Counted, first: Proposal, modes: tuple[Laplace, ...], seed: int, spare: int
) -> Weighted:
    """Importance sampling by true solves, the proposal learning from all draws so far until they are enough.

    Adaptive multiple importance sampling (Cornuet, Marin, Mira & Robert 2012, Scand. J. Stat. 39:798): each draw is
    weighted by the mixture of all proposals that were used.

    Raises:
        SolveError: all solves of the first round failed.
    """
    random = np.random.default_rng([seed, 77])
    size = max(spare // 4, min(spare, 50))
    proposals, counts, parts, left = [first], [], [], spare
    while True:
        take = left if left < 2 * size else size
        parts.append(solved(target, model, proposals[-1].draws(take, random)))
        counts.append(take)
        left -= take
        sample = _together(parts)
        mixture = [
            math.log(n / sum(counts)) + q.log_densities(sample.z) for n, q in zip(counts, proposals, strict=True)
        ]
        logs = sample.log_density - logsumexp(np.array(mixture), axis=0)
        weights, certificate = certified(logs, len(sample.lost))
        if left < 2 or (certificate.passed and certificate.ess >= 2 * WANTED):
            evidence = float(logsumexp(logs)) - math.log(len(logs))
            return Weighted(sample, weights, certificate, evidence, len(parts))
        proposals.append(Proposal(_learned(sample.z, weights, modes)))


def _together(parts: list[Solved]) -> Solved:
    return Solved(
        np.concatenate([part.z for part in parts]),
        np.concatenate([part.predictions for part in parts]),
        np.concatenate([part.log_density for part in parts]),
        np.concatenate([part.lost for part in parts]),
    )


def _learned(z: Matrix, weights: Vector, modes: tuple[Laplace, ...]) -> Bell:
    """Bells of the weighted draws' own place and shape, one about each mode."""
    nearest = np.argmin([np.linalg.norm(mode.whitened(z), axis=1) for mode in modes], axis=0)
    p = z.shape[1]
    centers, factors, shares = [], [], []
    for index, mode in enumerate(modes):
        own = weights * (nearest == index)
        total = float(own.sum())
        shares.append(max(total, 0.05))
        if total > 0 and 1 / ((own / total) ** 2).sum() > 3 * p:
            center = own @ z / total
            apart = z - center
            spread = apart.T @ (own[:, None] * apart) / total + 1e-10 * np.eye(p)
            centers.append(center)
            factors.append(1.1 * np.linalg.cholesky(spread))
        else:
            centers.append(mode.z)
            factors.append(1.3 * mode.factor)
    together = np.array(shares)
    return Bell(np.array(centers), np.array(factors), together / together.sum(), 4.0)
