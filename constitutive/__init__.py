"""Strain-energy laws: one frozen dataclass, one energy. UFL only, no mesh, no PETSc."""

from .dispersion import kappa_expression, kappa_from_fa
from .energy import Material, StrainEnergy
from .gasser_ogden_holzapfel import GasserOgdenHolzapfel
from .kinematics import Fiber, Kinematics
from .neo_hookean import NeoHookean
from .ogden import Ogden

__all__ = [
    "Fiber",
    "GasserOgdenHolzapfel",
    "Kinematics",
    "Material",
    "NeoHookean",
    "Ogden",
    "StrainEnergy",
    "kappa_expression",
    "kappa_from_fa",
]
