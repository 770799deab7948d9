"""Functions of principal stretches that stay smooth where stretches coincide."""

from collections.abc import Callable

import ufl
from ufl.core.expr import Expr

SHIFT = 1e-5
"""Least half-spread of the eigenvalues relative to their mean; what it adds to a result is of order SHIFT²."""

ANGLE = 3e-5
"""Least angle from the coincidence of two eigenvalues (rad); what it adds is of order ANGLE²."""


def sum_over_principal(C: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """Sum of a smooth function over the three eigenvalues of a symmetric positive-definite C (3, 3).

    The eigenvalues are q + 2 p cos(φ + 2πk/3) with q = tr C/3, p² = dev C : dev C/6 and cos 3φ = det dev C/(2 p³)
    (Smith 1961, doi 10.1145/355578.366316). A symmetric sum is a smooth function of p² and of the squared angle from
    coincidence, though p and φ are not smooth in C: both squares are shifted away from zero by a constant, so that
    first and second derivatives exist everywhere, at C = I too, and are right to the order of the shifts.
    """
    q = ufl.tr(C) / 3
    deviator = C - q * ufl.Identity(3)
    p = ufl.sqrt(ufl.inner(deviator, deviator) / 6 + (SHIFT * q) ** 2)
    cosine = ufl.det(deviator) / (2 * p**3)
    sine = ufl.sqrt(1 - cosine**2 + ANGLE**2)
    angle = ufl.atan2(sine, cosine) / 3
    return sum(
        (function(q + 2 * p * ufl.cos(angle + k * 2 * ufl.pi / 3)) for k in (1, 2)),
        function(q + 2 * p * ufl.cos(angle)),
    )
