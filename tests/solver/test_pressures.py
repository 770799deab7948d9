"""The pressure that Newton's method carries at the quadrature points."""

from dataclasses import replace

import numpy as np
import pytest
from bodies import block, stretched
from dolfinx import mesh
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.meshes.anatomy import Anatomy
from fibertwin.solver import Displacement, Problem, Stepping, TaylorHood, require, solve
from fibertwin.solver.system import System

WORLD = MPI.COMM_WORLD
BULK = 200.0


def two_regions() -> Problem:
    """A block whose second region is ten times as stiff in volume."""
    anatomy: Anatomy = block(WORLD, 2)
    soft = Material((NeoHookean(1.0),), BULK, volumetric_part="logarithmic")
    cells = np.arange(anatomy.cell_tags.indices.size, dtype=np.int32)
    tags = mesh.meshtags(anatomy.mesh, 3, cells, np.where(cells % 2, 7, anatomy.cell_tags.values).astype(np.int32))
    anatomy = replace(anatomy, cell_tags=tags, regions={**anatomy.regions, "other": 7})
    problem = stretched(anatomy, soft, None, 0.2, formulation=Displacement(2))
    return replace(problem, materials={"tissue": soft, "other": replace(soft, bulk_modulus=10 * BULK)})


@pytest.mark.mpi
def test_a_pressure_follows_its_linearised_equation():
    """p after a whole correction is U'(J) + U''(J) δJ, so it lags behind U'(J) by the square of the correction."""
    problem = two_regions()
    system = System(problem)
    lag = system.state.lag
    assert lag is not None
    sizes = []
    for level in (0.02, 0.01):
        system.set_state(start := system.copy_state())
        system.set_level(level)
        system.newton_correction(1e-10, moving=True)
        system.move(1.0)
        system.newton_correction(1e-2, moving=False)
        owned = lag.x.array[: lag.function_space.dofmap.index_map.size_local]
        sizes.append(np.sqrt(WORLD.allreduce(float(owned @ owned))))
        system.set_state(start)
        system.newton_correction(1e-2, moving=False)
        assert not lag.x.array.any()
    system.destroy()
    assert sizes[0] / sizes[1] == pytest.approx(4.0, rel=0.05)


@pytest.mark.mpi
def test_half_a_correction_taken_back_leaves_no_lag():
    system = System(two_regions())
    system.set_level(0.05)
    system.newton_correction(1e-6, moving=True)
    for step in (1.0, -0.5, -0.5):
        system.move(step)
    system.newton_correction(1e-2, moving=False)
    assert system.state.lag is not None
    np.testing.assert_allclose(system.state.lag.x.array, 0.0, atol=1e-9 * BULK)
    system.destroy()


@pytest.mark.mpi
def test_nearly_incompressible_tissue_takes_about_the_steps_of_mixed_elements():
    """Without it displacement elements took four times the Newton iterations, and three cuts."""
    stiff = Material((NeoHookean(1.0),), 100.0)
    plain = stretched(block(WORLD, 2), stiff, None, 0.3)
    found = {
        kind: require(solve(replace(plain, formulation=kind), Stepping(tolerance=1e-8))).outcome.newton
        for kind in (Displacement(2), TaylorHood())
    }
    assert found[Displacement(2)] <= 2 * found[TaylorHood()]
