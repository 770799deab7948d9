"""Blocks that relax: solved step by step, and compared with what is known of Maxwell branches."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.constitutive.relaxation import Relaxation
from fibertwin.curve import Curve
from fibertwin.solver import (
    Clamp,
    DeadTraction,
    Displacement,
    Formulation,
    PrescribedDisplacement,
    Problem,
    Solution,
    Stepping,
    Support,
    TaylorHood,
    require,
    solve,
)
from fibertwin.verify.bodies import block, displacement_at
from fibertwin.verify.entry import Finding, at_least, at_most, entry, near

if TYPE_CHECKING:
    from mpi4py import MPI

type Array = NDArray[np.float64]

MU, BULK, STRETCH = 1.3, 20.0, 1.3
BRANCHES = (Relaxation(0.8, 0.3), Relaxation(1.5, 2.0))
SOURCE = "Simo 1987 (doi 10.1016/0045-7825(87)90107-1), Holzapfel & Gasser 2001 (doi 10.1016/S0045-7825(00)00323-6)"
AT_ONCE = 1e-6
"""Time (s) in which a step is made."""


def confined(
    comm: "MPI.Comm",
    curve: Curve | None,
    stretch: float = STRETCH,
    branches: tuple[Relaxation, ...] = BRANCHES,
    formulation: Formulation | None = None,
) -> Problem:
    """A cube between walls, stretched along x: F = diag(stretch, 1, 1)."""
    walls = {"left": "x", "front": "y", "back": "y", "bottom": "z", "top": "z"}
    supports: dict[str, Support] = {name: Clamp(name, axis) for name, axis in walls.items()}
    supports["pull"] = PrescribedDisplacement("right", (stretch - 1, 0.0, 0.0), "x", curve)
    material = Material((NeoHookean(MU),), BULK, relaxation=branches)
    return Problem(block(comm, 1), {"tissue": material}, supports, formulation=formulation or Displacement(1))


def paced(end: float, increments: int) -> Stepping:
    """Increments of one length but where a curve bends."""
    return Stepping(end=end, first=1 / increments, largest=1 / increments, smallest=1e-9, tolerance=1e-11)


def pulls(solution: Solution, end: float) -> tuple[Array, Array]:
    """Times (n,) (s) of all increments, and the force (n,) (mN) on the cube."""
    told = [(s.level, s.balance) for s in solution.outcome.steps]
    times = np.array([level * end for level, _ in told])
    return times, np.array([balance.reactions["pull"][0] for _, balance in told if balance is not None])


def elastic(stretch: Any) -> Any:
    """S11 of the isochoric neo-Hookean energy."""
    return MU * stretch ** (-2 / 3) * (1 - (stretch**2 + 2) / (3 * stretch**2))


def force(stretch: Any, over: Any = 0.0, factor: Any = 1.0) -> Any:
    """Force (mN) on the cube: the energies' stress times a factor, an overstress, and the volumetric part."""
    return stretch * (factor * elastic(stretch) + over) + BULK * (stretch - 1)


def spectrum(of: Callable[[Relaxation], Any]) -> Any:
    """A sum over the branches by their shares."""
    return sum(branch.share * of(branch) for branch in BRANCHES)


@entry(
    "Block stretched by 30 % at once and held, two branches, {case}",
    f"S (1 + Σ share e^(−t/time)), exact; {SOURCE}",
    quick=("P1",),
    cases={"P1": Displacement(1), "P2-P1": TaylorHood()},
)
def held(comm: "MPI.Comm", formulation: Formulation) -> Iterator[Finding]:
    """Ten increments of 0.4 s, longer than one of the relaxation times."""
    held = Curve((0.0, AT_ONCE), (0.0, 1.0))
    solution = require(solve(confined(comm, held, formulation=formulation), paced(4.0, 10)))
    times, forces = pulls(solution, 4.0)
    wanted = force(STRETCH, factor=1 + spectrum(lambda b: np.exp(-(times - 0.5 * AT_ONCE) / b.time)))
    yield at_most("error of the force, any time", 1e-8, float(np.abs(forces / wanted - 1).max()))
    yield near("force at 4 s, mN", float(wanted[-1]), float(forces[-1]), relative=1e-8)


