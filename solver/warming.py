"""Everything that a solve compiles, compiled without solving."""

from typing import TYPE_CHECKING

from .deformation import worst_cell
from .fields import fields
from .options import parse_options
from .parameters import looked_up
from .problem import Problem, Stepping, check
from .system import System

if TYPE_CHECKING:
    from fibertwin.meshes import FiberField


def warm(
    problem: Problem, stepping: Stepping | None = None, *, petsc: str = "", fibers: "FiberField | None" = None
) -> None:
    """Compile the forms and kernels that solving a problem and measuring its solution take. Collective.

    Memory is that of a solve before its first factorization: the matrices are laid out and not filled.

    Args:
        problem: what will be solved.
        stepping: when the load history ends.
        petsc: PETSc options, as on a command line; some of them need other kernels.
        fibers: along which the solution will be measured, where not along the problem's own.

    Raises:
        InputError: the problem is inconsistent, or the body can move rigidly.
    """
    stepping = stepping or Stepping()
    check(problem)
    problem = looked_up(problem)
    system = System(problem, stepping.end, parse_options(petsc))
    fields(problem, system.state, fibers)
    worst_cell(problem, system.state)
    system.destroy()
