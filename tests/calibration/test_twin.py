"""Twins that learn: against batches, closed forms and one another."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from fibertwin.calibration.change import Fading, Moved, Walking
from fibertwin.calibration.filters import Belief, filtered, linear, looked_back
from fibertwin.calibration.model import Formula
from fibertwin.calibration.ode import Dose, absorbed
from fibertwin.calibration.predictors import Equation, Formulas, Outputs
from fibertwin.calibration.priors import LogNormal, Normal
from fibertwin.calibration.readings import Batch, Reading, read_batch
from fibertwin.calibration.space import Parameter, Space
from fibertwin.calibration.twin import Twin
from fibertwin.errors import InputError

A = np.random.default_rng(7).normal(size=(9, 2))
NAMES = tuple(f"y{i}" for i in range(9))
SPACE = Space((Parameter("a", Normal(1.0, 2.0)), Parameter("b", Normal(0.0, 1.0))), ((1.0, 0.3), (0.3, 1.0)))
DATA = A @ [0.4, 0.9] + 0.2 * np.random.default_rng(8).normal(size=9)
READINGS = tuple(
    Reading(name, float(y), 0.2, time=float(i)) for i, (name, y) in enumerate(zip(NAMES, DATA, strict=True))
)


def linear_twin() -> Twin:
    return Twin(Outputs(Formula(("a", "b"), lambda theta: A @ theta), NAMES), SPACE)


def exact(rows):
    """Mean, covariance and evidence of a linear model, from the joint normal distribution."""
    mean, prior = np.array([1.0, 0.0]), np.array([[4.0, 0.6], [0.6, 1.0]])
    a, y = A[rows], DATA[rows]
    spread = a @ prior @ a.T + 0.04 * np.eye(len(rows))
    gain = np.linalg.solve(spread, a @ prior).T
    return mean + gain @ (y - a @ mean), prior - gain @ a @ prior, stats.multivariate_normal(a @ mean, spread).logpdf(y)


@pytest.mark.parametrize("split", [[range(9)], [range(4), range(4, 9)], [[8, 2], [0, 5, 7], [1], [6, 4, 3]]])
def test_any_split_in_any_order_is_the_batch(split):
    twin, rows = linear_twin(), []
    for part in split:
        twin = twin.assimilate(Batch(tuple(READINGS[i] for i in part)))
        rows += list(part)
        mean, covariance, evidence = exact(rows)
        assert twin.known.mean() == pytest.approx(mean, abs=1e-10)
        assert twin.known.covariance() == pytest.approx(covariance, abs=1e-10)
        assert twin.updates[-1].log_evidence == pytest.approx(evidence, abs=1e-10)
    assert sum(update.increment for update in twin.updates) == pytest.approx(evidence, abs=1e-10)


def test_what_is_known_already_is_left_out_and_told():
    twin = linear_twin().assimilate(Batch(READINGS[:5]))
    again = twin.assimilate(Batch(READINGS[:5][::-1]))
    assert again.known is twin.known
    assert "All 5 readings are known already" in again.updates[-1].told[0]
    assert again.updates[-1].cost.total == 0
    more = again.assimilate(Batch(READINGS[3:7]))
    assert (more.updates[-1].new, more.updates[-1].known) == (2, 2)
    assert more.known.mean() == pytest.approx(exact(list(range(7)))[0], abs=1e-10)
    assert len(twin.updates) == 1  # the old twin stays as it was


def test_late_contradicting_and_surprising_data_are_told():
    twin = linear_twin().assimilate(Batch(READINGS[2:]))
    late = twin.assimilate(Batch(READINGS[:2]))
    assert any("2 readings are older" in sentence for sentence in late.updates[-1].told)
    assert late.updates[-1].surprise.chance > 0.01
    wrong = replace(READINGS[8], value=READINGS[8].value + 3.0)
    odd = twin.assimilate(Batch((wrong,))).updates[-1]
    assert odd.surprise.odd
    assert any("contradicts" in sentence for sentence in odd.told)
    assert any("y8 at time 8 (+" in sentence for sentence in odd.told)


def test_what_is_rejected_is_kept_but_not_believed(tmp_path):
    wrong = replace(READINGS[8], value=READINGS[8].value + 3.0)
    twin = linear_twin().assimilate(Batch((*READINGS[:8], wrong))).assimilate(Batch(READINGS[8:]))
    sound = twin.rejecting(wrong)
    assert sound.known.mean() == pytest.approx(exact(list(range(9)))[0], abs=1e-10)
    read = Twin.load(sound.save(tmp_path / "sound.twin"), sound.predictor)
    assert read.rejected == (wrong,)
    assert read.assimilate(Batch((wrong,))).known is read.known
    with pytest.raises(ValueError, match="never read"):
        twin.rejecting(replace(wrong, value=0.0))


def test_surprise_is_even_where_the_model_is_right():
    chances = []
    for seed in range(25):
        random = np.random.default_rng(seed)
        truth = SPACE.theta(random.normal(size=2))
        y = A @ truth + 0.2 * random.normal(size=9)
        rows = tuple(Reading(n, float(v), 0.2) for n, v in zip(NAMES, y, strict=True))
        twin = replace(linear_twin(), seed=seed).assimilate(Batch(rows[:4]))
        chances.append(twin.assimilate(Batch(rows[4:])).updates[-1].surprise.chance)
    assert stats.kstest(chances, "uniform").pvalue > 0.01


def bent(theta):
    """Stretches of a fiber under nine loads, stiffening: nothing linear about it."""
    loads = np.linspace(0.1, 0.9, 9)
    return np.log1p(loads * theta[1] / theta[0]) / theta[1]


def bent_twin() -> Twin:
    space = Space((Parameter("a", LogNormal(1.0, 0.5)), Parameter("b", LogNormal(1.0, 0.5))))
    return Twin(Outputs(Formula(("a", "b"), bent), NAMES), space)


def bent_rows(sd=0.01):
    y = bent(np.array([0.8, 1.4])) + sd * np.random.default_rng(4).normal(size=9)
    return tuple(Reading(n, float(v), sd) for n, v in zip(NAMES, y, strict=True))


def test_load_steps_one_by_one_give_the_batch_at_its_cost():
    rows, twin = bent_rows(), bent_twin()
    batch = twin.assimilate(Batch(rows))
    for part in (rows[:3], rows[3:6], rows[6:]):
        twin = twin.assimilate(Batch(part))
    assert np.abs(twin.known.mean() - batch.known.mean()).max() < (0.2 * batch.known.sd()).min()
    assert twin.known.sd() == pytest.approx(batch.known.sd(), rel=0.1)
    assert twin.updates[-1].log_evidence == pytest.approx(batch.updates[-1].log_evidence, abs=0.1)
    assert twin.known.certificate.passed
    backwards = bent_twin()
    for part in (rows[6:], rows[3:6], rows[:3]):
        backwards = backwards.assimilate(Batch(part))
    assert np.abs(backwards.known.mean() - twin.known.mean()).max() < (0.1 * twin.known.sd()).min()


def test_a_twin_is_the_same_after_a_file(tmp_path):
    rows = bent_rows()
    twin = bent_twin().assimilate(Batch(rows[:5]))
    path = twin.save(tmp_path / "patient.twin")
    read = Twin.load(path, twin.predictor)
    assert read.batches == twin.batches
    assert read.updates == twin.updates
    one, other = twin.assimilate(Batch(rows[5:])), read.assimilate(Batch(rows[5:]))
    assert one.known.z.tobytes() == other.known.z.tobytes()
    assert one.updates == other.updates
    with pytest.raises(InputError, match="another model"):
        Twin.load(path, replace(twin.predictor, identity="another patient's mesh"))
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="no saved twin"):
        Twin.load(path, twin.predictor)
    with pytest.raises(InputError, match="not there"):
        Twin.load(tmp_path / "nobody.twin", twin.predictor)


def walking_twin(sd=0.3):
    """A number that walks, seen with noise: Kalman's own example."""
    space = Space((Parameter("k", Normal(2.0, 1.5)),))
    return Twin(Formulas(("k",), {"k": lambda theta, reading: theta[0]}), space, Walking(sd))


