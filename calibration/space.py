"""Parameters that are free, together: their names, units and joint prior."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .priors import Prior

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Parameter:
    """A number that is to be found.

    Attributes:
        name: what it is called; in a case, its place there.
        prior: what is believed of it.
        unit: what its value is given in; empty for a pure number.
    """

    name: str
    prior: Prior
    unit: str = ""


@dataclass(frozen=True)
class Space:
    """Free parameters and their joint prior.

    In coordinates z the prior is a standard normal in p dimensions: scores of the single priors are s = L z, with
    L L' the correlation of scores (a Gaussian copula; for normal and lognormal priors the multivariate normal).

    Attributes:
        parameters: the free parameters (p).
        correlation: correlation (p, p) of the priors' scores; None where they are independent.
    """

    parameters: tuple[Parameter, ...]
    correlation: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        names = [parameter.name for parameter in self.parameters]
        if not names or len(set(names)) < len(names):
            raise ValueError("free parameters need names that differ, and at least one")
        if self.correlation is not None:
            matrix = np.array(self.correlation)
            if matrix.shape != (len(names), len(names)) or not np.allclose(matrix, matrix.T):
                raise ValueError("the correlation of priors is a symmetric matrix, a row for each parameter")
            if not np.allclose(np.diag(matrix), 1) or np.linalg.eigvalsh(matrix).min() <= 0:
                raise ValueError("the correlation of priors has ones on its diagonal and is positive definite")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def size(self) -> int:
        """How many parameters are free."""
        return len(self.parameters)

    def theta(self, z: ArrayLike) -> Vector:
        """Parameters (..., p) at coordinates (..., p)."""
        scores = self._scores(z)
        return np.stack([p.prior.value(scores[..., i]) for i, p in enumerate(self.parameters)], axis=-1)

    def scores(self, z: ArrayLike) -> Vector:
        """Scores (..., p) of the single priors at coordinates (..., p): each a standard normal of its own a priori."""
        return self._scores(z)

    def slopes(self, z: ArrayLike) -> Matrix:
        """Derivatives dθ/dz (p, p) at coordinates (p,)."""
        scores = self._scores(z)
        slopes = np.array([float(p.prior.slope(scores[i])) for i, p in enumerate(self.parameters)])
        return np.asarray(slopes[:, None] * self._factor())

    def z(self, theta: ArrayLike) -> Vector:
        """Coordinates (..., p) of parameters (..., p); infinite where a prior excludes them."""
        values = np.asarray(theta, dtype=float)
        scores = np.stack([p.prior.score(values[..., i]) for i, p in enumerate(self.parameters)], axis=-1)
        return np.asarray(np.linalg.solve(self._factor(), scores[..., None])[..., 0])

    def named(self, theta: ArrayLike) -> Mapping[str, float]:
        """Parameters (p,) by name."""
        return dict(zip(self.names, map(float, np.asarray(theta)), strict=True))

    def said(self, theta: ArrayLike) -> str:
        """Parameters (p,) in words, with their units."""
        pairs = zip(self.parameters, np.asarray(theta), strict=True)
        return ", ".join(f"{p.name} = {value:.5g} {p.unit}".rstrip() for p, value in pairs)

    def _scores(self, z: ArrayLike) -> Vector:
        return np.asarray(np.asarray(z, dtype=float) @ self._factor().T)

    def _factor(self) -> Matrix:
        return np.eye(self.size) if self.correlation is None else np.linalg.cholesky(np.array(self.correlation))
