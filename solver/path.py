"""The load path: increment by increment, by way of waypoints where one of them is too long."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .deformation import worst_cell
from .newton import NewtonResult, damped, newton
from .problem import Stepping
from .solution import Balance, Step
from .system import State, System

EASY = 7
"""Newton iterations up to which an increment counts as easy, and the next may be longer."""

EASY_WAY = 5
"""The same for an increment to a waypoint."""

WAYPOINT = 3e-3
"""Residual over forces that is small enough on the way to a level which was too far for one increment: nobody asked for
equilibrium there, and the next increment takes up what is left."""

PATIENCE = 3
"""Failures in a row after which damping is tried: an instability does not go away with shorter increments."""

type Keep = Callable[["Path"], None]
"""Called where the path may be left and taken up again: after an increment, with the next one's length known."""

type Watch = Callable[["Path"], None]
"""Called in every equilibrium on the path, before ``Progress`` is."""

type Progress = Callable[[float, Step | None, str], None]
"""Called after every increment: load level reached, the step (None where it failed), and a sentence."""


@dataclass(frozen=True)
class Place:
    """A state on the path.

    Attributes:
        level: load level.
        state: the unknowns.
        forces: force (mN) of the tissue at every displacement degree of freedom owned here.
        work: work of all external forces up to here (µJ).
        steps: increments up to here, those to waypoints among them.
    """

    level: float
    state: State
    forces: NDArray[np.float64]
    work: float = 0.0
    steps: tuple[Step, ...] = ()

    @property
    def displacement(self) -> NDArray[np.float64]:
        """Displacement (mm) of the degrees of freedom owned here."""
        return self.state.functions[0][: len(self.forces)]


@dataclass
class Leg:
    """The way to a level at which the body must be in equilibrium.

    Attributes:
        goal: that level.
        increment: the increment that it began with.
        begun: where it began.
        careful: whether it began with an equilibrium at every increment, so that nothing else is left to try.
        left: how far the first try came, once the second is under way.
        why: why the first try failed.
    """

    goal: float
    increment: float
    begun: Place
    careful: bool
    left: Place | None = None
    why: str = ""


@dataclass
class Path:
    """Where the load path of a system stands, and what it took to get there.

    Attributes:
        system: the system.
        here: where the next increment starts: in equilibrium, or at a waypoint.
        rest: the last state in equilibrium.
        increment: how far the next increment is to go, but for ``Stepping.largest``; 0 where none has been tried.
        leg: the way to the next level at which equilibrium is wanted, once it has begun.
        cuts: increments that failed.
        newton: Newton iterations.
        krylov: Krylov iterations.
        dearest: most Krylov iterations of a linear solve on the way to an equilibrium.
        dear: increments given up because linear solves became too dear.
        patience: failures in a row after which damping is tried.
        careful: whether every increment must end in equilibrium, and linear solves leave no error.
        exhausted: increments to the present level whose residual came down to round-off and no further.
        watch: called in every equilibrium, whose forces and energies are then found; neither without it.
    """

    system: System
    increment: float = 0.0
    leg: Leg | None = None
    cuts: int = 0
    newton: int = 0
    krylov: int = 0
    dearest: int = 0
    dear: int = 0
    patience: int = PATIENCE
    careful: bool = False
    exhausted: int = 0
    watch: Watch | None = None

    def __post_init__(self) -> None:
        self.here = self.rest = Place(0.0, self.system.copy_state(), self.system.internal_forces())

    @property
    def level(self) -> float:
        """Load level from which the next increment starts."""
        return self.here.level

    @property
    def steps(self) -> tuple[Step, ...]:
        """Increments so far, those to waypoints among them."""
        return self.here.steps

    def advance(self, step: Step) -> None:
        """Record an increment and the work of all external forces over it (trapezoidal)."""
        last = self.here
        if step.settled and self.system.past:
            self.system.settle()
        now = Place(step.level, self.system.copy_state(), self.system.internal_forces())
        along = float(np.dot(last.forces + now.forces, now.displacement - last.displacement))
        work = last.work + self.system.comm.allreduce(0.5 * along)
        if step.settled and self.watch is not None:
            reactions = {name: (*map(float, force),) for name, force in self.system.reactions().items()}
            step = replace(step, balance=Balance(reactions, self.system.energy(), work))
        self.here = replace(now, work=work, steps=(*last.steps, step))
        if step.settled:
            self.rest = self.here
            if self.watch is not None:
                self.watch(self)

    def count(self, result: NewtonResult) -> None:
        """Add the iterations of an attempt."""
        self.newton += len(result.krylov)
        self.krylov += sum(result.krylov)
        self.dear += result.dear
        if result.converged:
            self.dearest = max(self.dearest, *result.krylov)

    def go_back(self, place: Place | None = None) -> None:
        """Put the system back to where the increment started, or to an earlier equilibrium."""
        if place is not None:
            self.here = self.rest = place
        self.system.set_state(self.here.state)
        self.system.set_level(self.level)


