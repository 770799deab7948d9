"""A polynomial that stands in for a model where its posterior lies: fitted to predictions and their derivatives."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import SolveError

from .model import ForwardModel
from .space import Space

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

DEGREES = (1, 2, 3, 4, 5)
"""Total degrees that are tried."""

FILLED = 0.7
"""Most coefficients for each number that is fitted."""

TRUNCATED = 1e-3
"""Standard deviations of noise, over all numbers together, that compression of predictions may change."""


@dataclass(frozen=True)
class Chart:
    """Coordinates u in which a posterior is about a standard normal, and where they hold.

    Attributes:
        center: where u = 0 lies (p,).
        factor: z = center + factor u (p, p).
        radius: greatest |u| at which the emulator is used.
    """

    center: Vector
    factor: Matrix
    radius: float

    def u(self, z: ArrayLike) -> Vector:
        """Standardised u (..., p) of coordinates (..., p)."""
        return np.asarray(np.linalg.solve(self.factor, (np.asarray(z, dtype=float) - self.center).T).T)

    def z(self, u: ArrayLike) -> Vector:
        """Coordinates (..., p) of u (..., p)."""
        return np.asarray(self.center + np.asarray(u, dtype=float) @ self.factor.T)

    def holds(self, z: ArrayLike) -> NDArray[np.bool_]:
        """Whether points (..., p) lie within the radius."""
        return np.asarray(np.linalg.norm(self.u(z), axis=-1) <= self.radius)


@dataclass(frozen=True)
class Sample:
    """A prediction to learn from.

    Attributes:
        z: where (p,).
        prediction: (m,).
        slopes: derivatives dy/dz (m, p); None where they are not known.
    """

    z: Vector
    prediction: Vector
    slopes: Matrix | None = None


@dataclass(frozen=True)
class Emulator:
    """A polynomial of the whole prediction; itself a forward model, which fails beyond its radius.

    Predictions are base + c(u) basis with polynomials c in products of Hermite polynomials, which are orthogonal
    under the normal distribution that u about has.

    Attributes:
        space: the parameters.
        chart: coordinates u and where they hold.
        exponents: degree of each term in each coordinate (t, p).
        coefficients: (t, k).
        basis: (k, m).
        base: (m,).
        error: root mean square error of a prediction, left out while the others were fitted, over predictions and
            points, in standard deviations of noise.
        worst: the greatest such error.
        samples: how many predictions it was fitted to.
    """

    space: Space
    chart: Chart
    exponents: NDArray[np.int64]
    coefficients: Matrix
    basis: Matrix
    base: Vector
    error: float
    worst: float
    samples: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.space.names

    @property
    def degree(self) -> int:
        """Total degree."""
        return int(self.exponents.sum(axis=1).max())

    def reduced(self, z: Matrix) -> Matrix:
        """Coefficients c (n, k) of the basis at coordinates (n, p); beyond the radius straight on along the ray.

        A polynomial of high degree would soon be anywhere out there; a straight line leaves a posterior with tails
        that true solves can correct.
        """
        u = self.chart.u(z)
        distance = np.linalg.norm(u, axis=1)
        out = distance > self.chart.radius
        at = np.where(out[:, None], u * (self.chart.radius / np.maximum(distance, 1e-300))[:, None], u)
        found = _terms(at, self.exponents) @ self.coefficients
        if out.any():
            slopes = _term_slopes(at[out], self.exponents)
            along = np.einsum("ntp,np->nt", slopes, u[out] - at[out])
            found[out] += along @ self.coefficients
        return np.asarray(found)

    def at(self, z: Matrix) -> Matrix:
        """Predictions (n, m) at coordinates (n, p), beyond the radius as ``reduced`` has it."""
        return np.asarray(self.base + self.reduced(z) @ self.basis)

    def slopes(self, z: Vector) -> Matrix:
        """Derivatives dy/dz (m, p) at coordinates (p,)."""
        gradients = _term_slopes(self.chart.u(z)[None], self.exponents)[0]  # (t, p)
        by_u = (self.coefficients @ self.basis).T @ gradients
        return np.asarray(np.linalg.solve(self.chart.factor.T, by_u.T).T)

    def solve(self, theta: Vector) -> Vector:
        """Predictions (m,) at parameters (p,).

        Raises:
            SolveError: the parameters lie beyond the radius.
        """
        return np.asarray(self.at(self._inside(theta)[None])[0])

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (m,) and derivatives (m, p) by the parameters.

        Raises:
            SolveError: the parameters lie beyond the radius.
        """
        z = self._inside(theta)
        by_theta = np.linalg.solve(self.space.slopes(z).T, self.slopes(z).T).T
        return np.asarray(self.at(z[None])[0]), by_theta

    def _inside(self, theta: Vector) -> Vector:
        z = self.space.z(theta)
        if not self.chart.holds(z):
            raise SolveError(f"The emulator does not reach {self.space.said(theta)}.")
        return z


