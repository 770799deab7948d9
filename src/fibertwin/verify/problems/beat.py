"""A thick sphere that beats into a Windkessel: tissue and circuit make one differential equation."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from fibertwin.constitutive import ActiveStress, Material, NeoHookean
from fibertwin.curve import Curve
from fibertwin.meshes import ThickSphere, uniform_fibers
from fibertwin.solver import (
    Cavity,
    CavityState,
    Problem,
    Solution,
    Stepping,
    SymmetryPlane,
    Valve,
    Windkessel,
    require,
    solve,
)
from fibertwin.solver.circuits import CircuitState
from fibertwin.verify.entry import Finding, at_least, at_most, entry, near, told

if TYPE_CHECKING:
    from mpi4py import MPI

INNER, OUTER = 25.0, 35.0
"""Radii (mm)."""
MU, TENSION, PULLS = 3.0, 60.0, Curve((0.0, 0.24, 0.32, 0.4, 0.56), (0.0, 0.0, 1.0, 1.0, 0.0))
"""Stiffness at rest, tension in all directions alike (kPa), and when it acts."""
END = 0.8
VALVE = Valve(8e-6, opening=0.05)
CIRCUIT = Windkessel(1.2, VALVE, VALVE, 1e-3, 1.4e3, 8.0, impedance=5e-5, venous_pressure=0.4)
"""An eighth of the circulation of an adult."""
TIMES = {
    "before it contracts": 0.24,
    "at the height of the tension": 0.32,
    "as the tension begins to fall": 0.4,
    "as the tension ends": 0.56,
    "at the end": 0.8,
}
SOURCE = "p = (μ + T(t))/2 [(4/λb + 1/λb⁴) − (4/λa + 1/λa⁴)] (Green & Shield 1950) and the circuit: LSODA of scipy"


def _pressure(volume: float, time: float) -> float:
    """Pressure (kPa) in an eighth of the sphere whose cavity has a volume (mm³).

    A pull T in all directions has the second Piola–Kirchhoff stress T I, which adds to the stiffness.
    """
    inside = volume * 6 / np.pi
    la = np.cbrt(inside) / INNER
    lb = np.cbrt(inside + OUTER**3 - INNER**3) / OUTER
    return float(0.5 * (MU + TENSION * PULLS(time)) * ((4 / lb + lb**-4) - (4 / la + la**-4)))


def _through(drop: float) -> float:
    """Flow (mm³/s) through an open or shut valve."""
    w = VALVE.opening
    return 0.0 if drop < 0 else (drop**2 / (2 * w) if drop < w else drop - w / 2) / VALVE.resistance


def _beat() -> NDArray[np.float64]:
    """Volume (mm³) of the cavity and pressure (kPa) in the arteries at ``TIMES`` (2, n)."""

    def rates(time: float, state: NDArray[np.float64]) -> list[float]:
        volume, arterial = state
        pressure = _pressure(volume, time)
        most = max(0.0, pressure - arterial) / CIRCUIT.impedance
        outflow = brentq(lambda q: _through(pressure - arterial - CIRCUIT.impedance * q) - q, 0.0, most + 1, xtol=1e-9)
        runoff = (arterial - CIRCUIT.venous_pressure) / CIRCUIT.resistance
        return [_through(CIRCUIT.filling_pressure - pressure) - outflow, (outflow - runoff) / CIRCUIT.compliance]

    state, time, found = np.array([np.pi / 6 * INNER**3, CIRCUIT.arterial_pressure]), 0.0, []
    for later in TIMES.values():
        state = solve_ivp(rates, (time, later), state, "LSODA", rtol=1e-9, atol=1e-9, max_step=0.01).y[:, -1]
        time = later
        found.append(state)
    return np.array(found).T


def _octant(comm: "MPI.Comm", theta: float, step: float, cells: tuple[int, int] = (1, 2)) -> Solution:
    body = ThickSphere(INNER, OUTER, cells, "octant").build(comm)
    material = Material((NeoHookean(MU), ActiveStress(TENSION, transverse=1.0, curve=PULLS)), "incompressible")
    circuit = Windkessel(**(vars(CIRCUIT) | {"theta": theta}))
    problem = Problem(
        body,
        {"tissue": material},
        {f"plane {axis}": SymmetryPlane(f"symmetry-{axis}") for axis in "xyz"},
        {"ventricle": Cavity("inner", circuit=circuit, center=(0.0, 0.0, 0.0))},
        uniform_fibers(body.mesh, 4),
    )
    return require(solve(problem, Stepping(END, first=step, largest=step, smallest=1e-4, tolerance=1e-11)))


def _at(solution: Solution, time: float) -> CavityState:
    """The cavity at the end of the increment that ends at a time."""
    return next(s.cavities["ventricle"] for s in solution.outcome.steps if abs(END * s.level - time) < 1e-9)


def _stepped(step: float) -> list[float]:
    """Volumes (mm³) at ``TIMES`` where the same sphere and circuit go in steps (s) of the backward Euler method."""
    volume = np.pi / 6 * INNER**3
    last, found = CIRCUIT.begin(volume, 0.0), []
    for number in range(1, round(END / step) + 1):
        time = number * step

        def wrong(volume: float, last: CircuitState = last, time: float = time) -> float:
            return volume - last.volume - step * CIRCUIT.exchange(last, step, _pressure(volume, time), 1.0)[0].gained

        volume = brentq(wrong, 0.5 * last.volume, 2 * last.volume, xtol=1e-9)
        pressure = _pressure(volume, time)
        last = CircuitState(volume, pressure, CIRCUIT.exchange(last, step, pressure, 1.0)[0])
        if any(abs(time - other) < 1e-9 for other in TIMES.values()):
            found.append(volume)
    return found


@entry("Sphere that beats into three elements, midpoint rule: curved Q2-Q1 hexahedra", SOURCE, quick=True)
def sphere(comm: "MPI.Comm") -> Iterator[Finding]:
    """One beat: filling, contraction behind shut valves, ejection, relaxation, filling."""
    solution = _octant(comm, 0.5, 0.01)
    for (when, time), volume, arterial in zip(TIMES.items(), *_beat(), strict=True):
        state = _at(solution, time)
        assert state.flow is not None
        yield near(f"volume {when}, mm³", volume, state.volume, relative=5e-3)
        yield near(f"pressure {when}, kPa", _pressure(volume, time), state.pressure, relative=5e-3)
        yield near(f"arterial pressure {when}, kPa", arterial, state.flow.arterial, relative=5e-3)
    states = [step.cavities["ventricle"] for step in solution.outcome.steps]
    spent = END * np.diff([step.level for step in solution.outcome.steps])
    gained = np.array([state.flow.gained for state in states[1:] if state.flow is not None])
    wrong = np.abs(np.diff([state.volume for state in states]) - spent * gained).max() / states[0].volume
    yield at_most("volume that an increment loses, over the whole", 1e-9, float(wrong))
    yield told("effort", solution.outcome.sentence)


@entry("Sphere that beats into three elements, backward Euler: refinement of the mesh", SOURCE)
def refined(comm: "MPI.Comm") -> Iterator[Finding]:
    """In the same steps of time the error is the mesh's; it falls at least with the cube of the cell size."""
    wanted, found = np.array(_stepped(0.02 * END)), []
    for through in (1, 2):
        solution = _octant(comm, 1.0, 0.02, (through, 2 * through))
        ours = np.array([_at(solution, time).volume for time in TIMES.values()])
        found.append(float(np.abs(ours / wanted - 1).max()))
        yield told(f"{through} cells through the wall: largest relative error of the volume", f"{found[-1]:.3g}")
    yield at_least("rate of the error of the volume", 2.9, float(np.log2(found[0] / found[1])))
