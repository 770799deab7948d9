"""The one verb: bring the load on, end in a sentence."""

from fibertwin.errors import SolveError

from .options import parse_options
from .parameters import looked_up
from .path import Path, Progress, walk
from .problem import Problem, Stepping, check
from .solution import Outcome, Solution
from .system import System


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
        problem, system.state, outcome, system.reactions(), system.energy(), path.here.work, system.cavities()
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
