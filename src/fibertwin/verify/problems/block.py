"""Blocks in homogeneous states: solved, and compared with closed forms."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.solver import Clamp, PrescribedDisplacement, Problem, TaylorHood, require, solve
from fibertwin.verify.bodies import block, displacement_at
from fibertwin.verify.entry import Finding, entry, near

if TYPE_CHECKING:
    from mpi4py import MPI


@entry(
    "Incompressible neo-Hookean block at stretch 2, P2-P1 tetrahedra",
    "1/√2 − 1 and μ (λ − 1/λ²), exact",
    quick=True,
)
def stretch_two(comm: "MPI.Comm") -> Iterator[Finding]:
    """Three sides roll, one is pulled, the others are free."""
    supports = {"x": Clamp("left", "x"), "y": Clamp("back", "y"), "z": Clamp("bottom", "z")}
    pulled = {"pull": PrescribedDisplacement("right", (1.0, 0.0, 0.0), "x")}
    material = Material((NeoHookean(1.0),), "incompressible")
    problem = Problem(block(comm, 2), {"tissue": material}, {**supports, **pulled}, formulation=TaylorHood())
    solution = require(solve(problem))
    u = displacement_at(solution, (1.0, 1.0, 1.0))
    yield near("lateral displacement, mm", 0.5**0.5 - 1, float(u[1]), absolute=1e-8)
    yield near("other lateral displacement, mm", 0.5**0.5 - 1, float(u[2]), absolute=1e-8)
    yield near("reaction, mN", 2 - 0.25, float(solution.reactions["pull"][0]), relative=1e-8)
