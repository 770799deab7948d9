"""Torsion of a cylinder at fixed length: moment and normal force."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from dolfinx import fem

from fibertwin import jit
from fibertwin.constitutive import Material, MooneyRivlin, NeoHookean, StrainEnergy
from fibertwin.meshes import Cylinder
from fibertwin.solver import Clamp, Problem, RigidMotion, Solution, TaylorHood, require, solve
from fibertwin.solver.deformation import evaluate, quadrature
from fibertwin.verify.entry import Finding, entry, near, told

if TYPE_CHECKING:
    from mpi4py import MPI

RADIUS, LENGTH, TWIST = 1.0, 0.5, 0.8
"""Radius and length (mm), twist per length (rad/mm)."""


@dataclass(frozen=True)
class Twisted:
    """A law and its coefficients c1, c2 as a Mooney–Rivlin solid (kPa)."""

    law: StrainEnergy
    c1: float
    c2: float


CASES = {
    "neo-Hookean": Twisted(NeoHookean(2.0), 1.0, 0.0),
    "Mooney–Rivlin": Twisted(MooneyRivlin(0.6, 0.9), 0.6, 0.9),
}


@entry(
    "Torsion of an incompressible {case} cylinder, twist 0.8 rad per radius: curved Q2-Q1 hexahedra",
    "M = π τ A⁴ (C1 + C2), N = −π τ² A⁴ (C1/2 + C2); Rivlin 1949 (doi 10.1098/rsta.1949.0009)",
    cases=CASES,
    quick=["neo-Hookean"],
)
def cylinder(comm: "MPI.Comm", case: Twisted) -> Iterator[Finding]:
    """One end held, the other turned as a rigid plate about the axis."""
    anatomy = Cylinder(RADIUS, LENGTH, (2, 8, 2)).build(comm)
    supports = {"held": Clamp("bottom"), "turned": RigidMotion("top", rotation=(0.0, 0.0, TWIST * LENGTH))}
    material = Material((case.law,), "incompressible")
    solution = require(solve(Problem(anatomy, {"tissue": material}, supports, formulation=TaylorHood())))
    wanted = np.pi * TWIST * RADIUS**4 * (case.c1 + case.c2)
    yield near("moment, µN m", wanted, _moment(solution) / LENGTH, relative=2e-3)
    pushed = -np.pi * TWIST**2 * RADIUS**4 * (case.c1 / 2 + case.c2)
    yield near("normal force, mN", pushed, float(solution.reactions["turned"][2]), relative=5e-3)
    yield told("effort", solution.outcome.sentence)


def _moment(solution: Solution) -> float:
    """∫ (x P_yz − y P_xz) dV with the current position, the moment on a cross section times the length. Collective."""
    problem, u = solution.problem, solution.unknowns.displacement
    state = evaluate(problem, solution.unknowns)
    domain = problem.anatomy.mesh
    cells = np.arange(len(state.points), dtype=np.int32)
    expression = fem.Expression(u, quadrature(problem)[0], jit_options=jit.options())
    x = state.points + expression.eval(domain, cells).reshape(state.points.shape)
    density = x[..., 0] * state.P[..., 1, 2] - x[..., 1] * state.P[..., 0, 2]
    return float(domain.comm.allreduce(float((density * state.weights).sum())))
