"""What data cannot tell: profiles, directions, collinearity, and what a further measurement would teach."""

import math

import numpy as np
import pytest
from posteriors import linear

from fibertwin.calibration import (
    Candidate,
    Correlated,
    Formula,
    Gaussian,
    LogNormal,
    Measurement,
    Normal,
    Parameter,
    Space,
    Target,
    calibrate,
    identifiability,
    lessons,
    profile,
    search,
)
from fibertwin.calibration.identify import Lesson, advice, collinearity, remedies


def test_profile_of_a_linear_model_is_its_normal_interval():
    target, *_ = linear(m=8)
    mode = search(target).best
    A = target.model.linearise(np.zeros(3))[1]
    sd = np.array(target.measurement.noise.sd)
    values = np.array(target.measurement.values) - target.model.solve(np.zeros(3))
    covariance = np.linalg.inv(A.T @ (A / sd[:, None] ** 2))
    best = covariance @ A.T @ (values / sd**2)
    for index, name in enumerate(target.space.names):
        found = profile(target, name, mode.z)
        half = math.sqrt(3.841458820694124 * covariance[index, index])
        assert found.bounded
        assert found.interval == pytest.approx((best[index] - half, best[index] + half), rel=1e-6)


def pair(prior=LogNormal(1.0, 1.0)) -> Target:  # noqa: B008
    """A product of two numbers is seen, and a third one."""
    space = Space((Parameter("a", prior), Parameter("b", prior), Parameter("c", Normal(0, 1))))
    times = np.linspace(0, 1, 6)
    model = Formula(("a", "b", "c"), lambda theta: theta[0] * theta[1] * times + theta[2])
    return Target(model, space, Measurement(tuple(2 * times + 0.3), Gaussian(0.05)))


def test_a_pair_that_only_its_product_tells_is_flagged():
    target = pair()
    mode = search(target).best
    assert not profile(target, "a", mode.z).bounded
    assert not profile(target, "b", mode.z).bounded
    assert profile(target, "c", mode.z).bounded
    assert "do not identify a" in profile(target, "a", mode.z).said()
    told = identifiability(target.space, mode.mode)
    assert told.contractions[-1] == pytest.approx(0, abs=1e-12)
    assert np.abs(told.directions[-1]) == pytest.approx([0.5**0.5, 0.5**0.5, 0], abs=1e-6)
    assert told.condition == math.inf
    assert told.collinearity["a", "b"] == math.inf
    assert told.collinearity["a", "c"] < 5
    assert any("a and b do each other's work (collinearity without bound)" in words for words in told.sentences())


def test_the_posterior_of_such_a_pair_is_right_along_its_ridge():
    """Ln a and ln b are normal a priori; ln a - ln b stays what it was, and their sum is known."""
    posterior = calibrate(pair(), budget=400)
    logs = np.log(posterior.theta)[:, :2] if (posterior.theta[:, :2] > 0).all() else None
    difference = logs[:, 0] - logs[:, 1]
    mean = posterior.weights @ difference
    assert posterior.certificate.passed
    assert mean == pytest.approx(0, abs=0.15)
    assert math.sqrt(posterior.weights @ (difference - mean) ** 2) == pytest.approx(2**0.5, rel=0.1)
    assert posterior.weights @ posterior.theta[:, 0] * 0 + posterior.weights @ np.exp(logs.sum(axis=1)) == (
        pytest.approx(2.0, abs=0.1)
    )


def test_one_sided_profiles_say_so():
    space = Space((Parameter("x", Normal(3, 2)),))
    target = Target(Formula(("x",), lambda theta: np.exp(-theta)), space, Measurement((0.0,), Gaussian(0.05)))
    found = profile(target, "x", search(target).best.z)
    assert math.isinf(found.interval[1])
    assert math.isfinite(found.interval[0])
    assert "only from below" in found.said()


def test_collinearity_is_bruns():
    slopes = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    found = collinearity(("a", "b", "c"), slopes.T @ slopes)
    scaled = slopes / np.linalg.norm(slopes, axis=0)
    for group, columns in ((("a", "b"), [0, 1]), (("a", "b", "c"), [0, 1, 2])):
        least = np.linalg.svd(scaled[:, columns])[1].min()
        assert found[group] == pytest.approx(1 / least)
    assert found["a", "c"] == pytest.approx(1)


