"""Equilibria as a forward model: derivatives against differences and each other, on any number of ranks; refusals."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.free_numbers import FreeNumbers
from fibertwin.calibration.observe import (
    DisplacementImage,
    MeanStrain,
    PointDisplacements,
    Reaction,
    StrainImage,
    Torque,
)
from fibertwin.constitutive import GasserOgdenHolzapfel, Material, NeoHookean
from fibertwin.errors import InputError, SolveError
from fibertwin.meshes.sharpening import sharpened
from fibertwin.solver import Clamp, Displacement, FollowerPressure, NormalDisplacement, Problem, Springs, Stepping
from fibertwin.solver.field_gradient import FieldGradient
from fibertwin.solver.parameters import known_at_points
from tests.support.bodies import block, fibered

PLACES = {
    "mu": "materials.tissue.energies.0.mu",
    "k2": "materials.tissue.energies.1.k2",
    "bulk": "materials.tissue.bulk_modulus",
    "pressure": "loads.push.pressure",
    "bed": "supports.bed.stiffness",
    "pull": "supports.pull.distance",
    "exponent": "fibers.exponent",
}
MARKERS = PointDisplacements(((0.3, 0.9, 0.9), (0.55, 0.1, 0.4)), names=("a", "b"))
QUARTERS = np.array([[0.5, 0, 0, 0.25], [0, 0.5, 0, 0.25], [0, 0, 0.5, 0.25], [0, 0, 0, 1]])
CORNERS = np.array([[0, 0, 0], [1, 1, 1]])
LINEAR = (
    (0.5, MARKERS),
    (1.0, MARKERS),
    (1.0, MeanStrain("tissue")),
    (1.0, DisplacementImage(QUARTERS, CORNERS, 0.2)),
    (0.5, StrainImage(QUARTERS, CORNERS, direction=(1.0, 1.0, 0.0))),
)
"""What has adjoint derivatives too."""

FORCES = ((1.0, Reaction("pull", "x")), (1.0, Reaction("bed")), (1.0, Torque("pull", (1.0, 0.5, 0.5), "z")))
TIGHT = Stepping(tolerance=1e-12)


def problem(comm=MPI.COMM_SELF, mu=1.0):
    anatomy = block(comm, 2)
    material = Material((NeoHookean(mu), GasserOgdenHolzapfel(2.0, 1.5, "tensor", switch="smooth")), 50.0)
    supports = {"fixed": Clamp("left"), "pull": NormalDisplacement("right", 0.2), "bed": Springs("back", 0.5)}
    loads = {"push": FollowerPressure("top", 0.05)}
    return Problem(anatomy, {"tissue": material}, supports, loads, fibered(anatomy), Displacement())


@cache
def model():
    return EquilibriumModel.of(problem(), PLACES, (*LINEAR, *FORCES), TIGHT, rtol=1e-12)


THETA = np.array([1.0, 1.5, 50.0, 0.05, 0.5, 0.2, 1.0])


def test_the_remainder_of_every_parameter_is_of_second_order():
    seen, slopes = model().linearise(THETA)
    for step, name in zip(np.diag(THETA), PLACES, strict=True):
        left = [np.linalg.norm(model().solve(THETA + h * step) - seen - h * slopes @ step) for h in (0.02, 0.01)]
        assert np.log2(left[0] / left[1]) > 1.9, name


def test_each_number_has_a_name_and_a_unit():
    assert len(model().numbers) == len(model().units) == len(model().solve(THETA)) == 6 + 6 + 1 + 6 + 2 + 5
    assert model().numbers[:4] == ("a x", "a y", "a z", "b x")
    assert model().units[12:14] == ("", "mm")
    assert model().names == tuple(PLACES)


def test_an_adjoint_gives_what_tangents_give():
    one = EquilibriumModel.of(problem(), PLACES, LINEAR, TIGHT, rtol=1e-13)
    seen, slopes = one.linearise(THETA)
    weights = np.random.default_rng(3).normal(size=len(seen))
    solves = one.effort.solves
    gradient, _ = one.pulled(THETA, weights)
    assert one.effort.solves == solves  # the equilibrium is kept
    np.testing.assert_allclose(gradient, weights @ slopes, rtol=1e-10, atol=1e-10 * np.abs(gradient).max())
    with pytest.raises(InputError, match="have no adjoint derivatives"):
        model().pulled(THETA, np.ones(len(model().numbers)))


def test_derivatives_by_a_field_add_up_to_that_by_a_number():
    whole = problem()
    places = {"k1": "materials.tissue.energies.1.k1"}
    one = EquilibriumModel.of(whole, places, LINEAR[:3], TIGHT, rtol=1e-12)
    seen, slopes = one.linearise(np.array([2.0]))
    weights = np.random.default_rng(4).normal(size=len(seen))
    stiffness = known_at_points(np.full(whole.fibers.points.shape[:2], 2.0))
    material = whole.materials["tissue"]
    energies = (material.energies[0], replace(material.energies[1], k1=stiffness))
    uneven = replace(whole, materials={"tissue": replace(material, energies=energies)})
    other = EquilibriumModel((), lambda _: uneven, np.zeros(0), LINEAR[:3], TIGHT, rtol=1e-12)
    field = FieldGradient(other.equilibria.system, "tissue", 1, "k1")
    _, (by_point,) = other.pulled(np.zeros(0), weights, [field])
    assert by_point.sum() == pytest.approx((weights @ slopes)[0], rel=1e-9)
    assert by_point.std() > 0


@pytest.mark.mpi
def test_derivatives_are_the_same_on_any_number_of_ranks():
    comm = MPI.COMM_WORLD
    one = EquilibriumModel.of(problem(comm), PLACES, (*LINEAR, *FORCES), TIGHT, rtol=1e-12)
    mine = np.column_stack(one.linearise(THETA))
    for other in comm.allgather(mine):
        np.testing.assert_array_equal(other, mine)
    alone = np.column_stack(model().linearise(THETA))
    np.testing.assert_allclose(mine, alone, rtol=1e-9, atol=1e-9 * np.abs(alone).max())
    gradient = EquilibriumModel.of(problem(comm), PLACES, LINEAR, TIGHT, rtol=1e-12).pulled(THETA, np.ones(21))[0]
    np.testing.assert_allclose(gradient, alone[:21, 1:].sum(axis=0), rtol=1e-9, atol=1e-9 * np.abs(gradient).max())


def test_a_failed_solve_leaves_the_next_one_as_it_would_have_been():
    one = EquilibriumModel.of(problem(), PLACES, LINEAR[:2], Stepping(smallest=0.2), rtol=1e-8)
    first = one.solve(THETA)
    inside_out = THETA.copy()
    inside_out[5] = -0.97  # the right face passes almost through the left one
    with pytest.raises(SolveError, match="No equilibrium at"):
        one.solve(inside_out)
    np.testing.assert_array_equal(one.solve(THETA), first)


def test_a_warm_start_takes_fewer_iterations_and_a_predicted_one_fewer_still():
    one = EquilibriumModel.of(problem(), PLACES, LINEAR[:2], rtol=1e-8)
    spent = [0]
    for solve in (
        one.solve,
        lambda theta: one.solve(1.05 * theta),
        one.linearise,
        lambda theta: one.solve(1.05 * theta),
    ):
        solve(THETA)
        spent.append(one.effort.krylov)
    cold, warm, _, predicted = np.diff(spent)
    assert predicted < warm < cold


def test_what_an_anchored_model_finds_hangs_on_its_parameters_alone():
    one = EquilibriumModel.of(problem(), PLACES, LINEAR[:2], rtol=1e-8)
    free = one.solve(1.02 * THETA)
    one.anchor(THETA)
    first, slopes = one.linearise(1.02 * THETA)
    np.testing.assert_allclose(first, free, rtol=1e-5)
    one.solve(0.97 * THETA)
    force = one.seeing(FORCES[:1])  # looks at the same body in between
    assert force.numbers == ("force of pull x",)
    np.testing.assert_allclose(force.solve(THETA), model().seeing(FORCES[:1]).solve(THETA), rtol=1e-5)
    np.testing.assert_array_equal(one.solve(1.02 * THETA), first)
    np.testing.assert_array_equal(one.linearise(1.02 * THETA)[1], slopes)


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("materials.grey.energies.0.mu", "there is no grey\n    wanted: one of tissue"),
        ("materials.tissue.energies.7.mu", "there is no 7"),
        ("supports.fixed.surface", "is no number"),
        ("materials.tissue.energies.1.dispersion", "is no number"),
    ],
)
def test_a_place_without_a_number_is_told(place, what):
    with pytest.raises(InputError) as told:
        EquilibriumModel.of(problem(), {"x": place}, LINEAR[:1])
    assert what in str(told.value)


def test_parameters_beyond_bounds_are_told_with_the_bound():
    with pytest.raises(InputError, match="mu: is out of range") as told:
        model().solve(np.array([-1.0, *THETA[1:]]))
    assert "-1 kPa" in str(told.value)
    assert model().solve(THETA) is not None


def test_a_pair_of_angles_is_one_number():
    whole = problem()
    energies = (NeoHookean(1.0), GasserOgdenHolzapfel(2.0, 1.5, 0.1, (0.5, -0.5)))
    paired = replace(whole, materials={"tissue": Material(energies, 50.0)})
    below = "materials.tissue.energies.1.angles"
    free = FreeNumbers(paired, {"angle": (f"{below}.0", f"-{below}.1")})
    assert free.theta == 0.5
    assert free(np.array([0.3])).materials["tissue"].energies[1].angles == (0.3, -0.3)
    alone = FreeNumbers(paired, {"angle": f"{below}.0"})
    with pytest.raises(InputError, match="do not go together"):
        alone(np.array([0.3]))


def test_sharpened_fibers_are_those_of_a_power_of_the_tensor():
    fibers = fibered(block(MPI.COMM_SELF, 1), fa=0.6)
    matrices = fibers.structure_tensor.x.array.reshape(-1, 3, 3)
    squares = matrices @ matrices
    known = squares / np.trace(squares, axis1=1, axis2=2)[:, None, None]
    found = sharpened(fibers, 2.0).structure_tensor.x.array.reshape(-1, 3, 3)
    np.testing.assert_allclose(found, known, atol=1e-14)
    np.testing.assert_allclose(sharpened(fibers, 1.0).structure_tensor.x.array.reshape(-1, 3, 3), matrices, atol=1e-14)
    even = sharpened(fibers, 0.0).structure_tensor.x.array.reshape(-1, 3, 3)
    np.testing.assert_allclose(even, np.broadcast_to(np.eye(3) / 3, even.shape), atol=1e-14)
