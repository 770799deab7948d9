"""Kalman filters and smoothers: against the joint normal distribution of all states, and against one another."""

import numpy as np
import pytest
from scipy import stats

from fibertwin.calibration.ensemble import ensemble_filtered
from fibertwin.calibration.filters import Belief, StateModel, filtered, flow, joint, linear, looked_back
from fibertwin.calibration.ode import Dose, Ode

A = np.array([[1.0, 0.5], [-0.3, 0.8]])
H = np.array([[1.0, 0.0], [0.3, 1.0], [0.0, 2.0]])
Q, R = np.array([[0.3, 0.1], [0.1, 0.2]]), np.diag([0.5, 1.0, 2.0])
START = Belief(np.array([1.0, -1.0]), np.array([[2.0, 0.3], [0.3, 1.0]]))
STEPS = 7


def seen(seed=0):
    random = np.random.default_rng(seed)
    x, rows = random.multivariate_normal(START.mean, START.covariance), []
    for _ in range(STEPS):
        rows.append(H @ x + random.multivariate_normal(np.zeros(3), R))
        x = A @ x + random.multivariate_normal(np.zeros(2), Q)
    rows[2][1] = np.nan
    rows[4][:] = np.nan
    return np.array(rows)


def textbook(rows):
    """Mean and covariance of all states at once, and the evidence, from the joint normal distribution."""
    n, k = 2, len(rows)
    mean, cov = [START.mean], np.zeros((n * k, n * k))
    cov[:n, :n] = START.covariance
    for i in range(1, k):
        mean.append(A @ mean[-1])
        a, b = slice(n * (i - 1), n * i), slice(n * i, n * (i + 1))
        cov[b, : n * i] = A @ cov[a, : n * i]
        cov[: n * i, b] = cov[b, : n * i].T
        cov[b, b] = A @ cov[a, a] @ A.T + Q
    known = ~np.isnan(rows).ravel()
    big, noise = np.kron(np.eye(k), H)[known], np.kron(np.eye(k), R)[np.ix_(known, known)]
    m, y = np.concatenate(mean), rows.ravel()[known]
    spread = big @ cov @ big.T + noise
    gain = np.linalg.solve(spread, big @ cov).T
    return m + gain @ (y - big @ m), cov - gain @ big @ cov, stats.multivariate_normal(big @ m, spread).logpdf(y)


@pytest.mark.parametrize("way", ["extended", "unscented"])
def test_linear_normal_states_are_those_of_the_joint_distribution(way):
    rows, model = seen(), linear(A, H, Q, R)
    found = filtered(model, START, rows, way)
    for k in range(1, STEPS + 1):
        mean, covariance, evidence = textbook(rows[:k])
        assert found.updated[k - 1].mean == pytest.approx(mean[-2:], abs=1e-10)
        assert found.updated[k - 1].covariance == pytest.approx(covariance[-2:, -2:], abs=1e-10)
        assert found.log_evidence[:k].sum() == pytest.approx(evidence, abs=1e-10)
    for k, belief in enumerate(looked_back(found)):
        rows_k = slice(2 * k, 2 * k + 2)
        assert belief.mean == pytest.approx(mean[rows_k], abs=1e-10)
        assert belief.covariance == pytest.approx(covariance[rows_k, rows_k], abs=1e-10)


@pytest.mark.parametrize("split", range(1, STEPS))
def test_any_split_gives_the_same(split):
    rows, model = seen(), linear(A, H, Q, R)
    whole, begun = filtered(model, START, rows), filtered(model, START, rows[:split])
    together = begun.then(filtered(model, begun.ahead, rows[split:], first=split))
    assert together.means == pytest.approx(whole.means, abs=1e-12)
    for one, other in zip(looked_back(together), looked_back(whole), strict=True):
        assert one.covariance == pytest.approx(other.covariance, abs=1e-12)


def test_an_ensemble_nears_the_filter_as_one_over_the_root_of_its_size():
    rows, model = seen(), linear(A, H, Q, R)
    found = filtered(model, START, rows)
    back = np.array([belief.mean for belief in looked_back(found)])
    errors = []
    for size in (50, 800):
        apart = []
        for seed in range(12):
            random = np.random.default_rng([seed, size])
            members = random.multivariate_normal(START.mean, START.covariance, size)
            ensemble = ensemble_filtered(model, members, rows, random)
            apart.append([ensemble.updated.mean(axis=1) - found.means, ensemble.back.mean(axis=1) - back])
        errors.append(np.sqrt((np.array(apart) ** 2).mean(axis=(0, 2, 3))))
    rate = np.log(errors[0] / errors[1]) / np.log(16)
    assert rate == pytest.approx([0.5, 0.5], abs=0.12)


def test_the_unscented_mean_of_a_square_is_exact():
    model = StateModel(lambda x, k: x**2, lambda x, k: x, 0.0, 1.0)
    found = filtered(model, Belief(np.array([2.0]), np.array([[0.25]])), [[np.nan]], "unscented")
    assert found.ahead.mean == pytest.approx([4.25])
    assert filtered(model, Belief(np.array([2.0]), np.array([[0.25]])), [[np.nan]]).ahead.mean == pytest.approx([4.0])


@pytest.mark.parametrize("way", ["extended", "unscented"])
def test_state_and_parameter_are_found_together(way):
    random = np.random.default_rng(3)
    rate, x, rows = 0.85, 10.0, []
    for _ in range(30):
        rows.append([x + 0.1 * random.normal()])
        x = rate * x + 1 + 0.05 * random.normal()
    model = joint(lambda x, q, k: q * x + 1, lambda x, q, k: x, 1, 0.05**2, 0.1**2, [0.0])
    found = filtered(model, Belief(np.array([9.0, 0.6]), np.diag([4.0, 0.09])), rows, way)
    assert found.means[-1, 1] == pytest.approx(rate, abs=3 * found.sds[-1, 1])
    assert found.sds[-1, 1] < 0.01
    assert found.surprise.mean() == pytest.approx(1.0, abs=0.8)


def test_an_equation_moves_states_and_tells_its_slopes():
    times = (0.0, 1.0, 2.5)
    ode = Ode(
        ("k",), lambda x, q, u, t: -q[0] * x, lambda q: np.zeros(1), (1.0,), doses=(Dose(0.5, 3.0), Dose(1.0, 2.0))
    )
    move, slopes = flow(ode, 1, times)
    state = np.array([4.0, 0.3])
    first = 4 * np.exp(-0.3) + 3 * np.exp(-0.15)
    assert move(state, 0) == pytest.approx([first, 0.3], rel=1e-6)
    assert slopes(state, 0)[0] == pytest.approx([np.exp(-0.3), -4 * np.exp(-0.3) - 1.5 * np.exp(-0.15)], rel=1e-6)
    assert move(move(state, 0), 1)[0] == pytest.approx((first + 2) * np.exp(-0.45), rel=1e-6)


def test_an_infusion_that_runs_on_is_shared_by_the_steps():
    ode = Ode(("k",), lambda x, q, u, t: -q[0] * x, lambda q: np.zeros(1), (4.0,), doses=(Dose(0.5, 6.0, lasting=2.0),))
    move, _ = flow(ode, 1, (0.0, 1.0, 4.0))
    theta = np.array([0.3])
    assert move(move(np.array([0.0, *theta]), 0), 1)[0] == pytest.approx(ode.solve(theta)[0], rel=1e-6)
