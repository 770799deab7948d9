"""Passive myocardium: one exponential of all strains, the same in every direction across the fiber."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import ufl
from annotated_types import Ge, Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Fiber, Kinematics, Strain


@dataclass(frozen=True)
class Guccione(StrainEnergy):
    """psi = c/2 (exp Q − 1), Q = b_f Eff² + b_t (Ess² + Enn² + 2 Esn²) + 2 b_fs (Efs² + Efn²).

    Guccione, McCulloch & Waldman 1991, J. Biomech. Eng. 113:42 (doi 10.1115/1.2894084), in the form of Land et al.
    2015 (doi 10.1098/rspa.2015.0641). The law is the same in every direction across the fiber, so that Q needs the
    fiber alone: Ess² + Enn² + 2 Esn² = E : E − 2 |E f|² + Eff² and Efs² + Efn² = |E f|² − Eff². See ``Costa`` for an
    orthotropic one.

    Attributes:
        c: stiffness.
        b_f: stiffening along the fibers.
        b_t: stiffening across the fibers.
        b_fs: stiffening against shear between the fibers and what is across them.
        sheets: write Q in the components of fiber, sheet and normal; the same energy.
        strain: ``"isochoric"`` (the default) or ``"full"``. With the full one mixed elements converge badly.
    """

    needs_fibers: ClassVar[bool] = True

    c: Annotated[float, Unit("kPa"), Gt(0)]
    b_f: Annotated[float, Unit(""), Ge(0)]
    b_t: Annotated[float, Unit(""), Ge(0)]
    b_fs: Annotated[float, Unit(""), Ge(0)]
    sheets: bool = False
    strain: Strain = "isochoric"

    @property
    def needs_sheets(self) -> bool:
        """Whether the sheets are told apart from what is across the fibers."""
        return self.sheets

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        E, fiber = kinematics.green_lagrange(self.strain), kinematics.fabric
        along, across, shear = _by_components(E, fiber) if self.sheets else _by_fiber(E, fiber)
        return 0.5 * self.c * (ufl.exp(self.b_f * along + self.b_t * across + 2 * self.b_fs * shear) - 1)


def _by_fiber(E: Expr, fiber: Fiber) -> tuple[Expr, Expr, Expr]:
    """Squares of the strain along the fiber, across it, and of the shear between."""
    Ef = E * fiber.axis
    along, total = ufl.inner(fiber.axis, Ef) ** 2, ufl.inner(Ef, Ef)
    return along, ufl.inner(E, E) - 2 * total + along, total - along


def _by_components(E: Expr, fiber: Fiber) -> tuple[Expr, Expr, Expr]:
    """The same from the components in fiber, sheet and normal."""
    f, s, n = fiber.axis, fiber.sheet_direction, fiber.normal
    across = ufl.inner(s, E * s) ** 2 + ufl.inner(n, E * n) ** 2 + 2 * ufl.inner(s, E * n) ** 2
    return ufl.inner(f, E * f) ** 2, across, ufl.inner(f, E * s) ** 2 + ufl.inner(f, E * n) ** 2
