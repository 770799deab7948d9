"""Families of aligned fibers."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge
from ufl.core.expr import Expr

from fibertwin.units import Angle, Unit

from .energy import StrainEnergy
from .exponential import reinforcement
from .families import check_pairs, directions
from .gasser_ogden_holzapfel import GasserOgdenHolzapfel
from .kinematics import Kinematics, Strain
from .switch import Switch, switched


@dataclass(frozen=True)
class HolzapfelGasserOgden(StrainEnergy):
    """psi = Σ k1/(2 k2) [exp(k2 ⟨I4 − 1⟩²) − 1] over families of fibers, I4 = a·C a.

    Holzapfel, Gasser & Ogden 2000, J. Elasticity 61:1, eq. 65 (doi 10.1023/A:1010835316564), whose matrix is a
    neo-Hookean term beside this one. For k2 = 0 the term is k1/2 ⟨I4 − 1⟩².

    Attributes:
        k1: fiber stiffness.
        k2: exponential stiffening.
        angles: one family at each angle from the fiber towards the sheet, in pairs of + and −; without any, one
            family along the fiber.
        switch: how fibers end in compression, I4 < 1: ``"hard"``, ``"smooth"`` or ``"none"``.
        strain: ``"full"`` (C, the default: fibers feel volume change) or ``"isochoric"``.
    """

    needs_fibers: ClassVar[bool] = True

    k1: Annotated[float, Unit("kPa"), Ge(0)]
    k2: Annotated[float, Unit(""), Ge(0)]
    angles: tuple[Angle, ...] = ()
    switch: Switch = "hard"
    strain: Strain = "full"

    def __post_init__(self) -> None:
        check_pairs(self.angles)

    @property
    def needs_sheets(self) -> bool:
        """Whether a family stands at an angle towards the sheets."""
        return bool(self.angles)

    def isotropic(self) -> StrainEnergy:
        """The law of Gasser, Ogden and Holzapfel with κ = 1/3."""
        return GasserOgdenHolzapfel(self.k1, self.k2, 1 / 3, switch=self.switch, strain=self.strain)

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        return sum(
            switched(
                lambda E: reinforcement(self.k1, self.k2, E),
                kinematics.square_stretch(direction, self.strain) - 1,
                self.switch,
            )
            for direction in directions(kinematics.fabric, self.angles)
        )
