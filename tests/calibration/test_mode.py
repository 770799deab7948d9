"""Modes, their normal approximation and importance weights: against conjugate algebra and known distributions."""

import json
from dataclasses import replace

import numpy as np
import pytest
from posteriors import brittle, linear, square
from scipy import stats

from fibertwin.calibration import Formula, Gaussian, Measurement, Parameter, Space, StudentT, Target, Uniform
from fibertwin.calibration.counted import Counted, Journal
from fibertwin.calibration.laplace import Bell
from fibertwin.calibration.optimum import search
from fibertwin.calibration.psis import pareto_fit, smoothed
from fibertwin.errors import InputError, SolveError


def test_linear_normal_posterior_is_exact():
    target, mean, covariance, evidence = linear()
    counted = Counted(target.model)
    modes = search(Target(counted, target.space, target.measurement), starts=3)
    best, slopes = modes.best, target.space.slopes(modes.best.z)
    assert len(modes.found) == 1
    assert target.space.theta(best.z) == pytest.approx(mean, rel=1e-10)
    assert slopes @ best.covariance @ slopes.T == pytest.approx(covariance, rel=1e-10)
    assert best.log_evidence == pytest.approx(evidence, rel=1e-10)
    assert counted.linearised <= 6


def test_draws_of_a_normal_approximation_have_its_moments():
    best = search(linear()[0]).best
    draws = best.draws(50, np.random.default_rng(1))
    assert draws.mean(axis=0) == pytest.approx(best.z, abs=1e-12)
    assert np.cov(draws.T, bias=True) == pytest.approx(best.covariance, abs=1e-12)


def test_both_modes_of_a_square_are_found():
    modes = search(square(), starts=8, seed=1)
    found = np.array([square().space.theta(mode.z)[0] for mode in modes.found])
    assert found == pytest.approx([1.0, -1.0], abs=0.02)
    assert modes.found[0].log_evidence > modes.found[1].log_evidence  # the prior leans to the right
    assert "2 modes" in modes.said()
    assert len(modes.rivals()) == 2


def test_a_climb_goes_round_failing_predictions_and_tells_them():
    target = square()
    counted = Counted(brittle(target.model, 0.3))
    modes = search(Target(counted, target.space, target.measurement), starts=6, seed=1)
    assert {round(float(target.space.theta(mode.z)[0])) for mode in modes.found} == {1, -1}
    assert counted.failures
    assert all("not finite" in failure.sentence for failure in counted.failures)
    assert counted.cost.total == counted.linearised


def test_a_model_that_never_predicts_is_an_error_with_its_sentence():
    target = square()
    with pytest.raises(SolveError, match="not finite"):
        search(Target(brittle(target.model, 1.1), target.space, target.measurement))


def test_outliers_hardly_move_a_student_t_mode():
    times = np.linspace(0, 1, 30)
    model = Formula(("slope",), lambda theta: theta[0] * times)
    space = Space((Parameter("slope", Uniform(-10, 10)),))
    values = 2 * times + 0.05 * np.random.default_rng(0).normal(size=30)
    values[[5, 20, 28]] += 3
    heavy = search(Target(model, space, Measurement(tuple(values), StudentT(0.05)))).best
    normal = search(Target(model, space, Measurement(tuple(values), Gaussian(0.05)))).best
    assert space.theta(heavy.z)[0] == pytest.approx(2, abs=0.06)
    assert abs(space.theta(normal.z)[0] - 2) > 0.3


def test_a_bell_is_scipys_t():
    target = linear()[0]
    best = search(target).best
    bell = Bell.over((best,), freedom=5.0, wider=1.3)
    points = best.draws(20, np.random.default_rng(0))
    known = stats.multivariate_t(best.z, 1.69 * best.covariance, 5.0)
    assert bell.log_densities(points) == pytest.approx(known.logpdf(points), rel=1e-10)
    draws = bell.draws(20_000, np.random.default_rng(0))
    assert np.cov(best.whitened(draws).T) == pytest.approx(1.69 * 5 / 3 * np.eye(3), abs=0.2)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_shape_of_a_known_pareto_distribution(shape):
    excess = stats.genpareto(shape, scale=2.0).rvs(4000, random_state=0)
    k, sigma = pareto_fit(excess)
    assert k == pytest.approx(shape, abs=0.06)
    assert sigma == pytest.approx(2.0, rel=0.1)


