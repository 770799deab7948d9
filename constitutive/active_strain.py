"""Tissue that shortens by itself: the passive laws see only what is left of the deformation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import ufl
from annotated_types import Interval
from ufl.core.expr import Expr

from fibertwin.curve import Curve, Moment, factor
from fibertwin.units import Unit

from .kinematics import Fiber, Kinematics
from .parameters import Parametric


@dataclass(frozen=True)
class ActiveStrain(Parametric):
    """F = Fe Fa with Fa = (1 + g) f⊗f + (1 + g)^(-1/2) (I − f⊗f), and all energies of the material at Fe.

    Ambrosi & Pezzuto 2012, J. Elasticity 107:199 (doi 10.1007/s10659-011-9351-4); Rossi et al. 2014, Eur. J. Mech. A
    48:129 (doi 10.1016/j.euromechsol.2013.10.009). det Fa = 1, so the volume changes by Fe alone.

    Attributes:
        shortening: g at full activation, negative where fibers shorten.
        curve: activation over time; in proportion to the load's level where left out.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    changes: ClassVar[bool] = True

    shortening: Annotated[float, Unit(""), Interval(gt=-1, lt=1)]
    curve: Curve | None = None

    def at(self, moment: Moment, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The shortening at a moment."""
        return {"shortening": values["shortening"] * factor(self.curve, moment)}

    def elastic(self, kinematics: Kinematics) -> Kinematics:
        """What the passive laws see: Fe = F Fa⁻¹ along the same fabric."""
        fiber: Fiber = kinematics.fabric
        along = 1 / (1 + self.shortening)
        across = ufl.sqrt(1 + ufl.as_ufl(self.shortening))
        dyad: Expr = ufl.outer(fiber.axis, fiber.axis)
        inverse = across * ufl.Identity(3) + (along - across) * dyad
        return Kinematics(kinematics.F * inverse, fiber)
