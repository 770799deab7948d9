"""Stresses of the laws of soft tissue in incompressible uniaxial tension, digit by digit.

The numbers come from the closed forms of each paper, evaluated apart from this code: Cauchy stress (kPa) where not told
otherwise, the stretches across found such that the faces are free.
"""

import numpy as np
import pytest
from scipy.optimize import brentq

from fibertwin.constitutive import (
    GasserOgdenHolzapfel,
    Guccione,
    HolzapfelOgden,
    Material,
    MooneyRivlin,
    NeoHookean,
    Ogden,
    StrainEnergy,
)
from fibertwin.constitutive.point import Fabric, first_piola_kirchhoff

FABRIC = Fabric(np.array([1.0, 0.0, 0.0]), np.diag([0.5, 0.3, 0.2]), 0.5, np.array([0.0, 1.0, 0.0]))


def cauchy(laws: tuple[StrainEnergy, ...], F: np.ndarray) -> np.ndarray:
    return first_piola_kirchhoff(Material(laws, "incompressible"), F, FABRIC) @ F.T


def uniaxial(laws: tuple[StrainEnergy, ...], axis: int, stretch: float) -> float:
    """Cauchy stress along an axis where the two others are free, whatever the law's symmetry."""
    one, other = (axis + 1) % 3, (axis + 2) % 3

    def deformed(across: float) -> np.ndarray:
        lengths = np.empty(3)
        lengths[[axis, one, other]] = stretch, across, 1 / (stretch * across)
        return np.diag(lengths)

    def difference(across: float) -> float:
        sigma = cauchy(laws, deformed(across))
        return float(sigma[one, one] - sigma[other, other])

    free = 1 / np.sqrt(stretch)
    across = brentq(difference, 0.8 * free, 1.25 * free, xtol=1e-12, rtol=1e-13)
    sigma = cauchy(laws, deformed(across))
    return float(sigma[axis, axis] - sigma[one, one])


def as_printed(value: float, digits: str) -> bool:
    """Whether a value is that number to all the digits it is printed with."""
    return abs(value - float(digits)) <= 0.51 * 10.0 ** -len(digits.partition(".")[2])


# Holzapfel & Ogden 2009, table 1, shear fit; along fiber, sheet and normal
MYOCARDIUM = HolzapfelOgden(0.059, 8.023, 18.472, 16.026, 2.481, 11.120, 0.216, 11.436)
ORTHOTROPIC = {
    "fiber": ("4.949877", "19.054271", "83.479756", "521.057853"),
    "sheet": (".639616", "2.081161", "6.771494", "27.150910"),
    "normal": (".009388", ".022258", ".043816", ".084230"),
}


@pytest.mark.parametrize("direction", ORTHOTROPIC)
def test_holzapfel_ogden(direction):
    axis = list(ORTHOTROPIC).index(direction)
    for stretch, printed in zip((1.05, 1.1, 1.15, 1.2), ORTHOTROPIC[direction], strict=True):
        assert as_printed(uniaxial((MYOCARDIUM,), axis, stretch), printed)


# Gasser, Ogden & Holzapfel 2006, adventitia, one family along the load; psi of the matrix is c/2 (I1 − 3)
ADVENTITIA = {
    0.0: ("50.746", "197.696", "901.894", "55758"),
    0.1: ("22.597", "63.911", "169.405", "1789.03"),
    0.226: ("4.69825", "10.57617", "18.75006", "51.56178"),
    1 / 3: (".23119", ".47420", ".74061", "1.38908"),
}


@pytest.mark.parametrize("kappa", ADVENTITIA)
def test_gasser_ogden_holzapfel(kappa):
    laws = (NeoHookean(7.64), GasserOgdenHolzapfel(996.6, 524.6, kappa))
    for stretch, printed in zip((1.01, 1.02, 1.03, 1.05), ADVENTITIA[kappa], strict=True):
        assert as_printed(uniaxial(laws, 0, stretch), printed)


# Guccione et al. 1991 with the parameters of Land et al. 2015, problems 1 and 3 (fiber along the load), and 2
GUCCIONE = {
    (2.0, 8.0, 2.0, 4.0): ("1.018183", "2.420691", "4.557186", "8.096521", "26.467350"),
    (10.0, 1.0, 1.0, 1.0): (".794772", "1.709438", "2.794425", "4.110683", "7.771426"),
}


@pytest.mark.parametrize("sheets", [False, True])
@pytest.mark.parametrize("parameters", GUCCIONE)
def test_guccione(parameters, sheets):
    for stretch, printed in zip((1.05, 1.1, 1.15, 1.2, 1.3), GUCCIONE[parameters], strict=True):
        assert as_printed(uniaxial((Guccione(*parameters, sheets=sheets),), 0, stretch), printed)


# Nominal stress: 2/alpha (s^(alpha−1) − s^(−alpha/2−1)) for mu = 1; two principal stretches coincide
OGDEN = {
    -25: ("-1.214366", "-.259230", ".117707", ".232677"),
    -20: ("-.875176", "-.230608", ".119239", ".222282"),
    2: ("-.334568", "-.158033", ".142971", ".273554"),
    10: ("-.298851", "-.146025", ".161023", ".358695"),
}


@pytest.mark.parametrize("alpha", OGDEN)
def test_ogden(alpha):
    for stretch, printed in zip((0.9, 0.95, 1.05, 1.1), OGDEN[alpha], strict=True):
        for law in (Ogden(1.0, alpha), Ogden(2 / alpha, alpha, "mu/alpha"), Ogden((0.25, 0.75), (alpha, alpha))):
            assert as_printed(uniaxial((law,), 0, stretch) / stretch, printed)


def torsion(laws: tuple[StrainEnergy, ...], twist: float, radius: float) -> tuple[float, float]:
    """Moment and normal force of an incompressible cylinder twisted at constant length, from stresses at points.

    The moment is 2π ∫ σ_θz r² dr; the force follows from equilibrium across, ∫ (2 σ_zz − σ_rr − σ_θθ) π r dr.
    """
    nodes, weights = np.polynomial.legendre.leggauss(8)
    moment = force = 0.0
    for r, w in zip(radius * (nodes + 1) / 2, radius * weights / 2, strict=True):
        sigma = cauchy(laws, np.array([[1.0, 0, 0], [0, 1, twist * r], [0, 0, 1]]))
        moment += 2 * np.pi * w * r**2 * sigma[1, 2]
        force += np.pi * w * r * (2 * sigma[2, 2] - sigma[0, 0] - sigma[1, 1])
    return moment, force


def test_torsion_of_a_cylinder():
    """Rivlin 1949: for c1, c2 M = π τ A⁴ (c1 + c2) and N = −π τ² A⁴ (c1/2 + c2)."""
    twist, radius = 0.7, 1.3
    for laws, c1, c2 in (((MooneyRivlin(0.4, 0.15),), 0.4, 0.15), ((NeoHookean(0.8),), 0.4, 0.0)):
        moment, force = torsion(laws, twist, radius)
        assert moment == pytest.approx(np.pi * twist * radius**4 * (c1 + c2), rel=1e-12)
        assert force == pytest.approx(-np.pi * twist**2 * radius**4 * (c1 / 2 + c2), rel=1e-12)
