"""Newton's method with line search at one load level."""

from dataclasses import dataclass

import numpy as np

from .system import Residual, System

SHORTEST = 1 / 32
"""Shortest fraction of a Newton correction that the line search tries."""

LOOSEST, TIGHTEST = 1e-3, 1e-8
"""Bounds of the relative tolerance of a linear solve."""


@dataclass(frozen=True)
class NewtonResult:
    """How the iterations at one load level went.

    Attributes:
        converged: whether the residual fell below its tolerance.
        why: why not, in words; empty where converged.
        residuals: residual norms (mN), one per evaluation accepted.
        krylov: Krylov iterations of each linear solve.
    """

    converged: bool
    why: str
    residuals: tuple[float, ...]
    krylov: tuple[int, ...]


def newton(system: System, tolerance: float, most: int) -> NewtonResult:
    """Iterate to equilibrium at the system's present load level. Collective.

    The first correction carries prescribed motion through the tangent, so that the increment need not shrink with
    the mesh. A correction is shortened until the residual falls (the first one: until it is finite, since moving
    the supports must raise it). Linear solves are as exact as the outer progress deserves (Eisenstat & Walker 1996,
    doi 10.1137/0917003, choice 2).

    Args:
        system: the system, at the last converged state.
        tolerance: residual over forces at which to stop.
        most: most iterations.
    """
    residuals: list[float] = []
    krylov: list[int] = []
    previous: Residual | None = None
    for iteration in range(most):
        rtol = _forcing(residuals, tolerance, previous)
        iterations, solved = system.newton_correction(rtol, moving=iteration == 0)
        krylov.append(iterations)
        if not solved:
            return NewtonResult(False, "the linear solver failed", tuple(residuals), tuple(krylov))
        current = _line_search(system, previous)
        if current is None:
            why = "cells turned inside out" if iteration == 0 else "the residual would not fall"
            return NewtonResult(False, why, tuple(residuals), tuple(krylov))
        residuals.append(current.norm)
        previous = current
        if current.norm <= tolerance * current.forces:
            return NewtonResult(True, "", tuple(residuals), tuple(krylov))
    return NewtonResult(False, f"no convergence in {most} iterations", tuple(residuals), tuple(krylov))


def _line_search(system: System, previous: Residual | None) -> Residual | None:
    """Shorten the correction until the residual is finite and, but for the first, lower; None where it never is."""
    step = 1.0
    system.move(step)
    while True:
        current = system.residual()
        if np.isfinite(current.norm) and (previous is None or current.norm < (1 - 1e-4 * step) * previous.norm):
            return current
        if previous is None or step <= SHORTEST:
            return None
        system.move(-step / 2)
        step /= 2


def _forcing(residuals: list[float], tolerance: float, last: Residual | None) -> float:
    """Relative tolerance of the next linear solve."""
    if len(residuals) < 2 or last is None:
        return LOOSEST
    progress = (residuals[-1] / residuals[-2]) ** 2
    enough = 0.1 * tolerance * last.forces / last.norm
    return float(min(LOOSEST, max(progress, enough, TIGHTEST)))
