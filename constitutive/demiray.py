"""Isotropic exponential solid of Fung's kind."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .exponential import exponential
from .kinematics import Kinematics, Strain


@dataclass(frozen=True)
class Demiray(StrainEnergy):
    """psi = a/(2 b) [exp(b (I1 − 3)) − 1]; a is the shear modulus at rest, and b = 0 the neo-Hookean solid.

    Demiray 1972, J. Biomech. 5:309 (doi 10.1016/0021-9290(72)90047-4).

    Attributes:
        a: shear modulus at rest.
        b: exponential stiffening.
        strain: ``"isochoric"`` (the default), or ``"full"`` (I1 of C, and − a ln J, which frees rest of stress).
    """

    a: Annotated[float, Unit("kPa"), Gt(0)]
    b: Annotated[float, Unit(""), Ge(0)]
    strain: Strain = "isochoric"

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        I1, _ = kinematics.invariants(self.strain)
        return 0.5 * self.a * exponential(self.b, I1 - 3) - kinematics.rest(self.a, self.strain)