@dataclass(frozen=True)
class StandIn:
    """A model that an emulator stands in for where it holds; beyond its radius it is solved.

    Attributes:
        emulator: the emulator.
        model: what it was trained on.
    """

    emulator: Emulator
    model: ForwardModel

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.model.names

    def solve(self, theta: Vector) -> Vector:
        """Predictions (m,).

        Raises:
            SolveError: there are none.
        """
        return self._for(theta).solve(theta)

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (m,) and derivatives (m, p).

        Raises:
            SolveError: there are none.
        """
        return self._for(theta).linearise(theta)

    def _for(self, theta: Vector) -> ForwardModel:
        return self.emulator if self.emulator.chart.holds(self.emulator.space.z(theta)) else self.model


def train(
    space: Space, chart: Chart, samples: Sequence[Sample], scale: Vector, degrees: Sequence[int] = DEGREES
) -> Emulator:
    """The emulator of the degree that predicts best what it was not fitted to.

    Args:
        space: the parameters.
        chart: coordinates for the polynomial.
        samples: predictions, of which all within twice the chart's radius are used.
        scale: standard deviation of noise of each predicted number (m,).
        degrees: total degrees to try.

    Raises:
        SolveError: there are too few samples for the least degree.
    """
    used = [s for s in samples if np.linalg.norm(chart.u(s.z)) <= 2 * chart.radius]
    p = space.size
    rows = sum(1 if s.slopes is None else 1 + p for s in used)
    possible = [d for d in degrees if math.comb(p + d, d) <= max(FILLED * rows, 1 + p if rows > 1 + p else 0)]
    if not possible:
        raise SolveError(f"An emulator of {p} parameters cannot be fitted to {len(used)} predictions.")
    u = chart.u(np.array([s.z for s in used]))
    base = used[int(np.argmin(np.linalg.norm(u, axis=1)))].prediction
    blocks = [_block(s, chart, base, scale) for s in used]
    reduced, basis = _compressed(np.concatenate(blocks))
    sizes = [len(block) for block in blocks]
    best: tuple[float, float, NDArray[np.int64], Matrix] | None = None
    for degree in possible:
        exponents = _exponents(p, degree)
        design = _design(u, exponents, [size > 1 for size in sizes])
        error, worst, coefficients = _fitted(design, reduced, sizes, u, basis, len(scale))
        if best is None or error < best[0]:
            best = (error, worst, exponents, coefficients)
    error, worst, exponents, coefficients = best  # type: ignore[misc]
    return Emulator(space, chart, exponents, coefficients, basis * scale, base, error, worst, len(used))


def _block(sample: Sample, chart: Chart, base: Vector, scale: Vector) -> Matrix:
    """What a sample says, in standard deviations of noise: a row of values, and one for each direction of u."""
    values = ((sample.prediction - base) / scale)[None]
    if sample.slopes is None:
        return np.asarray(values)
    return np.concatenate([values, ((sample.slopes / scale[:, None]) @ chart.factor).T])


def _compressed(rows: Matrix) -> tuple[Matrix, Matrix]:
    """Rows (r, m) as combinations (r, k) of a few orthonormal ones (k, m)."""
    left, sizes, right = np.linalg.svd(rows, full_matrices=False)
    lost = np.sqrt(np.cumsum(sizes[::-1] ** 2)[::-1] / len(rows))
    kept = max(1, int((lost > TRUNCATED).sum()))
    return left[:, :kept] * sizes[:kept], right[:kept]


def _fitted(
    design: Matrix, reduced: Matrix, sizes: Sequence[int], u: Matrix, basis: Matrix, count: int
) -> tuple[float, float, Matrix]:
    """Leave-one-out error, root mean square and greatest, and coefficients; a point is left out with its derivatives.

    Points far out count less, as they are less probable.
    """
    left, singular, right = np.linalg.svd(design, full_matrices=False)
    kept = singular > 1e-10 * singular[0]
    left = left[:, kept]
    coefficients = right[kept].T @ ((left.T @ reduced) / singular[kept, None])
    residual = reduced - left @ (left.T @ reduced)
    errors, start = [], 0
    for size in sizes:
        rows = slice(start, start + size)
        outside = np.eye(size) - left[rows] @ left[rows].T
        errors.append((np.linalg.pinv(outside, rcond=1e-10) @ residual[rows])[0] @ basis)
        if np.linalg.eigvalsh(outside)[0] < 1e-8:  # nothing else tells what the polynomial is here
            errors[-1] = np.full(basis.shape[1], np.inf)
        start += size
    squares = np.array(errors) ** 2
    chances = np.exp(-0.25 * np.minimum((u**2).sum(axis=1), 60))
    error = math.sqrt(float((chances @ squares.sum(axis=1)) / chances.sum()) / count)
    return error, float(np.sqrt(squares.max())), coefficients


def _exponents(p: int, degree: int) -> NDArray[np.int64]:
    terms = [c for d in range(degree + 1) for c in combinations_with_replacement(range(p), d)]
    return np.array([np.bincount(np.array(c, dtype=int), minlength=p) for c in terms], dtype=np.int64)


def _hermite(u: Matrix, degree: int) -> NDArray[np.float64]:
    """He_d(u)/√d! (n, p, degree + 1)."""
    found = np.ones((*u.shape, degree + 1))
    if degree > 0:
        found[..., 1] = u
    for d in range(1, degree):
        found[..., d + 1] = (u * found[..., d] - math.sqrt(d) * found[..., d - 1]) / math.sqrt(d + 1)
    return found


def _terms(u: Matrix, exponents: NDArray[np.int64]) -> Matrix:
    """Products of Hermite polynomials (n, t)."""
    powers = _hermite(u, int(exponents.max(initial=0)))
    found = np.ones((len(u), len(exponents)))
    for axis in range(u.shape[1]):
        found *= powers[:, axis, exponents[:, axis]]
    return found


def _term_slopes(u: Matrix, exponents: NDArray[np.int64]) -> NDArray[np.float64]:
    """Their derivatives (n, t, p)."""
    powers = _hermite(u, int(exponents.max(initial=0)))
    p = u.shape[1]
    found = np.empty((len(u), len(exponents), p))
    for along in range(p):
        lowered = np.maximum(exponents[:, along] - 1, 0)
        slope = np.sqrt(exponents[:, along]) * powers[:, along, lowered]
        for axis in range(p):
            if axis != along:
                slope = slope * powers[:, axis, exponents[:, axis]]
        found[..., along] = slope
    return found


def _design(u: Matrix, exponents: NDArray[np.int64], sloped: Sequence[bool]) -> Matrix:
    """Terms and their derivatives, row by row as ``_block`` has them."""
    values, slopes = _terms(u, exponents), _term_slopes(u, exponents)
    blocks = [
        np.concatenate([values[i][None], slopes[i].T]) if with_slopes else values[i][None]
        for i, with_slopes in enumerate(sloped)
    ]
    return np.concatenate(blocks)
