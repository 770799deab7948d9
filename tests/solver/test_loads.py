"""Loads in volumes and on areas, and what bears them."""

import numpy as np
import pytest
from bodies import SYMMETRY, block, displacements
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.errors import InputError
from fibertwin.solver import BodyForce, Clamp, DeadTraction, ForceOnArea, Gravity, Problem, Stepping, fields, solve

pytestmark = pytest.mark.mpi
WORLD = MPI.COMM_WORLD
MATRIX = Material((NeoHookean(1.0),), 50.0)
TIGHT = Stepping(tolerance=1e-12)


def test_weight_is_borne_by_the_supports():
    loads = {"weight": Gravity((0.0, -9810.0, 0.0), 1.04e-6)}
    solution = solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, {"fixed": Clamp("left")}, loads), TIGHT)
    np.testing.assert_allclose(solution.reactions["fixed"], (0.0, 1.04e-6 * 9810.0, 0.0), atol=1e-12)
    assert displacements(solution)[:, 4].min() < -1e-3


def test_a_column_under_its_own_weight_is_pressed_in_proportion_to_what_stands_on_it():
    """Sides and base on rollers: uniaxial strain, whose axial first Piola stress is the weight above."""
    weight = 0.8
    supports = {**SYMMETRY, "y1": Clamp("front", "y"), "x1": Clamp("right", "x")}
    loads = {"weight": BodyForce((0.0, 0.0, -weight))}
    solution = solve(Problem(block(WORLD, 3), {"tissue": MATRIX}, supports, loads), TIGHT)
    state = fields(solution.problem, solution.unknowns).state
    mean = WORLD.allreduce(float((state.weights * state.P[..., 2, 2]).sum()))
    assert mean == pytest.approx(-weight / 2, rel=1e-9)
    np.testing.assert_allclose(solution.reactions["z"], (0.0, 0.0, weight), atol=1e-9)


def test_a_force_on_an_area_is_a_traction_times_that_area():
    force = (0.2, 0.05, -0.1)
    one, other = (
        solve(Problem(block(WORLD, 2, size=2.0), {"tissue": MATRIX}, {"fixed": Clamp("left")}, {"pull": load}), TIGHT)
        for load in (ForceOnArea("right", force), DeadTraction("right", tuple(f / 4 for f in force)))
    )
    np.testing.assert_allclose(displacements(one), displacements(other), atol=1e-12)
    np.testing.assert_allclose(one.reactions["fixed"], -np.array(force), atol=1e-10)


def test_a_region_that_does_not_exist_is_refused():
    loads = {"weight": BodyForce((0.0, 0.0, -1.0), region="bone")}
    with pytest.raises(InputError, match="no such region"):
        solve(Problem(block(WORLD, 2), {"tissue": MATRIX}, {"fixed": Clamp("left")}, loads))
