"""A material at a point, in plain numbers: energy and stress for a given F, nothing compiled."""

from dataclasses import dataclass

import numpy as np
import ufl
from numpy.typing import ArrayLike, NDArray
from ufl.algorithms.apply_algebra_lowering import apply_algebra_lowering
from ufl.algorithms.apply_derivatives import apply_derivatives
from ufl.core.expr import Expr

from .dispersion import kappa_from_fa
from .kinematics import Fiber, Kinematics
from .material import Material


@dataclass(frozen=True)
class Fabric:
    """Numbers for ``Fiber``: see there for the attributes."""

    axis: NDArray[np.float64]
    structure_tensor: NDArray[np.float64]
    fa: float
    sheet: NDArray[np.float64] | None = None


def axisymmetric_fabric(axis: ArrayLike, fa: float) -> Fabric:
    """The fabric of an axisymmetric diffusion tensor with a given axis (3,) and fractional anisotropy.

    Its sheet is any direction across the axis.
    """
    a0 = np.asarray(axis, dtype=float) / np.linalg.norm(axis)
    kappa = float(kappa_from_fa(fa))
    across = np.cross(a0, np.eye(3)[np.argmin(np.abs(a0))])
    H = kappa * np.eye(3) + (1 - 3 * kappa) * np.outer(a0, a0)
    return Fabric(a0, H, fa, across / np.linalg.norm(across))


def energy(material: Material, F: ArrayLike, fabric: Fabric | None = None) -> float:
    """Strain energy per reference volume (kPa) without its volumetric part, at a deformation gradient F (3, 3)."""
    return float(_evaluate(material.psi(_kinematics(ufl.as_matrix(_nested(F)), fabric))))


def first_piola_kirchhoff(material: Material, F: ArrayLike, fabric: Fabric | None = None) -> NDArray[np.float64]:
    """First Piola–Kirchhoff stress ∂psi/∂F (3, 3) (kPa), without the volumetric part."""
    variable = ufl.variable(ufl.as_matrix(_nested(F)))
    P = apply_derivatives(apply_algebra_lowering(ufl.diff(material.psi(_kinematics(variable, fabric)), variable)))
    return np.array([[_evaluate(P[i, j]) for j in range(3)] for i in range(3)])


def _kinematics(F: Expr, fabric: Fabric | None) -> Kinematics:
    if fabric is None:
        return Kinematics(F)
    axis = ufl.as_vector([float(x) for x in fabric.axis])
    sheet = None if fabric.sheet is None else ufl.as_vector([float(x) for x in fabric.sheet])
    H = ufl.as_matrix(_nested(fabric.structure_tensor))
    return Kinematics(F, Fiber(axis, H, ufl.as_ufl(float(fabric.fa)), sheet))


def _nested(matrix: ArrayLike) -> list[list[float]]:
    return [[float(x) for x in row] for row in np.asarray(matrix, dtype=float)]


def _evaluate(expression: Expr) -> float:
    return float(expression((0.0, 0.0, 0.0)))
