"""Newton's method at one load level: a guarded first step, corrections with line search, damping as last rescue."""

from dataclasses import dataclass, field

import numpy as np

from .linear import Change
from .system import Residual, System

SHORTEST, LONGEST = 1 / 32, 16.0
"""Shortest and longest multiple of a Newton correction that the line search tries."""

KEPT = 0.1
"""Part of the smallest J that a correction must leave: a cell that loses more is about to be turned inside out."""

STEEP = 16.0
"""Growth of the residual from half the first step to the whole one (four where the second derivative rules) beyond
which the step is too long."""

SLOW, STAGNANT = 0.6, 4
"""Part of the residual that a slow iteration leaves, and how many of them in a row are enough."""

FIRST = 1e-3
"""Relative tolerance of the linear solve that carries an increment."""

EXACT = 1e-6
"""Tolerance that leaves nothing to speak of in soft directions, where a small residual may hide a large error."""

LOOSEST, TIGHTEST, SHARE = 5e-3, 1e-8, 0.3
"""Bounds of that of a correction, and its part of the square of the last correction's success."""

ROUND_OFF = 1e-8
"""Part of the forces below which a residual that will not fall is taken for round-off."""

DEARER, SPARE = 4, 50
"""Krylov iterations of a correction, as a multiple of those of the first one and some to spare, beyond which the
tangent is no longer that of a body near equilibrium: indefinite, most of the time."""

SURE = 0.03
"""Part of the tolerance that the last tangent must promise to reach if no new one is to be assembled."""

NEAR = 0.05
"""Part of the residual left by a correction that has hardly changed the tangent."""

FAR = 1e-4
"""Part of the forces above which a residual is that of a body far from rest: there an indefinite tangent tells that the
increment is too long; near rest it is the equilibrium's own."""

DAMPED = 100
"""Most iterations with damping."""

BEARABLE = 0.1
"""Part of the forces that the residual may reach while a body creeps."""

DAMPING, UNDAMPED = 1e-3, 1e-9
"""First damping, and that below which it is left out."""


@dataclass(frozen=True)
class NewtonResult:
    """How the iterations at one load level went.

    Attributes:
        converged: whether the residual fell below its tolerance.
        why: why not, in words; empty where converged.
        residuals: residual norms (mN), one per correction taken.
        krylov: Krylov iterations of each linear solve.
        share: part of the way to the level that is worth a try where this failed.
        exhausted: whether the residual is at round-off, so that shorter increments are in vain.
        dear: whether it was given up for a linear solve that became too dear.
    """

    converged: bool
    why: str
    residuals: tuple[float, ...]
    krylov: tuple[int, ...]
    share: float = 0.5
    exhausted: bool = False
    dear: bool = False


