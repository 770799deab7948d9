"""The stress-free shape of a body that was imaged under load, verified by loading it back."""

import numpy as np
import pytest
from bodies import block, displacements, tissue, uneven_fibers
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.errors import InputError, SolveError
from fibertwin.solver import (
    Clamp,
    DeadTraction,
    Displacement,
    FollowerPressure,
    Problem,
    Stepping,
    TaylorHood,
    Unload,
    require,
    solve,
    unload,
)

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD
SOFT = Material((NeoHookean(1.0),), 20.0)
TIGHT = Stepping(tolerance=1e-11)


def bent(formulation, material=SOFT, fibers=None, anatomy=None):
    """A cube bent by a pressure and a pull."""
    anatomy = anatomy or block(WORLD, 2)
    loads = {"press": FollowerPressure("top", 0.15), "pull": DeadTraction("right", (0.1, 0.0, 0.05))}
    return Problem(anatomy, {"tissue": material}, {"fixed": Clamp("left")}, loads, fibers, formulation=formulation)


@pytest.mark.parametrize("formulation", [Displacement(1), Displacement(2), TaylorHood()], ids=["P1", "P2", "mixed"])
def test_the_shape_found_is_loaded_back_to_the_image(formulation):
    problem = bent(formulation)
    image = problem.anatomy.mesh.geometry.x.copy()
    found = unload(problem, Unload(at=1.0), TIGHT)
    assert found.moved > 0.04
    assert np.diff(found.errors).max() < found.errors[0]
    rows = displacements(require(solve(found.problem, TIGHT)))
    at_image = np.concatenate(WORLD.allgather(image))
    reached = rows[:, :3] + rows[:, 3:]
    nearest = [np.linalg.norm(reached - point, axis=1).min() for point in at_image]
    assert max(nearest) < 1e-6 * found.diameter
    assert found.errors[-1] < 1e-7 * found.diameter


def test_a_shape_that_was_loaded_first_is_found_again():
    """Load a cube with linear elements, take the result for an image, and find the cube."""
    problem = bent(Displacement(1))
    mesh = problem.anatomy.mesh
    cube = mesh.geometry.x.copy()
    solution = require(solve(problem, TIGHT))
    u = solution.unknowns.displacement
    moved = np.zeros_like(cube)
    moved[mesh.geometry.dofmaps[0].ravel()] = u.x.array.reshape(-1, 3)[u.function_space.dofmap.list.ravel()]
    mesh.geometry.x[:] = cube + moved
    assert WORLD.allreduce(float(np.abs(moved).max()), MPI.MAX) > 0.04
    unload(problem, Unload(at=1.0, tolerance=1e-9), TIGHT)
    np.testing.assert_allclose(mesh.geometry.x, cube, atol=1e-7)


def test_half_way_through_the_histories_half_the_load_is_taken_off():
    problem = bent(Displacement(1))
    image = problem.anatomy.mesh.geometry.x.copy()
    found = unload(problem, Unload(at=1.0), Stepping(end=2.0, tolerance=1e-11))
    half = np.abs(problem.anatomy.mesh.geometry.x - image).max()
    problem.anatomy.mesh.geometry.x[:] = image
    whole = unload(problem, Unload(at=2.0), Stepping(end=2.0, tolerance=1e-11))
    assert 0.3 < WORLD.allreduce(half, MPI.MAX) / whole.moved < 0.7
    assert found.moved < whole.moved


def test_fibers_are_carried_along():
    """A fiber seen along a in the image was along F⁻¹ a, whichever the mesh says now."""
    anatomy = block(WORLD, 2)
    fibers = uneven_fibers(anatomy)
    seen = fibers.axis.x.array.reshape(-1, 3).copy()
    found = unload(bent(TaylorHood(), tissue(20.0, k1=2.0), fibers, anatomy), Unload(at=1.0), TIGHT)
    solution = require(solve(found.problem, TIGHT))
    from fibertwin.solver.deformation import evaluate
    from fibertwin.solver.fields import at_points

    state = evaluate(found.problem, solution.unknowns)
    now = np.einsum("...ij,...j", state.F, at_points(found.problem.fibers.axis, len(state.F)))
    now /= np.linalg.norm(now, axis=-1, keepdims=True)
    before = seen.reshape(*now.shape) if seen.size == now.size else at_points(fibers.axis, len(state.F))
    assert np.abs(np.abs((now * before).sum(axis=-1)) - 1).max() < 1e-6
    H = found.problem.fibers.structure_tensor.x.array.reshape(-1, 3, 3)
    np.testing.assert_allclose(np.trace(H, axis1=1, axis2=2), 1.0, atol=1e-12)


def test_a_shape_that_is_not_found_leaves_the_image_as_it_was():
    problem = bent(Displacement(1))
    image = problem.anatomy.mesh.geometry.x.copy()
    with pytest.raises(SolveError, match="No stress-free shape"):
        unload(problem, Unload(at=1.0, most=2), TIGHT)
    np.testing.assert_array_equal(problem.anatomy.mesh.geometry.x, image)


def test_an_image_later_than_the_loads_is_refused():
    with pytest.raises(InputError, match="later than the loads"):
        unload(bent(Displacement(1)), Unload(at=2.0), TIGHT)
