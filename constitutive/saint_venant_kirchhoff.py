"""St Venant–Kirchhoff solid."""

from dataclasses import dataclass
from typing import Annotated

import ufl
from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics, Strain


@dataclass(frozen=True)
class SaintVenantKirchhoff(StrainEnergy):
    """psi = mu dev E : dev E with E = (C − I)/2, the part of the classical law that resists a change of shape.

    The classical law λ/2 (tr E)² + mu E : E is this plus (λ/2 + mu/3) (tr E)²; the material's own volumetric part
    stands in its place, with the bulk modulus λ + 2 mu/3. Kirchhoff 1852; Ciarlet 1988, Mathematical Elasticity I,
    North-Holland. For small strains: it softens in compression and is not polyconvex.

    Attributes:
        mu: shear modulus.
        strain: ``"isochoric"`` (the default), or ``"full"``: which right Cauchy–Green tensor makes E.
    """

    mu: Annotated[float, Unit("kPa"), Gt(0)]
    strain: Strain = "isochoric"

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        deviator = ufl.dev(kinematics.green_lagrange(self.strain))
        return self.mu * ufl.inner(deviator, deviator)
