"""What the laws become at the ends of their ranges, at a point: energy and first Piola-Kirchhoff stress."""

from typing import Any

import numpy as np
from _table import Row, below, clock
from numpy.typing import NDArray

from fibertwin.constitutive import GasserOgdenHolzapfel, Material, NeoHookean, StrainEnergy, kappa_from_fa
from fibertwin.constitutive.point import Fabric, axisymmetric_fabric, energy, first_piola_kirchhoff

F = np.array([[1.3, 0.2, -0.3], [0.15, 0.95, 0.1], [-0.1, 0.3, 1.2]])
"""A deformation without symmetry that stretches the fibers."""

AXIS = np.array([1.0, 2.0, -0.5]) / np.linalg.norm([1.0, 2.0, -0.5])
K1, K2 = 5.0, 1.7

# Giordano & Kleiven 2014 (doi 10.1098/rsif.2013.0914), kappa at FA = 0, 0.1, …, 1
KAPPA = (0.333333, 0.314024, 0.294320, 0.273784, 0.251887, 0.227924, 0.200880, 0.169161, 0.130002, 0.077956, 0.0)


def limits() -> list[Row]:
    """Each limit with its deviation, energy and stress alike."""
    middle = axisymmetric_fabric(AXIS, 0.6)
    rows = [_without_anisotropy(dispersion) for dispersion in ("fa", "tensor")]
    with clock() as running:
        both = _response((NeoHookean(1.0), GasserOgdenHolzapfel(0.0, K2)), middle)
        worst = _apart(both, _response((NeoHookean(1.0),), middle))
    rows.append(below("k1 = 0: energy and stress against neo-Hookean, relative", 1e-13, worst, running))
    with clock() as running:
        worst = _apart(_response((GasserOgdenHolzapfel(K1, K2, 0.0),), middle), _aligned())
    rows.append(below("κ = 0: energy and stress against Holzapfel-Gasser-Ogden, relative", 1e-13, worst, running))
    with clock() as running:
        worst = max(_forms_apart(fa) for fa in np.linspace(0, 1, 11))
    rows.append(below("FA against D / tr D on axisymmetric D, FA 0 to 1, relative", 1e-13, worst, running))
    # six digits are printed: a correct value lies within half of the last one
    table = float(np.abs(kappa_from_fa(np.linspace(0, 1, 11)) - KAPPA).max())
    rows.append(below("κ(FA) against the printed table", 5.001e-7, table))
    return rows


def _without_anisotropy(dispersion: Any) -> Row:
    with clock() as running:
        law = (NeoHookean(1.0), GasserOgdenHolzapfel(K1, K2, dispersion))
        first, *others = (_response(law, axisymmetric_fabric(axis, 0.0)) for axis in (*np.eye(3), AXIS, -AXIS))
        worst = max(_apart(other, first) for other in others)
    name = f'FA = 0, dispersion "{dispersion}": energy and stress along 5 axes, relative'
    return below(name, 1e-13, worst, running)


def _forms_apart(fa: float) -> float:
    fabric = axisymmetric_fabric(AXIS, fa)
    one, other = (_response((GasserOgdenHolzapfel(K1, K2, form),), fabric) for form in ("fa", "tensor"))
    return _apart(one, other)


def _aligned() -> NDArray[np.float64]:
    """Holzapfel, Gasser & Ogden 2000 (doi 10.1023/A:1010835316564), eq. 64, full C: psi = k1/(2 k2) (exp Q − 1)."""
    stretched = F @ AXIS
    E = float(stretched @ stretched) - 1
    psi = K1 / (2 * K2) * np.expm1(K2 * E**2)
    stress = 2 * K1 * E * np.exp(K2 * E**2) * np.outer(stretched, AXIS)
    return np.array([psi, *stress.ravel()])


def _response(law: tuple[StrainEnergy, ...], fabric: Fabric) -> NDArray[np.float64]:
    """Energy and the nine components of stress (10,), kPa, volumetric part left out."""
    material = Material(law, 1.0)
    return np.array([energy(material, F, fabric), *first_piola_kirchhoff(material, F, fabric).ravel()])


def _apart(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Relative, energy by itself and stress by its norm."""
    stress = np.linalg.norm(one[1:] - other[1:]) / np.linalg.norm(other[1:])
    return float(max(abs(one[0] / other[0] - 1), stress))
