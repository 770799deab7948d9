"""Bodies that relax while they are held, and what plain numpy says of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from bodies import block
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.constitutive.relaxation import Relaxation
from fibertwin.curve import Curve
from fibertwin.meshes import Block
from fibertwin.solver import (
    Clamp,
    Displacement,
    PrescribedDisplacement,
    Problem,
    Stepping,
    Support,
)
from fibertwin.solver.path import Path, walk
from fibertwin.solver.supports import Place, Row
from fibertwin.solver.system import System

MU, BULK = 1.3, 20.0
BRANCHES = (Relaxation(0.8, 0.3), Relaxation(1.5, 2.0))
ELASTIC = Material((NeoHookean(MU),), BULK)
VISCOUS = replace(ELASTIC, relaxation=BRANCHES)


def confined(
    comm: MPI.Comm, curve: Curve | None, material: Material = VISCOUS, stretch: float = 1.3, **more
) -> Problem:
    """A cube stretched along x between walls that its sides slide along: F = diag(stretch, 1, 1)."""
    cell = more.pop("cell", "tetrahedra")
    anatomy = Block((1.0,) * 3, (1,) * 3, (0.5,) * 3, cell).build(comm)
    walls = {"left": "x", "front": "y", "back": "y", "bottom": "z", "top": "z"}
    supports: dict[str, Support] = {name: Clamp(name, axis) for name, axis in walls.items()}
    supports["pull"] = PrescribedDisplacement("right", (stretch - 1, 0.0, 0.0), "x", curve)
    return Problem(anatomy, {"tissue": material}, supports, **({"formulation": Displacement(1)} | more))


@dataclass(frozen=True, eq=False)
class _Driven(Support):
    """Every point of a surface goes where a deformation gradient that depends on time takes it."""

    gradient: Callable[[float], Any]
    knots: tuple[float, ...] = ()

    def rows(self, place: Place) -> list[Row]:
        """The displacement along each axis."""

        def along(axis: int) -> Any:
            return lambda moment: (place.points @ (np.asarray(self.gradient(moment.time)) - np.eye(3)).T)[:, axis]

        return [Row(np.eye(3)[axis], along(axis)) for axis in range(3)]


def driven(comm: MPI.Comm, gradient: Callable[[float], Any], material: Material = VISCOUS, **more: Any) -> Problem:
    """A cube whose surface a deformation gradient moves."""
    anatomy = more.pop("anatomy", None) or block(comm, 1)
    faces = ("left", "right", "front", "back", "bottom", "top")
    supports = {face: _Driven(face, gradient) for face in faces}
    return Problem(anatomy, {"tissue": material}, supports, **({"formulation": Displacement(1)} | more))


def walked(problem: Problem, stepping: Stepping, see: Callable[[System], Any]) -> tuple[np.ndarray, list[Any]]:
    """Times (n,) of all increments, and what is seen after each."""
    system = System(problem, stepping.end)
    times, seen = [], []

    def note(level: float, step: Any, sentence: str) -> None:
        if step is not None:
            times.append(level * stepping.end)
            seen.append(see(system))

    assert walk(Path(system), stepping, note) == ""
    system.destroy()
    return np.array(times), seen


def pull(system: System) -> float:
    """Force (mN) with which the cube is pulled."""
    return float(system.reactions()["pull"][0])


def elastic_stress(stretch: Any) -> np.ndarray:
    """S (n, 3), diagonal, of the neo-Hookean energy under F = diag(stretch, 1, 1)."""
    x = np.atleast_1d(np.asarray(stretch, dtype=float))
    J, I1 = x, x**2 + 2
    inverse = np.stack([x**-2, np.ones_like(x), np.ones_like(x)], axis=-1)
    return MU * J[:, None] ** (-2 / 3) * (1 - I1[:, None] / 3 * inverse)


def volumetric_stress(stretch: Any) -> np.ndarray:
    """S11 of the volumetric part there."""
    x = np.asarray(stretch, dtype=float)
    return BULK * (x - 1) / x


def stepped(times: np.ndarray, stress: np.ndarray, branches=BRANCHES) -> np.ndarray:
    """Overstress (n, …) by the recurrence over times (n,) from a stress (n, …), the first of which is that at rest."""
    total = np.zeros_like(stress)
    for branch in branches:
        Q = np.zeros_like(stress[0])
        for i in range(1, len(times)):
            dt = times[i] - times[i - 1]
            Q = np.exp(-dt / branch.time) * Q + branch.share * np.exp(-dt / 2 / branch.time) * (
                stress[i] - stress[i - 1]
            )
            total[i] += Q
    return total


def hereditary(time: float, stress: Callable[[float], float], branches=BRANCHES) -> float:
    """Overstress Σ share ∫ e^(−(time − s)/τ) dS(s), integrated by parts and by Gauss's rule."""
    x, w = np.polynomial.legendre.leggauss(60)
    s, weight = 0.5 * time * (x + 1), 0.5 * time * w
    total = 0.0
    for branch in branches:
        kernel = np.exp(-(time - s) / branch.time)
        values = np.array([stress(at) for at in s])
        total += branch.share * (stress(time) - np.exp(-time / branch.time) * stress(0.0))
        total -= branch.share / branch.time * float(weight @ (kernel * values))
    return total
