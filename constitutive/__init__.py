"""Strain-energy laws: one frozen dataclass, one energy. UFL only, no mesh, no PETSc."""

from .active_strain import ActiveStrain
from .dispersion import kappa_expression, kappa_from_fa
from .energy import StrainEnergy
from .gasser_ogden_holzapfel import GasserOgdenHolzapfel
from .kinematics import Fiber, Kinematics
from .material import Material
from .neo_hookean import NeoHookean
from .ogden import Ogden
from .varying import Formula, FromImage, FromMesh, Varying
from .volumetric import VOLUMETRIC, Volumetric

__all__ = [
    "ActiveStrain",
    "Fiber",
    "Formula",
    "FromImage",
    "FromMesh",
    "GasserOgdenHolzapfel",
    "Kinematics",
    "Material",
    "NeoHookean",
    "Ogden",
    "StrainEnergy",
    "VOLUMETRIC",
    "Varying",
    "Volumetric",
    "kappa_expression",
    "kappa_from_fa",
]
