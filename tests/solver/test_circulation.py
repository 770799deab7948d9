"""Ventricles that fill from and empty into a circuit: whole beats, whose every increment balances."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from beating import EIGHTH, END, STEPS, ventricle
from bodies import displacements
from mpi4py import MPI

from fibertwin.constitutive.relaxation import Relaxation
from fibertwin.curve import Curve
from fibertwin.errors import StoppedError
from fibertwin.solver import (
    Cavity,
    Checkpointing,
    Keeper,
    Stepping,
    Unload,
    path,
    read_checkpoint,
    require,
    solve,
    unload,
)
from fibertwin.solver.newton import NewtonResult, newton
from fibertwin.solver.system import System

WORLD, SELF = MPI.COMM_WORLD, MPI.COMM_SELF


def table(solution, end=END):
    """Time, volume, pressure, inflow, outflow, arterial and aortic pressure at the end of each increment (7, n)."""
    states = [(end * step.level, step.cavities["lv"]) for step in solution.outcome.steps]
    rows = [(t, c.volume, c.pressure, c.flow.inflow, c.flow.outflow, c.flow.arterial, c.flow.aortic) for t, c in states]
    return np.array(rows).T


def require_balance(solution, circuit=EIGHTH, end=END):
    """Every increment changes volume and arterial pressure by what has flowed."""
    system = System(ventricle(SELF, circuit))
    first = system.cavities()["lv"].volume
    system.destroy()
    time, volume, _, inflow, outflow, arterial, _ = table(solution, end)
    step = np.diff(time, prepend=0.0)
    assert np.diff(volume, prepend=first) == pytest.approx(step * (inflow - outflow), abs=1e-9 * first)
    between = circuit.theta * arterial + (1 - circuit.theta) * np.array([circuit.arterial_pressure, *arterial[:-1]])
    gained = step * (outflow - (between - circuit.venous_pressure) / circuit.resistance)
    stored = circuit.compliance * np.diff(arterial, prepend=circuit.arterial_pressure)
    assert stored == pytest.approx(gained, abs=1e-9 * first)


@pytest.fixture(scope="module")
def beat():
    return require(solve(ventricle(SELF), STEPS))


def test_a_beat_has_its_four_phases(beat):
    time, volume, pressure, inflow, outflow, arterial, aortic = table(beat)
    filling, ejecting = inflow > 0, outflow > 0
    assert not (filling & ejecting).any()
    phases = [key for key, _ in itertools.groupby(zip(filling, ejecting, strict=True))]
    shut = (False, False)
    assert phases == [(True, False), shut, (False, True), shut, (True, False)]
    still = ~filling & ~ejecting
    assert volume[still] == pytest.approx(volume[np.flatnonzero(still) - 1], rel=1e-9)
    stroke = volume.max() - volume.min()
    assert 0.1 < stroke / volume.max() < 0.7
    assert pressure.max() > aortic[pressure.argmax()] > arterial[pressure.argmax()]
    assert (pressure[filling] < EIGHTH.filling_pressure).all()
    assert (pressure[ejecting] > aortic[ejecting]).all()
    assert time[-1] == pytest.approx(END)
    require_balance(beat)


def test_newton_stays_quick_while_valves_turn(beat):
    assert beat.outcome.cuts == 0
    assert max(len(step.residuals) for step in beat.outcome.steps) <= 8


def test_what_the_end_shows_is_what_the_last_increment_did(beat):
    assert beat.cavities["lv"] == beat.outcome.steps[-1].cavities["lv"]


def test_the_midpoint_rule_balances_too():
    circuit = replace(EIGHTH, theta=0.5)
    require_balance(require(solve(ventricle(SELF, circuit), replace(STEPS, end=0.4))), circuit, 0.4)


def test_a_filling_pressure_may_change_with_time():
    """It is that of the middle of an increment where the flow is, and nothing flows back through the valve."""
    steps = replace(STEPS, end=0.2, first=0.25, largest=0.25)
    curve = Curve((0.0, 0.1, 0.2), (1.0, 1.0, 0.0))
    solution = require(solve(ventricle(SELF, curve=curve), steps))
    inflow = [step.cavities["lv"].flow.inflow for step in solution.outcome.steps]
    assert (np.array(inflow[:2]) > 0).all()
    assert inflow[-1] == 0


def test_increments_that_are_cut_leave_no_trace(monkeypatch):
    failures = itertools.count()

    def refused(system, *more, **other):
        if next(failures) in (0, 4, 5):
            system.move(0.0)
            return NewtonResult(False, "the test refuses it", (), ())
        return newton(system, *more, **other)

    monkeypatch.setattr(path, "newton", refused)
    solution = require(solve(ventricle(SELF), replace(STEPS, end=0.4, first=0.1, largest=0.1)))
    assert solution.outcome.cuts == 3
    assert solution.outcome.steps[0].level == pytest.approx(0.05)
    require_balance(solution, end=0.4)


def test_slopes_are_the_derivatives_of_the_volume_errors():
    system = System(ventricle(SELF), END)
    system.set_level(0.1)
    cavities = system._cavities
    for pressure in (0.3, 1.195, 9.0):
        cavities.pressures = np.array([pressure])
        slope = cavities._slopes()
        found = []
        for by in (-1e-6, 1e-6):
            cavities.pressures = np.array([pressure + by])
            found.append(cavities.errors())
        assert (found[1] - found[0]) / 2e-6 == pytest.approx(slope, rel=1e-6)
        assert slope[0] > 0
    system.destroy()


@pytest.mark.mpi
def test_a_beat_left_on_one_rank_goes_on_on_all(shared_path):
    steps = replace(STEPS, first=0.1, largest=0.1)
    whole = require(solve(ventricle(WORLD), steps))
    file = shared_path / "beat.npz"
    if WORLD.rank == 0:
        count = itertools.count(1)
        stop = Keeper(file, None, Checkpointing(every=1), lambda: "the test" if next(count) == 4 else "")
        with pytest.raises(StoppedError):
            solve(ventricle(SELF), steps, keep=stop)
    WORLD.Barrier()
    stood = read_checkpoint(file, WORLD)
    assert stood.level == pytest.approx(0.4)  # the muscle pulls
    again = require(solve(ventricle(WORLD), steps, resume=stood))
    assert table(again) == pytest.approx(table(whole), rel=1e-10, abs=1e-10)
    a, b = displacements(again)[:, 3:], displacements(whole)[:, 3:]
    assert np.abs(a - b).max() < 1e-10 * np.abs(b).max()


def test_two_circuits_and_tissue_that_relaxes_remember_together(tmp_path):
    """The ball in a sac that gives way to it, whose volume counts from infinity; left and gone on with."""
    problem = ventricle(SELF)
    sac = replace(EIGHTH, filling_pressure=0.2, arterial_pressure=0.2, resistance=1e-2)
    cavities = {"lv": EIGHTH, "sac": sac}
    material = replace(problem.materials["tissue"], relaxation=(Relaxation(1.0, 0.05),))
    loads = {
        name: Cavity(surface, center=(0.0, 0.0, 0.0), circuit=cavities[name])
        for name, surface in (("lv", "inner"), ("sac", "outer"))
    }
    problem = replace(problem, materials={"tissue": material}, loads=loads)
    steps = replace(STEPS, end=0.2, first=0.25, largest=0.25)
    whole = require(solve(problem, steps))
    count = itertools.count(1)
    file = tmp_path / "both.npz"
    stop = Keeper(file, None, Checkpointing(every=1), lambda: "the test" if next(count) == 2 else "")
    with pytest.raises(StoppedError):
        solve(problem, steps, keep=stop)
    again = require(solve(problem, steps, resume=read_checkpoint(file, SELF)))
    levels = np.array([step.level for step in whole.outcome.steps])
    for name in cavities:
        states, others = ([step.cavities[name] for step in s.outcome.steps] for s in (whole, again))
        volume = np.array([state.volume for state in states])
        gained = np.array([state.flow.gained for state in states])
        assert np.diff(volume) == pytest.approx(0.2 * np.diff(levels) * gained[1:], abs=1e-9 * abs(volume[0]))
        assert [other.volume for other in others] == pytest.approx(volume, rel=1e-10)
        assert [o.flow.arterial for o in others] == pytest.approx([s.flow.arterial for s in states], rel=1e-10)
        assert (np.abs(gained) > 0).all()
    assert whole.cavities["sac"].pressure > 0


def test_in_an_image_a_cavity_bears_the_pressure_that_fills_it():
    """The shape found under it comes back under it, and the problem has its circuit again."""
    problem = ventricle(SELF)
    imaged = problem.anatomy.mesh.geometry.x.copy()
    found = unload(problem, Unload(at=0.2), replace(STEPS, first=0.25, largest=1.0))
    assert found.problem.loads == problem.loads
    assert found.moved > 1.0
    pressed = replace(found.problem, loads=ventricle(SELF, pressure=1.2, curve=Curve((0.0, 0.2), (0.0, 1.0))).loads)
    loaded = require(solve(pressed, Stepping(end=0.2)))
    there = loaded.problem.anatomy.mesh.geometry.x + loaded.unknowns.displacement.x.array.reshape(-1, 3)
    assert there == pytest.approx(imaged, abs=1e-5)


def test_a_circuit_is_not_taken_for_a_volume():
    problem = ventricle(SELF)
    system = System(problem, END)
    with pytest.raises(ValueError, match="a circuit of the same cavities"):
        system.adopt(replace(problem, loads={"lv": Cavity("inner", volume=1e4, center=(0.0, 0.0, 0.0))}))
    system.destroy()


def test_a_cavity_has_one_of_three():
    with pytest.raises(ValueError, match="either a pressure, a volume or a circuit"):
        Cavity("inner", pressure=1.0, circuit=EIGHTH)
