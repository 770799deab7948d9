"""Bench tests as a model, a model's own error, laws compared; the report of a posterior."""

import numpy as np
import pytest
from posteriors import linear

from fibertwin.calibration import (
    BenchTests,
    Gaussian,
    LogNormal,
    Measurement,
    Normal,
    Parameter,
    Space,
    Target,
    UnknownScale,
    calibrate,
    compare,
    discrepant,
    profile,
)
from fibertwin.calibration_page import write_calibration_report
from fibertwin.calibration_pictures import Curve
from fibertwin.constitutive import NeoHookean, Ogden
from fibertwin.constitutive.experiments import Experiment, dataset
from fibertwin.errors import SolveError

CORTEX = dataset("budday-cortex").experiments
OGDEN = BenchTests(Ogden(1.0, -15.0), CORTEX, ("mu", "alpha"))
BRAIN = Space((Parameter("mu", LogNormal(1.0, 1.0), "kPa"), Parameter("alpha", Normal(-10.0, 10.0))))


def test_stress_of_a_neo_hookean_bar_and_its_derivative():
    stretch = np.array([0.9, 1.0, 1.2])
    bar = Experiment("bar", "uniaxial", stretch, np.array([-0.5, 0.1, 0.7]))
    model = BenchTests(NeoHookean(1.0), (bar,), ("mu",))
    stress, slopes = model.linearise(np.array([2.5]))
    rms = np.sqrt(np.mean(np.square([-0.5, 0.1, 0.7])))
    assert stress == pytest.approx(2.5 * (stretch - stretch**-2) / rms, abs=1e-10)
    assert slopes[:, 0] == pytest.approx((stretch - stretch**-2) / rms, abs=1e-8)
    assert model.measured() == pytest.approx(np.array([-0.5, 0.1, 0.7]) / rms)


def test_numbers_that_a_law_refuses_fail_as_a_solve_does():
    with pytest.raises(SolveError, match="refuses mu = 1, alpha = 0"):
        OGDEN.solve(np.array([1.0, 0.0]))


def test_cortex_in_tension_compression_and_shear_is_what_least_squares_says():
    posterior = calibrate(Target(OGDEN, BRAIN, Measurement(OGDEN.measured(), UnknownScale(0.05))), draws=2000)
    assert posterior.certificate.passed
    assert posterior.mode == pytest.approx([1.457, -18.94], rel=0.01)  # docs/how-to/study-a-law.md
    assert posterior.sentences()[0].startswith("mu is known to ±4")


def test_evidence_asks_for_more_than_one_law_and_its_noise_can_give():
    values = OGDEN.measured()
    plain = BenchTests(NeoHookean(1.0), CORTEX, ("mu",))
    accounts = compare(
        {
            "neo-Hookean": Target(plain, Space(BRAIN.parameters[:1]), Measurement(values, UnknownScale(0.05))),
            "Ogden": Target(OGDEN, BRAIN, Measurement(values, UnknownScale(0.05))),
            "Ogden, wrong by 10 %": Target(
                OGDEN, BRAIN, Measurement(values, discrepant(OGDEN.from_rest(), 0.01, 0.1, 0.2))
            ),
        },
        starts=1,
    )
    assert [account.name for account in accounts] == ["Ogden, wrong by 10 %", "Ogden", "neo-Hookean"]
    assert sum(account.share for account in accounts) == pytest.approx(1)
    known, doubted = accounts[1].modes.best, accounts[0].modes.best
    assert (np.diag(doubted.covariance) > 1.8 * np.diag(known.covariance)).all()


def test_error_of_a_model_is_smooth_along_a_curve_and_not_between_curves():
    covariance = np.array(discrepant([np.array([0.0, 0.1, 0.2]), np.array([-0.3])], 0.1, 0.3, 0.5).covariance)
    assert np.diag(covariance) == pytest.approx(0.01 + 0.09 * np.array([0, 0.25, 1, 1]))
    assert covariance[1, 2] == pytest.approx(0.09 * 0.5 * np.exp(-0.5))
    assert (covariance[3, :3] == 0).all()


def test_different_data_are_not_compared():
    one, two = linear()[0], linear(seed=1)[0]
    with pytest.raises(ValueError, match="same measured numbers"):
        compare({"one": one, "two": two})


def test_the_report_holds_what_was_found(tmp_path):
    target, *_ = linear()
    posterior = calibrate(Target(target.model, target.space, Measurement(target.measurement.values, Gaussian(3.0))))
    found = [profile(target, "a", posterior.modes[0].z)]
    curve = Curve("first three", np.arange(3), np.arange(3.0), "x", "y")
    path = write_calibration_report(
        posterior, tmp_path / "out" / "report.html", title="A <patient>", curves=[curve], found=found, truth={"a": 0.3}
    )
    text = path.read_text("utf-8")
    assert "A &lt;patient&gt;" in text
    assert text.count("<img") == 4
    assert "certified" in text
    assert all(sentence.split(" (")[0] in text.replace("&#x27;", "'") for sentence in posterior.sentences())
