"""Tangent assembly in a child process: what the solver does, and the plainest way to do the same."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import ufl
from _problems import compressible_white_matter
from _table import clock
from dolfinx import fem
from dolfinx.fem import petsc
from petsc4py import PETSc

from fibertwin.constitutive import Fiber, Kinematics
from fibertwin.solver import Problem
from fibertwin.solver.system import System

if TYPE_CHECKING:
    from mpi4py import MPI

Assembly = tuple[Callable[[], Any], PETSc.Mat]


def run(comm: "MPI.Comm", cells: int, repeats: int = 5, plainly: bool = True) -> dict[str, Any]:
    """Assemble the tangent of a stretched cube over and over. Collective.

    Returns:
        cells of the mesh; seconds of each assembly, of the slowest rank on the wall and of all ranks on the processor,
        by the solver and, where asked for, plainly; how far the two tangents are apart, relative, by their action.
    """
    problem = compressible_white_matter(comm, cells)
    system = System(problem)
    u = system.state.displacement
    u.interpolate(_stretched)
    assemble, ours = _solvers(system)
    found: dict[str, Any] = {
        "cells": problem.anatomy.mesh.topology.index_map(3).size_global,
        "unknowns": u.function_space.dofmap.index_map.size_global * 3,
        "solver": _timed(comm, assemble, repeats),
    }
    if plainly:
        free = fem.Function(u.function_space)
        free.x.array[:] = np.sin(np.arange(len(free.x.array)))
        for condition in system.constraints.conditions:
            free.x.array[condition.dof_indices()[0]] = 0.0
        free.x.scatter_forward()
        assemble, plain = _plain(problem, u, system.constraints.conditions)
        found["plain"] = _timed(comm, assemble, repeats)
        y, z = ours.createVecLeft(), plain.createVecLeft()
        ours.mult(free.x.petsc_vec, y)
        plain.mult(free.x.petsc_vec, z)
        size = z.norm()
        z.axpy(-1.0, y)
        found["apart"] = z.norm() / size
    return found


def _solvers(system: System) -> Assembly:
    """What the solver assembles in every Newton step."""
    return system._assembly.tangent, system._assembly.matrix


def _plain(problem: Problem, u: fem.Function, conditions: list[fem.DirichletBC]) -> Assembly:
    """The energy differentiated twice by ``ufl.derivative``, compiled as DOLFINx does by default."""
    (material,), fibers = problem.materials.values(), problem.fibers
    assert fibers is not None
    fabric = Fiber(fibers.axis, fibers.structure_tensor, fibers.fa, fibers.sheet)
    kinematics = Kinematics(ufl.Identity(3) + ufl.grad(u), fabric)
    inverse_bulk = fem.Constant(u.function_space.mesh, material.inverse_bulk_modulus)
    energy = material.psi(kinematics) + material.volumetric_energy(kinematics.J, inverse_bulk)
    rule = {"quadrature_degree": problem.quadrature_degree, "quadrature_scheme": "default"}
    residual = ufl.derivative(energy * ufl.dx(metadata=rule), u, ufl.TestFunction(u.function_space))
    form = fem.form(ufl.derivative(residual, u, ufl.TrialFunction(u.function_space)))
    matrix = petsc.create_matrix(form)

    def assemble() -> None:
        matrix.zeroEntries()
        petsc.assemble_matrix(matrix, form, bcs=conditions)
        matrix.assemble()

    return assemble, matrix


def _stretched(x: Any) -> Any:
    """A displacement that stretches every fiber, differently everywhere."""
    return 0.05 * np.array([x[0] + 0.2 * np.sin(3 * x[1]), 0.1 * np.sin(4 * x[0]), 0.1 * np.cos(3 * x[2])])


def _timed(comm: "MPI.Comm", work: Callable[[], Any], repeats: int) -> dict[str, list[float]]:
    """Seconds of each run but the first, which meets empty caches."""
    work()
    wall, processor = [], []
    for _ in range(repeats):
        comm.Barrier()
        with clock() as running:
            work()
        wall.append(max(comm.allgather(running.seconds)))
        processor.append(comm.allreduce(running.cpu_seconds))
    return {"wall_s": wall, "cpu_s": processor}
