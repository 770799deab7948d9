"""Yeoh solid."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics, Strain


@dataclass(frozen=True)
class Yeoh(StrainEnergy):
    """psi = c1 (I1 − 3) + c2 (I1 − 3)² + c3 (I1 − 3)³; the shear modulus at rest is 2 c1.

    Yeoh 1993, Rubber Chem. Technol. 66:754 (doi 10.5254/1.3538343).

    Attributes:
        c1: coefficient of the linear term.
        c2: coefficient of the square; in rubber often negative.
        c3: coefficient of the cube.
        strain: ``"isochoric"`` (the default), or ``"full"`` (I1 of C, and − 2 c1 ln J, which frees rest of stress).
    """

    c1: Annotated[float, Unit("kPa"), Gt(0)]
    c2: Annotated[float, Unit("kPa")] = 0.0
    c3: Annotated[float, Unit("kPa")] = 0.0
    strain: Strain = "isochoric"

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        I1, _ = kinematics.invariants(self.strain)
        x = I1 - 3
        return x * (self.c1 + x * (self.c2 + x * self.c3)) - kinematics.rest(2 * self.c1, self.strain)
