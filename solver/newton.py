"""Newton's method with line search at one load level, and the first step towards it."""

import os
from dataclasses import dataclass

import numpy as np

from .system import Residual, System

SHORTEST = 1 / 32
"""Shortest fraction of a Newton correction that the line search tries."""

LONGEST = 16.0
"""Longest multiple of a Newton correction that the line search tries."""

KEPT = float(os.environ.get("T_KEPT", 0.1))
"""Least part of the smallest J that a correction must leave: a cell that loses more is about to turn inside out."""

STEEP = float(os.environ.get("T_STEEP", 16.0))
"""Growth of the residual from half a predictor to the whole one, four where the second derivative rules, above which
the path is too curved for it."""

SLOW = 0.6
"""Fall of the residual in one iteration above which it is slow, and so three times in a row stagnates."""

LOOSEST, TIGHTEST = float(os.environ.get("T_LOOSE", 1e-3)), 1e-8
"""Bounds of the relative tolerance of a linear solve."""

EXPAND = os.environ.get("T_EXPAND", "1") == "1"


@dataclass(frozen=True)
class Predicted:
    """The first step towards a load level.

    Attributes:
        share: how far of the way to the level the step is good for, 1 or less; 0 where there is none.
        residual: the residual there, where the step was taken: for a share of 1 only.
        krylov: Krylov iterations.
    """

    share: float
    residual: Residual | None
    krylov: int


@dataclass(frozen=True)
class NewtonResult:
    """How the iterations at one load level went.

    Attributes:
        converged: whether the residual fell below its tolerance.
        why: why not, in words; empty where converged.
        residuals: residual norms (mN), one per evaluation accepted.
        krylov: Krylov iterations of each linear solve.
        share: part of the way to the level that is worth trying next.
    """

    converged: bool
    why: str
    residuals: tuple[float, ...]
    krylov: tuple[int, ...]
    share: float = 0.5
    hopeless: bool = False


def newton(system: System, tolerance: float, most: int) -> NewtonResult:
    system_start = system.copy_state()
    least = system.least_volume_ratio()
    iterations, solved = system.newton_correction(LOOSEST, moving=True)
    krylov = [iterations]
    if not solved:
        return NewtonResult(False, "the linear solver failed", (), tuple(krylov))
    del system_start
    share = 1.0
    system.move(1.0)
    while (ratio := system.least_volume_ratio()) < KEPT * least:
        if share <= SHORTEST:
            break
        system.move(-share / 2)
        share /= 2
    if share < 1:
        return NewtonResult(False, f"cells turned inside out ({ratio:.3g})", (), tuple(krylov), share)
    current = system.residual()
    system.move(-0.5)
    half = system.residual()
    if not current.norm <= STEEP * half.norm:
        share = 0.5
        while share > SHORTEST:
            system.move(-share / 2)
            quarter = system.residual()
            if half.norm <= STEEP * quarter.norm:
                break
            share, half = share / 2, quarter
        return NewtonResult(False, "the path is too curved", (), tuple(krylov), share)
    system.move(0.5)
    return correct(system, current, krylov, tolerance, most)


def correct(system: System, current: Residual, krylov: list[int], tolerance: float, most: int) -> NewtonResult:
    residuals = [current.norm]
    least = system.least_volume_ratio()
    slow = 0
    for _ in range(1, most):
        if current.norm <= tolerance * current.forces:
            return NewtonResult(True, "", tuple(residuals), tuple(krylov))
        iterations, solved = system.newton_correction(_forcing(residuals, tolerance, current), moving=False)
        krylov.append(iterations)
        if not solved:
            return NewtonResult(False, "the linear solver failed", tuple(residuals), tuple(krylov))
        found = _line_search(system, current, least)
        if found is None:
            return NewtonResult(False, "the residual would not fall", tuple(residuals), tuple(krylov))
        slow = slow + 1 if found.norm > SLOW * current.norm else 0
        current = found
        least = system.least_volume_ratio()
        residuals.append(current.norm)
        if slow >= 4:
            return NewtonResult(False, "the residual falls too slowly", tuple(residuals), tuple(krylov))
    if current.norm <= tolerance * current.forces:
        return NewtonResult(True, "", tuple(residuals), tuple(krylov))
    return NewtonResult(False, f"no convergence in {most} iterations", tuple(residuals), tuple(krylov))


def _line_search(system: System, previous: Residual, least: float) -> Residual | None:
    """Shorten the correction until no cell is turned and the residual is lower; None where it never is."""
    step = 1.0
    system.move(step)
    while step >= SHORTEST:
        if system.least_volume_ratio() >= KEPT * least:
            current = system.residual()
            if current.norm < (1 - 1e-4 * step) * previous.norm:
                if step == 1.0 and EXPAND and 0.25 * previous.norm < current.norm:
                    return _stretch(system, current, least)
                return current
        system.move(-step / 2)
        step /= 2
    return None


def _stretch(system: System, current: Residual, least: float) -> Residual:
    """Lengthen the correction as long as the residual falls: an exponential falls by e only with each whole one."""
    step = 1.0
    while step < LONGEST:
        system.move(step)
        longer = system.residual() if system.least_volume_ratio() >= KEPT * least else None
        if longer is None or not longer.norm < current.norm:
            system.move(-step)
            break
        current, step = longer, 2 * step
    return current


def _forcing(residuals: list[float], tolerance: float, last: Residual) -> float:
    """Relative tolerance of the next linear solve."""
    if len(residuals) < 2:
        return LOOSEST
    progress = (residuals[-1] / residuals[-2]) ** 2
    enough = 0.1 * tolerance * last.forces / last.norm
    return float(min(LOOSEST, max(progress, enough, TIGHTEST)))
