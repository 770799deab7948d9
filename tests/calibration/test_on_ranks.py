"""A calibration of a body on any number of ranks: the same bits on each, the same posterior on one and on several."""

import numpy as np
import pytest
from bodies import block
from mpi4py import MPI

from fibertwin.calibration import Gaussian, Journal, LogNormal, Measurement, Parameter, Space, Target, calibrate
from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import PointDisplacements
from fibertwin.constitutive import Material, NeoHookean
from fibertwin.solver import Clamp, DeadTraction, Displacement, Problem, Stepping

pytestmark = pytest.mark.mpi
SPACE = Space((Parameter("mu", LogNormal(1.0, 0.5), "kPa"), Parameter("pull", LogNormal(0.2, 0.5), "kPa")))
POINTS = ((1.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 1.0, 0.0))


def target(comm: MPI.Comm) -> Target:
    anatomy = block(comm, 3)

    def problem(theta):
        mu, pull = map(float, theta)
        tissue, loads = Material((NeoHookean(mu),), 10.0), {"pull": DeadTraction("right", (pull, 0.0, 0.0))}
        return Problem(anatomy, {"tissue": tissue}, {"fixed": Clamp("left")}, loads, formulation=Displacement(1))

    seen = [(1.0, PointDisplacements(POINTS))]
    model = EquilibriumModel(SPACE.names, problem, np.array([1.0, 0.2]), seen, Stepping(tolerance=1e-10), rtol=1e-9)
    random = np.random.default_rng(0)
    values = model.solve(np.array([1.3, 0.3])) + 0.003 * random.standard_normal(9)
    return Target(model, SPACE, Measurement(tuple(values.tolist()), Gaussian(0.003)))


def test_every_rank_finds_the_same_posterior_and_a_stiffness_and_its_load_do_each_other_s_work(tmp_path):
    world = MPI.COMM_WORLD
    folder = world.bcast(tmp_path)
    journal = Journal(folder, "body", writes=world.rank == 0)
    posterior = calibrate(target(world), starts=1, budget=80, checks=40, draws=800, journal=journal)
    everywhere = world.allgather((posterior.z.tobytes(), posterior.weights.tobytes(), posterior.told))
    assert all(one == everywhere[0] for one in everywhere)
    assert posterior.certificate.passed
    low, high = posterior.interval().T
    assert (low < [1.3, 0.3]).all()
    assert (high > [1.3, 0.3]).all()
    ratio = posterior.theta[:, 1] / posterior.theta[:, 0]
    assert posterior.weights @ ratio == pytest.approx(0.3 / 1.3, rel=0.06)
    if world.size > 1:
        alone = calibrate(target(MPI.COMM_SELF), starts=1, budget=80, checks=40, draws=800)
        assert posterior.mode == pytest.approx(alone.mode, rel=1e-6)
        assert posterior.mean() == pytest.approx(alone.mean(), rel=1e-6)
    world.barrier()
    again = calibrate(target(world), starts=1, budget=80, checks=40, draws=800, journal=journal)
    assert again.cost.total == 0
    assert np.array_equal(again.z, posterior.z)
