"""What a strain-energy law is: one term of a material's energy."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

from ufl.core.expr import Expr

from fibertwin.declared import Declared

from .kinematics import Kinematics
from .parameters import Parametric


@dataclass(frozen=True)
class StrainEnergy(Parametric, Declared):
    """One term of the strain energy per reference volume (kPa).

    A law is a frozen dataclass below this one whose number-valued fields are its parameters.
    """

    key: ClassVar[str] = "law"
    needs_fibers: ClassVar[bool] = False
    needs_sheets: ClassVar[bool] = False

    @abstractmethod
    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa), zero at F = I."""

    def isotropic(self) -> Self:
        """The law for tissue whose fibers run in every direction alike, as far as it is the law that says so."""
        return self