def walk(
    path: Path,
    stepping: Stepping,
    progress: Progress | None = None,
    *,
    until: float = 1.0,
    through: Sequence[float] = (),
    start: State | None = None,
    keep: Keep | None = None,
) -> str:
    """Increment by increment to a level; returns why it stopped short, empty where it did not. Collective.

    Args:
        path: where the load path begins.
        stepping: how to go.
        progress: called after every increment.
        until: level to go to.
        through: levels on the way at which the body must be in equilibrium too.
        start: a guess of the state at that level, which is tried first; not for a system that remembers its way.
        keep: called where the path may be left; what it raises ends the walk.
    """
    progress, keep = progress or _silent, keep or _keep_nothing
    if start is not None and not path.system.past and _leap(path, stepping, start, until):
        return ""
    path.increment = min(path.increment or stepping.first, stepping.largest)
    stops = (*path.system.knots(), *through)
    knots = [*sorted(knot for knot in stops if knot < until - 1e-9), until]
    while path.level < until:
        ahead = next(knot for knot in knots if knot > path.level + 1e-9)
        if path.leg is not None:
            path.leg.goal = min(path.leg.goal, ahead)  # it may be of a run that was to stop elsewhere
        else:
            goal = path.level + path.increment
            goal = ahead if goal > ahead - 1e-9 else goal
            path.leg = Leg(goal, path.increment, path.rest, path.careful)
            path.exhausted = 0
        failed = _reach(path, path.leg, stepping, progress, keep)
        if failed:
            return failed
        path.leg = None
    return ""


def resettle(path: Path, stepping: Stepping) -> str:
    """Bring the state at which a path stands, another problem's, to equilibrium; why not, if not. Collective."""
    level = path.level
    result = newton(path.system, stepping.tolerance, stepping.newton)
    path.count(result)
    if not result.converged:
        path.go_back()
        return f"from the state at {level:.3g} of the load that was given, {result.why}"
    path.advance(Step(level, result.residuals, result.krylov, path.system.cavities()))
    return ""


def _reach(path: Path, leg: Leg, stepping: Stepping, progress: Progress, keep: Keep) -> str:
    """Bring the body to equilibrium at a leg's goal; why it was not reached, if not.

    What was not reached is tried once more with equilibrium at each waypoint and exact linear solves: where the path
    bends or branches, small errors lead astray.
    """
    failed = _go(path, stepping, leg.goal, progress, keep)
    if failed and leg.left is None and not leg.careful and path.exhausted < PATIENCE:
        leg.left, leg.why = path.rest, failed
        path.careful, path.dearest, path.dear, path.patience, path.exhausted = True, 0, 0, PATIENCE, 0
        path.increment = leg.increment
        path.go_back(leg.begun)
        failed = _go(path, stepping, leg.goal, progress, keep)
    if failed and leg.left is not None and path.level < leg.left.level:
        path.go_back(leg.left)
        return leg.why
    return failed


