"""The two levels of p-multigrid: the coarse one is the fine one's Galerkin product, the smoother knows the present."""

import numpy as np
import pytest
from bodies import tissue, uneven_fibers
from petsc4py import PETSc

from fibertwin.meshes import Block
from fibertwin.solver import (
    Clamp,
    Displacement,
    FollowerPressure,
    Formulation,
    PrescribedDisplacement,
    Problem,
    Springs,
    Stepping,
    TaylorHood,
    solve,
)
from fibertwin.solver.assembly import Assembly, coarse_space
from fibertwin.solver.coarse import Coarse
from fibertwin.solver.constraints import constraints
from fibertwin.solver.equations import forms, unknowns

pytestmark = pytest.mark.mpi

BODIES: dict[str, tuple[str, Formulation]] = {
    "tetrahedra": ("tetrahedra", Displacement(2)),
    "mixed tetrahedra": ("tetrahedra", TaylorHood()),
    "mixed bricks": ("hexahedra", TaylorHood()),
}


@pytest.mark.parametrize("body", BODIES)
def test_the_coarse_tangent_is_the_galerkin_product(body, comm):
    cell, formulation = BODIES[body]
    anatomy = Block((1.0,) * 3, (2, 2, 3), cell=cell).build(comm)
    supports = {"fixed": Clamp("left"), "bed": Springs("bottom", 3.0)}
    loads = {"pressure": FollowerPressure("top", 20.0)}
    problem = Problem(anatomy, {"tissue": tissue(50.0)}, supports, loads, uneven_fibers(anatomy), formulation)
    state = unknowns(problem)
    u = state.displacement
    u.interpolate(lambda x: 0.1 * np.array([x[0] * x[2], x[0] ** 2, x[0] * x[1]]))
    coarse = coarse_space(state, oblique=False)
    act = forms(problem, state, coarse)
    act.loads["pressure"].present.value[:] = act.loads["pressure"].full
    assembly = Assembly(act, state, constraints(problem, u.function_space, []).conditions, coarse)
    assembly.tangent()
    level = assembly.coarse
    assert level is not None
    level.assemble()
    fine = assembly.matrix if state.pressure is None else assembly.matrix.getNestSubMatrix(0, 0)
    difference = fine.convert("aij", out=PETSc.Mat()).ptap(level.interpolation)
    reached = difference.getDiagonal()
    held = reached.duplicate()
    held.array[:] = reached.array_r == 0
    difference.setDiagonal(held, addv=PETSc.InsertMode.ADD)  # rows of held corners are the identity's
    difference.axpy(-1.0, level.matrix)
    assert held.sum() == 3 * 3 * 4
    assert difference.norm() < 1e-12 * level.matrix.norm()


def test_the_smoother_inverts_the_diagonal_of_the_present_tangent(comm):
    """PETSc keeps the inverse of the first one as long as the pattern stays."""
    anatomy = Block((1.0,) * 3, (2, 2, 3)).build(comm)
    supports, formulation = {"fixed": Clamp("left")}, Displacement(2)
    problem = Problem(anatomy, {"tissue": tissue(50.0)}, supports, {}, uneven_fibers(anatomy), formulation)
    state = unknowns(problem)
    u = state.displacement
    coarse = coarse_space(state, oblique=False)
    conditions = constraints(problem, u.function_space, []).conditions
    assembly = Assembly(forms(problem, state, coarse), state, conditions, coarse)
    inverses = []
    for stretch in (0.0, 0.2):
        u.interpolate(lambda x, stretch=stretch: stretch * x)
        assembly.tangent()
        inverses.append(_jacobi(assembly.matrix, comm))
    assert not np.allclose(*inverses, rtol=1e-2)
    fresh = assembly.matrix.duplicate(copy=True)
    np.testing.assert_allclose(inverses[1], _jacobi(fresh, comm), rtol=1e-12)


def _jacobi(matrix: PETSc.Mat, comm) -> np.ndarray:
    """Owned entries of ones, divided by the blocks of a matrix's diagonal."""
    pc = PETSc.PC().create(comm)
    pc.setType("pbjacobi")
    pc.setOperators(matrix)
    ones, divided = matrix.createVecs()
    ones.set(1.0)
    pc.apply(ones, divided)
    return np.array(divided.array_r)


def test_near_rest_levels_and_tangent_serve_again(comm, monkeypatch):
    """The last corrections change the tangent too little to pay for a new one, and equilibrium is the same."""
    anatomy = Block((1.0,) * 3, (2, 2, 3)).build(comm)
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.2, 0.0, 0.0))}
    problem = Problem(anatomy, {"tissue": tissue(50.0)}, supports, {}, uneven_fibers(anatomy), Displacement(2))
    count = {"tangent": 0, "levels": 0}

    def counted(kind, name, what):
        original = getattr(kind, name)

        def counting(*arguments, **options):
            count[what] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(kind, name, counting)

    counted(Assembly, "tangent", "tangent")
    counted(Coarse, "assemble", "levels")
    kept = solve(problem, Stepping(tolerance=1e-8))
    newton = kept.outcome.newton
    assert count["levels"] < count["tangent"] < newton
    count.update(tangent=0, levels=0)
    monkeypatch.setattr("fibertwin.solver.newton.NEAR", 0.0)
    monkeypatch.setattr("fibertwin.solver.newton.SURE", 0.0)
    anew = solve(problem, Stepping(tolerance=1e-8))
    assert count["levels"] == count["tangent"] == anew.outcome.newton
    apart = kept.unknowns.displacement.x.array - anew.unknowns.displacement.x.array
    assert np.abs(apart).max(initial=0.0) < 1e-7
