"""Strain-energy laws: one frozen dataclass, one energy. UFL only, no mesh, no PETSc."""

from importlib import import_module
from pkgutil import iter_modules

from .active_strain import ActiveStrain
from .active_stress import ActiveStress
from .blemker_shear import BlemkerShear
from .costa import Costa
from .demiray import Demiray
from .dispersion import kappa_expression, kappa_from_fa
from .energy import StrainEnergy
from .gasser_ogden_holzapfel import GasserOgdenHolzapfel
from .guccione import Guccione
from .holzapfel_gasser_ogden import HolzapfelGasserOgden
from .holzapfel_ogden import HolzapfelOgden
from .kinematics import Fiber, Kinematics
from .material import Material
from .mooney_rivlin import MooneyRivlin
from .neo_hookean import NeoHookean
from .ogden import Ogden
from .presets import PRESETS, Preset
from .saint_venant_kirchhoff import SaintVenantKirchhoff
from .standard_reinforcing import StandardReinforcing
from .transversely_isotropic import TransverselyIsotropic
from .varying import Formula, FromImage, FromMesh, Varying
from .volumetric import VOLUMETRIC, Volumetric
from .yeoh import Yeoh

__all__ = [
    "ActiveStrain",
    "ActiveStress",
    "BlemkerShear",
    "Costa",
    "Demiray",
    "Fiber",
    "Formula",
    "FromImage",
    "FromMesh",
    "GasserOgdenHolzapfel",
    "Guccione",
    "HolzapfelGasserOgden",
    "HolzapfelOgden",
    "Kinematics",
    "Material",
    "MooneyRivlin",
    "NeoHookean",
    "Ogden",
    "PRESETS",
    "Preset",
    "SaintVenantKirchhoff",
    "StandardReinforcing",
    "StrainEnergy",
    "TransverselyIsotropic",
    "VOLUMETRIC",
    "Varying",
    "Volumetric",
    "Yeoh",
    "kappa_expression",
    "kappa_from_fa",
]

# A law is known by existing: what lies in this folder is imported, whether it is exported above or not yet.
for _found in iter_modules(__path__):
    import_module(f"{__name__}.{_found.name}")
