"""Choices under risk: probabilities and values of information against closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from fibertwin.calibration.decisions import Constraint, Experiment, each, virtual_experiment
from fibertwin.calibration.ode import effect
from fibertwin.errors import SolveError

DOSES = {f"{dose:g} mg": float(dose) for dose in range(5, 105, 5)}
HALF, SPREAD, MOST, WANTED, CLEARANCE, WIDE, TOXIC = 4.0, 0.5, 0.9, 0.6, 5.0, 0.3, 14.0
"""EC50 lognormal, Emax known; concentration is dose over a lognormal clearance, toxic above a bound."""


def dosing(limit=0.1, draws=20_000) -> Experiment:
    random = np.random.default_rng(1)
    u = stats.norm.ppf((np.arange(draws) + 0.5) / draws)
    known = np.stack([HALF * np.exp(SPREAD * u), CLEARANCE * np.exp(WIDE * random.permutation(u))], axis=1)

    def outcomes(theta, dose, chance):
        level = dose / theta[:, 1]
        return {"effect": effect(level, MOST, theta[:, 0]), "level": level}

    return virtual_experiment(
        known,
        DOSES,
        outcomes,
        lambda run: run["effect"] >= WANTED,
        [Constraint("toxicity", lambda run: run["level"] > TOXIC, limit)],
        success=lambda run: run["effect"] >= WANTED,
        harm=lambda run: run["level"] > TOXIC,
    )


def exact(dose):
    """P(E >= wanted) = P(EC50 clearance <= dose (Emax/wanted - 1)), P(toxic) = P(clearance < dose/toxic)."""
    both = math.hypot(SPREAD, WIDE)
    success = stats.norm.cdf(math.log(dose * (MOST / WANTED - 1) / (HALF * CLEARANCE)) / both)
    return success, stats.norm.cdf(math.log(dose / TOXIC / CLEARANCE) / WIDE)


def test_probabilities_of_lognormal_draws_are_the_closed_form():
    found = dosing()
    for name, dose in DOSES.items():
        success, harm = exact(dose)
        assert found[name].success.value == pytest.approx(success, abs=4 * found[name].success.error)
        assert found[name].harm.value == pytest.approx(harm, abs=4 * found[name].harm.error)
        assert found[name].utility.value == found[name].success.value


def test_the_dose_is_the_greatest_that_is_allowed():
    found = dosing()
    allowed = [name for name, dose in DOSES.items() if exact(dose)[1] <= 0.1]
    assert found.chosen == allowed[-1] == "45 mg"
    assert not found["50 mg"].allowed
    assert found[found.chosen].behind.value == 0


def test_plug_in_is_sure_where_the_posterior_is_not():
    found = dosing()
    assert found.naive == "50 mg"  # the first to succeed at the mean
    assert not found["50 mg"].allowed
    assert found["60 mg"].plug_in == {"utility": 1.0, "allowed": True, "success": True, "harm": False}
    assert found["60 mg"].success.value < 0.8
    assert found["60 mg"].harm.value > 0.2


def test_a_constraint_that_nothing_satisfies_is_said():
    found = dosing(limit=0.0)
    found = virtual_experiment(
        found.draws,
        {"high": 1.0, "higher": 2.0},
        lambda t, c, r: {"x": c * t[:, 0]},
        "x",
        [Constraint("x > 0", lambda run: run["x"] > 0, 0.5)],
    )
    assert found.chosen is None
    assert "No candidate satisfies P(x > 0) <= 0.5. high comes nearest: x > 0 1.0" in found.sentences()[0]


@pytest.mark.parametrize("mean", [0.0, 0.4])
def test_values_of_information_are_the_closed_form(mean):
    """Act or not, with utility θ ~ N(m, s²): Raiffa & Schlaifer's unit normal loss."""
    s, noise, n = 1.5, 2.0, 20_000
    draws = stats.norm(mean, s).ppf((np.random.default_rng(2).permutation(n) + 0.5) / n)[:, None]
    found = virtual_experiment(draws, {"no": 0.0, "yes": 1.0}, lambda t, c, r: {"gain": c * t[:, 0]}, "gain")

    def loss(spread):
        return spread * (stats.norm.pdf(mean / spread) - mean / spread * stats.norm.sf(mean / spread))

    assert found.value_of_knowing.value == pytest.approx(loss(s), rel=0.01)
    measured = found.value_of_measuring(lambda t, random: t + noise * random.normal(size=t.shape))
    assert measured.value == pytest.approx(loss(s * s / math.hypot(s, noise)), rel=0.03)
    nothing = found.value_of_measuring(lambda t, random: random.normal(size=t.shape))
    assert nothing.value == pytest.approx(0.0, abs=0.02)


def test_candidates_share_their_random_numbers():
    def outcomes(theta, shift, random):
        return {"y": theta[:, 0] + shift + random.normal(size=len(theta))}

    found = virtual_experiment(np.zeros((500, 1)), {"a": 0.0, "b": 0.1}, outcomes, "y")
    assert found["a"].behind.value == pytest.approx(0.1)
    assert found["a"].behind.error == pytest.approx(0.0, abs=1e-12)
    assert found["b"].best == 1.0
    assert found["b"].utility.error == pytest.approx(1 / math.sqrt(500), rel=0.1)


def test_failed_draws_are_counted_and_told():
    def outcome(theta, load):
        if theta[0] * load > 1.5:
            raise SolveError("too far")
        return {"u": theta[0] * load}

    draws = np.linspace(0, 1, 11)[:, None]
    found = virtual_experiment(draws, {"low": 1.0, "high": 2.0}, each(outcome), "u")
    assert found.failed == 3
    assert "3 of 11 draws" in found.sentences()[-1]
    with pytest.raises(SolveError, match="none of 11"):
        virtual_experiment(draws + 2, {"low": 1.0}, each(outcome), "u")


def test_weights_count():
    class Known:
        theta = np.array([[0.0], [1.0]])
        weights = np.array([0.2, 0.8])

    found = virtual_experiment(
        Known(), {"it": None}, lambda t, c, r: {"x": t[:, 0]}, "x", success=lambda r: r["x"] > 0.5
    )
    assert found["it"].utility.value == pytest.approx(0.8)
    assert found["it"].success.value == pytest.approx(0.8)
    assert found.worth == pytest.approx(1 / 0.68)


def test_the_table_has_a_line_for_each_candidate():
    lines = dosing(draws=200).table().splitlines()
    assert len(lines) == 1 + len(DOSES)
    assert lines[0].split()[0] == "candidate"


def test_what_would_happen_at_the_mean_is_kept_and_shown(tmp_path):
    from fibertwin.decision_page import risk, write_decision_report

    def outcomes(theta, dose, chance):
        return {"level": dose * theta[:, 0]}

    never = [Constraint("toxicity", lambda run: run["level"] > 0, 0.0)]
    doses = {"one": 1.0, "two": 2.0}
    found = virtual_experiment(np.linspace(1.0, 3.0, 20)[:, None], doses, outcomes, "level", never)
    assert found.certain == {"one": {"level": pytest.approx(2.0)}, "two": {"level": pytest.approx(4.0)}}
    picture = risk(found, "level", 2.5, along="mg/L", truth={"two": 3.0})
    assert picture.png.startswith(b"\x89PNG")
    page = write_decision_report(found, tmp_path / "page.html", title="<Doses>", pictures={"Risk": picture}).read_text()
    assert "<h1>&lt;Doses&gt;</h1>" in page
    assert 'class="outcome failed">No candidate satisfies' in page
    assert "P(toxicity) &lt;= 0" in page
    assert page.count("data:image/png") == 1
