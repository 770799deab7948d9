"""A posterior as a normal distribution about its mode, and heavier bells of that shape."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, logsumexp

from .target import Local

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Laplace:
    """The normal distribution whose log density has a posterior's value and Gauss-Newton curvature at its mode.

    Exact where predictions are linear in normal parameters and noise is normal.

    Attributes:
        mode: the posterior about its mode.
    """

    mode: Local

    @property
    def z(self) -> Vector:
        """The mode (p,)."""
        return self.mode.z

    @cached_property
    def factor(self) -> Matrix:
        """F (p, p) with F F' the covariance: z = mode + F u has u standard normal."""
        lower = np.linalg.cholesky(self.mode.curvature)
        return np.asarray(np.linalg.inv(lower).T)

    @property
    def covariance(self) -> Matrix:
        """Covariance (p, p) of z."""
        return np.asarray(self.factor @ self.factor.T)

    @property
    def log_evidence(self) -> float:
        """Log of the probability density of what was measured, parameters integrated over."""
        p = len(self.z)
        spread = float(np.log(np.abs(np.diag(self.factor))).sum())
        return self.mode.log_density + 0.5 * p * math.log(2 * math.pi) + spread

    def whitened(self, z: ArrayLike) -> Vector:
        """Standard normal u (..., p) of coordinates (..., p)."""
        lower = np.linalg.cholesky(self.mode.curvature)
        return np.asarray((np.asarray(z, dtype=float) - self.z) @ lower)

    def draws(self, count: int, random: np.random.Generator) -> Matrix:
        """Draws (count, p) whose mean and covariance are the distribution's own to round-off."""
        u = random.standard_normal((count, len(self.z)))
        u -= u.mean(axis=0)
        if count > len(self.z):
            u = np.linalg.solve(np.linalg.cholesky(u.T @ u / count), u.T).T
        return np.asarray(self.z + u @ self.factor.T)


@dataclass(frozen=True)
class Bell:
    """A mixture of multivariate Student t distributions.

    Attributes:
        centers: (k, p).
        factors: (k, p, p), the scale matrices being F F'.
        shares: (k,), which sum to one.
        freedom: degrees of freedom.
    """

    centers: Matrix
    factors: NDArray[np.float64]
    shares: Vector
    freedom: float = 6.0

    @classmethod
    def over(cls, modes: tuple[Laplace, ...], freedom: float = 6.0, wider: float = 1.0) -> "Bell":
        """Around modes, each by its evidence, none below a tenth of the even share."""
        logs = np.array([mode.log_evidence for mode in modes])
        shares = np.maximum(np.exp(logs - logsumexp(logs)), 0.1 / len(modes))
        centers = np.array([mode.z for mode in modes])
        return cls(centers, np.array([wider * mode.factor for mode in modes]), shares / shares.sum(), freedom)

    def draws(self, count: int, random: np.random.Generator) -> Matrix:
        """Draws (count, p)."""
        which = random.choice(len(self.shares), count, p=self.shares)
        u = random.standard_normal((count, self.centers.shape[1]))
        u /= np.sqrt(random.chisquare(self.freedom, count) / self.freedom)[:, None]
        return np.asarray(self.centers[which] + np.einsum("nij,nj->ni", self.factors[which], u))

    def log_densities(self, z: Matrix) -> Vector:
        """Log densities (n,) at points (n, p)."""
        nu, p = self.freedom, self.centers.shape[1]
        constant = gammaln((nu + p) / 2) - gammaln(nu / 2) - 0.5 * p * math.log(nu * math.pi)
        parts = []
        for center, factor, share in zip(self.centers, self.factors, self.shares, strict=True):
            u = np.linalg.solve(factor, (z - center).T)
            spread = np.linalg.slogdet(factor)[1]
            parts.append(math.log(share) + constant - spread - (nu + p) / 2 * np.log1p((u**2).sum(axis=0) / nu))
        return np.asarray(logsumexp(np.array(parts), axis=0))
