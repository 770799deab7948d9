"""What a strain-energy law may look at: the deformation gradient, its invariants, and the fibers."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import ufl
from ufl.core.expr import Expr

Strain = Literal["full", "isochoric"]
"""Which right Cauchy–Green tensor a law looks at: C itself, or J^(-2/3) C."""


@dataclass(frozen=True)
class Fiber:
    """The diffusion-derived fabric at a point of the reference configuration.

    Attributes:
        axis: unit vector a0 (3,); its sign never matters.
        structure_tensor: H = D / tr D (3, 3), symmetric, trace one.
        fa: fractional anisotropy of D, 0 to 1.
        sheet: unit vector s0 (3,) normal to a0, the second eigenvector of D; its sign never matters.
    """

    axis: Expr
    structure_tensor: Expr
    fa: Expr
    sheet: Expr | None = None

    @property
    def sheet_direction(self) -> Expr:
        """The sheet direction s0 (3,).

        Raises:
            ValueError: the tissue has none.
        """
        if self.sheet is None:
            raise ValueError("a law with sheets needs sheet directions")
        return self.sheet

    @property
    def normal(self) -> Expr:
        """Unit vector n0 (3,) normal to fiber and sheet."""
        return ufl.cross(self.axis, self.sheet_direction)

    def at_angle(self, angle: Expr | float) -> Expr:
        """Unit vector (3,) in the plane of fiber and sheet, turned from the fiber towards the sheet by an angle (rad).

        At the angle 0 no sheet is needed.
        """
        if isinstance(angle, float | int) and angle == 0:
            return self.axis
        return ufl.cos(angle) * self.axis + ufl.sin(angle) * self.sheet_direction


@dataclass(frozen=True)
class Kinematics:
    """A deformation gradient F (3, 3) and the invariants that the laws share.

    Attributes:
        F: deformation gradient.
        fiber: fabric at the point, or None where the tissue has none.
    """

    F: Expr
    fiber: Fiber | None = None

    @cached_property
    def J(self) -> Expr:
        """Volume ratio det F."""
        return ufl.det(self.F)

    @cached_property
    def C(self) -> Expr:
        """Right Cauchy–Green tensor Fᵀ F."""
        return self.F.T * self.F

    @cached_property
    def C_isochoric(self) -> Expr:
        """Isochoric right Cauchy–Green tensor J^(-2/3) C (not deviatoric)."""
        return self.J ** (-2.0 / 3.0) * self.C

    @cached_property
    def I1_isochoric(self) -> Expr:
        """First invariant of the isochoric right Cauchy–Green tensor."""
        return ufl.tr(self.C_isochoric)

    @property
    def fabric(self) -> Fiber:
        """The fabric at the point.

        Raises:
            ValueError: the tissue has none.
        """
        if self.fiber is None:
            raise ValueError("a law with fibers needs a fabric")
        return self.fiber

    def right_cauchy_green(self, strain: Strain) -> Expr:
        """C, or its isochoric part."""
        return self.C if strain == "full" else self.C_isochoric

    def invariants(self, strain: Strain) -> tuple[Expr, Expr]:
        """First and second invariant of C, or of its isochoric part."""
        C = self.right_cauchy_green(strain)
        I1 = ufl.tr(C)
        return I1, 0.5 * (I1**2 - ufl.tr(C * C))

    def rest(self, stress: Expr, strain: Strain) -> Expr:
        """What an isotropic energy of the full C loses, s ln J, so that it is free of stress at rest.

        Args:
            stress: the second Piola–Kirchhoff stress s (kPa) that the energy alone has at F = I.
            strain: nothing is lost where the strain is isochoric, which has no such stress.
        """
        return ufl.as_ufl(0.0) if strain == "isochoric" else stress * ufl.ln(self.J)

    def green_lagrange(self, strain: Strain) -> Expr:
        """E = (C − I)/2, or that of the isochoric part."""
        return 0.5 * (self.right_cauchy_green(strain) - ufl.Identity(3))

    def square_stretch(self, direction: Expr, strain: Strain) -> Expr:
        """I4 = a · C a of a unit vector a of the reference configuration."""
        return ufl.inner(direction, self.right_cauchy_green(strain) * direction)
