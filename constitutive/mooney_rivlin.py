"""Mooney–Rivlin solid."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics, Strain


@dataclass(frozen=True)
class MooneyRivlin(StrainEnergy):
    """psi = c1 (I1 − 3) + c2 (I2 − 3); the shear modulus at rest is 2 (c1 + c2).

    Mooney 1940, J. Appl. Phys. 11:582 (doi 10.1063/1.1712836); Rivlin 1948, Phil. Trans. R. Soc. A 241:379 (doi
    10.1098/rsta.1948.0024).

    Attributes:
        c1: coefficient of the first invariant.
        c2: coefficient of the second invariant.
        strain: ``"isochoric"`` (the default), or ``"full"`` (invariants of C, and − (2 c1 + 4 c2) ln J, which frees
            rest of stress).
    """

    c1: Annotated[float, Unit("kPa"), Ge(0)]
    c2: Annotated[float, Unit("kPa"), Ge(0)]
    strain: Strain = "isochoric"

    def __post_init__(self) -> None:
        if self.c1 == 0 and self.c2 == 0:
            raise ValueError("has no stiffness: c1 and c2 are both zero")

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        I1, I2 = kinematics.invariants(self.strain)
        rest = kinematics.rest(2 * self.c1 + 4 * self.c2, self.strain)
        return self.c1 * (I1 - 3) + self.c2 * (I2 - 3) - rest
