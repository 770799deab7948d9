"""Materials in the solver: volumetric parts, tissue that contracts, and what changes with time."""

import numpy as np
import pytest
from bodies import SYMMETRY, block, displacements, fibered
from mpi4py import MPI
from scipy.optimize import brentq

from fibertwin.constitutive import VOLUMETRIC, ActiveStrain, ActiveStress, Formula, Material, NeoHookean
from fibertwin.curve import Curve
from fibertwin.solver import (
    DeadTraction,
    Displacement,
    FollowerPressure,
    Problem,
    Stepping,
    TaylorHood,
    fields,
    require,
    solve,
)

WORLD = MPI.COMM_WORLD
TIGHT = Stepping(tolerance=1e-12)
FORMULATIONS = {"taylor-hood": TaylorHood(), "P1": Displacement(1)}
BULK = 50.0

# U'(J) / K, written down from the papers and not from the package
SLOPES = {
    "quadratic": lambda J: J - 1,
    "logarithmic": lambda J: np.log(J) / J,
    "simo-miehe": lambda J: 0.5 * (J - 1 / J),
    "liu": np.log,
    "miehe": lambda J: 1 - 1 / J,
}


def test_every_volumetric_part_is_in_this_table():
    assert set(SLOPES) == set(VOLUMETRIC)


@pytest.mark.parametrize(
    ("part", "formulation"),
    [*((part, "taylor-hood") for part in VOLUMETRIC), ("simo-miehe", "P1"), ("logarithmic", "P1")],
)
def test_pressure_on_all_sides_gives_the_volume_of_the_volumetric_part(part, formulation):
    pressure = 6.0
    loads = {name: FollowerPressure(name, pressure) for name in ("right", "front", "top")}
    tissue = Material((NeoHookean(1.0),), BULK, part)
    solution = require(
        solve(
            Problem(block(WORLD, 1), {"tissue": tissue}, SYMMETRY, loads, formulation=FORMULATIONS[formulation]), TIGHT
        )
    )
    measured = fields(solution.problem, solution.unknowns).measures
    expected = brentq(lambda J: BULK * SLOPES[part](J) + pressure, 0.5, 1.0, xtol=1e-14)
    np.testing.assert_allclose(measured["J"].values, expected, rtol=1e-9)
    np.testing.assert_allclose(measured["pressure"].values, pressure, rtol=1e-9)


def contracted(material, stepping=TIGHT):
    """Free contraction along x of a cube on rollers: the stretch at its free face, and the fields."""
    anatomy = block(WORLD, 1)
    problem = Problem(anatomy, {"tissue": material}, SYMMETRY, fibers=fibered(anatomy, (1.0, 0.0, 0.0), 1.0))
    solution = require(solve(problem, stepping))
    rows = displacements(solution)
    return 1 + rows[rows[:, 0] > 0.999, 3].mean(), fields(problem, solution.unknowns)


@pytest.mark.mpi
def test_active_stress_shortens_free_tissue_to_the_closed_form():
    """Incompressible, S = T f⊗f: mu (1 − λ⁻³) + T = 0."""
    mu, tension = 2.0, 3.0
    stretch, measured = contracted(Material((NeoHookean(mu), ActiveStress(tension)), "incompressible"))
    assert stretch == pytest.approx((1 + tension / mu) ** (-1 / 3), rel=1e-9)
    np.testing.assert_allclose(measured.measures["fiber stress"].values, 0.0, atol=1e-9)


def test_activation_follows_its_curve_and_results_are_those_of_its_end():
    curve = Curve((0.0, 0.1, 0.3), (0.0, 1.0, 0.25))
    material = Material((NeoHookean(2.0), ActiveStress(3.0, curve=curve)), "incompressible")
    stretch, measured = contracted(material, Stepping(end=0.3, tolerance=1e-12))
    assert stretch == pytest.approx((1 + 0.75 / 2.0) ** (-1 / 3), rel=1e-9)
    np.testing.assert_allclose(measured.measures["fiber stress"].values, 0.0, atol=1e-9)


@pytest.mark.mpi
def test_active_strain_shortens_free_tissue_by_itself_and_without_stress():
    material = Material((NeoHookean(2.0),), "incompressible", active_strain=ActiveStrain(-0.15))
    stretch, measured = contracted(material)
    assert stretch == pytest.approx(0.85, rel=1e-10)
    np.testing.assert_allclose(measured.measures["von Mises stress"].values, 0.0, atol=1e-9)
    np.testing.assert_allclose(measured.measures["fiber stretch"].values, 0.85, rtol=1e-9)


@pytest.mark.mpi
def test_a_stiffness_that_varies_by_a_formula_is_felt_where_it_varies():
    """Two halves in series bear the same force: the stretch of each is that of a bar of its own stiffness."""
    anatomy = block(WORLD, 2)
    material = Material((NeoHookean(Formula("where(x < 0.5, 1, 3)")),), "incompressible")
    loads = {"pull": DeadTraction("right", (0.3, 0.0, 0.0))}
    solution = require(solve(Problem(anatomy, {"tissue": material}, SYMMETRY, loads, fibers=fibered(anatomy)), TIGHT))
    state = fields(solution.problem, solution.unknowns).state
    soft = state.points[..., 0] < 0.5
    means = [
        WORLD.allreduce(float((state.P[..., 0, 0] * state.weights)[part].sum()))
        / WORLD.allreduce(float(state.weights[part].sum()))
        for part in (soft, ~soft)
    ]
    stretches = [
        WORLD.allreduce(float((state.F[..., 0, 0] * state.weights)[part].sum()))
        / WORLD.allreduce(float(state.weights[part].sum()))
        for part in (soft, ~soft)
    ]
    np.testing.assert_allclose(means, 0.3, rtol=0.03)
    alone = [brentq(lambda s, mu=mu: mu * (s - s**-2) - 0.3, 1.0, 2.0) for mu in (1.0, 3.0)]
    np.testing.assert_allclose(stretches, alone, rtol=0.03)


def test_activation_that_begins_later_farther_on():
    """Onset from a formula: at 0.5 s only tissue whose onset is past has begun to pull."""
    anatomy = block(WORLD, 2)
    curve = Curve((0.0, 1e-3), (0.0, 1.0))
    material = Material((NeoHookean(2.0), ActiveStress(1.0, curve=curve, onset=Formula("x", "s"))), "incompressible")
    problem = Problem(anatomy, {"tissue": material}, SYMMETRY, fibers=fibered(anatomy, (1.0, 0.0, 0.0), 1.0))
    solution = require(solve(problem, Stepping(end=0.5, tolerance=1e-11)))
    state = fields(problem, solution.unknowns).state
    begun = state.points[..., 0] < 0.499
    assert state.F[begun, 0, 0].mean() < 0.93
    assert state.F[state.points[..., 0] > 0.75, 0, 0].mean() > 0.97


def test_numbers_that_do_not_change_stay_as_given_beside_one_that_does():
    """mu (1 − λ⁻³) + T (1 + slope (λ − 1)) = 0: the slope counts as much as the tension."""
    mu, tension, slope = 2.0, 3.0, 4.0
    law = ActiveStress(tension, length_dependence="linear", slope=slope)
    stretch, _ = contracted(Material((NeoHookean(mu), law), "incompressible"))
    expected = brentq(lambda s: mu * (1 - s**-3) + tension * max(1 + slope * (s - 1), 0.0), 0.5, 1.0)
    assert stretch == pytest.approx(expected, rel=1e-8)