def test_a_walk_is_kalmans_filter_and_smoother():
    y, sd, q = np.array([1.0, 2.5, 0.3, 1.1]), 0.4, 0.3
    twin = walking_twin(q)
    rows = [Reading("k", float(value), sd, time=float(k)) for k, value in enumerate(y)]
    for k in (0, 2, 1, 3):  # the second comes late
        twin = twin.assimilate(Batch((rows[k],)))
    model = linear(1.0, 1.0, (q * 1.5) ** 2, sd**2)
    found = filtered(model, Belief(np.array([2.0]), np.array([[2.25]])), y[:, None])
    assert twin.known.mean() == pytest.approx(found.updated[-1].mean, abs=1e-10)
    assert twin.known.sd() == pytest.approx(found.updated[-1].sd, abs=1e-10)
    assert twin.updates[-1].log_evidence == pytest.approx(found.log_evidence.sum(), abs=1e-10)
    times, medians, bands = twin.trajectory()
    back = looked_back(found)
    assert times == pytest.approx([0, 1, 2, 3])
    assert medians[:, 0] == pytest.approx([belief.mean[0] for belief in back], abs=1e-10)
    assert bands[:, 0, 1] - medians[:, 0] == pytest.approx([1.96 * belief.sd[0] for belief in back], abs=1e-10)


