"""Newton's method with constant steps and nothing else: what the torture set is compared with."""

from dataclasses import dataclass

import numpy as np

from fibertwin.solver import Problem, Stepping
from fibertwin.solver.system import System

MOST = 25
"""Newton iterations after which a step has failed."""

EXACT = 1e-6
"""Relative tolerance of its linear solves."""


@dataclass(frozen=True)
class Plain:
    """How plain Newton went: whether it got there, and its iterations in all."""

    solved: bool
    newton: int
    krylov: int


def plain_newton(problem: Problem, steps: int, stepping: Stepping | None = None) -> Plain:
    """Bring the load on in ``steps`` equal parts, each by full Newton corrections; the first failure ends it."""
    stepping = stepping or Stepping()
    system = System(problem, stepping.end)
    newton = krylov = 0
    try:
        for number in range(1, steps + 1):
            system.set_level(number / steps)
            for iteration in range(MOST):
                more, solved = system.newton_correction(EXACT, moving=iteration == 0)
                newton, krylov = newton + 1, krylov + more
                if not solved:
                    return Plain(False, newton, krylov)
                system.move(1.0)
                found = system.residual()
                if not np.isfinite(found.norm):
                    return Plain(False, newton, krylov)
                if found.norm <= stepping.tolerance * found.forces:
                    break
            else:
                return Plain(False, newton, krylov)
        return Plain(True, newton, krylov)
    finally:
        system.destroy()
