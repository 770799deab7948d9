"""Neo-Hookean solid."""

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics, Strain


@dataclass(frozen=True)
class NeoHookean(StrainEnergy):
    """psi = mu/2 (I1 − 3).

    Treloar 1943, Trans. Faraday Soc. 39:241 (doi 10.1039/TF9433900241); isochoric split of Flory 1961.

    Attributes:
        mu: shear modulus.
        strain: ``"isochoric"`` (the default), or ``"full"`` (I1 of C, and − mu ln J, which frees rest of stress).
    """

    mu: Annotated[float, Unit("kPa"), Gt(0)]
    strain: Strain = "isochoric"

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        I1, _ = kinematics.invariants(self.strain)
        return 0.5 * self.mu * (I1 - 3) - kinematics.rest(self.mu, self.strain)
