"""What a strain-energy law may look at: the deformation gradient, its invariants, and the fibers."""

from dataclasses import dataclass
from functools import cached_property

import ufl
from ufl.core.expr import Expr


@dataclass(frozen=True)
class Fiber:
    """The diffusion-derived fabric at a point of the reference configuration.

    Attributes:
        axis: unit vector a0 (3,); its sign never matters.
        structure_tensor: H = D / tr D (3, 3), symmetric, trace one.
        fa: fractional anisotropy of D, 0 to 1.
    """

    axis: Expr
    structure_tensor: Expr
    fa: Expr


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
