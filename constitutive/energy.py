"""What a strain-energy law is, and a material as a sum of them."""

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.declared import Declared
from fibertwin.units import Unit

from .kinematics import Kinematics


@dataclass(frozen=True)
class StrainEnergy(Declared):
    """One term of the strain energy per reference volume (kPa).

    A law is a frozen dataclass below this one whose number-valued fields are its parameters.
    """

    key: ClassVar[str] = "law"
    needs_fibers: ClassVar[bool] = False

    @abstractmethod
    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa), zero at F = I."""

    @property
    def parameters(self) -> dict[str, float]:
        """The fields that hold a number: what can change without compiling anything again."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {n: float(v) for n, v in values.items() if isinstance(v, int | float) and not isinstance(v, bool)}

    @property
    def structure(self) -> tuple[object, ...]:
        """What decides the form of the energy: two laws of equal structure share compiled code."""
        rest = tuple(getattr(self, field.name) for field in fields(self) if field.name not in self.parameters)
        return (type(self), tuple(self.parameters), rest)

    def isotropic(self) -> Self:
        """The law for tissue whose fibers run in every direction alike, as far as it is the law that says so."""
        return self

    def bind(self, values: Mapping[str, Expr]) -> Self:
        """A copy whose named parameters are UFL expressions (a ``fem.Constant``, a field per region)."""
        bound = copy.copy(self)
        for name, value in values.items():
            object.__setattr__(bound, name, value)
        return bound


Incompressible = Literal["incompressible"]


@dataclass(frozen=True)
class Material:
    """A sum of strain energies and the resistance to volume change, U(J) = bulk_modulus / 2 (J − 1)².

    Attributes:
        energies: terms of the strain energy.
        bulk_modulus: bulk modulus (kPa), or ``"incompressible"`` (J = 1 exactly; mixed elements only).
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    energies: tuple[StrainEnergy, ...]
    bulk_modulus: Annotated[float, Unit("kPa"), Gt(0)] | Incompressible

    @property
    def needs_fibers(self) -> bool:
        """Whether any term looks at the fibers."""
        return any(energy.needs_fibers for energy in self.energies)

    @property
    def structure(self) -> tuple[object, ...]:
        """What decides the form of the energy (see ``StrainEnergy.structure``)."""
        return tuple(energy.structure for energy in self.energies)

    @property
    def parameters(self) -> tuple[dict[str, float], ...]:
        """The parameters of each term."""
        return tuple(energy.parameters for energy in self.energies)

    @property
    def inverse_bulk_modulus(self) -> float:
        """1 / bulk modulus (1/kPa), zero for an incompressible material."""
        return 0.0 if self.bulk_modulus == "incompressible" else 1.0 / float(self.bulk_modulus)

    @property
    def shear_modulus(self) -> float:
        """Shear modulus (kPa) at F = I of the tissue with its fibers in every direction alike."""
        from .point import axisymmetric_fabric, energy

        shear = np.eye(3)
        shear[0, 1] = gamma = 1e-3
        return 2 * energy(self, shear, axisymmetric_fabric((1, 0, 0), 0.0)) / gamma**2

    def isotropic(self) -> "Material":
        """The material with every law isotropic."""
        return Material(tuple(energy.isotropic() for energy in self.energies), self.bulk_modulus)

    def bind(self, values: tuple[Mapping[str, Expr], ...]) -> "Material":
        """A copy whose parameters are UFL expressions, term by term."""
        return Material(tuple(e.bind(v) for e, v in zip(self.energies, values, strict=True)), self.bulk_modulus)

    def psi(self, kinematics: Kinematics) -> Expr:
        """Sum of the strain energies (kPa), without the volumetric part."""
        return sum((energy.psi(kinematics) for energy in self.energies[1:]), self.energies[0].psi(kinematics))
