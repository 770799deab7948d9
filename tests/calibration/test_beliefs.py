"""Priors, noise and the posterior that they make: against scipy's distributions, closed forms and differences."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import approx_fprime

from fibertwin.calibration import (
    Correlated,
    Empirical,
    Formula,
    Gaussian,
    LogNormal,
    Measurement,
    Normal,
    Parameter,
    Poisson,
    Space,
    StudentT,
    Target,
    TruncatedNormal,
    Uniform,
    UnknownScale,
)
from fibertwin.calibration.archive import of_words, words_of
from fibertwin.calibration.mixed_noise import Blocks, Faded
from fibertwin.errors import SolveError

PRIORS = [
    (Normal(2.0, 0.5), stats.norm(2.0, 0.5)),
    (LogNormal(3.0, 0.4), stats.lognorm(0.4, scale=3.0)),
    (Uniform(-1.0, 4.0), stats.uniform(-1.0, 5.0)),
    (TruncatedNormal(1.0, 2.0, 0.0, 3.0), stats.truncnorm(-0.5, 1.0, 1.0, 2.0)),
    (TruncatedNormal(1.0, 2.0, low=0.5), stats.truncnorm(-0.25, np.inf, 1.0, 2.0)),
    (Empirical(tuple(stats.norm(5, 2).ppf((np.arange(9) + 0.5) / 9))), stats.norm(5, 2)),
]


@pytest.mark.parametrize(("prior", "known"), PRIORS, ids=lambda value: type(value).__name__)
def test_prior_maps_scores_to_its_distribution(prior, known):
    scores = stats.norm.ppf((np.arange(9) + 0.5) / 9)
    assert prior.value(scores) == pytest.approx(known.ppf(stats.norm.cdf(scores)), rel=1e-10)
    assert prior.score(prior.value(scores)) == pytest.approx(scores, abs=1e-9)
    between = scores + 0.1
    differences = (prior.value(between + 1e-6) - prior.value(between - 1e-6)) / 2e-6
    assert prior.slope(between) == pytest.approx(differences, rel=1e-6)


def test_values_outside_a_prior_have_no_score():
    assert LogNormal(1.0, 1.0).score(-1.0) == -np.inf
    assert Uniform(0.0, 1.0).score(2.0) == np.inf


@pytest.mark.parametrize("wrong", [lambda: Normal(0, 0), lambda: LogNormal(-1, 1), lambda: Uniform(1, 1)])
def test_impossible_priors_are_refused(wrong):
    with pytest.raises(ValueError, match="prior"):
        wrong()


def test_correlated_scores_are_a_multivariate_normal():
    space = Space((Parameter("a", Normal(1.0, 2.0)), Parameter("b", Normal(-1.0, 0.5))), ((1.0, 0.6), (0.6, 1.0)))
    slopes = space.slopes(np.zeros(2))
    assert slopes @ slopes.T == pytest.approx(np.array([[4.0, 0.6], [0.6, 0.25]]))
    theta = np.array([[0.3, -2.0], [4.0, 0.1]])
    assert space.theta(space.z(theta)) == pytest.approx(theta)


NOISES = [
    Gaussian((0.5, 1.0, 2.0)),
    Correlated(((1.0, 0.3, 0.0), (0.3, 2.0, 0.1), (0.0, 0.1, 0.5))),
    StudentT(0.7, 5.0),
    UnknownScale(0.8, 3.0),
]


@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: type(noise).__name__)
def test_noise_is_scipys_and_its_score_the_derivative(noise):
    predicted = np.array([2.0, 3.0, 0.5])
    residual = np.array([0.4, -1.3, 0.2])
    measured = predicted + residual
    known = {
        "Gaussian": lambda r: stats.norm(0, [0.5, 1.0, 2.0]).logpdf(r).sum(),
        "Correlated": lambda r: stats.multivariate_normal(cov=np.array(NOISES[1].covariance)).logpdf(r),
        "StudentT": lambda r: stats.t(5.0, scale=0.7).logpdf(r).sum(),
        "UnknownScale": lambda r: stats.multivariate_t(shape=0.64 * np.eye(3), df=3.0).logpdf(r),
    }[type(noise).__name__]
    assert noise.log_density(measured, predicted) == pytest.approx(known(residual), rel=1e-12)
    assert noise.score(measured, predicted) == pytest.approx(
        approx_fprime(predicted, lambda at: noise.log_density(measured, at)), rel=1e-5
    )
    assert np.linalg.eigvalsh(noise.weight(measured, predicted)).min() > 0
    rows = np.array([True, False, True])
    assert len(noise.kept(rows).score(measured[rows], predicted[rows])) == 2


def test_counts_are_scipys_and_their_weight_is_fishers_information():
    counts, rates, noise = np.array([0.0, 3.0, 7.0]), np.array([0.7, 2.5, 9.0]), Poisson()
    assert noise.log_density(counts, rates) == pytest.approx(stats.poisson(rates).logpmf(counts).sum(), rel=1e-12)
    slopes = approx_fprime(rates, lambda at: noise.log_density(counts, at))
    assert noise.score(counts, rates) == pytest.approx(slopes, rel=1e-6)
    scores = [noise.score(noise.draw(rates, np.random.default_rng(seed)), rates) for seed in range(4000)]
    assert np.cov(np.array(scores).T) == pytest.approx(noise.weight(counts, rates), abs=0.08)
    assert noise.log_density(np.array([1.0]), np.array([0.0])) == -np.inf
    assert noise.log_density(np.array([0.0]), np.array([0.0])) == 0


def test_blocks_of_noise_are_their_parts_together():
    noise = Blocks((Gaussian(0.5), Faded(Poisson(), 0.3)), (2, 1))
    counts, rates = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.1, 3.0])
    known = stats.norm(rates[:2], 0.5).logpdf(counts[:2]).sum() + 0.3 * stats.poisson(3.0).logpmf(4)
    assert noise.log_density(counts, rates) == pytest.approx(known, rel=1e-12)
    assert noise.score(counts, rates) == pytest.approx([-2.0, -0.4, 0.1])
    assert noise.weight(counts, rates) == pytest.approx(np.diag([4.0, 4.0, 0.1]))
    assert noise.kept(np.array([False, True, True])).sizes == (1, 1)
    assert noise.kept(np.array([False, False, True])).log_density(counts[2:], rates[2:]) == pytest.approx(
        0.3 * stats.poisson(3.0).logpmf(4)
    )
    assert len(noise.draw(rates, np.random.default_rng(0))) == 3
    assert of_words(json.loads(json.dumps(words_of(noise)))) == noise


def decay() -> Formula:
    return Formula(("size", "rate"), lambda theta: theta[0] * np.exp(-theta[1] * np.arange(4.0)))


def test_complex_steps_are_the_derivative():
    _, slopes = decay().linearise(np.array([2.0, 0.3]))
    times = np.arange(4.0)
    assert slopes == pytest.approx(
        np.stack([np.exp(-0.3 * times), -2 * times * np.exp(-0.3 * times)], axis=1), rel=1e-14
    )


def test_a_formula_without_a_number_fails_with_its_parameters():
    with pytest.raises(SolveError, match="a = -1"), np.errstate(invalid="ignore"):
        Formula(("a",), np.sqrt).solve(np.array([-1.0]))


def target(noise=Gaussian(0.1), missing=False) -> Target:  # noqa: B008
    space = Space((Parameter("size", LogNormal(1.0, 0.5)), Parameter("rate", Uniform(0.0, 1.0))))
    return Target(decay(), space, Measurement((1.9, np.nan if missing else 1.5, 1.1, 0.8), noise))


@pytest.mark.parametrize("noise", [Gaussian(0.1), Gaussian((0.1, 0.2, 0.3, 0.4)), StudentT(0.1), UnknownScale(0.1)])
@pytest.mark.parametrize("missing", [False, True])
def test_gradient_of_the_posterior(noise, missing):
    posterior, z = target(noise, missing), np.array([0.4, -0.3])
    local = posterior.about(z)
    differences = approx_fprime(z, lambda at: posterior.log_density(at, posterior.predict(at)), 1e-7)
    assert local.gradient == pytest.approx(differences, rel=1e-4)
    assert np.linalg.eigvalsh(local.curvature).min() >= 1


def test_a_missing_number_says_nothing():
    z = np.array([0.4, -0.3])
    full, part = target(), target(missing=True)
    difference = full.log_density(z, full.predict(z)) - part.log_density(z, part.predict(z))
    assert difference == pytest.approx(stats.norm(full.predict(z)[1], 0.1).logpdf(1.5))


def test_models_and_priors_name_the_same_parameters():
    with pytest.raises(ValueError, match="parameters"):
        Target(decay(), Space((Parameter("size", Normal(0, 1)),)), Measurement((1.0,), Gaussian(1.0)))


@pytest.mark.parametrize("noise", [*NOISES, Poisson()], ids=lambda noise: type(noise).__name__)
def test_a_weight_is_applied_as_it_is(noise):
    measured, predicted = np.array([1.0, 3.0, 2.0]), np.array([1.5, 2.0, 2.5])
    columns = np.random.default_rng(0).normal(size=(3, 2))
    weight = noise.weight(measured, predicted)
    assert noise.weighed(measured, predicted, columns) == pytest.approx(weight @ columns, rel=1e-12)
    assert Measurement(tuple(measured), noise).precision(predicted) == pytest.approx(np.diag(weight))


@pytest.mark.parametrize("noise", [*NOISES, Poisson()], ids=lambda noise: type(noise).__name__)
def test_many_predictions_at_once(noise):
    predicted = np.array([[1.5, 2.0, 2.5], [0.1, 0.2, 4.0]])
    measurement = Measurement((1.0, np.nan, 2.0), noise)
    assert measurement.log_likelihoods(predicted) == pytest.approx([measurement.log_likelihood(y) for y in predicted])
