"""The posterior that an emulator leaves, at many points at once, and draws from it by tempered particles."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from .emulator import Emulator
from .noise import Correlated, Gaussian, UnknownScale
from .target import Measurement

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]
type LogDensities = Callable[[Matrix], Vector]
"""Log densities (n,), up to a constant, at points (n, p); minus infinity where there is none."""


@dataclass(frozen=True)
class Surrogate:
    """An emulator's posterior.

    Attributes:
        emulator: what predicts.
        measurement: what was measured.
    """

    emulator: Emulator
    measurement: Measurement

    def log_densities(self, z: Matrix) -> Vector:
        """Log likelihood plus log prior (n,) at coordinates (n, p)."""
        return np.asarray(self.log_likelihoods(z) + log_priors(z))

    def log_likelihoods(self, z: Matrix) -> Vector:
        """Log likelihoods (n,) at coordinates (n, p)."""
        if self._squared is None:
            return self.measurement.log_likelihoods(self.emulator.at(z))
        constant, rest, inner, factor = self._squared
        misfit = rest + ((inner - self.emulator.reduced(z) @ factor.T) ** 2).sum(axis=1)
        noise = self.measurement.noise
        if isinstance(noise, UnknownScale):
            count = int(self.measurement.known.sum())
            return np.asarray(constant - (noise.worth + count) / 2 * np.log1p(misfit / (noise.worth * noise.guess**2)))
        return np.asarray(constant - 0.5 * misfit)

    @cached_property
    def _squared(self) -> tuple[float, float, Vector, Matrix] | None:
        """Where noise asks for a sum of squares only: that sum in as many numbers as the emulator has polynomials.

        |white (r - B'c)|² = rest + |inner - R c|² with white B' = Q R.
        """
        noise = self.measurement.noise
        if not isinstance(noise, Gaussian | Correlated | UnknownScale):
            return None
        known = self.measurement.known
        residual = self.measurement.residual(self.emulator.base)
        basis = self.emulator.basis[:, known].T
        if isinstance(noise, Correlated):
            lower = np.linalg.cholesky(np.array(noise.kept(known).covariance))
            white, spread = np.linalg.solve(lower, np.c_[residual, basis]), 1.0
        elif isinstance(noise, Gaussian):
            sd = np.broadcast_to(np.asarray(noise.sd, dtype=float), known.shape)[known]
            white, spread = np.c_[residual, basis] / sd[:, None], 1.0
        else:
            white, spread = np.c_[residual, basis], noise.worth * noise.guess**2
        orthonormal, factor = np.linalg.qr(white[:, 1:])
        inner = orthonormal.T @ white[:, 0]
        rest = max(float(white[:, 0] @ white[:, 0] - inner @ inner), 0.0)
        here = self.measurement.log_likelihood(self.emulator.base)
        all_of_it = float(white[:, 0] @ white[:, 0])
        if isinstance(noise, UnknownScale):
            constant = here + (noise.worth + len(residual)) / 2 * math.log1p(all_of_it / spread)
        else:
            constant = here + 0.5 * all_of_it
        return constant, rest, inner, factor


@dataclass(frozen=True)
class Particles:
    """Draws of a density, and its integral.

    Attributes:
        z: draws (n, p), all of the same weight.
        log_density: of the density that was drawn from, not normalised (n,).
        log_evidence: log of its integral.
        accepted: share of moves that were taken.
        stages: temperatures between the first distribution and the density.
    """

    z: Matrix
    log_density: Vector
    log_evidence: float
    accepted: float
    stages: int


def temper(
    density: LogDensities, first: Matrix, first_density: LogDensities, random: np.random.Generator, rounds: int = 8
) -> Particles:
    """Particles (n, p) led from a distribution to a density along their geometric mean.

    Del Moral, Doucet & Jasra 2006, J. R. Stat. Soc. B 68:411. Temperatures are such that half of the effective sample
    is kept at each; between them particles are resampled and moved by Metropolis steps, near ones and independent ones.

    Args:
        density: where to.
        first: draws (n, p).
        first_density: of the distribution that they come from, normalised.
        random: numbers at random.
        rounds: moves at each temperature; twice as many at the last.

    Raises:
        ValueError: the density vanishes at all draws.
    """
    z, at = np.array(first), first_density(first)
    to = density(z)
    if not np.isfinite(to).any():
        raise ValueError("a density that vanishes at all particles cannot be reached")
    temperature, evidence, stages, taken, tried = 0.0, 0.0, 0, 0, 0
    while temperature < 1:
        nearer = _next(to - at, temperature)
        logs = (nearer - temperature) * np.where(np.isfinite(to), to - at, -np.inf)
        evidence += float(logsumexp(logs)) - math.log(len(z))
        places = _systematic(np.exp(logs - logsumexp(logs)), random)
        z, at, to, temperature, stages = z[places], at[places], to[places], nearer, stages + 1
        mover = _Mover.of(z)
        for turn in range(rounds * (2 if temperature == 1 else 1)):
            moved, gain = mover.proposed(z, turn % 3 == 2, random)
            moved_at, moved_to = first_density(moved), density(moved)
            with np.errstate(invalid="ignore"):
                change = (1 - temperature) * (moved_at - at) + temperature * (moved_to - to) + gain
            took = np.log(random.uniform(size=len(z))) < np.nan_to_num(change, nan=-np.inf)
            z[took], at[took], to[took] = moved[took], moved_at[took], moved_to[took]
            taken, tried = taken + int(took.sum()), tried + len(z)
            if turn % 3 != 2:
                mover = mover.adapted(float(took.mean()))
    return Particles(z, to, evidence, taken / tried, stages)


@dataclass(frozen=True)
class _Mover:
    """Metropolis proposals of the particles' own shape."""

    mean: Vector
    factor: Matrix
    length: float

    @classmethod
    def of(cls, z: Matrix) -> "_Mover":
        p = z.shape[1]
        spread = np.atleast_2d(np.cov(z.T)) + 1e-12 * np.eye(p)
        return cls(z.mean(axis=0), np.linalg.cholesky(spread), 2.38 / math.sqrt(p))

    def proposed(self, z: Matrix, alone: bool, random: np.random.Generator) -> tuple[Matrix, Vector]:
        """Proposals, and log proposal density of the way back over that of the way there."""
        u = random.standard_normal(z.shape)
        if not alone:
            return z + self.length * u @ self.factor.T, np.zeros(len(z))
        wide = 1.2
        old = np.linalg.solve(self.factor, (z - self.mean).T) / wide
        gain = 0.5 * (u**2).sum(axis=1) - 0.5 * (old**2).sum(axis=0)
        return self.mean + wide * u @ self.factor.T, gain

    def adapted(self, accepted: float) -> "_Mover":
        """Longer steps where many are taken, shorter where few."""
        return _Mover(self.mean, self.factor, self.length * math.exp(accepted - 0.25))


def log_priors(z: Matrix) -> Vector:
    """Log densities (n,) of a standard normal at points (n, p)."""
    return np.asarray(-0.5 * (z**2).sum(axis=1) - 0.5 * z.shape[1] * math.log(2 * math.pi))


def _next(gap: Vector, temperature: float) -> float:
    """The temperature at which half of the effective sample is left."""
    logs = np.where(np.isfinite(gap), gap, -np.inf)

    def left(to: float) -> float:
        w = (to - temperature) * logs
        return float(np.exp(2 * logsumexp(w) - logsumexp(2 * w)))

    half = 0.5 * np.isfinite(gap).sum()
    if left(1.0) >= half:
        return 1.0
    low, high = temperature, 1.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if left(middle) >= half else (low, middle)
    return max(low, temperature + 1e-6)


def _systematic(weights: Vector, random: np.random.Generator) -> NDArray[np.intp]:
    places = (np.arange(len(weights)) + random.uniform()) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
