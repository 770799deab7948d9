"""What a solve gives back."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .cavities import CavityState
    from .equations import Unknowns
    from .problem import Problem
    from .system import State


@dataclass(frozen=True)
class Balance:
    """Forces and energies in an equilibrium.

    Attributes:
        reactions: force (3,) (mN) that each support exerts on the body, by its name.
        stored_energy: energy in the tissue (µJ).
        external_work: work of supports and loads along the path up to here (µJ).
    """

    reactions: dict[str, tuple[float, ...]]
    stored_energy: float
    external_work: float


@dataclass(frozen=True)
class Step:
    """One load increment.

    Attributes:
        level: load level reached, 0 to 1.
        residuals: residual norms (mN) of its Newton iterations.
        krylov: Krylov iterations of its linear solves.
        cavities: volume and pressure of each cavity, by its load's name.
        settled: whether in equilibrium; else a waypoint, with a small residual, to a level too far for one increment.
        balance: forces and energies where ``settled``; none in a path that is not told, or was another problem's.
    """

    level: float
    residuals: tuple[float, ...]
    krylov: tuple[int, ...]
    cavities: dict[str, "CavityState"] = field(default_factory=dict)
    settled: bool = True
    balance: Balance | None = None


@dataclass(frozen=True)
class Outcome:
    """How a solve ended.

    Attributes:
        converged: whether the full load was reached.
        sentence: what happened, for a person.
        level: last load level in equilibrium, 0 to 1.
        steps: converged increments.
        cuts: increments that failed and were retried shorter.
        newton: Newton iterations in all, those of failed increments among them.
        krylov: Krylov iterations in all, likewise.
    """

    converged: bool
    sentence: str
    level: float
    steps: tuple[Step, ...]
    cuts: int
    newton: int = 0
    krylov: int = 0


@dataclass(frozen=True)
class Solution:
    """Equilibrium at the last load level reached.

    Attributes:
        problem: what was solved.
        unknowns: displacement (mm) and pressure (kPa).
        outcome: how it ended.
        reactions: force (3,) (mN) that each support exerts on the body, by its name.
        stored_energy: energy in the tissue (µJ).
        external_work: work of supports and loads along the path (µJ), trapezoidal over the steps.
        cavities: volume and pressure of each cavity, by its load's name.
        state: the unknowns of this rank at the last level, from which ``solve`` may start on a like problem.
    """

    problem: "Problem"
    unknowns: "Unknowns"
    outcome: Outcome
    reactions: dict[str, NDArray[np.float64]]
    stored_energy: float
    external_work: float
    cavities: dict[str, "CavityState"] = field(default_factory=dict)
    state: "State | None" = field(default=None, repr=False)