@dataclass
class _Course:
    """The iterations so far."""

    tolerance: float
    known: int | None = None
    exact: bool = False
    residuals: list[float] = field(default_factory=list)
    krylov: list[int] = field(default_factory=list)

    def correct(
        self,
        system: System,
        rtol: float,
        last: Residual | None = None,
        *,
        moving: bool = False,
        damping: float = 0.0,
        far: bool = False,
    ) -> bool:
        """Solve for a correction, ``far`` from rest at no more than a bearable cost; whether that worked.

        Without the ``last`` residual of Newton's method nothing is known of how the tangent has changed.
        """
        budget = None
        rtol = min(rtol, EXACT) if self.exact else rtol
        if self.known is not None and far:
            digits = np.log(rtol) / np.log(FIRST)
            budget = int(digits * (SPARE + max(DEARER * self.krylov[0], 2 * self.known)))
        change = Change.GREAT if last is None or self.exact else self._change(last)
        iterations, solved = system.newton_correction(rtol, change, moving=moving, damping=damping, budget=budget)
        self.krylov.append(iterations)
        return solved

    def _change(self, last: Residual) -> Change:
        """How much the tangent has changed by the last correction, as its success tells.

        A correction leaves what the tangent changes along half of itself. The next one with the same tangent leaves
        what it has changed along the whole: twice the last ratio of residuals, where it is evenly spread.
        """
        if len(self.residuals) < 2:
            return Change.GREAT
        ratio = self.residuals[-1] / self.residuals[-2]
        if 2 * ratio * last.norm <= SURE * self.tolerance * last.forces:
            return Change.NONE
        return Change.SMALL if ratio < NEAR else Change.GREAT

    def take(self, current: Residual) -> bool:
        """Note the residual of a correction taken; whether it is small enough."""
        self.residuals.append(current.norm)
        return current.norm <= self.tolerance * current.forces

    def forcing(self, last: Residual) -> float:
        """Relative tolerance of the next linear solve (Eisenstat & Walker 1996, doi 10.1137/0917003, choice 2)."""
        if len(self.residuals) < 2:
            return LOOSEST
        progress = SHARE * (self.residuals[-1] / self.residuals[-2]) ** 2
        enough = 0.1 * self.tolerance * last.forces / last.norm
        return float(min(LOOSEST, max(progress, min(enough, FIRST), TIGHTEST)))

    def done(self) -> NewtonResult:
        """Equilibrium."""
        return NewtonResult(True, "", tuple(self.residuals), tuple(self.krylov))

    def failed(self, why: str, share: float = 0.5, last: Residual | None = None, *, dear: bool = False) -> NewtonResult:
        """No equilibrium, and why."""
        exhausted = last is not None and last.norm < ROUND_OFF * last.forces
        if exhausted and last is not None:
            why = (
                f"the residual stays at {last.norm / last.forces:.1e} of the forces, above the tolerance of "
                f"{self.tolerance:.1e}, which round-off does not allow"
            )
        return NewtonResult(False, why, tuple(self.residuals), tuple(self.krylov), share, exhausted, dear)


def newton(
    system: System, tolerance: float, most: int, known: int | None = None, *, exact: bool = False
) -> NewtonResult:
    """Iterate to equilibrium at the system's present load level. Collective.

    The first correction carries prescribed motion and loads through the tangent of the last equilibrium, so that the
    increment need not shrink with the mesh. Where it goes too far (a cell loses nearly all of its volume, or the
    residual grows by more than a smooth path's) nothing else is tried, and the share that it is good for is told. Later
    corrections are shortened until no cell is turned and the residual falls, and lengthened while it falls slowly.

    Args:
        system: the system, at the last converged state.
        tolerance: residual over forces at which to stop.
        most: most iterations.
        known: most Krylov iterations that a linear solve has taken on the way to an equilibrium so far; where given,
            the increment is given up as soon as one becomes much dearer than that and than its first.
        exact: whether linear solves are to leave no error.
    """
    course = _Course(tolerance, known, exact)
    current, result = _first(system, course)
    if current is None:
        return result
    slow = 0
    while not course.take(current):
        if len(course.krylov) >= most:
            return course.failed(f"no convergence in {most} iterations", last=current)
        if slow >= STAGNANT:
            return course.failed("the residual hardly falls", last=current)
        far = known is not None and current.norm > FAR * current.forces
        if not course.correct(system, course.forcing(current), current, far=far):
            return course.failed("linear solves became too dear" if far else "the linear solver failed", dear=far)
        found = _line_search(system, current)
        if found is None:
            return course.failed("the residual would not fall", last=current)
        slow = slow + 1 if found.norm > SLOW * current.norm else 0
        current = found
    return course.done()


def _first(system: System, course: _Course) -> tuple[Residual | None, NewtonResult]:
    """The first correction, taken whole, and its residual; None where it goes too far, and how that ended."""
    least = system.least_volume_ratio()
    if not course.correct(system, FIRST, moving=True):
        return None, course.failed("the linear solver failed")
    system.move(1.0)
    share = _shorten(system, 1.0, least)
    if share < 1:
        return None, course.failed("cells turned inside out", share)
    current = system.residual()
    system.move(-0.5)
    half = system.residual()
    if not current.norm <= STEEP * half.norm:
        return None, course.failed("the path bends too much", _smooth(system, half))
    system.move(0.5)
    return current, course.done()


