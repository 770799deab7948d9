"""Tissue that pulls along its fibers: an energy whose tension follows the load history."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import ufl
from annotated_types import Ge, Gt, Interval
from ufl.core.expr import Expr

from fibertwin.curve import Curve, Moment, factor
from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics

LengthDependence = Literal["none", "linear", "force-length"]
"""How the tension changes with the stretch of the fibers."""


@dataclass(frozen=True)
class ActiveStress(StrainEnergy):
    """The second Piola–Kirchhoff stress T h(λ) f⊗f + transverse T (I − f⊗f), λ = √(f·C f).

    As an energy: psi = T ∫ h(λ) λ dλ from 1, which is T/2 (I4 − 1) for h = 1, and transverse T/2 (I1 − I4 − 2).
    Guccione & McCulloch 1993, J. Biomech. Eng. 115:72 (doi 10.1115/1.2895473); transverse part as in Usyk, Mazhari &
    McCulloch 2000, J. Elasticity 61:143 (doi 10.1023/A:1010883920374). C is the full one. h is 1 (``"none"``); ⟨1 +
    slope (λ − 1)⟩ (``"linear"``, as in Niederer, Hunter & Smith 2006, Biophys. J. 90:1697, doi
    10.1529/biophysj.105.069534); or, of x = λ/optimal_stretch, the ``"force-length"`` relation of skeletal muscle in
    Blemker, Pinsky & Delp 2005 (doi 10.1016/j.jbiomech.2004.04.009): 1 − 4 (x − 1)² for 0.6 < x < 1.4, 9 (x − 0.4)²
    and 9 (x − 1.6)² beside it, and none below 0.4 and above 1.6.

    Attributes:
        tension: T at full activation.
        transverse: share of the tension that acts across the fibers, whatever their length.
        length_dependence: ``"none"``, ``"linear"`` or ``"force-length"``.
        slope: rise of the tension with the stretch; for ``"linear"``.
        optimal_stretch: stretch of greatest tension; for ``"force-length"``.
        curve: activation over time; in proportion to the load's level where left out.
        onset: how much later the curve begins; for a curve only.
    """

    needs_fibers: ClassVar[bool] = True
    changes: ClassVar[bool] = True

    tension: Annotated[float, Unit("kPa"), Ge(0)]
    transverse: Annotated[float, Unit(""), Interval(ge=0, le=1)] = 0.0
    length_dependence: LengthDependence = "none"
    slope: Annotated[float, Unit(""), Ge(0)] = 0.0
    optimal_stretch: Annotated[float, Unit(""), Gt(0)] = 1.0
    curve: Curve | None = None
    onset: Annotated[float, Unit("s")] = 0.0

    def __post_init__(self) -> None:
        for name, needed, default in (("slope", "linear", 0.0), ("optimal_stretch", "force-length", 1.0)):
            if getattr(self, name) != default and self.length_dependence != needed:
                raise ValueError(f'has {name}, which is for length_dependence = "{needed}"')
        if self.length_dependence == "linear" and self.slope == 0:
            raise ValueError('has length_dependence = "linear" and no slope')
        if self.curve is None and self.onset != 0:
            raise ValueError("has an onset, but no curve that could begin later")

    def at(self, moment: Moment, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The tension at a moment."""
        return {"tension": values["tension"] * factor(self.curve, moment, values["onset"])}

    def psi(self, kinematics: Kinematics) -> Expr:
        """Energy per reference volume (kPa), zero at F = I, where its stress is not."""
        I4 = kinematics.square_stretch(kinematics.fabric.axis, "full")
        across = 0.5 * self.transverse * (ufl.tr(kinematics.C) - I4 - 2)
        return self.tension * (self._along(I4) + across)

    def _along(self, I4: Expr) -> Expr:
        """∫ h(λ) λ dλ from 1."""
        if self.length_dependence == "none":
            return 0.5 * (I4 - 1)
        stretch = ufl.sqrt(I4)
        if self.length_dependence == "linear":
            x = ufl.max_value(stretch, 1 - 1 / self.slope)
            return 0.5 * (1 - self.slope) * (x**2 - 1) + self.slope * (x**3 - 1) / 3
        best = self.optimal_stretch
        return best**2 * (_work(stretch / best) - _work(ufl.as_ufl(1 / best)))


def _work(x: Expr) -> Expr:
    """∫ h(x) x dx of the force-length relation, from 0."""
    rising = _foot(0.4, ufl.max_value(x, 0.4))
    plateau = _foot(0.4, 0.6) + _top(x) - _top(0.6)
    falling = _foot(0.4, 0.6) + _top(1.4) - _top(0.6) + _foot(1.6, ufl.min_value(x, 1.6)) - _foot(1.6, 1.4)
    return ufl.conditional(ufl.lt(x, 0.6), rising, ufl.conditional(ufl.lt(x, 1.4), plateau, falling))


def _foot(end: float, x: Expr | float) -> Expr | float:
    """∫ 9 (x − end)² x dx."""
    z = x - end
    return 9 * (z**4 / 4 + end * z**3 / 3)


def _top(x: Expr | float) -> Expr | float:
    """∫ [1 − 4 (x − 1)²] x dx."""
    z = x - 1
    return z + z**2 / 2 - 4 * z**3 / 3 - z**4
