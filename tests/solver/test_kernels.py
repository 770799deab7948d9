"""The element kernels against UFL's own derivatives of the same energy, on every element."""

import numpy as np
import pytest
import ufl
from bodies import block, tissue, uneven_fibers
from dolfinx import fem
from ffcx.naming import compute_signature
from mpi4py import MPI

from fibertwin import jit
from fibertwin.constitutive import Material, NeoHookean, Ogden
from fibertwin.meshes import Block, ThickSphere
from fibertwin.meshes.anatomy import Anatomy
from fibertwin.solver import Displacement, Problem, TaylorHood
from fibertwin.solver.assembly import coarse_space
from fibertwin.solver.equations import Unknowns, unknowns
from fibertwin.solver.kernels import law as kernel_law
from fibertwin.solver.kernels import tissue_forms
from fibertwin.solver.tissue import kinematics, metadata

SELF = MPI.COMM_SELF


def bricks() -> Anatomy:
    return Block(size=(1.0,) * 3, cells=(2,) * 3, cell="hexahedra").build(SELF)


BODIES = {
    "linear tetrahedra": (lambda: block(SELF, 2), Displacement(1)),
    "quadratic tetrahedra": (lambda: block(SELF, 1), Displacement(2)),
    "mixed tetrahedra": (lambda: block(SELF, 1), TaylorHood()),
    "linear bricks": (bricks, Displacement(1)),
    "mixed bricks": (bricks, TaylorHood()),
    "curved": (lambda: ThickSphere(1.0, 1.5, (1, 2), "octant").build(SELF), TaylorHood()),
}


def by_ufl(problem: Problem, state: Unknowns, coarse: fem.FunctionSpace | None):
    """Energy, residual, tangent and coarse tangent (the pressure's lag in them) as UFL and FFCx have them."""
    u = state.displacement
    dx = ufl.Measure("dx", domain=problem.anatomy.mesh, metadata=metadata(problem))
    F = ufl.Identity(3) + ufl.grad(u)
    energy = state.tissue[0].energy(kinematics(problem, F), state.pressure) * dx

    def form(of):
        return fem.form(of, jit_options=jit.options())

    tests = [ufl.TestFunction(f.function_space) for f in state.functions]
    residual = [ufl.derivative(energy, f, test) for f, test in zip(state.functions, tests, strict=True)]
    curved = energy if state.lag is None else energy + state.lag * ufl.det(F) * dx
    rows = [ufl.derivative(curved, f, test) for f, test in zip(state.functions, tests, strict=True)]
    tangent = [
        [form(ufl.derivative(row, f, ufl.TrialFunction(f.function_space))) for f in state.functions] for row in rows
    ]
    rough = None
    if coarse is not None:
        v, w = ufl.TestFunction(coarse), ufl.TrialFunction(coarse)
        rough = form(ufl.derivative(ufl.derivative(curved, u, v), u, w))
    return form(energy), [form(row) for row in residual], tangent, rough


def dense(form: fem.Form) -> np.ndarray:
    matrix = fem.petsc.assemble_matrix(form)
    matrix.assemble()
    return matrix.convert("dense").getDenseArray()


@pytest.mark.parametrize("body", BODIES)
def test_the_kernels_are_the_derivatives_of_the_energy(body):
    build, formulation = BODIES[body]
    anatomy = build()
    fibers = None if body == "curved" else uneven_fibers(anatomy)
    material = Material((NeoHookean(2.0), Ogden((1.0,), (4.0,))), 50.0) if fibers is None else tissue(50.0)
    problem = Problem(anatomy, dict.fromkeys(anatomy.regions, material), {}, fibers=fibers, formulation=formulation)
    state = unknowns(problem)
    rng = np.random.default_rng(3)
    for f in state.functions:
        f.x.array[:] = 0.03 * rng.standard_normal(len(f.x.array))
    if state.lag is not None:
        state.lag.x.array[:] = rng.standard_normal(len(state.lag.x.array))
    coarse = coarse_space(state, oblique=False)
    ours = tissue_forms(problem, state.functions, state.tissue[0], coarse, state.lag)
    energy, residual, tangent, rough = by_ufl(problem, state, coarse)
    assert fem.assemble_scalar(ours.energy) == pytest.approx(fem.assemble_scalar(energy), rel=1e-12)
    for mine, wanted in zip(ours.residual, residual, strict=True):
        expected = fem.assemble_vector(wanted).array
        np.testing.assert_allclose(fem.assemble_vector(mine).array, expected, atol=1e-12 * np.abs(expected).max())
    pairs = [pair for rows in zip(ours.tangent, tangent, strict=True) for pair in zip(*rows, strict=True)]
    pairs += [(ours.coarse, rough)] if coarse is not None else []
    for mine, wanted in pairs:
        expected = dense(wanted)
        np.testing.assert_allclose(dense(mine), expected, atol=1e-12 * np.abs(expected).max())


def test_an_energy_is_known_again_however_many_came_before_it():
    """What decides whether kernels are compiled anew; constants are numbered through the whole process."""
    anatomy = block(SELF, 1)
    fibers = uneven_fibers(anatomy)
    names = set()
    for _ in range(25):
        problem = Problem(anatomy, {"tissue": tissue(50.0)}, {}, fibers=fibers)
        state = unknowns(problem)
        energy = kernel_law(problem, state.functions, state.tissue[0]).energy
        names.add(compute_signature([(energy, np.zeros(3))], ""))
    assert len(names) == 1
