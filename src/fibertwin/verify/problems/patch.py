"""Patch tests: an affine motion of the boundary is affine inside, whatever the element, the law and the formulation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import ufl
from dolfinx import fem
from dolfinx.la import InsertMode

from fibertwin import jit
from fibertwin.constitutive import GasserOgdenHolzapfel, Material, NeoHookean, StrainEnergy
from fibertwin.meshes import BOUNDARY, Anatomy, Cylinder, FiberField, uniform_fibers
from fibertwin.solver import Displacement, Formulation, Problem, Stepping, TaylorHood, require, solve
from fibertwin.solver.equations import unknowns
from fibertwin.solver.tissue import kinematics, metadata
from fibertwin.verify.bodies import block, moved, nodes, unevenly
from fibertwin.verify.entry import Finding, at_most, entry

from .laws import F_, PAIRS, S_

if TYPE_CHECKING:
    from mpi4py import MPI

BULK = 50.0
UNEVEN = 0.03
"""How far nodes are moved off their regular places (mm)."""
MOTION = np.array([[1.08, 0.06, -0.04], [0.03, 0.97, 0.05], [-0.05, 0.04, 1.02]])
"""The affine motion."""

EXACT = "affine fields are in every element's space, exact; Irons & Razzaque 1972"
TOLERANCE = 1e-10


@dataclass(frozen=True)
class Element:
    """An element: cell shape, formulation, and the quadrature that makes constant stress exact on uneven cells."""

    cell: str
    formulation: Formulation
    quadrature: int = 4
    curved: bool = False

    def body(self, comm: "MPI.Comm") -> Anatomy:
        """A few uneven cells with nodes inside."""
        if not self.curved:
            return block(comm, 2, self.cell, uneven=UNEVEN)
        return unevenly(Cylinder(0.7, 1.0, (1, 4, 2), self.cell).build(comm), UNEVEN)  # type: ignore[arg-type]


ELEMENTS: dict[str, Element] = {
    "P1": Element("tetrahedra", Displacement(1)),
    "P2": Element("tetrahedra", Displacement(2)),
    "P2-P1": Element("tetrahedra", TaylorHood()),
    "Q1": Element("hexahedra", Displacement(1)),
    "Q2": Element("hexahedra", Displacement(2)),
    "Q2-Q1": Element("hexahedra", TaylorHood()),
    "curved P2": Element("tetrahedra", Displacement(2), curved=True),
    "curved P2-P1": Element("tetrahedra", TaylorHood(), curved=True),
    "curved Q2": Element("hexahedra", Displacement(2), 6, curved=True),
    "curved Q2-Q1": Element("hexahedra", TaylorHood(), 6, curved=True),
}


def displaced(points: np.ndarray) -> np.ndarray:
    """The affine motion of points (n, 3)."""
    return points @ (MOTION - np.eye(3)).T


def patch(anatomy: Anatomy, element: Element, *laws: StrainEnergy) -> Problem:
    """A body of one material whose whole boundary moves."""
    degree = element.quadrature
    fibers: FiberField | None = None
    if any(law.needs_fibers for law in laws):
        fibers = uniform_fibers(anatomy.mesh, degree, axis=F_, fa=0.7, sheet=S_)
    return Problem(
        anatomy,
        dict.fromkeys(anatomy.regions, Material(laws, BULK)),
        {"boundary": moved(BOUNDARY, displaced)},
        fibers=fibers,
        formulation=element.formulation,
        quadrature_degree=degree,
    )


def solved(problem: Problem) -> Iterator[Finding]:
    """Errors of the solution of a patch."""
    solution = require(solve(problem, Stepping(tolerance=1e-12)))
    rows = nodes(solution)
    error = np.abs(rows[:, 3:] - displaced(rows[:, :3])).max()
    yield at_most(f"displacement of {len(rows)} nodes, greatest error, mm", TOLERANCE, float(error))
    if solution.unknowns.pressure is not None:
        exact = BULK * (np.linalg.det(MOTION) - 1)
        values = solution.unknowns.pressure.x.array
        comm = problem.anatomy.mesh.comm
        worst = max(comm.allgather(float(np.abs(values / exact - 1).max(initial=0.0))))
        yield at_most("pressure, greatest relative error", 1e-8, worst)


@entry(
    "Patch of uneven cells, {case}: neo-Hookean matrix with dispersed fibers", EXACT, cases=ELEMENTS, quick=["P2-P1"]
)
def element(comm: "MPI.Comm", case: Element) -> Iterator[Finding]:
    """Solved, the boundary moved."""
    yield from solved(patch(case.body(comm), case, NeoHookean(1.0), GasserOgdenHolzapfel(5.0, 1.0)))


def terms(law: StrainEnergy) -> tuple[StrainEnergy, ...]:
    """The law, with a matrix beside it where it is one of fibers alone."""
    return (NeoHookean(1.0), law) if law.needs_fibers else (law,)


@entry("Patch of uneven P2 tetrahedra: {case}", EXACT, cases={name: pair.ours for name, pair in PAIRS.items()})
def law(comm: "MPI.Comm", case: StrainEnergy) -> Iterator[Finding]:
    """Solved, the boundary moved."""
    anatomy = block(comm, 1, "tetrahedra", uneven=UNEVEN)
    yield from solved(patch(anatomy, ELEMENTS["P2"], *terms(case)))


@entry("Forces inside a patch of uneven cells in affine motion: {case} with every law", EXACT, cases=ELEMENTS)
def balance(comm: "MPI.Comm", case: Element) -> Iterator[Finding]:
    """Every law on every element: constant stress leaves no force on nodes inside."""
    anatomy = case.body(comm)
    for name, pair in PAIRS.items():
        force = _force_inside(patch(anatomy, case, *terms(pair.ours)))
        yield at_most(f"{name}: force inside over that on the boundary", TOLERANCE, force)


def _force_inside(problem: Problem) -> float:
    """Norm of the forces on free degrees of freedom over that on held ones. Collective."""
    state = unknowns(problem)
    V = state.displacement.function_space
    state.displacement.interpolate(lambda x: displaced(x.T).T)
    if state.pressure is not None:
        state.pressure.x.array[:] = BULK * (np.linalg.det(MOTION) - 1)
    kin = kinematics(problem, ufl.Identity(3) + ufl.grad(state.displacement))
    dx = ufl.dx(domain=problem.anatomy.mesh, metadata=metadata(problem))
    energy = sum(group.energy(kin, state.pressure) for group in state.tissue) * dx
    form = fem.form(ufl.derivative(energy, state.displacement), jit_options=jit.options())
    vector = fem.Function(V)
    fem.assemble_vector(vector.x.array, form)
    V.mesh.topology.create_connectivity(2, 3)
    vector.x.scatter_reverse(InsertMode.add)
    held = fem.locate_dofs_topological(V, 2, problem.anatomy.surfaces[BOUNDARY])
    owned = V.dofmap.index_map.size_local
    inside = np.ones(owned, dtype=bool)
    inside[held[held < owned]] = False
    squares = (vector.x.array.reshape(-1, 3)[:owned] ** 2).sum(axis=1)
    comm = V.mesh.comm
    return float(np.sqrt(comm.allreduce(squares[inside].sum()) / comm.allreduce(squares[~inside].sum())))
