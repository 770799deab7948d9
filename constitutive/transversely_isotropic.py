"""Crimped fibers that straighten: an exponential toe, then a straight line. Tendon, ligament, skeletal muscle."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import ufl
from annotated_types import Ge, Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .exponential import exponential
from .kinematics import Kinematics, Strain
from .switch import Switch, switched

NODES, WEIGHTS = ((np.array(a) + b) / 2 for a, b in zip(np.polynomial.legendre.leggauss(10), (1, 0), strict=True))
"""Gauss–Legendre points and weights on 0 to 1."""


@dataclass(frozen=True)
class TransverselyIsotropic(StrainEnergy):
    """Fiber stress T(x) = c3 [exp(c4 (x − 1)) − 1] of x = λ/slack > 1, and a straight line beyond lambda_star.

    With ``measure = "cauchy"`` x W'(x) = T: Weiss, Maker & Govindjee 1996, Comput. Methods Appl. Mech. Eng. 135:107
    (doi 10.1016/0045-7825(96)01035-3), and the tendon of Blemker, Pinsky & Delp 2005, J. Biomech. 38:657 (doi
    10.1016/j.jbiomech.2004.04.009). With ``measure = "nominal"`` W'(x) = T: Blemker's muscle at rest, slack being the
    optimal length. λ = √(a·C a). The matrix is another term. With ``"cauchy"`` the energy of the toe has no closed
    form (an exponential integral); its exponential is integrated by ten Gauss points, and stress and tangent are
    derivatives of that: the stress is right to 1e-14 of itself for c4 (x − 1) up to 5, to 1e-10 up to 10, to 1e-6 up
    to 20.

    Attributes:
        c3: scale of the toe.
        c4: exponential stiffening of the toe.
        lambda_star: stretch λ at which fibers are straight; without it the toe has no end.
        c5: slope dT/dλ of the straight line, or ``"smooth"``: as steep as the toe where it ends.
        slack: stretch up to which fibers are slack; beyond 1 for the hard switch only.
        measure: what T is: ``"cauchy"`` (the fiber's Cauchy stress where J = 1) or ``"nominal"`` (its nominal stress
            times slack).
        switch: how fibers end below slack: ``"hard"``, ``"smooth"`` or ``"none"``.
        strain: ``"full"`` (C, the default: fibers feel volume change) or ``"isochoric"``.
    """

    needs_fibers: ClassVar[bool] = True

    c3: Annotated[float, Unit("kPa"), Ge(0)]
    c4: Annotated[float, Unit(""), Gt(0)]
    lambda_star: Annotated[float, Unit(""), Gt(0)] | None = None
    c5: Annotated[float, Unit("kPa"), Ge(0)] | Literal["smooth"] = "smooth"
    slack: Annotated[float, Unit(""), Ge(1)] = 1.0
    measure: Literal["cauchy", "nominal"] = "cauchy"
    switch: Switch = "hard"
    strain: Strain = "full"

    def __post_init__(self) -> None:
        if self.lambda_star is None and not isinstance(self.c5, str):
            raise ValueError("has a slope c5 of a straight line, but no stretch lambda_star where it begins")
        if self.slack != 1 and self.switch != "hard":
            raise ValueError(f'has fibers that are slack at rest; the switch must be "hard", not "{self.switch}"')
        numbers = isinstance(self.lambda_star, int | float) and isinstance(self.slack, int | float)
        if numbers and self.lambda_star is not None and self.lambda_star <= self.slack:
            raise ValueError(f"has lambda_star = {self.lambda_star:g}, but fibers are slack up to {self.slack:g}")

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        stretch = ufl.sqrt(kinematics.square_stretch(kinematics.fabric.axis, self.strain))
        return switched(self._energy, stretch / self.slack - 1, self.switch)

    def _energy(self, y: Expr) -> Expr:
        """Energy (kPa) of y = x − 1."""
        if self.lambda_star is None:
            return self._toe(y)
        end = self.lambda_star / self.slack - 1
        toe, line = self._toe(ufl.min_value(y, end)), self._toe(end) + self._line(y, end)
        return ufl.conditional(ufl.lt(y, end), toe, line)

    def _stress(self, y: Expr) -> Expr:
        """T (kPa) in the toe."""
        return self.c3 * (ufl.exp(self.c4 * y) - 1)

    def _toe(self, y: Expr) -> Expr:
        if self.measure == "nominal":
            return self.c3 * (exponential(self.c4, y) - y)
        grown = sum(
            float(w) * ufl.exp(self.c4 * float(t) * y) / (1 + float(t) * y) for t, w in zip(NODES, WEIGHTS, strict=True)
        )
        return self.c3 * (y * grown - ufl.ln(1 + y))

    def _line(self, y: Expr, end: Expr) -> Expr:
        """Energy (kPa) beyond the toe."""
        steepest = self.c3 * self.c4 * ufl.exp(self.c4 * end)
        slope = steepest if isinstance(self.c5, str) else self.c5 * self.slack
        start, beyond = self._stress(end), y - end
        if self.measure == "nominal":
            return beyond * (start + 0.5 * slope * beyond)
        return slope * beyond + (start - slope * (1 + end)) * ufl.ln((1 + y) / (1 + end))
