"""Fibers that resist tension only: three ways to end them, each one energy, so that stress and tangent follow."""

from collections.abc import Callable
from typing import Literal

import ufl
from ufl.core.expr import Expr

Switch = Literal["hard", "smooth", "none"]
"""How a fiber term ends in compression.

``hard``: the energy is that of the positive part of the strain (Macaulay), so the stress is continuous and the tangent
jumps where it vanishes. ``smooth``: the energy is multiplied by the logistic function of the strain, with the slope
``SLOPE``, so that all derivatives are continuous (as in Aróstica et al. 2025, doi 10.1016/j.cma.2024.117485).
``none``: fibers resist compression too.
"""

SLOPE = 100.0
"""Slope of the logistic switch."""


def switched(energy: Callable[[Expr], Expr], strain: Expr, switch: Switch) -> Expr:
    """The energy of a fiber strain, which vanishes at zero strain with its first derivative, ended in compression.

    Args:
        energy: energy (kPa) of a fiber strain such as I4 − 1.
        strain: that strain.
        switch: how it ends.
    """
    if switch == "hard":
        return energy(ufl.max_value(strain, 0))
    if switch == "smooth":
        return energy(strain) / (1 + ufl.exp(-SLOPE * strain))
    return energy(strain)