def _go(path: Path, stepping: Stepping, goal: float, progress: Progress, keep: Keep) -> str:
    """Increment by increment to a level, shorter ones where one fails, longer ones where one is easy."""
    failures = 0
    while path.level < goal:
        level = path.level + path.increment
        level = goal if level > goal - 1e-9 else level
        settled = level == goal or path.careful or bool(path.system.past)
        result, failed = _attempt(path, stepping, level, failures, settled=settled)
        if result.converged:
            path.advance(Step(level, result.residuals, result.krylov, path.system.cavities(), settled))
            progress(level, path.steps[-1], "")
            easy = len(result.residuals) <= (EASY if settled else EASY_WAY)
            path.increment = min(path.increment * (stepping.growth if easy else 1.0), stepping.largest)
            failures = 0
            keep(path)
            continue
        progress(path.level, None, failed)
        failures += 1
        path.exhausted += result.exhausted
        tried, waypoint = level - path.level, path.here
        last = tried < stepping.smallest * (1 + 1e-9)
        sound = not (last or path.exhausted or failures > 1) or _settle(path, stepping, progress)
        if path.exhausted >= PATIENCE or (last and waypoint is path.rest):
            return failed if result.exhausted else failed + _hint(path.system)
        path.increment = max(result.share * tried, stepping.smallest)
        if not sound:
            path.increment, failures = max(0.5 * (waypoint.level - path.level), stepping.smallest), 0
    return ""


def _settle(path: Path, stepping: Stepping, progress: Progress) -> bool:
    """Bring the waypoint beyond which the path is hard to equilibrium, lest it lies beside the path.

    Where that fails, the path goes back to the last state in equilibrium, and makes do without waypoints.
    """
    if path.here is path.rest:
        return True
    result = newton(path.system, stepping.tolerance, stepping.newton)
    path.count(result)
    if result.converged:
        path.advance(Step(path.level, result.residuals, result.krylov, path.system.cavities()))
        progress(path.level, path.steps[-1], "")
    else:
        path.careful = True
        path.go_back(path.rest)
    return result.converged


def _hint(system: System) -> str:
    """What may be behind a body that finds no rest, where loads push on it."""
    if not system.forms.loads:
        return ""
    return "; this may be a limit point of the load, past which a prescribed volume or displacement leads"


def _attempt(path: Path, stepping: Stepping, level: float, failures: int, *, settled: bool) -> tuple[NewtonResult, str]:
    """Try for equilibrium at a level, or only nearly; if there is none, why, and the path is where it was.

    Damping comes first where shorter increments have failed ``PATIENCE`` times, or once where it was what helped last,
    and before the solve is given up; and last where an increment that is short from the beginning fails.
    """
    system = path.system
    tolerance = stepping.tolerance if settled else max(stepping.tolerance, WAYPOINT)
    last = level - path.level < stepping.smallest * (1 + 1e-9)
    result, failed = NewtonResult(False, "", (), ()), ""
    first = failures == path.patience or (last and failures > 0)
    for creeping in (True, False) if first else (False, True) if last else (False,):
        system.set_level(level)
        if creeping:
            result = damped(system, tolerance, exact=path.careful)
        else:
            known = path.dearest if path.dear < PATIENCE else None
            result = newton(system, tolerance, stepping.newton, known, exact=path.careful)
        path.count(result)
        if result.converged:
            path.patience = 1 if creeping else PATIENCE if failures == 0 else path.patience
            return result, ""
        failed = f"{result.why} at {level:.3g} of the load; {worst_cell(system.problem, system.state)}"
        path.go_back()
        path.cuts += 1
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
    path.cuts += 1
    return False


def _silent(level: float, step: Step | None, sentence: str) -> None:
    """Report nothing."""


def _keep_nothing(path: Path) -> None:
    """Keep nothing."""