def test_collinearity_is_that_of_the_parameters_when_beliefs_are_correlated():
    A = np.random.default_rng(0).normal(size=(5, 2))
    for correlation in (None, ((1.0, 0.8), (0.8, 1.0))):
        space = Space((Parameter("a", Normal(0, 1)), Parameter("b", Normal(0, 1))), correlation)
        target = Target(Formula(("a", "b"), lambda t: A @ t), space, Measurement((0.0,) * 5, Gaussian(1.0)))
        found = identifiability(space, target.about(np.zeros(2)))
        scaled = A / np.linalg.norm(A, axis=0)
        assert found.collinearity["a", "b"] == pytest.approx(1 / np.linalg.svd(scaled)[1].min())


def test_what_a_measurement_teaches_is_the_information_that_it_gives():
    target, *_ = linear()
    now = search(target).best
    random = np.random.default_rng(1)
    one, two = random.normal(size=(2, 3)), random.normal(size=(1, 3))
    noise = Correlated(((0.5, 0.2), (0.2, 0.5)))
    taught = lessons(
        target.space,
        now,
        {"one": Candidate(np.zeros(2), one, noise), "two": Candidate(np.zeros(1), two, Gaussian(1e-3))},
    )
    before = now.mode.curvature
    gain = 0.5 * np.log(
        np.linalg.det(before + one.T @ np.linalg.inv(np.array(noise.covariance)) @ one) / np.linalg.det(before)
    )
    assert {lesson.name: lesson.gain for lesson in taught}["one"] == pytest.approx(gain)
    assert taught[0].name == "two"
    after = np.linalg.inv(before + 1e6 * two.T @ two)
    expected = np.sqrt(np.diag(after) / np.diag(now.covariance))
    assert taught[0].sds == pytest.approx(expected)
    assert advice(target.space, taught).startswith("two would teach most")


def test_a_profile_that_runs_into_failures_says_so():
    space = Space((Parameter("x", Normal(1.0, 1.0)),))
    model = Formula(("x",), lambda theta: np.where(np.real(theta) > 1.2, np.nan, theta), lambda theta: np.eye(1))
    target = Target(model, space, Measurement((1.0,), Gaussian(0.3)))
    found = profile(target, "x", search(target).best.z)
    assert found.lost == (False, True)
    assert not found.bounded
    assert "nothing could be predicted beyond 1." in found.said()


def test_an_emulator_stands_in_and_the_model_is_solved_beyond():
    target, _ = linear()[0], None
    bent = Formula(target.model.names, lambda theta: np.sinh(0.3 * target.model.function(theta)))
    posterior = calibrate(Target(bent, target.space, target.measurement))
    both = posterior.stand_in(bent)
    near, far = posterior.mean(), posterior.mean() + 30 * posterior.sd()
    assert both.names == bent.names
    assert np.array_equal(both.solve(far), bent.solve(far))
    assert both.solve(near) == pytest.approx(bent.solve(near), abs=0.02)
    assert both.linearise(near)[1] == pytest.approx(bent.linearise(near)[1], abs=0.05)
    assert not np.array_equal(both.solve(near), bent.solve(near))


def test_what_is_not_known_is_told_with_what_would_teach_it():
    taught = (Lesson("more load", 1.0, np.array([0.5, 0.9, 1.0])), Lesson("a force", 0.5, np.array([0.9, 0.95, 0.3])))
    told = remedies(("a", "b", "c"), np.array([0.1, 0.5, 0.99]), taught)
    assert told == (
        "a is not identified by these loads; more load would halve its standard deviation.",
        "b is known badly from these loads, nor would any of the 2 measurements that could be made next tell much of"
        " it: load it otherwise.",
    )
    (other,) = remedies(("a",), np.array([0.0]), (Lesson("a force", 0.5, np.array([0.3])),))
    assert other.endswith("a force would leave 30 % of its standard deviation.")
    assert remedies(("a",), np.array([0.1]), ()) == ()
