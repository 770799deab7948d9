"""Inflation of thick tubes and spheres, beyond the limit point, against closed forms."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.curve import Curve
from fibertwin.meshes import Anatomy, ThickSphere, ThickTube
from fibertwin.solver import (
    Cavity,
    Load,
    PrescribedDisplacement,
    Problem,
    Solution,
    Support,
    SymmetryPlane,
    TaylorHood,
    require,
    solve,
)
from fibertwin.solver.system import System
from fibertwin.verify.entry import Finding, at_least, entry, near, told

if TYPE_CHECKING:
    from mpi4py import MPI

MATERIAL = Material((NeoHookean(1.0),), "incompressible")


@dataclass(frozen=True)
class Inflated:
    """A row of a printed table.

    Attributes:
        wall: outer over inner radius.
        stretches: inner stretches.
        pressures: pressures over the shear modulus.
        length: axial stretch, of tubes.
    """

    wall: float
    stretches: tuple[float, ...]
    pressures: tuple[float, ...]
    length: float = 1.0


TUBE_STRETCHES = (1.05, 1.1, 1.2, 1.3, 1.5, 2.0)
TUBES = {
    "B/A = 2": Inflated(2.0, TUBE_STRETCHES, (0.070132, 0.131562, 0.233370, 0.313376, 0.428228, 0.574054)),
    "B/A = 1.5": Inflated(1.5, TUBE_STRETCHES, (0.051216, 0.094789, 0.164009, 0.215420, 0.283755, 0.358784)),
    "B/A = 1.2": Inflated(1.2, TUBE_STRETCHES, (0.027669, 0.050385, 0.084764, 0.108795, 0.138452, 0.167304)),
    "B/A = 1.5, stretched by 1.2": Inflated(
        1.5, TUBE_STRETCHES, (0.110153, 0.139121, 0.184783, 0.218352, 0.262382, 0.309606), 1.2
    ),
}
SPHERE_STRETCHES = (1.05, 1.1, 1.2, 1.5, 2.0)
SPHERES = {
    "B/A = 2": Inflated(2.0, SPHERE_STRETCHES, (0.158081, 0.287155, 0.480160, 0.755433, 0.806927)),
    "B/A = 1.5": Inflated(1.5, SPHERE_STRETCHES, (0.124164, 0.220264, 0.351500, 0.488176, 0.456106)),
    "B/A = 1.2": Inflated(1.2, SPHERE_STRETCHES, (0.071592, 0.122631, 0.183929, 0.224891, 0.192108)),
}
OF_TUBE = "p = ∫ (λθ² − λr²) dr/r; Rivlin 1949 (doi 10.1098/rsta.1949.0009)"
OF_SPHERE = "p = μ/2 [(4/λb + 1/λb⁴) − (4/λa + 1/λa⁴)]; Green & Shield 1950, Proc. R. Soc. A 202:407"


def _filled(
    anatomy: Anatomy,
    supports: dict[str, Support],
    volumes: list[float],
    times: list[float],
    axis: tuple[float, float, float] | None = None,
) -> tuple[Solution, float]:
    """Fill the cavity to multiples of its first volume, one after the other; also that volume (mm³)."""
    share = (np.array(volumes) - 1) / (volumes[-1] - 1)
    curve = Curve((0.0, *times), (0.0, *map(float, share)))

    def problem(volume: float) -> Problem:
        loads: dict[str, Load] = {"lumen": Cavity("inner", volume=volume, center=(0, 0, 0), axis=axis, curve=curve)}
        return Problem(anatomy, {"tissue": MATERIAL}, supports, loads, formulation=TaylorHood())

    system = System(problem(1.0))
    first = system.cavities()["lumen"].volume
    system.destroy()
    return require(solve(problem(volumes[-1] * first))), first


def _pressures(solution: Solution, times: list[float]) -> list[float]:
    """Pressures (kPa) at the times of the table."""
    steps = solution.outcome.steps
    return [next(s.cavities["lumen"].pressure for s in steps if abs(s.level - time) < 1e-9) for time in times]


def _times(count: int) -> list[float]:
    return [float(t) for t in np.linspace(0, 1, count + 1)[1:]]


def _compare(case: Inflated, solution: Solution, times: list[float], relative: float) -> Iterator[Finding]:
    for stretch, wanted, ours in zip(case.stretches, case.pressures, _pressures(solution, times), strict=True):
        yield near(f"pressure over μ at inner stretch {stretch:g}", wanted, ours, relative=relative)
    yield told("effort", solution.outcome.sentence)


def _octant(comm: "MPI.Comm", case: Inflated, through: int, cell: str) -> tuple[Solution, float, list[float]]:
    anatomy = ThickSphere(1.0, case.wall, (through, 2 * through), "octant", cell).build(comm)  # type: ignore[arg-type]
    supports: dict[str, Support] = {f"plane {axis}": SymmetryPlane(f"symmetry-{axis}") for axis in "xyz"}
    times = _times(len(case.stretches))
    solution, first = _filled(anatomy, supports, [s**3 for s in case.stretches], times)
    return solution, first, times


@entry("Sphere inflated by volume, {case}: curved Q2-Q1 hexahedra", OF_SPHERE, cases=SPHERES, quick=["B/A = 1.5"])
def sphere(comm: "MPI.Comm", case: Inflated) -> Iterator[Finding]:
    """Beyond the limit point of thin shells, where the pressure falls."""
    solution, first, times = _octant(comm, case, 2, "hexahedra")
    yield near("volume of the lumen of an octant at rest, mm³", np.pi / 6, first, relative=5e-4, source="π/6, exact")
    yield from _compare(case, solution, times, 2e-3)


@entry(
    "Sphere inflated by volume, B/A = 1.5: refinement of curved {case}",
    OF_SPHERE,
    cases={"hexahedra": "hexahedra", "tetrahedra": "tetrahedra"},
)
def sphere_refined(comm: "MPI.Comm", cell: str) -> Iterator[Finding]:
    """The pressure error falls at least with the cube of the cell size; four is the elements' order."""
    case = SPHERES["B/A = 1.5"]
    lb, la = np.cbrt(1 + (1.5**3 - 1) / 1.5**3), 1.5
    exact = 0.5 * ((4 / lb + 1 / lb**4) - (4 / la + 1 / la**4))
    found = []
    for through in (1, 2):
        solution, _, times = _octant(comm, case, through, cell)
        found.append(abs(_pressures(solution, times)[3] / exact - 1))
        yield told(f"{through} cells through the wall: relative error at 1.5", f"{found[-1]:.3g}")
    yield at_least("rate of the pressure error", 2.9, float(np.log2(found[0] / found[1])))


@entry("Tube inflated by volume at fixed length, {case}: curved Q2-Q1 hexahedra", OF_TUBE, cases=TUBES)
def tube(comm: "MPI.Comm", case: Inflated) -> Iterator[Finding]:
    """A quarter of a tube, filled in proportion to its lumen."""
    anatomy = ThickTube(1.0, case.wall, 0.5, (3, 3, 1), "quarter").build(comm)
    times = _times(len(case.stretches))
    held = Curve((0.0, times[0]), (0.0, 1.0))
    supports: dict[str, Support] = {f"plane {axis}": SymmetryPlane(f"symmetry-{axis}") for axis in "xy"}
    supports["bottom"] = SymmetryPlane("bottom")
    supports["top"] = PrescribedDisplacement("top", (0.0, 0.0, 0.5 * (case.length - 1)), "z", held)
    volumes = [case.length * s**2 for s in case.stretches]
    solution, first = _filled(anatomy, supports, volumes, times, (0.0, 0.0, 1.0))
    yield near("first volume of the lumen, mm³", np.pi / 8, first, relative=2e-3)
    yield from _compare(case, solution, times, 1e-3)
