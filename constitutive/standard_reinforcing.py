"""Fibers of constant stiffness."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import ufl
from annotated_types import Ge
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics, Strain
from .switch import Switch, switched


@dataclass(frozen=True)
class StandardReinforcing(StrainEnergy):
    """psi = k/2 (I4 − 1)² + k_5/2 (I5 − 1)², I4 = a·C a, I5 = a·C² a.

    Qiu & Pence 1997, J. Elasticity 49:1 (doi 10.1023/A:1007410321319); with I5, which stiffens shear
    along the fiber too, Merodio & Ogden 2005, Int. J. Non-Linear Mech. 40:213 (doi
    10.1016/j.ijnonlinmec.2004.05.003).

    Attributes:
        k: stiffness of stretch.
        k_5: stiffness of the fifth invariant.
        switch: how fibers end in compression: ``"none"`` (the default: they resist it too), ``"hard"`` or
            ``"smooth"``; each term looks at its own invariant.
        strain: ``"full"`` (C, the default: fibers feel volume change) or ``"isochoric"``.
    """

    needs_fibers: ClassVar[bool] = True

    k: Annotated[float, Unit("kPa"), Ge(0)]
    k_5: Annotated[float, Unit("kPa"), Ge(0)] = 0.0
    switch: Switch = "none"
    strain: Strain = "full"

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        Ca = kinematics.right_cauchy_green(self.strain) * kinematics.fabric.axis
        I4, I5 = ufl.inner(kinematics.fabric.axis, Ca), ufl.inner(Ca, Ca)
        stretched = switched(lambda E: 0.5 * self.k * E**2, I4 - 1, self.switch)
        return stretched + switched(lambda E: 0.5 * self.k_5 * E**2, I5 - 1, self.switch)
