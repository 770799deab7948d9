"""What a strain-energy law is: one term of a material's energy."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ufl.core.expr import Expr

from fibertwin.declared import Declared

from .kinematics import Kinematics
from .parameters import Parametric
from .studied import Studied


@dataclass(frozen=True)
class StrainEnergy(Parametric, Declared, Studied):
    """One term of the strain energy per reference volume (kPa).

    A law is a frozen dataclass below this one whose number-valued fields are its parameters.
    """

    key: ClassVar[str] = "law"
    needs_fibers: ClassVar[bool] = False

    @abstractmethod
    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa), zero at F = I."""

    @property
    def needs_sheets(self) -> bool:
        """Whether it looks at the sheet directions."""
        return False

    def isotropic(self) -> "StrainEnergy":
        """The law for tissue whose fibers run in every direction alike.

        Raises:
            ValueError: it has no such form.
        """
        if self.needs_fibers:
            raise ValueError(f"{self.kind()} has no form for fibers that run in every direction alike")
        return self
