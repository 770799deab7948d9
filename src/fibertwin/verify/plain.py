"""The laws once more, in plain numpy and written from the papers: what the ones in UFL are compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

type Array = NDArray[np.float64]
type Complex = NDArray[np.complex128]
type Scalar = Any
"""A number; complex where C is."""
type Energy = Callable[[Complex], Scalar]
"""Strain energy (kPa) of a right Cauchy–Green tensor C (3, 3); analytic, so that C may be complex."""
type Stress = Callable[[Array], Array]
"""First Piola–Kirchhoff stress (kPa) of a deformation gradient F (3, 3)."""

STEP = 1e-30
NODES, WEIGHTS = np.polynomial.legendre.leggauss(60)


@dataclass(frozen=True)
class Tissue:
    """Directions at a point: unit vectors f, s and n (3,), structure tensor H (3, 3), fractional anisotropy."""

    f: Array
    s: Array
    H: Array
    fa: float

    @property
    def n(self) -> Array:
        """Unit vector normal to f and s."""
        return np.cross(self.f, self.s)


def determinant(C: Complex) -> Scalar:
    """The determinant, kept analytic."""
    return C[0] @ np.array([C[1, 1] * C[2, 2] - C[1, 2] * C[2, 1],
                            C[1, 2] * C[2, 0] - C[1, 0] * C[2, 2],
                            C[1, 0] * C[2, 1] - C[1, 1] * C[2, 0]])  # fmt: skip


def isochoric(energy: Energy) -> Energy:
    """An energy that looks at C / (det C)^(1/3)."""
    return lambda C: energy(C / determinant(C) ** (1 / 3))


def at_rest(energy: Energy, stress: float) -> Energy:
    """An energy less stress · ln J."""
    return lambda C: energy(C) - 0.5 * stress * np.log(determinant(C))


def stress_of(energy: Energy) -> Stress:
    """Its derivative, to the last digit, by complex steps: ∂psi/∂F = Im psi(F + i h)/h (Squire & Trapp 1998)."""

    def stress(F: Array) -> Array:
        P = np.zeros((3, 3))
        for i, j in np.ndindex(3, 3):
            moved = F.astype(complex)
            moved[i, j] += 1j * STEP
            P[i, j] = complex(energy(moved.T @ moved)).imag / STEP
        return P

    return stress


def invariants(C: Complex) -> tuple[Scalar, Scalar]:
    """First and second invariant."""
    I1 = np.trace(C)
    return I1, 0.5 * (I1**2 - np.trace(C @ C))


def mooney_rivlin(c1: float, c2: float) -> Energy:
    """Mooney 1940; with c2 = 0 and c1 = mu/2 the neo-Hookean solid."""

    def energy(C: Complex) -> Scalar:
        I1, I2 = invariants(C)
        return c1 * (I1 - 3) + c2 * (I2 - 3)

    return energy


def yeoh(c1: float, c2: float, c3: float) -> Energy:
    """Yeoh 1993."""
    return lambda C: sum(c * (np.trace(C) - 3) ** (k + 1) for k, c in enumerate((c1, c2, c3)))


def demiray(a: float, b: float) -> Energy:
    """Demiray 1972."""
    return lambda C: a / (2 * b) * (np.exp(b * (np.trace(C) - 3)) - 1)


def saint_venant_kirchhoff(mu: float) -> Energy:
    """The part of Kirchhoff's law that resists a change of shape."""

    def energy(C: Complex) -> Scalar:
        E = 0.5 * (C - np.eye(3))
        E = E - np.trace(E) / 3 * np.eye(3)
        return mu * np.sum(E * E)

    return energy


def ogden(weights: tuple[float, ...], exponents: tuple[float, ...], *, full: bool = False) -> Stress:
    """Ogden 1972, Σ w (Σ λ^a − 3): stress from the stretches of a singular value decomposition."""

    def stress(F: Array) -> Array:
        left, stretches, right = np.linalg.svd(F)
        J = float(np.prod(stretches))
        along = np.zeros(3)
        for w, a in zip(weights, exponents, strict=True):
            if full:
                along += w * a * (stretches**a - 1) / stretches
            else:
                powers = (stretches / J ** (1 / 3)) ** a
                along += w * a * (powers - powers.mean()) / stretches
        return np.asarray(left @ np.diag(along) @ right)

    return stress


def fung(k1: float, k2: float, strain: Energy, *, one_sided: bool = True) -> Energy:
    """k1/(2 k2) [exp(k2 E²) − 1], nothing for E < 0 where one-sided."""

    def energy(C: Complex) -> Scalar:
        E = complex(strain(C))
        if one_sided and E.real < 0:
            return 0.0
        return complex(0.5 * k1 * E**2 if k2 == 0 else k1 / (2 * k2) * (np.exp(k2 * E**2) - 1))

    return energy


