"""The levels below linear displacements: Galerkin products that outlive the tangent they were made for."""

import numpy as np
import pytest
from bodies import block, fibered, tissue
from petsc4py import PETSc

from fibertwin.solver import Clamp, Displacement, Problem
from fibertwin.solver.aggregates import Aggregates
from fibertwin.solver.assembly import Assembly
from fibertwin.solver.constraints import constraints
from fibertwin.solver.equations import forms, unknowns
from fibertwin.solver.linear import LinearSolver

TIGHT = 1e-8


class Body:
    """A cube of linear displacements, clamped on one side."""

    def __init__(self, comm) -> None:
        anatomy = block(comm, 7)
        fibers = fibered(anatomy)
        problem = Problem(anatomy, {"tissue": tissue(10.0)}, {"fixed": Clamp("left")}, {}, fibers, Displacement(1))
        self.state = unknowns(problem)
        V = self.state.displacement.function_space
        conditions = constraints(problem, V, []).conditions
        self.assembly = Assembly(forms(problem, self.state, None), self.state, conditions, None)
        self.matrix, self.levels = self.assembly.matrix, self.assembly.coarse
        assert isinstance(self.levels, Aggregates)
        self.solver = LinearSolver(V, None, self.levels, {}, symmetric=True)
        self.rhs, self.solution = self.matrix.createVecs()

    def stretch(self, amount: float) -> None:
        """Bring the tangent to a stretch."""
        self.state.displacement.interpolate(
            lambda x: amount * np.array([x[0], -0.5 * x[1], 0.1 * x[0] ** 2 - 0.5 * x[2]])
        )
        self.assembly.tangent()

    def solve(self, budget: int | None = None):
        """Solve for a push that is the same everywhere; the result, and the error relative to the push."""
        self.rhs.set(1.0)
        self.solution.set(0.0)
        result = self.solver.solve(self.matrix, self.rhs, self.solution, TIGHT, budget)
        assert not result.direct
        left = self.rhs.duplicate()
        self.matrix.mult(self.solution, left)
        left.axpy(-1.0, self.rhs)
        return result, left.norm() / self.rhs.norm()

    def sizes(self) -> list[float]:
        """Norms of the levels' matrices."""
        return [matrix.norm() for matrix in self.levels.matrices]


@pytest.fixture
def body(comm):
    return Body(comm)


@pytest.mark.mpi
def test_every_level_is_the_galerkin_product_of_the_one_above(body):
    body.stretch(0.1)
    body.solve()
    above = [*body.levels.matrices, body.matrix]
    assert len(above) > 2
    assert len(body.levels.interpolations) == len(above) - 1
    for coarse, fine, upwards in zip(above, above[1:], body.levels.interpolations, strict=False):
        product = fine.convert("aij", out=PETSc.Mat()).ptap(upwards)
        product.axpy(-1.0, coarse.convert("aij", out=PETSc.Mat()))
        assert product.norm() < 1e-12 * coarse.norm()


@pytest.mark.mpi
def test_levels_outlive_the_tangent_that_they_were_made_for(body):
    body.stretch(0.0)
    fresh, _ = body.solve()
    made = body.sizes()
    body.stretch(0.15)
    result, error = body.solve()
    assert result.reason > 0
    assert error < 2 * TIGHT
    assert body.sizes() == made
    assert result.iterations < 1.5 * fresh.iterations


@pytest.mark.mpi
def test_levels_that_serve_no_longer_are_made_anew_before_a_solve_counts_as_failed(body):
    body.stretch(0.1)
    fresh, _ = body.solve()
    made = body.sizes()
    for matrix in body.levels.matrices:
        matrix.scale(1e-6)
    budget = 2 * fresh.iterations
    result, error = body.solve(budget)
    assert result.reason > 0
    assert error < 2 * TIGHT
    assert budget < result.iterations <= 2 * budget
    np.testing.assert_allclose(body.sizes(), made, rtol=1e-12)


@pytest.mark.mpi
def test_levels_are_made_anew_once_their_age_has_cost_more_than_that_costs(body):
    body.stretch(0.1)
    body.solve()
    made = body.sizes()
    for matrix in body.levels.matrices:
        matrix.scale(0.02)
    spoiled = body.sizes()
    solves = 0
    while body.sizes() == spoiled:
        assert body.solve()[0].reason > 0
        solves += 1
        assert solves < 10
    assert solves > 1
    np.testing.assert_allclose(body.sizes(), made, rtol=1e-12)


@pytest.mark.mpi
def test_levels_follow_the_damping(body):
    body.stretch(0.1)
    body.solve()
    made = body.sizes()
    body.assembly.tangent(1e-2)
    assert body.solve()[1] < 2 * TIGHT
    assert body.sizes()[0] > 1.001 * made[0]
