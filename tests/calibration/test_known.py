"""Solves that were done before, and evidence by tempered particles."""

import numpy as np
import pytest
from scipy import stats

from fibertwin.calibration import Formula, Gaussian, LogNormal, Measurement, Parameter, Space, Target, calibrate
from fibertwin.calibration.laplace import Bell
from fibertwin.calibration.predictors import Recorder
from fibertwin.calibration.surrogate import temper


def test_evidence_by_tempered_particles_is_the_conjugate_one():
    random = np.random.default_rng(2)
    A = random.normal(size=(20, 3))
    y = A @ random.normal(size=3) + 0.2 * random.normal(size=20)
    exact = stats.multivariate_normal(np.zeros(20), A @ A.T + 0.04 * np.eye(20)).logpdf(y)

    def density(z):
        misfit = (((y - z @ A.T) / 0.2) ** 2).sum(axis=1) + (z**2).sum(axis=1)
        return -0.5 * misfit - 20 * np.log(0.2) - 0.5 * 23 * np.log(2 * np.pi)

    bell, found = Bell(np.zeros((1, 3)), np.eye(3)[None], np.ones(1)), []
    for seed in range(12):
        random = np.random.default_rng(seed)
        found.append(temper(density, bell.draws(500, random), bell.log_densities, random).log_evidence)
    assert np.mean(found) == pytest.approx(exact, abs=3 * np.std(found, ddof=1) / np.sqrt(len(found)))


def test_what_was_solved_before_costs_nothing():
    space = Space((Parameter("size", LogNormal(1.0, 0.5)), Parameter("rate", LogNormal(0.3, 0.5))))
    model = Formula(space.names, lambda theta: theta[0] * np.exp(-theta[1] * np.arange(5.0)))
    y = model.solve(np.array([1.2, 0.4])) + 0.02 * np.random.default_rng(0).normal(size=5)
    recorder = Recorder(model, np.arange(5), [])
    first = calibrate(Target(recorder, space, Measurement(tuple(y), Gaussian(0.02))), seed=1)
    known = recorder.known()
    assert len(known) == first.cost.total
    again = calibrate(
        Target(model, space, Measurement(tuple(y), Gaussian(0.02))), seed=1, starts=1, first=first.mode, known=known
    )
    assert any("Nothing was solved to train it" in sentence for sentence in again.told)
    assert again.cost.total <= 20
    assert again.mean() == pytest.approx(first.mean(), abs=0.05 * first.sd().min())
    assert again.log_evidence == pytest.approx(first.log_evidence, abs=0.02)
    beyond = calibrate(
        Target(model, space, Measurement(tuple(3 * y), Gaussian(0.02))), seed=1, starts=1, first=first.mode, known=known
    )
    assert beyond.cost.total > 60  # the posterior has left the region of what was solved
    assert beyond.certificate.passed
