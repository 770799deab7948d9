"""The exponential of the laws of soft tissue, safe and exact where its exponent vanishes."""

import ufl
from ufl.core.expr import Expr

TINY = 1e-100
"""What a stiffening of zero is held to be: the function is linear then, to the last digit."""


def exponential(stiffening: Expr | float, strain: Expr) -> Expr:
    """(exp(k x) − 1)/k of a stiffening k ≥ 0, which is x for k = 0.

    Written with the hyperbolic sine, which loses no digits at small k x: exp(y) − 1 = 2 exp(y/2) sinh(y/2).
    """
    k = ufl.max_value(stiffening, TINY)
    half = 0.5 * k * strain
    return 2 * ufl.exp(half) * ufl.sinh(half) / k


def reinforcement(stiffness: Expr | float, stiffening: Expr | float, strain: Expr) -> Expr:
    """k1/(2 k2) [exp(k2 E²) − 1] (kPa) of a strain E, which is k1/2 E² for k2 = 0."""
    return 0.5 * stiffness * exponential(stiffening, strain**2)