def _shorten(system: System, share: float, least: float) -> float:
    """Take back what turns cells, of a correction of which ``share`` has been taken; the share left."""
    while share > SHORTEST and system.least_volume_ratio() < KEPT * least:
        system.move(-share / 2)
        share /= 2
    return share


def _smooth(system: System, whole: Residual) -> float:
    """The share of the first correction, of which half has been taken, up to which the residual grows smoothly."""
    share = 0.5
    while share > SHORTEST:
        system.move(-share / 2)
        half = system.residual()
        if whole.norm <= STEEP * half.norm:
            break
        share, whole = share / 2, half
    return share


def _line_search(system: System, previous: Residual) -> Residual | None:
    """Shorten the correction until no cell is turned and the residual is lower; None where it never is."""
    least = system.least_volume_ratio()
    step = 1.0
    system.move(step)
    while step >= SHORTEST:
        if system.least_volume_ratio() >= KEPT * least:
            current = system.residual()
            if current.norm < (1 - 1e-4 * step) * previous.norm:
                slow = step == 1 and current.norm > 0.25 * previous.norm
                return _lengthen(system, current, least) if slow else current
        system.move(-step / 2)
        step /= 2
    return None


def _lengthen(system: System, current: Residual, least: float) -> Residual:
    """Double the correction while the residual falls: an exponential falls by no more than e in each iteration."""
    step = 1.0
    while step < LONGEST:
        system.move(step)
        longer = system.residual() if system.least_volume_ratio() >= KEPT * least else None
        if longer is None or not longer.norm < current.norm:
            system.move(-step)
            break
        current, step = longer, 2 * step
    return current


def damped(system: System, tolerance: float, *, exact: bool = False) -> NewtonResult:
    """Let the body creep to equilibrium at the system's present load level, over limit points. Collective.

    Pseudo-transient continuation (Kelley & Keyes 1998, doi 10.1137/S0036142996304796): the tangent's diagonal is
    raised so that each correction goes downhill in energy, by less as the body comes to rest. Energy is judged by the
    work of the residual along a correction (trapezoidal), so that mixed and nonconservative problems are served too.

    Args:
        system: the system, at the last converged state.
        tolerance: residual over forces at which to stop.
        exact: whether linear solves are to leave no error.
    """
    course = _Course(tolerance, exact=exact)
    current, result = _first(system, course)
    if current is None:
        return result
    damping, taken = DAMPING, course.take(current)
    while not taken:
        if len(course.krylov) >= DAMPED:
            return course.failed(f"no equilibrium after {DAMPED} damped iterations", last=current)
        if not course.correct(system, FIRST, damping=damping):
            return course.failed("the linear solver failed")
        found, ratio = _downhill(system, current, damping)
        if found is None:
            damping = 8 * max(damping, UNDAMPED)
            if damping > 1e6:
                return course.failed("the energy would not fall", last=current)
            continue
        if -0.5 < ratio < 0.3 and found.norm < current.norm:
            damping /= 10
        elif ratio > 0.3:
            damping /= 4
        elif ratio < -0.5:
            damping *= 4
        damping = damping if damping > UNDAMPED else 0.0
        current = found
        taken = course.take(current)
    return course.done()


def _downhill(system: System, previous: Residual, damping: float) -> tuple[Residual | None, float]:
    """Take the correction if the energy falls along it; the residual and how much of its work is left, else None."""
    before, least = system.work(), system.least_volume_ratio()
    system.move(1.0)
    if system.least_volume_ratio() >= KEPT * least:
        current = system.residual()
        after = system.work()
        bearable = max(10 * previous.norm, BEARABLE * current.forces)
        falls = before > 0 and before + after > 0 and current.norm < bearable
        settles = current.norm < (0.5 if damping == 0 else 1.0) * previous.norm
        if np.isfinite(current.norm) and (settles or falls):
            return current, after / before if before else 0.0
    system.move(-1.0)
    return None, 0.0
