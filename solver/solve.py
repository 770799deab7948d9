"""The one verb: bring the load on, end in a sentence."""

from collections.abc import Callable, Sequence

from fibertwin.errors import InputError, SolveError
from fibertwin.errors import Problem as Wrong

from .checkpoint import Checkpoint, Keeper, take_up
from .equations import Unknowns
from .layout import Layout
from .options import parse_options
from .parameters import looked_up
from .path import Path, Progress, resettle, walk
from .problem import Problem, Stepping, check
from .solution import Outcome, Solution, Step
from .system import State, System

type Watch = Callable[[Unknowns, tuple[Step, ...]], None]
"""Called in every equilibrium on the way, on every rank: the unknowns as they are there, the increments up to it."""


def solve(
    problem: Problem,
    stepping: Stepping | None = None,
    *,
    petsc: str = "",
    progress: Progress | None = None,
    watch: Watch | None = None,
    through: Sequence[float] = (),
    start: State | None = None,
    keep: Keeper | None = None,
    resume: Checkpoint | None = None,
) -> Solution:
    """Bring the body to equilibrium at full load, or as near to it as it goes. Collective.

    Args:
        problem: what to solve.
        stepping: how to bring the load on.
        petsc: PETSc options, as on a command line.
        progress: called after every increment, on every rank.
        watch: called in every equilibrium, to look at fields on the way.
        through: levels (0, 1) at which the body must be in equilibrium too, for ``watch`` to see them.
        start: a state on the same mesh and with the same unknowns, such as ``Solution.state`` of a like problem, tried
            first as a guess of equilibrium at full load; where none is found from it the load is brought on as ever.
            The work of external forces is then a single trapezoid over the whole path. Not for a problem that
            remembers: the way to its equilibrium counts.
        keep: writes checkpoints on the way and at the end.
        resume: where a solve of this problem stood, from ``read_checkpoint``: it goes on from there, as if it had never
            been left where the checkpoint is ``exact``. ``start`` is then not looked at.

    Returns:
        the solution; where ``outcome.converged`` is false, the last state in equilibrium.

    Raises:
        InputError: the problem is inconsistent, or the body can move rigidly; the checkpoint is of another mesh; a
            ``start`` is given for a problem that remembers.
        SolveError: the state of a checkpoint that is not exact is too far from equilibrium; a checkpoint cannot be
            written.
        StoppedError: ``keep`` was asked for an end.
    """
    stepping = stepping or Stepping()
    check(problem)
    if start is not None and problem.remembers:
        what = "is a guess of the end alone, and equilibrium of this problem depends on the way to it"
        raise InputError(Wrong("start", what, hint="leave it out"))
    problem = looked_up(problem)
    system = System(problem, stepping.end, parse_options(petsc))
    path = Path(system, watch=_silent if watch is None else lambda path: watch(system.state, path.steps))
    if keep is not None or resume is not None:
        layout = Layout(system)
    if keep is not None:
        keep.begin(system, layout)
    if resume is not None:
        take_up(path, resume, layout)
        if not resume.exact and (failure := resettle(path, stepping)):
            raise SolveError(f"{resume.file} does not help: {failure}.")
    start = None if resume is not None else start
    failure = walk(path, stepping, progress, through=through, start=start, keep=keep)
    if keep is not None:
        keep.end(path, failure)
    outcome = _outcome(path, failure, system.ignored_options())
    reactions, energy, cavities = system.reactions(), system.energy(), system.cavities()
    solution = Solution(problem, system.state, outcome, reactions, energy, path.here.work, cavities, path.here.state)
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


def _silent(path: Path) -> None:
    """Nobody watches."""


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
    return Outcome(not failure, sentence, path.level, path.steps, path.cuts, path.newton, path.krylov)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
