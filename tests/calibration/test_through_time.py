"""Derivatives through what tissue remembers, against differences of whole solves."""

from dataclasses import replace

import numpy as np
import pytest
from bodies import block
from mpi4py import MPI
from relaxing import VISCOUS, confined

from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import MeanStrain, PointDisplacements, Reaction
from fibertwin.curve import Curve
from fibertwin.errors import InputError
from fibertwin.solver import Clamp, DeadTraction, Displacement, Problem, Stepping, TaylorHood

WORLD = MPI.COMM_WORLD
PLACES = {
    "mu": "materials.tissue.energies.0.mu",
    "share": "materials.tissue.relaxation.1.share",
    "time": "materials.tissue.relaxation.0.time",
    "pull": "loads.pull.traction_vector.0",
}
STEPS = Stepping(end=2.0, first=0.25, largest=0.25, tolerance=1e-12)


def model(comm, formulation, see=None, **more):
    """A cube that a pull bends, comes on in 0.3 s and stays."""
    load = DeadTraction("right", (0.4, 0.0, 0.2), curve=Curve((0.0, 0.3, 2.0), (0.0, 1.0, 1.0)))
    supports = {"fixed": Clamp("left")}
    anatomy = block(comm, 1)
    problem = Problem(anatomy, {"tissue": VISCOUS}, supports, {"pull": load}, formulation=formulation)
    see = see or [(0.5, PointDisplacements(((1.0, 1.0, 1.0),))), (1.0, PointDisplacements(((1.0, 0.0, 1.0),)))]
    return EquilibriumModel.of(problem, PLACES, see, STEPS, rtol=1e-11, **more)


@pytest.mark.parametrize("formulation", [Displacement(1), TaylorHood()], ids=str)
def test_what_is_left_of_a_change_falls_with_the_square_of_the_step(formulation):
    found = model(WORLD, formulation)
    seen, slopes = found.linearise(found.theta)
    for direction in (*np.eye(4), np.array([0.3, -0.5, 0.4, 0.2])):
        steps = [h * direction * found.theta for h in (0.08, 0.04)]
        left = [np.linalg.norm(found.solve(found.theta + step) - seen - slopes @ step) for step in steps]
        assert np.log2(left[0] / left[1]) > 1.9


@pytest.mark.mpi
def test_the_same_on_any_number_of_ranks(comm):
    one, many = model(MPI.COMM_SELF, Displacement(1)), model(comm, Displacement(1))
    for a, b in zip(one.linearise(one.theta), many.linearise(many.theta), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_forces_follow_the_memory_too():
    curve = Curve((0.0, 0.2, 2.0), (0.0, 1.0, 1.0))
    places = {name: PLACES[name] for name in ("mu", "share", "time")} | {"pull": "supports.pull.displacement.0"}
    see = [(0.3, Reaction("pull", "x")), (1.0, Reaction("pull", "x")), (1.0, MeanStrain("tissue", (1.0, 0.0, 0.0)))]
    found = EquilibriumModel.of(confined(WORLD, curve), places, see, STEPS, rtol=1e-11)
    theta = found.theta
    seen, slopes = found.linearise(theta)
    for i, size in enumerate(1e-4 * theta):
        step = size * np.eye(len(theta))[i]
        wanted = (found.solve(theta + step) - found.solve(theta - step)) / (2 * size)
        np.testing.assert_allclose(slopes[:, i], wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.solve(theta).shape, seen.shape)


def test_what_was_seen_is_seen_again():
    found = model(WORLD, Displacement(1))
    first, _ = found.linearise(found.theta)
    solves = found.effort.solves
    np.testing.assert_allclose(found.solve(found.theta), first, rtol=1e-12)
    assert found.effort.solves == solves
    found.solve(1.1 * found.theta)
    np.testing.assert_allclose(found.solve(found.theta), first, rtol=1e-12)


def test_adjoints_are_refused():
    found = model(WORLD, Displacement(1))
    with pytest.raises(InputError, match="adjoint derivatives do not go back along it"):
        found.pulled(found.theta, np.ones(len(found.numbers)))


def test_other_branches_are_no_numbers():
    found = model(WORLD, Displacement(1))
    problem = found.equilibria.system.problem
    fewer = replace(VISCOUS, relaxation=VISCOUS.relaxation[:1])
    with pytest.raises(ValueError, match="as many branches"):
        found.equilibria.system.adopt(replace(problem, materials={"tissue": fewer}))
