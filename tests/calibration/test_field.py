"""A field of parameters: its prior against the covariance it stands for, its posterior against algebra, derivatives."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.calibration import Formula
from fibertwin.calibration.field import FieldModel
from fibertwin.calibration.field_posterior import field_posterior
from fibertwin.calibration.observe import PointDisplacements
from fibertwin.calibration.smooth import Smooth
from fibertwin.errors import InputError, SolveError
from fibertwin.solver import Displacement, Problem, Stepping
from tests.support.bodies import block, fibered, stretched, tissue

SEEN = ((1.0, PointDisplacements(((0.3, 0.9, 0.9), (0.55, 0.1, 0.4)))),)


def problem(comm) -> Problem:
    anatomy = block(comm, 2)
    return stretched(anatomy, tissue(50.0), fibered(anatomy), 0.2, formulation=Displacement())


def test_the_prior_has_the_covariance_it_is_named_for():
    prior = Smooth(block(MPI.COMM_SELF, 8), "tissue", sd=0.4, length=0.12)
    assert np.median(prior.sd) == pytest.approx(0.4, rel=0.1)
    middle = int(np.argmin(np.linalg.norm(prior.centers - 0.5, axis=1)))
    unit = np.zeros((len(prior.centers), 1))
    unit[middle] = 1.0
    column = prior.covariance(unit)[:, 0]
    away = np.linalg.norm(prior.centers - prior.centers[middle], axis=1)
    for nearest, farthest in ((0.1, 0.15), (0.15, 0.2), (0.2, 0.25)):
        ring = (away > nearest) & (away < farthest)
        mean = (column[ring] / np.sqrt(column[middle]) / prior.sd[ring]).mean()
        assert mean == pytest.approx(np.exp(-away[ring] / 0.12).mean(), rel=0.15)


def test_its_parts_belong_to_one_covariance():
    prior = Smooth(block(MPI.COMM_SELF, 2), "tissue", sd=0.4, length=0.5)
    whole = prior.covariance(np.eye(48))
    np.testing.assert_allclose(whole, whole.T, atol=1e-14)
    np.testing.assert_allclose(prior.sd**2, np.diag(whole), rtol=1e-12)
    z = np.random.default_rng(0).normal(size=48)
    assert prior.cost(z) == pytest.approx(z @ np.linalg.solve(whole, z), rel=1e-9)
    draws = prior.draw(1, 20000)
    np.testing.assert_allclose(np.cov(draws.T), whole, atol=5 * whole.max() / np.sqrt(20000))


def test_a_linear_model_has_the_posterior_of_algebra():
    prior = Smooth(block(MPI.COMM_SELF, 2), "tissue", sd=0.4, length=0.5)
    rng = np.random.default_rng(2)
    slopes, measured, noise = rng.normal(size=(5, 48)), rng.normal(size=5), np.array([0.1, 0.2, 0.3, 0.1, 0.2])
    model = Formula(tuple(map(str, range(48))), lambda z: slopes @ z, lambda z: slopes)
    found = field_posterior(model, prior, measured, noise, tolerance=1e-9)
    precision = np.linalg.inv(prior.covariance(np.eye(48))) + slopes.T @ np.diag(noise**-2) @ slopes
    covariance = np.linalg.inv(precision)
    np.testing.assert_allclose(found.mode, covariance @ slopes.T @ (measured / noise**2), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found.sd, np.sqrt(np.diag(covariance)), rtol=1e-9)
    draws = found.draw(3, 20000)
    np.testing.assert_allclose(draws.mean(axis=0), found.mode, atol=5 * found.sd.max() / np.sqrt(20000))
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=6 * covariance.max() / np.sqrt(20000))
    some = np.array([1, 0, 1, 1, 1], dtype=bool)
    seen = Formula(model.names, lambda z: slopes[some] @ z, lambda z: slopes[some])
    without = field_posterior(seen, prior, measured[some], noise[some], tolerance=1e-9)
    missing = field_posterior(model, prior, np.where(some, measured, np.nan), noise, tolerance=1e-9)
    np.testing.assert_array_equal(missing.mode, without.mode)
    assert len(missing.measured) == 4
    assert (found.contraction >= missing.contraction).all()
    assert found.misfit == pytest.approx(np.mean(((measured - slopes @ found.mode) / noise) ** 2))
    whitened = np.linalg.eigvals(prior.covariance(slopes.T @ np.diag(noise**-2) @ slopes)).real
    np.testing.assert_allclose(found.information, np.sort(whitened)[::-1][:5], rtol=1e-9)


@pytest.mark.mpi
def test_a_stiffness_in_every_cell_is_derived_alike_on_any_number_of_ranks():
    model = FieldModel(problem(MPI.COMM_WORLD), "tissue", 1, "k1", SEEN, Stepping(tolerance=1e-12), rtol=1e-12)
    z = 0.3 * np.sin(np.arange(48.0))
    seen, slopes = model.linearise(z)
    assert slopes.shape == (6, 48) == (len(seen), len(model.names))
    way, step = np.cos(np.arange(48.0)), 1e-3
    difference = (model.solve(z + step * way) - model.solve(z - step * way)) / (2 * step)
    np.testing.assert_allclose(slopes @ way, difference, rtol=1e-5, atol=1e-5 * np.abs(difference).max())
    alone = FieldModel(problem(MPI.COMM_SELF), "tissue", 1, "k1", SEEN, Stepping(tolerance=1e-12), rtol=1e-12)
    np.testing.assert_allclose(slopes, alone.linearise(z)[1], atol=1e-9 * np.abs(slopes).max())
    one, other = (Smooth(block(comm, 2), "tissue", 0.3, 0.5) for comm in (MPI.COMM_WORLD, MPI.COMM_SELF))
    np.testing.assert_allclose(one.covariance(way[:, None]), other.covariance(way[:, None]), rtol=1e-10)


def test_what_cannot_be_a_field_is_told():
    for place, what in ((("grey", 0, "mu"), "is not one positive number"), (("tissue", 1, "dispersion"), "tensor")):
        with pytest.raises(InputError, match=what):
            FieldModel(problem(MPI.COMM_SELF), *place, SEEN)


def test_steps_that_lead_nowhere_are_told():
    prior = Smooth(block(MPI.COMM_SELF, 1), "tissue", sd=1.0, length=0.5)

    def wrong(z):
        return np.array([z.sum()])

    model = Formula(tuple("abcdef"), wrong, lambda z: -np.ones((1, 6)))
    with pytest.raises(SolveError, match="No step"):
        field_posterior(model, prior, np.array([1.0]), 0.1)
