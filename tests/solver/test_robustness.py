"""What keeps a solve going: guarded first steps, damping over limit points, endings that name their cause."""

import sys
from pathlib import Path

import numpy as np
import pytest
from bodies import block, fibered, stretched
from dolfinx import fem
from mpi4py import MPI

from fibertwin.constitutive import HolzapfelGasserOgden, Material, NeoHookean
from fibertwin.errors import InputError
from fibertwin.solver import Clamp, Displacement, PrescribedDisplacement, Problem, Stepping, path, require, solve
from fibertwin.solver.newton import NewtonResult, newton
from fibertwin.solver.system import State, System

WORLD = MPI.COMM_WORLD
MATRIX = Material((NeoHookean(1.0),), 1e3)
FOLDER = Path(__file__).parents[2] / "benchmarks"


def quick_cases():
    """The short torture set, loaded as its program does."""
    sys.path.insert(0, str(FOLDER))
    try:
        from _torture import every_case
    finally:
        sys.path.remove(str(FOLDER))
    return [case for case in every_case() if case.quick]


@pytest.mark.parametrize("case", quick_cases(), ids=lambda case: case.name)
def test_torture(case):
    """Solved, refused or stopped at default settings, for the reason that it must be."""
    if case.ends == "refused":
        with pytest.raises(InputError, match=case.says):
            solve(case.build(), case.stepping)
        return
    outcome = solve(case.build(), case.stepping).outcome
    assert outcome.converged == (case.ends == "solved"), outcome.sentence
    assert case.says in outcome.sentence


@pytest.mark.mpi
def test_the_least_volume_ratio_is_that_of_all_ranks():
    system = System(stretched(block(WORLD, 3), MATRIX, None, formulation=Displacement(2)))
    assert system.least_volume_ratio() == pytest.approx(1.0)
    u = fem.Function(system.state.displacement.function_space)
    u.interpolate(lambda x: np.stack([-0.45 * x[0] ** 2, 0 * x[0], 0 * x[0]]))
    system.set_state(State((u.x.array,), np.zeros(0)))
    assert 0.1 - 1e-9 < system.least_volume_ratio() < 0.4  # J = 1 − 0.9 x, and some point lies in the last third
    system.set_state(State((np.full_like(u.x.array, np.nan),), np.zeros(0)))
    assert system.least_volume_ratio() == -np.inf
    system.destroy()


@pytest.mark.mpi
def test_a_first_step_that_turns_cells_is_given_up_at_once_with_the_share_that_does_not():
    crushed = stretched(block(WORLD, 2), MATRIX, None, -1.5)
    system = System(crushed)
    system.set_level(1.0)
    result = newton(system, 1e-9, 20)
    system.destroy()
    assert not result.converged
    assert "inside out" in result.why
    assert result.share in (0.5, 0.25, 0.125)
    assert len(result.krylov) == 1


@pytest.mark.mpi
def test_an_exponential_law_is_walked_in_few_iterations():
    """Full Newton takes about one iteration for each factor e by which the first step overshoots."""
    anatomy = block(WORLD, 2)
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.15, 0.0, 0.0))}
    stiffening = Material((NeoHookean(1.0), HolzapfelGasserOgden(5.0, 100.0)), 1e3)
    outcome = require(solve(Problem(anatomy, {"tissue": stiffening}, supports, fibers=fibered(anatomy)))).outcome
    assert outcome.newton < 45


@pytest.mark.mpi
def test_iterations_of_failed_increments_count():
    outcome = solve(stretched(block(WORLD, 2), MATRIX, None, -1.5), Stepping(smallest=0.1)).outcome
    assert outcome.newton > sum(len(step.krylov) for step in outcome.steps)
    assert outcome.krylov > sum(sum(step.krylov) for step in outcome.steps)


@pytest.mark.mpi
def test_a_tolerance_below_round_off_is_named_as_the_cause():
    outcome = solve(stretched(block(WORLD, 2), MATRIX, None, 0.05), Stepping(tolerance=1e-17)).outcome
    assert not outcome.converged
    assert "round-off does not allow" in outcome.sentence
    assert outcome.cuts <= 3


@pytest.mark.mpi
def test_a_mesh_that_is_folded_is_refused_and_its_cell_named():
    anatomy = block(WORLD, 3)
    x = anatomy.mesh.geometry.x
    x[np.linalg.norm(x - 1 / 3, axis=1) < 1e-6] += 0.45
    with pytest.raises(InputError, match=r"cell \d+ at \(.*\) mm is turned inside out"):
        solve(stretched(anatomy, MATRIX, None))


@pytest.mark.mpi
def test_levels_on_the_way_are_waypoints_and_those_asked_for_are_met():
    anatomy = block(WORLD, 2)
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.15, 0.0, 0.0))}
    stiffening = Material((NeoHookean(1.0), HolzapfelGasserOgden(5.0, 100.0)), 1e3)
    problem = Problem(anatomy, {"tissue": stiffening}, supports, fibers=fibered(anatomy))
    once = require(solve(problem))
    levels = [step.level for step in once.outcome.steps if step.settled]
    assert levels == [1.0]
    assert len(once.outcome.steps) > 1
    twice = require(solve(problem, Stepping(first=0.5, growth=1.0)))
    assert {0.5, 1.0} <= {step.level for step in twice.outcome.steps if step.settled}
    force = once.reactions["moved"]
    assert np.linalg.norm(twice.reactions["moved"] - force) < 1e-6 * np.linalg.norm(force)


@pytest.mark.mpi
def test_a_solve_that_stops_is_left_in_equilibrium_not_at_a_waypoint():
    problem = stretched(block(WORLD, 2), MATRIX, None, -1.5)
    stopped = solve(problem, Stepping(smallest=0.1))
    assert not stopped.outcome.converged
    assert stopped.outcome.level > 0
    again = System(problem)
    again.set_state(State(tuple(f.x.array for f in stopped.unknowns.functions), np.zeros(0)))
    again.set_level(stopped.outcome.level)
    left = again.residual()
    again.destroy()
    assert left.norm <= 1.001 * Stepping().tolerance * left.forces


@pytest.mark.mpi
def test_a_level_that_was_not_reached_is_tried_once_more_with_exact_solves(monkeypatch):
    tries = []
    real = path.newton

    def failing(*arguments, exact, **options):
        tries.append(exact)
        return real(*arguments, exact=exact, **options) if exact else NewtonResult(False, "made up", (), ())

    monkeypatch.setattr(path, "newton", failing)
    monkeypatch.setattr(path, "damped", failing)
    require(solve(stretched(block(WORLD, 2), MATRIX, None, 0.1), Stepping(smallest=0.2)))
    assert tries == sorted(tries)
    assert tries.count(True) == 1
