"""Passive myocardium: one exponential of all strains, with its own stiffening in fiber, sheet and normal."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import ufl
from annotated_types import Ge, Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .kinematics import Kinematics, Strain


@dataclass(frozen=True)
class Costa(StrainEnergy):
    """psi = c/2 (exp Q − 1), Q = b_ff Eff² + b_ss Ess² + b_nn Enn² + 2 (b_fs Efs² + b_fn Efn² + b_sn Esn²).

    Costa, Holmes & McCulloch 2001, Phil. Trans. R. Soc. A 359:1233 (doi 10.1098/rsta.2001.0828). With b_ss = b_nn =
    b_sn and b_fs = b_fn it is ``Guccione``.

    Attributes:
        c: stiffness.
        b_ff: stiffening along the fibers.
        b_ss: stiffening along the sheets, across the fibers.
        b_nn: stiffening along the sheets' normal.
        b_fs: stiffening against shear between fiber and sheet.
        b_fn: stiffening against shear between fiber and normal.
        b_sn: stiffening against shear between sheet and normal.
        strain: ``"isochoric"`` (the default) or ``"full"``. With the full one mixed elements converge badly.
    """

    needs_fibers: ClassVar[bool] = True

    c: Annotated[float, Unit("kPa"), Gt(0)]
    b_ff: Annotated[float, Unit(""), Ge(0)]
    b_ss: Annotated[float, Unit(""), Ge(0)]
    b_nn: Annotated[float, Unit(""), Ge(0)]
    b_fs: Annotated[float, Unit(""), Ge(0)]
    b_fn: Annotated[float, Unit(""), Ge(0)]
    b_sn: Annotated[float, Unit(""), Ge(0)]
    strain: Strain = "isochoric"

    @property
    def needs_sheets(self) -> bool:
        """Yes: the three directions have stiffnesses of their own."""
        return True

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        E, fiber = kinematics.green_lagrange(self.strain), kinematics.fabric
        f, s, n = fiber.axis, fiber.sheet_direction, fiber.normal

        def square(one: Expr, other: Expr) -> Expr:
            return ufl.inner(one, E * other) ** 2

        normal = self.b_ff * square(f, f) + self.b_ss * square(s, s) + self.b_nn * square(n, n)
        shear = self.b_fs * square(f, s) + self.b_fn * square(f, n) + self.b_sn * square(s, n)
        return 0.5 * self.c * (ufl.exp(normal + 2 * shear) - 1)