def test_a_walk_survives_a_file(tmp_path):
    twin = walking_twin().assimilate(Batch((Reading("k", 1.0, 0.4, time=1.0),)))
    read = Twin.load(twin.save(tmp_path / "walk.twin"), twin.predictor)
    later = Batch((Reading("k", 2.0, 0.4, time=2.0),))
    assert read.assimilate(later).known.mean() == pytest.approx(twin.assimilate(later).known.mean(), abs=1e-14)


def test_a_moved_prior_is_the_belief():
    belief = Belief(np.array([0.5, -0.2]), np.array([[0.3, 0.1], [0.1, 0.2]]))
    moved = Moved.of(SPACE, belief)
    v = np.array([0.4, -1.0])
    z = belief.mean + np.linalg.cholesky(belief.covariance) @ v
    assert moved.theta(v) == pytest.approx(SPACE.theta(z))
    assert moved.z(moved.theta(v)) == pytest.approx(v)
    step = np.array([moved.theta(v + 1e-6 * e) - moved.theta(v - 1e-6 * e) for e in np.eye(2)]).T / 2e-6
    assert moved.slopes(v) == pytest.approx(step, rel=1e-6)


def test_what_fades_counts_by_its_age():
    twin = replace(walking_twin(), change=Fading(2.0))
    for time, value in ((0.0, 1.0), (2.0, 3.0)):
        twin = twin.assimilate(Batch((Reading("k", value, 0.5, time=time),)))
    worth = np.array([1 / 2.25, 4.0 * math.exp(-1), 4.0])
    assert twin.known.mean()[0] == pytest.approx(worth @ [2.0, 1.0, 3.0] / worth.sum(), abs=1e-10)
    assert math.isnan(twin.updates[-1].log_evidence)


def test_a_patient_who_changes_is_noticed_and_followed():
    random = np.random.default_rng(5)
    truth = np.array([2.0] * 6 + [2.6] * 3)
    rows = [Reading("k", float(v + 0.05 * random.normal()), 0.05, time=float(t)) for t, v in enumerate(truth)]
    twin = replace(walking_twin(), change=Walking(0.0))
    for row in rows[:6]:
        twin = twin.assimilate(Batch((row,)))
    assert not any(update.surprise.odd for update in twin.updates[1:])
    assert twin.assimilate(Batch((rows[6],))).updates[-1].surprise.odd
    follows = twin.changing(Walking(0.1))
    for row in rows[6:]:
        follows = follows.assimilate(Batch((row,)))
    low, high = follows.known.interval()[0]
    assert low < 2.6 < high
    assert high - low < 0.25


