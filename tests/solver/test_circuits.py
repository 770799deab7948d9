"""Circuits by themselves, at given pressures in the cavity, against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from fibertwin.solver.circuits import CircuitState, Valve, Windkessel

VALVE = Valve(2e-6)
ADULT = Windkessel(1.2, VALVE, VALVE, resistance=1.3e-4, compliance=1.1e4, arterial_pressure=10.0, impedance=6e-6)
"""Of an adult: 1 mmHg s/mL, 1.5 mL/mmHg and 0.05 mmHg s/mL."""
DECAY = ADULT.resistance * ADULT.compliance


def driven(circuit, pressure, times, arterial=10.0):
    """Flows with the pressure in the cavity given over time; its volume follows from them."""
    states = [replace(circuit, arterial_pressure=arterial).begin(1e5, pressure(times[0]))]
    for step, time in zip(np.diff(times), times[1:], strict=True):
        last = states[-1]
        flow, _ = circuit.exchange(last, step, pressure(time), 1.0)
        states.append(CircuitState(last.volume + step * flow.gained, pressure(time), flow))
    return [state.flow for state in states[1:]]


def errors_by_halving(error, theta, steps=(20, 40, 80)):
    return np.array([error(replace(ADULT, theta=theta), n) for n in steps])


@pytest.mark.parametrize(("theta", "order"), [(1.0, 1), (0.5, 2)])
def test_arteries_empty_exponentially_while_the_valve_is_shut(theta, order):
    def error(circuit, steps):
        flows = driven(replace(circuit, venous_pressure=0.5), lambda t: 1.2, np.linspace(0, 0.5, steps + 1))
        assert all(flow.outflow == 0 for flow in flows)
        return abs(flows[-1].arterial - (0.5 + 9.5 * np.exp(-0.5 / DECAY)))

    errors = errors_by_halving(error, theta)
    assert np.log2(errors[:-1] / errors[1:]) == pytest.approx(order, abs=0.06)


@pytest.mark.parametrize("theta", [1.0, 0.5])
def test_steady_flow_meets_the_sum_of_the_resistances(theta):
    circuit = replace(ADULT, theta=theta, venous_pressure=0.6)
    flows = driven(circuit, lambda t: 14.0, np.linspace(0, 40 * DECAY, 2001))
    flow = (14.0 - 0.6 - VALVE.opening / 2) / (VALVE.resistance + ADULT.impedance + ADULT.resistance)
    assert flows[-1].outflow == pytest.approx(flow, rel=1e-10)
    assert flows[-1].arterial == pytest.approx(0.6 + ADULT.resistance * flow, rel=1e-10)
    assert flows[-1].aortic == pytest.approx(flows[-1].arterial + ADULT.impedance * flow, rel=1e-10)


def test_a_stroke_at_once_raises_the_pressure_by_its_share_of_the_compliance_and_decays():
    stroke, instant = 7e4, 1e-6

    def ejected(pressure):
        return instant * ADULT.exchange(ADULT.begin(1e5, pressure), instant, pressure, 1.0)[0].outflow - stroke

    high = brentq(ejected, 10.0, 1e6, xtol=1e-9)
    after = ADULT.exchange(ADULT.begin(1e5, high), instant, high, 1.0)[0].arterial
    assert after == pytest.approx(10.0 + stroke / ADULT.compliance, rel=1e-6)
    flows = driven(replace(ADULT, theta=0.5), lambda t: 0.0, np.linspace(0, 0.4, 401), after)
    assert flows[-1].arterial == pytest.approx((10.0 + stroke / ADULT.compliance) * np.exp(-0.4 / DECAY), rel=1e-5)


@pytest.mark.parametrize("theta", [1.0, 0.5])
@pytest.mark.parametrize("turns", [1.0, 5.0, 20.0])
def test_impedance_of_three_elements_at_a_frequency(theta, turns):
    """Z + R/(1 + iωRC), once as it is and once with iω as the time stepping has it, which it meets exactly."""
    circuit, steps, omega = replace(ADULT, theta=theta), 100, turns / DECAY
    step = 2 * np.pi / omega / steps
    times = step * np.arange(100 * steps + 1)
    flows = driven(circuit, lambda t: 40.0 + 5 * np.sin(omega * t), times)
    last = slice(-steps, None)
    weights = np.exp(-1j * omega * (times[1:][last] - (1 - theta) * step))
    flow = np.array([flow.outflow for flow in flows])[last] @ weights
    aortic = np.array([flow.aortic for flow in flows])[last] @ weights
    exact = ADULT.impedance + ADULT.resistance / (1 + 1j * omega * DECAY)
    turn = np.exp(1j * omega * step)
    stepped = (turn - 1) / (step * (theta * turn + 1 - theta))
    assert aortic / flow == pytest.approx(ADULT.impedance + ADULT.resistance / (1 + stepped * DECAY), rel=1e-8)
    assert aortic / flow == pytest.approx(exact, rel=5e-2 if theta == 1 else 1e-3)


def elastance(time):
    """Of a ventricle (kPa/mm³) that contracts for 0.3 s of every 0.8 s."""
    phase = time % 0.8
    return 1e-5 + (2.4e-4 * np.sin(np.pi * phase / 0.3) ** 2 if phase < 0.3 else 0.0)


def beat(circuit, steps, end=1.6):
    """A ventricle of that elastance with a volume of 10 mL at no pressure, stepped."""
    states, step = [circuit.begin(1e5, elastance(0.0) * 9e4)], end / steps
    for time in step * np.arange(1, steps + 1):
        last = states[-1]

        def imbalance(pressure, last=last, time=time):
            return 1e4 + pressure / elastance(time) - last.volume - step * flow(pressure, last).gained

        def flow(pressure, last=last):
            return circuit.exchange(last, step, pressure, 1.0)[0]

        pressure = brentq(imbalance, -100, 200, xtol=1e-13, rtol=1e-14)
        states.append(CircuitState(1e4 + pressure / elastance(time), pressure, flow(pressure)))
    return states


@pytest.mark.parametrize("theta", [1.0, 0.7, 0.5])
def test_what_leaves_the_cavity_is_in_the_arteries_or_has_run_off(theta):
    circuit = replace(ADULT, theta=theta, inflow=Valve(2e-6, 1e-3), venous_pressure=0.5)
    states, step = beat(circuit, 200), 1.6 / 200
    volumes = np.array([state.volume for state in states])
    arterial = np.array([state.flow.arterial for state in states])
    inflow, outflow = np.array([(state.flow.inflow, state.flow.outflow) for state in states[1:]]).T
    runoff = (theta * arterial[1:] + (1 - theta) * arterial[:-1] - 0.5) / circuit.resistance
    assert np.diff(volumes) == pytest.approx(step * (inflow - outflow), abs=1e-6)
    assert circuit.compliance * np.diff(arterial) == pytest.approx(step * (outflow - runoff), abs=1e-6)
    assert (outflow >= 0).all()
    assert (inflow < 0).any()  # it leaks


@pytest.mark.parametrize(("theta", "order"), [(1.0, 0.9), (0.5, 1.6)])
def test_beats_converge_to_the_differential_equation(theta, order):
    def rate(time, y):
        volume, arterial = y
        pressure = elastance(time) * (volume - 1e4)
        outflow, _ = ADULT.outflow.flow(pressure - arterial, ADULT.impedance)
        inflow, _ = ADULT.inflow.flow(ADULT.filling_pressure - pressure)
        return [inflow - outflow, (outflow - arterial / ADULT.resistance) / ADULT.compliance]

    exact = solve_ivp(rate, (0, 1.6), [1e5, 10.0], "LSODA", np.linspace(0, 1.6, 51), max_step=1e-3, rtol=1e-9)

    def error(circuit, steps):
        arterial = np.array([state.flow.arterial for state in beat(circuit, steps)[:: steps // 50]])
        return np.abs(arterial - exact.y[1]).max()

    errors = errors_by_halving(error, theta, (400, 800, 1600))
    assert (np.log2(errors[:-1] / errors[1:]) > order).all()
    assert 3e4 < 1e5 - exact.y[0].min() < 5e4  # mm³: a stroke


@pytest.mark.parametrize("valve", [VALVE, Valve(2e-6, 1e-3)])
@pytest.mark.parametrize("further", [0.0, 6e-6, 1e-3])
def test_a_valve_is_passive_smooth_and_open_one_way(valve, further):
    drops = np.linspace(-5, 5, 4000)
    flows, slopes = np.array([valve.flow(drop, further) for drop in drops]).T
    assert (flows * drops >= 0).all()
    assert (slopes >= 0).all()
    behind = drops - further * flows
    assert [valve.flow(drop)[0] for drop in behind] == pytest.approx(flows, rel=1e-10)
    tiny = 1e-7
    apart = np.array([valve.flow(d + tiny, further)[0] - valve.flow(d - tiny, further)[0] for d in drops])
    assert apart / (2 * tiny) == pytest.approx(slopes, rel=1e-4, abs=1e-4 / (2e-6 + further))
    for edge in (0.0, valve.opening + further * valve.flow(valve.opening)[0]):
        assert valve.flow(edge - 1e-12, further)[1] == pytest.approx(valve.flow(edge + 1e-12, further)[1], abs=1e-3)
    assert valve.flow(0.0, further)[0] == 0
    closed = 0.0 if valve.closed is None else -5 / (valve.closed + further)
    assert flows[0] == pytest.approx(closed, rel=1e-12)


@pytest.mark.parametrize("theta", [1.0, 0.6])
@pytest.mark.parametrize("pressure", [0.5, 1.205, 5.0, 10.003, 12.0])
def test_the_slope_is_the_derivative(theta, pressure):
    circuit = replace(ADULT, theta=theta)
    last = circuit.begin(1e5, pressure)
    low, here, high = (circuit.exchange(last, 0.01, pressure + by, 1.0) for by in (-1e-6, 0, 1e-6))
    assert here[1] == pytest.approx((high[0].gained - low[0].gained) / 2e-6, rel=1e-5, abs=1e-3)


def test_no_time_changes_nothing():
    assert ADULT.exchange(ADULT.begin(1e5, 12.0), 0.0, 12.0, 1.0)[0].arterial == 10.0


def test_a_closed_valve_that_leaks_more_than_the_open_one_is_refused():
    with pytest.raises(ValueError, match="resists more"):
        Valve(1e-5, 1e-6)
