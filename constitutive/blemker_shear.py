"""Matrix of muscle and tendon: shear along and across the fibers, told apart from their stretch."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import ufl
from annotated_types import Ge
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics

SMALL = 1e-3
"""Below it asinh²(√z) is its power series, to round-off."""


@dataclass(frozen=True)
class BlemkerShear(StrainEnergy):
    """psi = g1 B1² + g2 B2², B1² = I5/I4² − 1 and cosh B2 = (I1 I4 − I5)/(2 J √I4).

    B1 is the shear along the fibers, B2 that across them (Criscione, Douglas & Hunter 2001, J. Mech. Phys. Solids
    49:871, doi 10.1016/S0022-5096(00)00047-8), as in the muscle and tendon of Blemker, Pinsky & Delp 2005, J.
    Biomech. 38:657 (doi 10.1016/j.jbiomech.2004.04.009). Neither feels stretch of the fibers nor change of volume.
    The shear modulus at rest is 2 g1 along and 2 g2 across.

    Attributes:
        g1: stiffness against shear along the fibers.
        g2: stiffness against shear across the fibers.
    """

    needs_fibers: ClassVar[bool] = True

    g1: Annotated[float, Unit("kPa"), Ge(0)]
    g2: Annotated[float, Unit("kPa"), Ge(0)]

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        Ca = kinematics.C * kinematics.fabric.axis
        I1, I4, I5 = ufl.tr(kinematics.C), ufl.inner(kinematics.fabric.axis, Ca), ufl.inner(Ca, Ca)
        return self.g1 * (I5 / I4**2 - 1) + self.g2 * _acosh_squared((I1 * I4 - I5) / (2 * kinematics.J * ufl.sqrt(I4)))


def _acosh_squared(x: Expr) -> Expr:
    """acosh² x, a smooth function at x = 1 too, as 4 asinh² √z with z = (x − 1)/2."""
    z = (x - 1) / 2
    series = z * (1 - z * (1 / 3 - z * (8 / 45 - z * (4 / 35 - z * 128 / 1575))))
    beyond = ufl.max_value(z, SMALL)
    exact = ufl.ln(ufl.sqrt(beyond) + ufl.sqrt(1 + beyond)) ** 2
    return 4 * ufl.conditional(ufl.lt(z, SMALL), series, exact)