@entry(
    "Block stretched at a constant rate, two branches, P1", f"hereditary integral by quadrature; {SOURCE}", quick=True
)
def ramp(comm: "MPI.Comm") -> Iterator[Finding]:
    """Halving the time step quarters the error."""

    def rate(time: float) -> float:
        step = 1e-5
        return float((elastic(1 + 0.15 * (time + step)) - elastic(1 + 0.15 * (time - step))) / (2 * step))

    over = spectrum(lambda b: quad(lambda s: np.exp(-(2.0 - s) / b.time) * rate(s), 0.0, 2.0)[0])
    wanted = force(1.3, over)
    found = [
        pulls(require(solve(confined(comm, None), paced(2.0, number))), 2.0)[1][-1] / wanted - 1
        for number in (8, 16, 32)
    ]
    yield at_most("error of the force after 2 s in 32 increments", 5e-4, abs(float(found[-1])))
    yield at_least("order in the time step", 1.95, float(np.log2(found[-2] / found[-1])))


@entry("Block stretched very slowly and very fast, two branches, P1", "S, and S (1 + Σ share)")
def limits(comm: "MPI.Comm") -> Iterator[Finding]:
    """Elastic with the energies alone, and with all branches."""
    for quantity, end, factor in (("slow", 1e8, 1.0), ("fast", 1e-8, 1 + spectrum(lambda b: 1.0))):
        _, forces = pulls(require(solve(confined(comm, None), paced(end, 4))), end)
        yield near(f"force, {quantity}, mN", float(force(STRETCH, factor=factor)), float(forces[-1]), relative=1e-6)


@entry("Block that creeps under a dead load, two branches, P1", "elastic stretches at once and after long, exact")
def creep(comm: "MPI.Comm") -> Iterator[Finding]:
    """The load comes on at once and stays."""
    problem = confined(comm, None)
    supports = {name: support for name, support in problem.supports.items() if name != "pull"}
    load = DeadTraction("right", (1.5, 0.0, 0.0), curve=Curve((0.0, AT_ONCE), (0.0, 1.0)))
    for quantity, end, factor in (("at once", AT_ONCE, 1 + spectrum(lambda b: 1.0)), ("after 100 s", 100.0, 1.0)):
        loaded = replace(problem, supports=supports, loads={"pull": load})
        solution = require(solve(loaded, paced(end, 20)))
        stretch = 1 + float(displacement_at(solution, (1.0, 1.0, 1.0))[0])
        wanted = brentq(lambda x, f=factor: force(x, factor=f) - 1.5, 1.0, 2.0)
        yield near(f"stretch {quantity}", float(wanted), stretch, relative=1e-5)


@entry(
    "Block that is shaken at 1 Hz with a strain of 0.1 %, one branch, P1",
    "work lost per cycle π ε² M'', M'' = 4/3 μ share ωτ/(1 + ω²τ²), of small strain",
)
def shaking(comm: "MPI.Comm") -> Iterator[Finding]:
    """The fifth cycle, 64 increments each."""
    share, time, size, cycles, pieces = 0.8, 0.3, 1e-3, 5, 64
    at = np.linspace(0, cycles, cycles * pieces + 1)
    wave = Curve(tuple(at), tuple(np.sin(2 * np.pi * at)))
    problem = confined(comm, wave, 1 + size, (Relaxation(share, time),))
    times, forces = pulls(require(solve(problem, paced(float(cycles), cycles * pieces))), float(cycles))
    last = slice(len(times) - pieces - 1, None)
    moved = size * np.sin(2 * np.pi * times[last])
    lost = float(np.trapezoid(forces[last], moved))
    omega = 2 * np.pi * time
    wanted = np.pi * size**2 * 4 / 3 * MU * share * omega / (1 + omega**2)
    yield near("work lost in a cycle, µJ", wanted, lost, relative=5e-3)