def smoothed(energy: Energy, strain: Energy) -> Energy:
    """An energy times the logistic function of a strain, slope 100."""
    return lambda C: energy(C) / (1 + np.exp(-100 * strain(C)))


def along(a: Array, b: Array | None = None) -> Energy:
    """Of one direction a · C a − 1; of two a · C b."""
    return lambda C: a @ C @ a - 1 if b is None else a @ C @ b


def dispersed(H: Array) -> Energy:
    """H : C − 1."""
    return lambda C: np.sum(H * C) - 1


def total(*energies: Energy) -> Energy:
    """A sum of energies."""
    return lambda C: sum(energy(C) for energy in energies)


def costa(c: float, b: Array, t: Tissue) -> Energy:
    """Costa et al. 2001 with the symmetric table b (3, 3) over f, s, n; Guccione et al. 1991 is a special case."""
    axes = np.array([t.f, t.s, t.n])

    def energy(C: Complex) -> Scalar:
        E = axes @ (0.5 * (C - np.eye(3))) @ axes.T
        return 0.5 * c * (np.exp(np.sum(b * E * E)) - 1)

    return energy


def guccione(c: float, b_f: float, b_t: float, b_fs: float, t: Tissue) -> Energy:
    """Guccione et al. 1991."""
    return costa(c, np.array([[b_f, b_fs, b_fs], [b_fs, b_t, b_t], [b_fs, b_t, b_t]]), t)


def standard_reinforcing(k: float, k5: float, a: Array) -> Energy:
    """Triantafyllidis & Abeyaratne 1983, with I5 as in Merodio & Ogden 2005."""
    return lambda C: 0.5 * k * (a @ C @ a - 1) ** 2 + 0.5 * k5 * (a @ C @ C @ a - 1) ** 2


def tendon(c3: float, c4: float, straight: float, a: Array, *, nominal: bool = False) -> Energy:
    """Weiss et al. 1996: λ W' = c3 (e^(c4 (λ − 1)) − 1), beyond ``straight`` its tangent; the energy by quadrature."""

    def slope(x: Scalar) -> Scalar:
        toe = c3 * (np.exp(c4 * ((x if x.real <= straight else straight) - 1)) - 1)
        beyond = c3 * c4 * np.exp(c4 * (straight - 1)) * (x - straight) if x.real > straight else 0.0
        return toe + beyond if nominal else (toe + beyond) / x

    def energy(C: Complex) -> Scalar:
        stretch = np.sqrt(a @ C @ a)
        if stretch.real < 1:
            return 0.0
        knots: list[Scalar] = [1.0, stretch] if stretch.real <= straight else [1.0, straight, stretch]
        whole: Scalar = 0.0
        for start, end in pairwise(knots):
            middle, half = (start + end) / 2, (end - start) / 2
            whole += half * sum(w * slope(middle + half * t) for t, w in zip(NODES, WEIGHTS, strict=True))
        return whole

    return energy


def blemker_shear(g1: float, g2: float, a: Array) -> Energy:
    """Criscione et al. 2001, Blemker et al. 2005: g1 B1² + g2 B2²."""

    def energy(C: Complex) -> Scalar:
        I1, I4, I5 = np.trace(C), a @ C @ a, a @ C @ C @ a
        return complex(g1 * (I5 / I4**2 - 1) + g2 * np.arccosh((I1 * I4 - I5) / (2 * np.sqrt(I4))) ** 2)

    return energy


def active(tension: float, across: float, a: Array, factor: Callable[[float], float]) -> Stress:
    """Second Piola–Kirchhoff stress T h(λ) a⊗a + across T (I − a⊗a), h of the fiber's stretch."""
    dyad = np.outer(a, a)
    return lambda F: F @ (tension * (factor(float(np.linalg.norm(F @ a))) * dyad + across * (np.eye(3) - dyad)))


def uniaxial(stress: Stress, direction: Array, stretch: float) -> float:
    """Cauchy stress (kPa) of an incompressible tissue that is stretched along an axis and free across it.

    The directions across must be axes of symmetry; their stretches are found such that both are free.
    """
    axis = int(np.argmax(np.abs(direction)))
    others = [i for i in range(3) if i != axis]

    def cauchy(ratio: float) -> Array:
        F = np.zeros((3, 3))
        F[axis, axis] = stretch
        F[others[0], others[0]], F[others[1], others[1]] = ratio / np.sqrt(stretch), 1 / (ratio * np.sqrt(stretch))
        return np.diag(stress(F) @ F.T)

    def unbalance(ratio: float) -> float:
        sigma = cauchy(ratio)
        return float(sigma[others[0]] - sigma[others[1]])

    ratio = 1.0 if abs(unbalance(1.0)) < 1e-14 else float(brentq(unbalance, 0.5, 2.0, xtol=1e-15, rtol=1e-15))
    sigma = cauchy(ratio)
    return float(sigma[axis] - sigma[others[0]])
