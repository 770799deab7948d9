"""The cube: known answers of a stretched fiber-reinforced cube of linear tetrahedra."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from fibertwin.constitutive import Material, NeoHookean, TransverselyIsotropic
from fibertwin.meshes import uniform_fibers
from fibertwin.solver import Clamp, Displacement, PrescribedDisplacement, Problem, Stepping, require, solve
from fibertwin.verify.bodies import block, displacement_at
from fibertwin.verify.entry import Finding, entry, near, told

if TYPE_CHECKING:
    from mpi4py import MPI

MATERIAL = Material(
    (NeoHookean(2.0), TransverselyIsotropic(0.5, 10.0, strain="isochoric")),
    bulk_modulus=100.0,
    volumetric_part="logarithmic",
)
"""W = (Ī1 − 3) + Wf(λ̄) + 50 (ln J)², λ̄ Wf' = 0.5 (e^(10 (λ̄ − 1)) − 1) for λ̄ ≥ 1, else 0."""

CASES: dict[str, tuple[int, float]] = {"4": (4, 3.23974407), "14": (14, 2.30989958)}
MIDDLE_OF_TOP = (0.0638484834, 0.0097988783, -0.0622833628)


@entry(
    "Cube of P1 tetrahedra, {case} bricks an edge: one face clamped, the opposite one moved by 0.2",
    "computed by an independent code with the same elements",
    cases=CASES,
    quick=["4"],
)
def reaction(comm: "MPI.Comm", case: tuple[int, float]) -> Iterator[Finding]:
    """Each brick is cut into six tetrahedra around the diagonal from (0, 0, 0) to (1, 1, 1)."""
    cells, target = case
    anatomy = block(comm, cells)
    fibers = uniform_fibers(anatomy.mesh, 4, axis=(np.cos(np.pi / 6), np.sin(np.pi / 6), 0.0))
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.2, 0.0, 0.0))}
    problem = Problem(anatomy, {"tissue": MATERIAL}, supports, fibers=fibers, formulation=Displacement(1))
    solution = require(solve(problem, Stepping(tolerance=1e-11)))
    yield near("reaction along x, mN", target, float(solution.reactions["moved"][0]), relative=1e-7)
    if cells == 4:
        u = displacement_at(solution, (0.5, 0.5, 1.0))
        for axis, wanted, ours in zip("xyz", MIDDLE_OF_TOP, u, strict=True):
            yield near(f"displacement of (½, ½, 1) along {axis}, mm", wanted, float(ours), absolute=1e-9)
    yield told("effort", solution.outcome.sentence)
