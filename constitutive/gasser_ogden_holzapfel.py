"""Dispersed fibers whose dispersion comes from the diffusion tensor."""

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import ufl
from annotated_types import Ge, Interval
from ufl.core.expr import Expr

from fibertwin.units import Angle, Unit

from .dispersion import kappa_expression
from .energy import StrainEnergy
from .exponential import reinforcement
from .families import check_pairs, directions
from .kinematics import Fiber, Kinematics, Strain
from .switch import Switch, switched


@dataclass(frozen=True)
class GasserOgdenHolzapfel(StrainEnergy):
    """psi = Σ k1/(2 k2) [exp(k2 ⟨E⟩²) − 1] over families of fibers, E = H : C − 1.

    Gasser, Ogden & Holzapfel 2006, J. R. Soc. Interface 3:15, eqs 4.7 and 5.2 (doi 10.1098/rsif.2005.0073). The
    generalised structure tensor H is κ I + (1 − 3κ) a0⊗a0, with κ a number or from FA (Giordano & Kleiven 2014, doi
    10.1098/rsif.2013.0914), or D / tr D itself, to which both reduce where D is axisymmetric. ⟨E⟩ is the positive
    part: fibers bear no compression, and the switch is on E, not on the stretch of a0. For k2 = 0 the term is k1/2
    ⟨E⟩².

    Attributes:
        k1: fiber stiffness.
        k2: exponential stiffening.
        dispersion: ``"tensor"`` (H = D / tr D), ``"fa"`` (κ from FA), or κ itself, 0 (aligned) to 1/3 (isotropic).
        angles: where κ is given: one family at each angle from the fiber towards the sheet, in pairs of + and −;
            without any, one family along the fiber.
        switch: how fibers end in compression, E < 0: ``"hard"``, ``"smooth"`` or ``"none"``.
        strain: ``"full"`` (C, the default: fibers feel volume change) or ``"isochoric"``.
    """

    needs_fibers: ClassVar[bool] = True

    k1: Annotated[float, Unit("kPa"), Ge(0)]
    k2: Annotated[float, Unit(""), Ge(0)]
    dispersion: Literal["tensor", "fa"] | Annotated[float, Unit(""), Interval(ge=0, le=1 / 3)] = "tensor"
    angles: tuple[Angle, ...] = ()
    switch: Switch = "hard"
    strain: Strain = "full"

    def __post_init__(self) -> None:
        if self.angles and self._takes_tensor:
            raise ValueError('has families at angles, but dispersion = "tensor" knows no angle; give κ or "fa"')
        check_pairs(self.angles)

    @property
    def needs_sheets(self) -> bool:
        """Whether a family stands at an angle towards the sheets."""
        return bool(self.angles)

    def isotropic(self) -> StrainEnergy:
        """A stated κ becomes 1/3; where κ or H come from the tensor, that is made isotropic instead."""
        return self if isinstance(self.dispersion, str) else replace(self, dispersion=1 / 3)

    def fiber_strains(self, kinematics: Kinematics) -> tuple[Expr, ...]:
        """E = H : C − 1 of each family, before the switch."""
        C = kinematics.right_cauchy_green(self.strain)
        fiber = kinematics.fabric
        if self._takes_tensor:
            return (ufl.inner(fiber.structure_tensor, C) - 1,)
        kappa = self._kappa(fiber)
        return tuple(
            kappa * (ufl.tr(C) - 3) + (1 - 3 * kappa) * (ufl.inner(direction, C * direction) - 1)
            for direction in directions(fiber, self.angles)
        )

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        strains = self.fiber_strains(kinematics)
        return sum(switched(lambda E: reinforcement(self.k1, self.k2, E), E, self.switch) for E in strains)

    @property
    def _takes_tensor(self) -> bool:
        return isinstance(self.dispersion, str) and self.dispersion == "tensor"

    def _kappa(self, fiber: Fiber) -> Expr:
        return kappa_expression(fiber.fa) if isinstance(self.dispersion, str) else ufl.as_ufl(self.dispersion)