def test_counts_and_concentrations_of_an_equation():
    theta, doses = np.array([1.1, 0.15, 25.0]), (Dose(0.0, 100.0), Dose(12.0, 100.0))
    ode = absorbed((1.0,), doses)
    space = Space(tuple(Parameter(n, LogNormal(v, 0.3)) for n, v in zip(ode.names, (1.0, 0.2, 30.0), strict=True)))
    predictor = Equation(ode, {"level": lambda x, q, u, t: x[1], "events": lambda x, q, u, t: 20 / (1 + x[1])})
    random, times = np.random.default_rng(1), (1.0, 4.0, 11.0, 13.0)
    levels = ode.at(times).solve(theta)
    batches = [
        Batch(
            (
                Reading("level", float(c * (1 + 0.05 * random.normal())), 0.1, time=t),
                Reading("events", float(random.poisson(20 / (1 + c))), None, t, "count"),
            )
        )
        for t, c in zip(times, levels, strict=True)
    ]
    twin = Twin(predictor, space, checks=40)
    for batch in (batches[0], Batch(sum((b.readings for b in batches[1:]), ()))):
        twin = twin.assimilate(batch)
    assert np.abs(np.log(twin.known.mean() / theta)).max() < 0.35
    assert twin.known.certificate.passed
    assert twin.predict([Reading("level", 0.0, 1.0, time=20.0)]).shape == (100, 1)


def test_a_file_of_readings(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("name, value,sd,time,noise,dose\ny1,0.5,0.1,2,,\nn,3,,1,count,20\n")
    batch = read_batch(path, who="nurse")
    assert batch.readings == (
        Reading("y1", 0.5, 0.1, 2.0),
        Reading("n", 3.0, None, 1.0, "count", (("dose", 20.0),)),
    )
    assert batch.source.who == "nurse"
    assert len(batch.source.sha256) == 64
    assert batch.fingerprint == Batch(batch.readings[::-1]).fingerprint
    path.write_text("name,value,sd\ny1,0.5,-1\ny2,much,0.1\ny3,1,\n")
    with pytest.raises(InputError) as wrong:
        read_batch(path)
    assert [problem.where for problem in wrong.value.problems] == [f"{path}:{n}" for n in (2, 3, 4)]
    path.write_text("what,value\n1,2\n")
    with pytest.raises(InputError, match="no column name"):
        read_batch(path)


def test_a_reading_of_nothing_that_is_predicted_is_refused():
    with pytest.raises(InputError, match="y17: is not predicted"):
        linear_twin().assimilate(Batch((Reading("y17", 0.0, 1.0),)))


def test_a_walk_costs_a_few_solves_for_each_time():
    space = Space((Parameter("a", LogNormal(1.0, 0.5)), Parameter("b", LogNormal(1.0, 0.5))))
    twin = Twin(Outputs(Formula(("a", "b"), bent), NAMES), space, Walking({"a": 0.2}))
    random = np.random.default_rng(6)
    for time, stiffness in enumerate(np.linspace(0.8, 1.04, 5)):
        y = bent(np.array([stiffness, 1.4])) + 0.005 * random.normal(size=9)
        twin = twin.assimilate(
            Batch(tuple(Reading(n, float(v), 0.005, float(time)) for n, v in zip(NAMES, y, strict=True)))
        )
    assert max(update.cost.total for update in twin.updates[1:]) <= 6
    assert not any(update.surprise.odd for update in twin.updates[1:])
    low, high = twin.known.interval()[0]
    assert low < 1.04 < high
    _, _, bands = twin.trajectory()
    assert (bands[:, 0, 0] < np.linspace(0.8, 1.04, 5)).all()
    assert (bands[:, 0, 1] > np.linspace(0.8, 1.04, 5)).all()
