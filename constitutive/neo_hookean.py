"""Isochoric neo-Hookean solid."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics


@dataclass(frozen=True)
class NeoHookean(StrainEnergy):
    """psi = mu/2 (I1_isochoric − 3).

    Treloar 1943, Trans. Faraday Soc. 39:241 (doi 10.1039/TF9433900241); isochoric split of Flory 1961.

    Attributes:
        mu: shear modulus.
    """

    mu: Annotated[float, Unit("kPa"), Gt(0)]

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        return 0.5 * self.mu * (kinematics.I1_isochoric - 3)
