"""Blocks in homogeneous states: solved, and compared with closed forms."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import fsolve

from fibertwin.constitutive import ActiveStress, Material, NeoHookean
from fibertwin.meshes import uniform_fibers
from fibertwin.solver import Clamp, PrescribedDisplacement, Problem, TaylorHood, require, solve
from fibertwin.verify import plain
from fibertwin.verify.bodies import block, displacement_at
from fibertwin.verify.entry import Finding, entry, near, told

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


ACTIVE = {
    "transverse share": (ActiveStress(0.8, 0.3), plain.active(0.8, 0.3, np.eye(3)[0], lambda x: 1.0)),
    "linear in length": (
        ActiveStress(0.8, length_dependence="linear", slope=2.0),
        plain.active(0.8, 0.0, np.eye(3)[0], lambda x: max(1 + 2 * (x - 1), 0.0)),
    ),
    "force and length": (
        ActiveStress(0.8, length_dependence="force-length", optimal_stretch=1.1),
        plain.active(0.8, 0.0, np.eye(3)[0], lambda x: 1 - 4 * (x / 1.1 - 1) ** 2),
    ),
}


@entry(
    "Free block that contracts, neo-Hookean with active stress: {case}, P2-P1 tetrahedra",
    "stretches that free all sides, from plain numpy; Usyk et al. 2000 (doi 10.1023/A:1010883920374)",
    cases=ACTIVE,
)
def contraction(comm: "MPI.Comm", case: tuple[ActiveStress, plain.Stress]) -> Iterator[Finding]:
    """No side is held: the fibers shorten until the matrix bears their tension."""
    law, active = case
    matrix = plain.stress_of(plain.isochoric(plain.mooney_rivlin(0.5, 0.0)))

    def unbalance(stretches: np.ndarray) -> list[float]:
        F = np.diag([stretches[0], stretches[1], stretches[1]])
        J = np.linalg.det(F)
        sigma = (matrix(F) + active(F)) @ F.T / J + 50.0 * (J - 1) * np.eye(3)
        return [sigma[0, 0], sigma[1, 1]]

    along, across = fsolve(unbalance, [0.8, 1.1], xtol=1e-13)
    anatomy = block(comm, 2)
    supports = {"x": Clamp("left", "x"), "y": Clamp("back", "y"), "z": Clamp("bottom", "z")}
    material, fibers = Material((NeoHookean(1.0), law), 50.0), uniform_fibers(anatomy.mesh, 4)
    problem = Problem(anatomy, {"tissue": material}, supports, fibers=fibers, formulation=TaylorHood())
    solution = require(solve(problem))
    u = displacement_at(solution, (1.0, 1.0, 1.0))
    yield near("stretch along the fibers", float(along), 1 + float(u[0]), relative=1e-7)
    yield near("stretch across the fibers", float(across), 1 + float(u[1]), relative=1e-7)
    yield told("effort", solution.outcome.sentence)
