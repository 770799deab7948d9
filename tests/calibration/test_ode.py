"""Differential equations: against closed forms, and their sensitivities against differences."""

import numpy as np
import pytest

from fibertwin.calibration.ode import Dose, Ode, absorbed, effect
from fibertwin.errors import SolveError

THETA = np.array([1.3, 0.2, 30.0])


def bateman(times, dose, theta):
    """Concentration after one dose at time 0 (Bateman 1910)."""
    ka, ke, volume = theta
    times = np.maximum(times, 0)
    return dose * ka / (volume * (ka - ke)) * (np.exp(-ke * times) - np.exp(-ka * times))


def test_doses_superpose_as_bateman_has_them():
    times = np.array([0.5, 3.0, 8.0, 12.0, 20.0])
    model = absorbed(times, (Dose(0.0, 300.0), Dose(8.0, 200.0)))
    known = bateman(times, 300.0, THETA) + bateman(times - 8, 200.0, THETA)
    assert model.solve(THETA) == pytest.approx(known, rel=1e-6)


@pytest.mark.parametrize("times", [(0.0, 2.0, 9.0), (9.0, 2.0, 2.0)])
def test_sensitivities_are_the_derivative(times):
    model = absorbed(times, (Dose(0.0, 300.0), Dose(2.0, 200.0, lasting=1.0)))
    values, slopes = model.linearise(THETA)
    assert values == pytest.approx(model.solve(THETA), rel=1e-6, abs=1e-9)
    for index, step in enumerate(1e-4 * THETA):
        axis = step * np.eye(3)[index]
        difference = (model.solve(THETA + axis) - model.solve(THETA - axis)) / (2 * step)
        assert slopes[:, index] == pytest.approx(difference, rel=2e-5, abs=1e-7)


def test_given_slopes_replace_complex_steps():
    logistic = Ode(("r", "K"), lambda x, q, u, t: q[0] * x * (1 - x / q[1]), lambda q: q[1:] * 0.1, (0.0, 1.0, 5.0))
    given = Ode(
        logistic.names,
        logistic.rate,
        logistic.start,
        logistic.times,
        rate_slopes=lambda x, q, u, t: (
            [[q[0] * (1 - 2 * x[0] / q[1])]],
            [[x[0] * (1 - x[0] / q[1]), q[0] * x[0] ** 2 / q[1] ** 2]],
        ),
    )
    theta = np.array([0.7, 4.0])
    exact = 4.0 / (1 + 9 * np.exp(-0.7 * np.array(logistic.times)))
    assert logistic.solve(theta) == pytest.approx(exact, rel=1e-6)
    assert given.linearise(theta)[1] == pytest.approx(logistic.linearise(theta)[1], rel=1e-6, abs=1e-9)
    assert given.linearise(theta)[1][0] == pytest.approx([0.0, 0.1])  # the start depends on K


def test_an_input_that_jumps_is_not_stepped_over():
    switched = Ode(
        ("k",),
        lambda x, q, u, t: u - q[0] * x,
        lambda q: np.zeros(1),
        (1.0, 2.0, 3.0),
        control=lambda t: float(1.0 <= t < 2.0),
        breaks=(1.0, 2.0),
    )
    full = (1 - np.exp(-0.5)) / 0.5
    assert switched.solve(np.array([0.5])) == pytest.approx([0.0, full, full * np.exp(-0.5)], rel=1e-6, abs=1e-12)


def test_what_is_seen_at_a_dose_is_seen_before_it():
    decay = Ode(
        ("k",),
        lambda x, q, u, t: -q[0] * x,
        lambda q: np.zeros(1),
        (0.0, 4.0, 5.0),
        doses=(Dose(0.0, 8.0), Dose(4.0, 8.0)),
    )
    assert decay.solve(np.array([0.25])) == pytest.approx(
        [0.0, 8 * np.exp(-1), 8 * (1 + np.exp(-1)) * np.exp(-0.25)], rel=1e-6
    )


def test_an_explosion_is_told():
    model = Ode(("a",), lambda x, q, u, t: q[0] * x**2, lambda q: np.ones(1), (2.0,), method="RK45")
    with pytest.raises(SolveError, match="a = 1"), np.errstate(all="ignore"):
        model.solve(np.array([1.0]))


def test_times_before_the_start_are_refused():
    with pytest.raises(ValueError, match="before"):
        absorbed((-1.0, 1.0), ())


def test_half_the_effect_at_half_concentration():
    assert effect([0.0, 2.0, 1e9], 0.8, 2.0) == pytest.approx([0.0, 0.4, 0.8])
