"""Posteriors: against algebra, quadrature and themselves; with failing members; saved, resumed, used as a prior."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from posteriors import brittle, linear, square
from scipy import stats

from fibertwin.calibration import (
    Formula,
    Gaussian,
    LogNormal,
    Measurement,
    Normal,
    Parameter,
    Space,
    StudentT,
    Target,
    Uniform,
    UnknownScale,
    calibrate,
    load,
    save,
)
from fibertwin.calibration.counted import Counted, Journal
from fibertwin.calibration.members import OneByOne
from fibertwin.calibration.optimum import search
from fibertwin.errors import InputError, SolveError

TIMES = np.linspace(0, 2, 12)


def decay() -> Formula:
    return Formula(("size", "rate"), lambda theta: theta[0] * np.exp(-theta[1] * TIMES))


SPACE = Space((Parameter("size", LogNormal(1.0, 0.5), "mm"), Parameter("rate", Uniform(0.0, 3.0), "1/s")))


def patient(seed, noise=0.1, space=SPACE, truth=None):
    """A patient drawn from the prior, and what was measured of it."""
    random = np.random.default_rng(seed)
    z = random.standard_normal(2) if truth is None else space.z(np.array(truth))
    values = decay().solve(space.theta(z)) + noise * random.standard_normal(len(TIMES))
    return Target(decay(), space, Measurement(tuple(values), Gaussian(noise))), space.theta(z)


def quadrature(target, count=400, wide=6.0):
    """Mean, standard deviation and log evidence by a grid of two scores."""
    axis = np.linspace(-wide, wide, count)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    theta = target.space.theta(z)
    y = theta[:, :1] * np.exp(-theta[:, 1:] * TIMES)
    residual = np.array(target.measurement.values) - y
    sd = target.measurement.noise.sd
    logs = stats.norm.logpdf(residual, scale=sd).sum(axis=1) + stats.norm.logpdf(z).sum(axis=1)
    weights = np.exp(logs - logs.max())
    evidence = math.log(weights.sum()) + logs.max() + 2 * math.log(axis[1] - axis[0])
    weights /= weights.sum()
    mean = weights @ theta
    return mean, np.sqrt(weights @ (theta - mean) ** 2), evidence


def test_linear_normal_posterior_is_told_to_be_normal_and_is_exact():
    target, mean, covariance, evidence = linear()
    posterior = calibrate(target)
    assert posterior.kind == "laplace"
    assert posterior.certificate.passed
    assert posterior.mean() == pytest.approx(mean, rel=1e-10)
    assert posterior.covariance() == pytest.approx(covariance, rel=1e-10)
    assert posterior.log_evidence == pytest.approx(evidence, rel=1e-10)
    assert posterior.cost.total <= 12


@pytest.mark.parametrize("method", ["auto", "importance"])
def test_a_bent_posterior_is_that_of_quadrature(method):
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    posterior = calibrate(target, method, budget=250 if method == "auto" else 3000)
    mean, sd, evidence = quadrature(target)
    assert posterior.kind == ("emulator" if method == "auto" else "importance")
    assert posterior.certificate.passed
    assert (posterior.mean() - mean) / sd == pytest.approx(np.zeros(2), abs=0.1)
    assert posterior.sd() / sd == pytest.approx(np.ones(2), abs=0.08)
    assert posterior.log_evidence == pytest.approx(evidence, abs=0.06)
    laplace = calibrate(target, "laplace")
    assert np.abs((laplace.mean() - mean) / sd).max() > 0.15  # what the certificate is for


def test_sampler_by_true_solves_agrees():
    pytest.importorskip("nutpie")
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    mean, sd, _ = quadrature(target)
    posterior = calibrate(target, "nuts", budget=800)
    assert (posterior.mean() - mean) / sd == pytest.approx(np.zeros(2), abs=0.15)
    assert posterior.sd() / sd == pytest.approx(np.ones(2), abs=0.15)
    assert any("no-U-turn" in sentence for sentence in posterior.told)


def test_what_goes_wrong_while_a_sampler_asks_is_told_as_it_is():
    pytest.importorskip("nutpie")
    target, _ = patient(3)
    asked = []

    def slopes(theta):
        asked.append(theta)
        if len(asked) > 60:
            raise ZeroDivisionError("a mistake in a model")
        return decay().linearise(theta)[1]

    broken = Target(Formula(("size", "rate"), decay().function, slopes), target.space, target.measurement)
    with pytest.raises(ZeroDivisionError, match="a mistake in a model"):
        calibrate(broken, "nuts", budget=400)


def test_ensemble_agrees():
    pytest.importorskip("emcee")
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    mean, sd, _ = quadrature(target)
    posterior = calibrate(target, "ensemble", budget=8000)
    assert (posterior.mean() - mean) / sd == pytest.approx(np.zeros(2), abs=0.2)
    assert posterior.sd() / sd == pytest.approx(np.ones(2), abs=0.15)


def test_a_fifth_of_failing_members_is_told_and_changes_nothing():
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    mean, sd, _ = quadrature(target)
    failing = Target(brittle(target.model, 0.2), target.space, target.measurement)
    posterior = calibrate(failing)
    assert posterior.certificate.passed
    assert 0.1 < posterior.certificate.failed / posterior.certificate.draws < 0.3
    assert len(posterior.cost.failures) >= posterior.certificate.failed
    assert "could not be solved" in " ".join(posterior.told)
    assert "lie where the others do" in " ".join(posterior.told)
    assert (posterior.mean() - mean) / sd == pytest.approx(np.zeros(2), abs=0.1)
    weighted = calibrate(failing, "importance", budget=1500)
    assert (weighted.mean() - mean) / sd == pytest.approx(np.zeros(2), abs=0.15)
    assert weighted.certificate.failed > 50


def test_a_part_that_always_fails_is_told():
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    model = Formula(
        ("size", "rate"), lambda t: np.where(np.real(t[1]) > 2.6, np.nan, 1.0) * decay().function(t), slopes_of(decay())
    )
    posterior = calibrate(Target(model, target.space, target.measurement), "importance", budget=600)
    assert "a part may be missing" in " ".join(posterior.told)


def slopes_of(model):
    return lambda theta: model.linearise(theta)[1]


def test_both_signs_of_a_square_are_drawn():
    posterior = calibrate(square(), starts=8, seed=1, budget=1200)
    assert posterior.kind == "importance"
    left = float(posterior.weights[posterior.theta[:, 0] < 0].sum())
    odds = stats.norm(0.3, 1).pdf(-1) / stats.norm(0.3, 1).pdf(1)
    assert left == pytest.approx(odds / (1 + odds), abs=0.06)
    assert "2 modes" in posterior.told[0]


def test_ranks_of_the_truth_are_uniform_and_intervals_cover():
    """Simulation-based calibration (Talts et al. 2018, arXiv 1804.06788), and 95 % intervals, of 100 patients."""
    ranks, covered = [], []
    for seed in range(100):
        target, truth = patient(seed)
        posterior = calibrate(target, "emulator", seed=seed, draws=600, starts=1)
        ranks.append((posterior.weights[:, None] * (posterior.theta < truth)).sum(axis=0))
        low, high = posterior.interval().T
        covered.append((low < truth) & (truth < high))
    for column in np.array(ranks).T:
        counts = np.histogram(column, bins=10, range=(0, 1))[0]
        assert stats.chisquare(counts).pvalue > 0.01
    assert 0.90 <= np.mean(covered) <= 0.98


def test_noise_of_unknown_size_and_outliers_go_through():
    target, truth = patient(5, noise=0.05, truth=(1.2, 0.8))
    unknown = Target(target.model, target.space, Measurement(target.measurement.values, UnknownScale(0.1)))
    found = calibrate(unknown)
    assert found.certificate.passed
    assert found.mean() == pytest.approx(truth, abs=0.15)
    values = np.array(target.measurement.values)
    values[[2, 7]] += 2.0
    heavy = calibrate(Target(target.model, target.space, Measurement(tuple(values), StudentT(0.05))))
    normal = calibrate(Target(target.model, target.space, Measurement(tuple(values), Gaussian(0.05))))
    assert np.abs(heavy.mean() - truth).max() < 0.1 < np.abs(normal.mean() - truth).max()
    assert set(np.argsort(-np.abs(normal.residuals()))[:2]) == {2, 7}


def test_a_killed_calibration_goes_on(tmp_path):
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    journal = Journal(tmp_path, "patient 3")
    dying = Formula(target.model.names, target.model.function)
    calls = []

    def function(theta):
        calls.append(1)
        if len(calls) > 120:
            raise KeyboardInterrupt
        return dying.function(theta)

    with pytest.raises(KeyboardInterrupt):
        calibrate(Target(Formula(dying.names, function), target.space, target.measurement), journal=journal)
    done = len(journal.path.read_text().splitlines())
    resumed = calibrate(target, journal=journal)
    straight = calibrate(target)
    assert done > 20
    assert resumed.cost.recalled == done
    assert resumed.cost.total + done == straight.cost.total
    assert np.array_equal(resumed.z, straight.z)
    assert calibrate(target, journal=journal).cost.total == 0


def test_saved_and_read_again(tmp_path):
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    posterior = calibrate(Target(brittle(target.model, 0.1), target.space, target.measurement))
    again = load(save(posterior, tmp_path / "deep" / "posterior.npz"))
    assert again.space == posterior.space
    assert again.measurement == posterior.measurement
    assert np.array_equal(again.theta, posterior.theta)
    assert again.told == posterior.told
    assert again.cost == posterior.cost
    assert again.certificate == posterior.certificate
    assert again.modes[0].log_evidence == posterior.modes[0].log_evidence
    z = posterior.modes[0].z[None]
    assert np.array_equal(again.emulator.at(z), posterior.emulator.at(z))
    assert again.sentences() == posterior.sentences()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["posterior.npz"]


def test_a_file_that_is_no_posterior_is_told(tmp_path):
    (tmp_path / "x.npz").write_text("nothing")
    with pytest.raises(InputError, match="no saved posterior"):
        load(tmp_path / "x.npz")
    with pytest.raises(InputError, match="not there"):
        load(tmp_path / "y.npz")


def test_a_posterior_is_the_next_prior(tmp_path):
    target, _ = patient(3, noise=0.2, truth=(1.0, 1.5))
    values = np.array(target.measurement.values)
    early, late = values.copy(), values.copy()
    early[6:], late[:6] = np.nan, np.nan
    first = calibrate(Target(target.model, target.space, Measurement(tuple(early), Gaussian(0.2))))
    space = load(save(first, tmp_path / "first.npz")).as_space()
    prior = space.theta(np.random.default_rng(0).standard_normal((20_000, 2)))
    assert (prior.mean(axis=0) - first.mean()) / first.sd() == pytest.approx(np.zeros(2), abs=0.05)
    assert np.cov(prior.T) == pytest.approx(first.covariance(), rel=0.15)
    second = calibrate(Target(target.model, space, Measurement(tuple(late), Gaussian(0.2))))
    mean, sd, _ = quadrature(target)
    assert (second.mean() - mean) / sd == pytest.approx(np.zeros(2), abs=0.3)
    assert second.sd() / sd == pytest.approx(np.ones(2), abs=0.2)
    assert load(save(second, tmp_path / "second.npz")).space == space


def test_what_is_known_is_said():
    model = Formula(("known", "unknown"), lambda theta: np.array([theta[0], theta[0] + 1e-4 * theta[1]]))
    space = Space((Parameter("known", Normal(10, 3), "kPa"), Parameter("unknown", Normal(0, 1))))
    posterior = calibrate(Target(model, space, Measurement((9.0, 9.1), Gaussian(0.1))))
    known, unknown = posterior.sentences()
    assert known.startswith("known is known to ±1.5 %")
    assert "unknown is not identified by these data, which leave 100 %" in unknown
    assert posterior.contraction() == pytest.approx([1, 0], abs=0.01)


def test_predictive_bands_hold_the_data():
    target, truth = patient(11)
    posterior = calibrate(target)
    low, middle, high = posterior.predictive()
    assert (low < middle).all()
    assert (middle < high).all()
    wide = posterior.predictive(seed=0)
    values = np.array(target.measurement.values)
    assert ((wide[0] < values) & (values < wide[2])).mean() > 0.7
    assert (wide[0] < low).all()
    assert middle == pytest.approx(target.model.solve(truth), abs=0.15)
    assert posterior.misfit() == pytest.approx(1, abs=0.6)


def test_arviz_gets_draws_of_equal_weight():
    pytest.importorskip("arviz")
    target, _ = patient(11)
    posterior = calibrate(target)
    tree = posterior.to_arviz(1000)
    assert float(tree["posterior"]["rate"].mean()) == pytest.approx(posterior.mean()[1], rel=0.02)


def test_a_budget_too_small_says_so():
    target, _ = patient(3)
    assert calibrate(target, budget=20, starts=1).kind == "laplace"
    small = calibrate(target, budget=60, starts=1)
    assert small.cost.total <= 60
    assert "too few" in " ".join(small.told)
    with pytest.raises(ValueError, match="budget"):
        calibrate(target, budget=0)
    with pytest.raises(ValueError, match="no method"):
        calibrate(target, "guess")


def test_nothing_depends_on_anything_but_the_seed():
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    one, same, other = calibrate(target), calibrate(target), calibrate(target, seed=1)
    assert np.array_equal(one.z, same.z)
    assert not np.array_equal(one.z, other.z)


@dataclass(frozen=True)
class Together(OneByOne):
    """Members that say what they were asked."""

    asked: list = field(default_factory=list)

    def about(self, theta):
        self.asked.append("about")

    def solve(self, thetas):
        self.asked.append(len(thetas))
        return super().solve(thetas)

    def linearise(self, thetas):
        self.asked.append(len(thetas))
        return super().linearise(thetas)


def test_draws_and_what_an_emulator_learns_from_may_be_solved_together():
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    members = Together(target.model)
    assert np.array_equal(calibrate(target, members=members).z, calibrate(target).z)
    assert members.asked == ["about", 10, 120]


def test_where_a_derivative_fails_it_is_tried_nearer_to_the_mode():
    target, _ = patient(3, noise=0.25, truth=(1.0, 1.5))
    failing = calibrate(replace(target, model=brittle(target.model, 0.3)))
    tried = failing.cost.linearised
    assert tried > calibrate(target).cost.linearised
    assert failing.certificate.passed


def test_failing_everywhere_is_an_error():
    target = square()
    with pytest.raises(SolveError, match="Nothing can be predicted"):
        search(Target(Counted(brittle(target.model, 1.1)), target.space, target.measurement))