def test_weights_of_a_bell_too_narrow_are_not_trusted():
    random = np.random.default_rng(0)
    fine, poor = random.standard_normal(4000), 0.4 * random.standard_normal(4000)
    good = smoothed(stats.norm.logpdf(fine) - stats.norm(0, 1.2).logpdf(fine))
    bad = smoothed(stats.norm.logpdf(poor) - stats.norm(0, 0.4).logpdf(poor))  # shape 1 - 0.4²
    assert good.khat < 0.3 < 0.6 < bad.khat
    assert good.weights.sum() == pytest.approx(1)
    assert smoothed(np.zeros(200)).khat == -np.inf
    assert smoothed(np.zeros(200)).ess == pytest.approx(200)


def test_smoothing_is_arviz_s():
    arviz_stats = pytest.importorskip("arviz_stats.base")
    logs = 0.7 * np.random.default_rng(3).standard_t(4, size=1000)
    theirs, k = arviz_stats.array_stats.psislw(-logs)  # it takes minus the log weights
    ours = smoothed(logs)
    assert ours.khat == pytest.approx(float(k), abs=1e-6)
    assert np.log(ours.weights) == pytest.approx(theirs, abs=1e-6)


def test_what_was_solved_is_not_solved_again(tmp_path):
    target = square()
    journal = Journal(tmp_path / "run", "square")
    first = Counted(brittle(target.model, 0.3), journal)
    thetas = np.linspace(0.1, 2, 20)[:, None]
    before = first.several(thetas)
    first.several(thetas)
    assert first.solves == 20
    known = first.linearise(np.array([0.777]))
    with journal.path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "sol')  # killed while it wrote
    second = Counted(brittle(target.model, 0.3), journal)
    after = second.several(thetas)
    assert second.cost.total == 0
    assert second.recalled == 20
    assert [str(f) for f in after] == [str(f) for f in before]
    assert np.array_equal(second.linearise(np.array([0.777]))[1], known[1])
    assert len(second.failures) == len(first.failures) > 0
    mended = Counted(target.model, journal)
    assert mended.solve(np.array([5.0])) == Counted(target.model, journal).solve(np.array([5.0])) == 25
    assert not Journal(tmp_path / "run", "another").path.exists()
    assert all("named" in json.loads(line) for line in journal.path.read_text().splitlines())


def test_a_spoilt_journal_is_told(tmp_path):
    journal = Journal(tmp_path, "x")
    journal.path.write_text("nonsense\n")
    with pytest.raises(InputError, match="journal"):
        Counted(square().model, journal)


def test_members_may_be_solved_together_and_each_is_kept_as_it_comes(tmp_path):
    asked = []

    class Together:
        def about(self, theta):
            raise AssertionError

        def solve(self, thetas):
            asked.append(len(thetas))
            return (SolveError("no") if theta[0] < 0 else theta**2 for theta in thetas)

        def linearise(self, thetas):
            for count, theta in enumerate(thetas):
                if count == 2:
                    raise KeyboardInterrupt
                yield theta**2, 2 * np.diag(theta)

    journal = Journal(tmp_path, "square")
    counted = Counted(square().model, journal, Together())
    found = counted.several(np.array([[1.0], [-1.0], [2.0]]))
    assert isinstance(found[1], SolveError)
    assert counted.several(np.array([[2.0], [3.0], [3.0]]))[1] == pytest.approx([9.0])
    assert asked == [3, 1]
    assert counted.solves == 4
    thetas = np.array([[4.0], [5.0], [6.0]])
    with pytest.raises(KeyboardInterrupt):
        counted.several_linearised(thetas)
    again = Counted(square().model, journal)
    assert again.several_linearised(thetas)[1][1] == pytest.approx(10.0)
    assert (again.linearised, again.recalled) == (1, 2)
    assert len(Counted(square().model, replace(journal, retry=True)).several(np.array([[-1.0]]))) == 1
    assert again.several(np.array([[-1.0]]))[0].args == ("no",)
