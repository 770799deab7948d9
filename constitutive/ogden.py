"""Isochoric one-term Ogden solid."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics
from .principal import SHIFT, sum_over_principal


@dataclass(frozen=True)
class Ogden(StrainEnergy):
    """psi = 2 mu/alpha² (Σ λ_isochoric^alpha − 3), so that mu is the shear modulus at rest.

    Ogden 1972, Proc. R. Soc. A 326:565 (doi 10.1098/rspa.1972.0026), in the form of Budday et al. 2017 (doi
    10.1016/j.actbio.2016.10.036); others write mu/alpha. alpha = 2 is the neo-Hookean solid; brain tissue has a large
    negative alpha, stiffer in compression than in tension.

    Attributes:
        mu: shear modulus.
        alpha: exponent, not zero.
    """

    mu: Annotated[float, Unit("kPa"), Gt(0)]
    alpha: Annotated[float, Unit("")]

    def __post_init__(self) -> None:
        if self.alpha == 0:
            raise ValueError("alpha must not be zero")

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        half = self.alpha / 2
        at_rest = 3 + 3 * half * (half - 1) * SHIFT**2
        total = kinematics.J ** (-2 * half / 3) * sum_over_principal(kinematics.C, lambda square: square**half)
        return 2 * self.mu / self.alpha**2 * (total - at_rest)
