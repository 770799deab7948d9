"""Passive myocardium: fibers in sheets."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import ufl
from annotated_types import Ge, Gt
from ufl.core.expr import Expr

from fibertwin.units import Unit

from .energy import StrainEnergy
from .exponential import exponential, reinforcement
from .kinematics import Kinematics, Strain
from .switch import Switch, switched


@dataclass(frozen=True)
class HolzapfelOgden(StrainEnergy):
    """psi = a/(2b) [exp(b (I1 − 3)) − 1] + Σ a_i/(2 b_i) [exp(b_i ⟨I4i − 1⟩²) − 1] + a_fs/(2 b_fs) [exp(b_fs I8²) − 1].

    Holzapfel & Ogden 2009, Phil. Trans. R. Soc. A 367:3445, eq. 5.38 (doi 10.1098/rsta.2009.0091), with i = f, s; I4f
    = f·C f, I4s = s·C s, I8 = f·C s. The matrix is part of the law. A stiffening b of zero makes its term quadratic.

    Attributes:
        a: stiffness of the matrix, its shear modulus at rest.
        b: stiffening of the matrix.
        a_f: stiffness along the fibers.
        b_f: stiffening along the fibers.
        a_s: stiffness along the sheets, across the fibers.
        b_s: stiffening along the sheets.
        a_fs: stiffness against shear between fiber and sheet.
        b_fs: stiffening against that shear.
        sheets: leave out by ``false`` where no sheets are known; a_s and a_fs are zero then.
        switch: how fibers and sheets end in compression, I4 < 1: ``"hard"``, ``"smooth"`` or ``"none"``.
        strain: ``"isochoric"`` (the default) or ``"full"`` (and − a ln J, which frees rest of stress): that of the
            matrix.
        fiber_strain: ``"full"`` (the default) or ``"isochoric"``: that of fibers, sheets and their shear.
    """

    needs_fibers: ClassVar[bool] = True

    a: Annotated[float, Unit("kPa"), Gt(0)]
    b: Annotated[float, Unit(""), Ge(0)]
    a_f: Annotated[float, Unit("kPa"), Ge(0)]
    b_f: Annotated[float, Unit(""), Ge(0)]
    a_s: Annotated[float, Unit("kPa"), Ge(0)] = 0.0
    b_s: Annotated[float, Unit(""), Ge(0)] = 0.0
    a_fs: Annotated[float, Unit("kPa"), Ge(0)] = 0.0
    b_fs: Annotated[float, Unit(""), Ge(0)] = 0.0
    sheets: bool = True
    switch: Switch = "hard"
    strain: Strain = "isochoric"
    fiber_strain: Strain = "full"

    def __post_init__(self) -> None:
        if not self.sheets and (self.a_s != 0 or self.a_fs != 0):
            raise ValueError("has a stiffness a_s or a_fs of sheets, but no sheets")

    @property
    def needs_sheets(self) -> bool:
        """Whether the sheets are told apart from what is across the fibers."""
        return self.sheets

    def psi(self, kinematics: Kinematics) -> Expr:
        """Strain energy per reference volume (kPa)."""
        fiber = kinematics.fabric
        I1, _ = kinematics.invariants(self.strain)
        matrix = 0.5 * self.a * exponential(self.b, I1 - 3) - kinematics.rest(self.a, self.strain)
        fibers = self._along(kinematics, fiber.axis, self.a_f, self.b_f)
        if not self.sheets:
            return matrix + fibers
        C = kinematics.right_cauchy_green(self.fiber_strain)
        shear = reinforcement(self.a_fs, self.b_fs, ufl.inner(fiber.axis, C * fiber.sheet_direction))
        return matrix + fibers + self._along(kinematics, fiber.sheet_direction, self.a_s, self.b_s) + shear

    def _along(self, kinematics: Kinematics, direction: Expr, a: float, b: float) -> Expr:
        strain = kinematics.square_stretch(direction, self.fiber_strain) - 1
        return switched(lambda E: reinforcement(a, b, E), strain, self.switch)
