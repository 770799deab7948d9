"""A calibration of a body on any number of ranks: the same bits on each, the same posterior on one and on several."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from bodies import block
from mpi4py import MPI

from fibertwin.calibration import (
    Formula,
    Gaussian,
    Journal,
    LogNormal,
    Measurement,
    Parameter,
    Space,
    Target,
    calibrate,
    search,
)
from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import PointDisplacements
from fibertwin.constitutive import Material, NeoHookean
from fibertwin.solver import Clamp, DeadTraction, Displacement, Problem, Stepping

pytestmark = pytest.mark.mpi
SPACE = Space((Parameter("mu", LogNormal(1.0, 0.5), "kPa"), Parameter("pull", LogNormal(0.2, 0.5), "kPa")))
HOW = {"starts": 1, "budget": 70, "checks": 20, "draws": 800}
POINTS = ((1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 1.0, 0.0))


def body(comm: MPI.Comm) -> EquilibriumModel:
    anatomy = block(comm, 2)

    def problem(theta):
        mu, pull = map(float, theta)
        tissue, loads = Material((NeoHookean(mu),), 10.0), {"pull": DeadTraction("right", (pull, 0.0, 0.0))}
        return Problem(anatomy, {"tissue": tissue}, {"fixed": Clamp("left")}, loads, formulation=Displacement(1))

    seen = [(1.0, PointDisplacements(POINTS))]
    return EquilibriumModel(SPACE.names, problem, np.array([1.0, 0.2]), seen, Stepping(tolerance=1e-10), rtol=1e-9)


def test_every_rank_finds_the_same_posterior_and_a_stiffness_and_its_load_do_each_other_s_work(tmp_path):
    world = MPI.COMM_WORLD
    folder = world.bcast(tmp_path)
    journal = Journal(folder, "body", writes=world.rank == 0)
    model = body(world)
    values = model.solve(np.array([1.3, 0.3])) + 0.003 * np.random.default_rng(0).standard_normal(9)
    target = Target(model, SPACE, Measurement(tuple(values.tolist()), Gaussian(0.003)))
    posterior = calibrate(target, **HOW, journal=journal)
    everywhere = world.allgather((posterior.z.tobytes(), posterior.weights.tobytes(), posterior.told))
    assert all(one == everywhere[0] for one in everywhere)
    assert posterior.certificate.passed
    low, high = posterior.interval().T
    assert (low < [1.3, 0.3]).all()
    assert (high > [1.3, 0.3]).all()
    ratio = posterior.theta[:, 1] / posterior.theta[:, 0]
    assert posterior.weights @ ratio == pytest.approx(0.3 / 1.3, rel=0.06)
    if world.size > 1:
        alone = search(replace(target, model=body(MPI.COMM_SELF)), starts=1).best
        assert posterior.mode == pytest.approx(SPACE.theta(alone.z), rel=1e-6)
    world.barrier()
    again = calibrate(target, **HOW, journal=journal)
    assert again.cost.total == 0
    assert np.array_equal(again.z, posterior.z)


def test_the_no_u_turn_sampler_asks_for_solves_on_every_rank_alike_and_in_the_thread_that_has_mpi():
    pytest.importorskip("nutpie")
    world, main = MPI.COMM_WORLD, threading.current_thread()

    def predicted(theta):
        assert threading.current_thread() is main
        return world.bcast(theta) * np.array([1.0, 2.0])  # waits for ever where a rank does not ask

    model = Formula(SPACE.names, predicted, lambda theta: np.diag([1.0, 2.0]))
    posterior = calibrate(Target(model, SPACE, Measurement((1.1, 0.5), Gaussian(0.05))), "nuts", budget=60)
    assert len(set(world.allgather(posterior.z.tobytes()))) == 1
    assert posterior.mean() == pytest.approx([1.1, 0.25], rel=0.05)
