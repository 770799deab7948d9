"""Potentials on a body: Laplace's equation between named surfaces, and its solutions where a law reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

import basix
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc
from dolfinx.mesh import Mesh
from numpy.typing import NDArray
from petsc4py import PETSc

from fibertwin import jit
from fibertwin.errors import InputError, Problem, SolveError

from .anatomy import Anatomy, local_cells
from .geometry import nodes_of, tabulate

Array = NDArray[np.float64]
Dofs = NDArray[np.int32]

TOLERANCE = 1e-10
"""Part of the first residual at which conjugate gradients stop."""

ACROSS = 1e-2
"""Diffusion across the lines whose length is sought, as part of that along them."""


@dataclass(frozen=True, eq=False)
class Sampled:
    """A potential at the quadrature points of this rank's cells: ``values`` (cells, q), ``gradients`` (cells, q, 3)."""

    values: Array
    gradients: Array


class Potentials:
    """Solutions of −Δu = source with u given on some surfaces and no flux through the others. Collective throughout.

    Conjugate gradients with algebraic multigrid, on any number of ranks; the elements are Lagrange's.

    Args:
        anatomy: the body.
        degree: of the elements; gradients of quadratic ones are linear in a cell.
    """

    def __init__(self, anatomy: Anatomy, degree: int = 2) -> None:
        self._anatomy = anatomy
        self.space = fem.functionspace(anatomy.mesh, ("Lagrange", degree))
        u, v = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        self._source = fem.Constant(anatomy.mesh, 0.0)
        self._trial, self._test = u, v
        self._a = fem.form(ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx, jit_options=jit.options())
        self._load = fem.form(self._source * v * ufl.dx, jit_options=jit.options())

    def on(self, surface: str) -> Dofs:
        """Local numbers of the unknowns on a named surface.

        Raises:
            InputError: on every rank, where no surface has the name or it has no facets.
        """
        surfaces, comm = self._anatomy.surfaces, self._anatomy.mesh.comm
        if surface not in surfaces:
            known = ", ".join(sorted(surfaces))
            raise InputError(Problem("fibers", "no surface has this name", f'"{surface}"', f"one of {known}"))
        if comm.allreduce(len(surfaces[surface])) == 0:
            raise InputError(Problem("fibers", "the surface has no facets", f'"{surface}"'))
        return np.asarray(fem.locate_dofs_topological(self.space, 2, surfaces[surface]), dtype=np.int32)

    def solve(self, held: Mapping[float, Dofs], source: float = 0.0) -> fem.Function:
        """The potential that has given values.

        Args:
            held: unknowns by the value that they have.
            source: what flows out of a mm³.

        Raises:
            SolveError: conjugate gradients did not converge.
        """
        conditions = [fem.dirichletbc(PETSc.ScalarType(value), dofs, self.space) for value, dofs in held.items()]
        self._source.value = source
        return self._solved(self._a, self._load, conditions)

    def length(self, potential: fem.Function, start: Dofs) -> fem.Function:
        """How long (mm) the line of a potential's gradient is that comes to a point from a surface.

        The L with ∇L · t = 1, t the gradient's direction, and L = 0 on the surface (Yezzi & Prince 2003, doi
        10.1109/TMI.2003.817775), by least squares, with a little diffusion across the lines.

        Args:
            potential: one that falls or rises away from the surface.
            start: unknowns on the surface; there the potential is least.
        """
        slope = ufl.grad(potential)
        t = slope / ufl.sqrt(ufl.inner(slope, slope) + 1e-30)
        u, v = ufl.grad(self._trial), ufl.grad(self._test)
        metric = {"quadrature_degree": 4}
        a = (ufl.inner(t, u) * ufl.inner(t, v) + ACROSS * ufl.inner(u, v)) * ufl.dx(metadata=metric)
        L = ufl.inner(t, v) * (1 + ACROSS) * ufl.dx(metadata=metric)
        left, right = (fem.form(part, jit_options=jit.options()) for part in (a, L))
        return self._solved(left, right, [fem.dirichletbc(PETSc.ScalarType(0), start, self.space)])

    def _solved(self, a: fem.Form, L: fem.Form, conditions: list[fem.DirichletBC]) -> fem.Function:
        matrix = petsc.assemble_matrix(a, bcs=conditions)
        matrix.assemble()
        rhs = petsc.assemble_vector(L)
        petsc.apply_lifting(rhs, [a], [conditions])
        rhs.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        petsc.set_bc(rhs, conditions)
        found = fem.Function(self.space)
        conjugate_gradients(matrix, rhs, found.x.petsc_vec)
        found.x.scatter_forward()
        matrix.destroy()
        rhs.destroy()
        return found


def conjugate_gradients(matrix: PETSc.Mat, rhs: PETSc.Vec, solution: PETSc.Vec) -> None:
    """Solve a symmetric positive definite system. Collective.

    Raises:
        SolveError: it did not converge.
    """
    ksp = PETSc.KSP().create(matrix.comm)
    ksp.setType("cg")
    ksp.getPC().setType("gamg")
    ksp.setTolerances(rtol=TOLERANCE, max_it=500)
    matrix.setOption(PETSc.Mat.Option.SPD, True)
    ksp.setOperators(matrix)
    ksp.solve(rhs, solution)
    reason = int(ksp.getConvergedReason())
    ksp.destroy()
    if reason <= 0:
        raise SolveError(f"a potential for the fibers was not found: conjugate gradients stopped with reason {reason}")


def sampled(function: fem.Function, degree: int) -> Sampled:
    """A scalar function and its gradient at the quadrature points of a degree, scheme "default". Local."""
    mesh = function.function_space.mesh
    reference, _ = basix.make_quadrature(mesh.basix_cell(), degree)
    table = function.function_space.element.basix_element.tabulate(1, reference)[..., 0]
    coefficients = function.x.array[function.function_space.dofmap.list[: local_cells(mesh)]]
    values = np.einsum("qk,nk->nq", table[0], coefficients)
    slopes = np.einsum("dqk,nk->nqd", table[1:], coefficients)
    return Sampled(values, np.einsum("nqd,nqdi->nqi", slopes, _inverse_jacobians(mesh, reference)))


def _inverse_jacobians(mesh: Mesh, reference: Array) -> Array:
    """dX_d/dx_i (cells, q, 3, 3) of the coordinate map at reference points."""
    nodes = nodes_of(mesh, local_cells(mesh))
    jacobians = np.einsum("dqk,nki->nqid", tabulate(nodes.shape[1], reference)[1:], nodes)
    return np.linalg.inv(jacobians)
