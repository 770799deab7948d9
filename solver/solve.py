"""The one verb: bring the load on in increments, retry shorter ones, end in a sentence."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import SolveError

from .deformation import worst_cell
from .linear import parse_options
from .newton import NewtonResult, damped, newton
from .parameters import looked_up
from .problem import Problem, Stepping, check
from .solution import Outcome, Solution, Step
from .system import State, System

EASY = 7
"""Newton iterations up to which an increment counts as easy, and the next may be longer."""

PATIENCE = 3
"""Failures in a row after which damping is tried: an instability does not go away with shorter increments."""

type Progress = Callable[[float, Step | None, str], None]
"""Called after every increment: load level in equilibrium, the step (None where it failed), and a sentence."""


def solve(
    problem: Problem, stepping: Stepping | None = None, *, petsc: str = "", progress: Progress | None = None
) -> Solution:
    """Bring the body to equilibrium at full load, or as near to it as it goes. Collective.

    Args:
        problem: what to solve.
        stepping: how to bring the load on.
        petsc: PETSc options, as on a command line.
        progress: called after every increment, on every rank.

    Returns:
        the solution; where ``outcome.converged`` is false, the last state in equilibrium.

    Raises:
        InputError: the problem is inconsistent, or the body can move rigidly.
    """
    stepping = stepping or Stepping()
    check(problem)
    problem = looked_up(problem)
    system = System(problem, stepping.end, parse_options(petsc))
    path = Path(system)
    failure = walk(path, stepping, progress)
    outcome = _outcome(path, failure, system.ignored_options())
    solution = Solution(
        problem, system.state, outcome, system.reactions(), system.energy(), path.work, system.cavities()
    )
    system.destroy()
    return solution


def require(solution: Solution) -> Solution:
    """The solution itself where it reached full load.

    Raises:
        SolveError: with the outcome's sentence, where it did not.
    """
    if not solution.outcome.converged:
        raise SolveError(solution.outcome.sentence)
    return solution


def _silent(level: float, step: Step | None, sentence: str) -> None:
    """Report nothing."""


@dataclass
class Path:
    """Where the load path of a system stands, and the work done along it."""

    system: System
    level: float = 0.0
    cuts: int = 0
    work: float = 0.0
    newton: int = 0
    krylov: int = 0
    dearest: int = 0
    dear: int = 0
    patience: int = PATIENCE
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keep()

    def keep(self) -> None:
        """Take the system's state as the last one in equilibrium."""
        self.state = self.system.copy_state()
        self.forces = self.system.internal_forces()

    def advance(self, step: Step) -> None:
        """Record a converged increment and the work of all external forces over it (trapezoidal)."""
        place, forces = self._place(), self.forces
        self.keep()
        moved = self._place() - place
        self.work += self.system.comm.allreduce(0.5 * float(np.dot(forces + self.forces, moved)))
        self.level = step.level
        self.steps.append(step)

    def count(self, result: NewtonResult) -> None:
        """Add the iterations of an attempt."""
        self.newton += len(result.krylov)
        self.krylov += sum(result.krylov)
        self.dear += result.dear
        if result.converged:
            self.dearest = max(self.dearest, *result.krylov)

    def go_back(self) -> None:
        """Put the system back to the last state in equilibrium."""
        self.system.set_state(self.state)
        self.system.set_level(self.level)
        self.cuts += 1

    def _place(self) -> NDArray[np.float64]:
        return self.state.functions[0][: len(self.forces)]


def walk(
    path: Path,
    stepping: Stepping,
    progress: Progress | None = None,
    *,
    until: float = 1.0,
    start: State | None = None,
) -> str:
    """Increment by increment to a level; returns why it stopped short, empty where it did not. Collective.

    Args:
        path: where the load path begins.
        stepping: how to go.
        progress: called after every increment.
        until: level to go to.
        start: a guess of the state at that level, which is tried first.
    """
    system, progress = path.system, progress or _silent
    if start is not None and _leap(path, stepping, start, until):
        return ""
    increment, failures = stepping.first, 0
    knots = [*(knot for knot in system.knots() if knot < until), until]
    while path.level < until:
        ahead = next(knot for knot in knots if knot > path.level + 1e-9)
        level = path.level + increment
        level = ahead if level > ahead - 1e-9 else level
        result, failed = _attempt(path, stepping, level, failures)
        if result.converged:
            path.advance(Step(level, result.residuals, result.krylov, system.cavities()))
            progress(level, path.steps[-1], "")
            increment *= stepping.growth if len(result.residuals) <= EASY else 1.0
            failures = 0
            continue
        progress(path.level, None, failed)
        failures += 1
        tried = level - path.level
        if tried < stepping.smallest * (1 + 1e-9) or (result.exhausted and failures >= PATIENCE):
            return failed if result.exhausted else failed + _hint(system)
        increment = max(result.share * tried, stepping.smallest)
    return ""


def _hint(system: System) -> str:
    """What may be behind a body that finds no rest, where loads push on it."""
    if not system.forms.loads:
        return ""
    return "; this may be a limit point of the load, past which a prescribed volume or displacement leads"


def _attempt(path: Path, stepping: Stepping, level: float, failures: int) -> tuple[NewtonResult, str]:
    """Try for equilibrium at a level; if there is none, why, and the path is where it was.

    Damping comes first where shorter increments have failed ``PATIENCE`` times, or once where it was what helped last,
    and before the solve is given up.
    """
    system = path.system
    last = level - path.level < stepping.smallest * (1 + 1e-9)
    result, failed = NewtonResult(False, "", (), ()), ""
    for method in (True, False):
        if method and failures != path.patience and not last:
            continue
        system.set_level(level)
        if method:
            result = damped(system, stepping.tolerance)
        else:
            known = path.dearest if path.dear < PATIENCE else None
            result = newton(system, stepping.tolerance, stepping.newton, known)
        path.count(result)
        if result.converged:
            path.patience = 1 if method else PATIENCE if failures == 0 else path.patience
            return result, ""
        failed = f"{result.why} at {level:.3g} of the load; {worst_cell(system.problem, system.state)}"
        path.go_back()
    return result, failed


def _leap(path: Path, stepping: Stepping, start: State, until: float) -> bool:
    """Try to find equilibrium at a level from a guess; back at the beginning where there is none."""
    path.system.set_state(start)
    path.system.set_level(until)
    result = newton(path.system, stepping.tolerance, stepping.newton)
    path.count(result)
    if result.converged:
        path.advance(Step(until, result.residuals, result.krylov, path.system.cavities()))
        return True
    path.go_back()
    return False


def _outcome(path: Path, failure: str, ignored: list[str]) -> Outcome:
    effort = (
        f"{_count(len(path.steps), 'increment')}, {_count(path.newton, 'Newton iteration')}, "
        f"{_count(path.krylov, 'Krylov iteration')}, {_count(path.cuts, 'cut')}"
    )
    if failure:
        sentence = f"The solve stopped at {path.level:.3g} of the full load ({effort}): {failure}."
    else:
        sentence = f"Equilibrium at full load after {effort}."
    if ignored:
        sentence += f" PETSc did not use these options: {' '.join(ignored)}."
    return Outcome(not failure, sentence, path.level, tuple(path.steps), path.cuts, path.newton, path.krylov)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
