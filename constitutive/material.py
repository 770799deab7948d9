"""A material: a sum of strain energies, a resistance to volume change, and what it does by itself."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.declared import Choices
from fibertwin.units import Unit

from .active_strain import ActiveStrain
from .energy import StrainEnergy
from .kinematics import Kinematics
from .parameters import Parametric
from .relaxation import Relaxation, work_of
from .studied import Studied
from .varying import Value
from .volumetric import VOLUMETRIC

Incompressible = Literal["incompressible"]


@dataclass(frozen=True)
class Material(Studied):
    """A sum of strain energies and the resistance to volume change, U(J) = bulk_modulus g(J).

    Attributes:
        energies: terms of the strain energy.
        bulk_modulus: bulk modulus (kPa), or ``"incompressible"`` (J = 1 exactly; mixed elements only).
        volumetric_part: name of g(J); see ``fibertwin.constitutive.VOLUMETRIC``.
        active_strain: shortening of the fibers, where the tissue contracts by it.
        relaxation: Maxwell branches; without any the tissue is elastic.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    energies: tuple[StrainEnergy, ...]
    bulk_modulus: Annotated[float, Unit("kPa"), Gt(0)] | Incompressible
    volumetric_part: Annotated[str, Choices(tuple(VOLUMETRIC))] = "quadratic"
    active_strain: ActiveStrain | None = None
    relaxation: tuple[Relaxation, ...] = ()

    def __post_init__(self) -> None:
        if self.relaxation and self.active_strain is not None:
            raise ValueError("has relaxation and an active strain, which do not go together; an active stress does")
        if self.relaxation and not self.lasting:
            raise ValueError("has relaxation, but no energy that could relax")

    @property
    def terms(self) -> tuple[Parametric, ...]:
        """All that has parameters: the energies, and the active strain if there is one."""
        return (*self.energies, *(() if self.active_strain is None else (self.active_strain,)))

    @property
    def needs_fibers(self) -> bool:
        """Whether anything looks at the fibers."""
        return self.active_strain is not None or any(energy.needs_fibers for energy in self.energies)

    @property
    def needs_sheets(self) -> bool:
        """Whether any term looks at the sheets."""
        return any(energy.needs_sheets for energy in self.energies)

    @property
    def lasting(self) -> tuple[StrainEnergy, ...]:
        """The energies that do not change with time: those of the tissue itself, which may relax."""
        return tuple(energy for energy in self.energies if not energy.changes)

    @property
    def remembers(self) -> bool:
        """Whether its stress depends on what was before."""
        return bool(self.relaxation)

    @property
    def incompressible(self) -> bool:
        """Whether J = 1 exactly."""
        return self.bulk_modulus == "incompressible"

    @property
    def structure(self) -> tuple[object, ...]:
        """What decides the form of the energy (see ``Parametric.structure``)."""
        terms = tuple(term.structure for term in self.terms)
        return (terms, self.volumetric_part, self.incompressible, self.remembers)

    @property
    def parameters(self) -> tuple[dict[str, Value], ...]:
        """The parameters of each term."""
        return tuple(term.parameters for term in self.terms)

    @property
    def inverse_bulk_modulus(self) -> float:
        """1 / bulk modulus (1/kPa), zero for an incompressible material."""
        return 0.0 if self.bulk_modulus == "incompressible" else 1.0 / float(self.bulk_modulus)

    @property
    def shear_modulus(self) -> float:
        """Shear modulus (kPa) at F = I of the tissue with its fibers in every direction alike, not activated.

        All parameters must be numbers (see ``bind``).
        """
        from .point import axisymmetric_fabric, energy

        passive = replace(self, energies=self.lasting, active_strain=None)
        shear = np.eye(3)
        shear[0, 1] = gamma = 1e-3
        return 2 * energy(passive, shear, axisymmetric_fabric((1, 0, 0), 0.0)) / gamma**2

    def isotropic(self) -> "Material":
        """The material with every law isotropic."""
        return replace(self, energies=tuple(energy.isotropic() for energy in self.energies))

    def bind(self, values: tuple[Mapping[str, Any], ...]) -> "Material":
        """A copy whose parameters are UFL expressions (or other numbers), term by term."""
        count = len(self.energies)
        bound = tuple(e.bind(v) for e, v in zip(self.energies, values[:count], strict=True))
        active = None if self.active_strain is None else self.active_strain.bind(values[count])
        return replace(self, energies=bound, active_strain=active)

    def psi(self, kinematics: Kinematics) -> Expr:
        """Sum of the strain energies (kPa), without the volumetric part."""
        seen = kinematics if self.active_strain is None else self.active_strain.elastic(kinematics)
        return sum((energy.psi(seen) for energy in self.energies[1:]), self.energies[0].psi(seen))

    def lasting_psi(self, kinematics: Kinematics) -> Expr:
        """Sum of the lasting energies (kPa); for a material without active strain."""
        return sum((energy.psi(kinematics) for energy in self.lasting[1:]), self.lasting[0].psi(kinematics))

    def relaxing_psi(self, kinematics: Kinematics, factor: Expr, carried: Expr) -> Expr:
        """What the stress at the end of an increment derives from (kPa), without the volumetric part.

        Args:
            kinematics: deformation there.
            factor: of the lasting energies.
            carried: stress (6,) (kPa) carried over from the last equilibrium; see ``relaxation.carried``.
        """
        active = [energy.psi(kinematics) for energy in self.energies if energy.changes]
        return sum(active, factor * self.lasting_psi(kinematics) + work_of(carried, kinematics.C))

    def volumetric_energy(self, J: Expr, inverse_bulk: Expr) -> Expr:
        """U(J) (kPa) where the displacement alone is unknown."""
        return VOLUMETRIC[self.volumetric_part].energy(J) / inverse_bulk

    def mixed_energy(self, J: Expr, pressure: Expr, inverse_bulk: Expr) -> Expr:
        """W(J, p) (kPa) where the pressure is unknown too; see ``Volumetric``."""
        part = VOLUMETRIC[self.volumetric_part]
        return part.limit(J, pressure) if self.incompressible else part.mixed(J, pressure, inverse_bulk)
