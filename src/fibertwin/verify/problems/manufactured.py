"""Manufactured solutions: errors fall with the cell size as fast as the elements promise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import ufl

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.meshes import BOUNDARY
from fibertwin.solver import Displacement, Formulation, Problem, Solution, Stepping, TaylorHood, require, solve
from fibertwin.verify.bodies import Array, balancing, block, errors, moved, norm
from fibertwin.verify.entry import Finding, at_least, entry, told

if TYPE_CHECKING:
    from mpi4py import MPI

SOURCE = (
    "exact solution chosen beforehand, body force −Div P by automatic differentiation; Brenner & Scott 2008, ch. 5, 12"
)
CELLS = (3, 6, 9)
BULK_OF_MIXED = 1000.0


@dataclass(frozen=True)
class Manufactured:
    """A formulation with what it is to find.

    Attributes:
        formulation: displacement or mixed.
        material: the tissue.
        displacement: three components at a position, with the functions of numpy or of UFL.
        cell: shape of the cells.
    """

    formulation: Formulation
    material: Material
    displacement: Callable[[Any, ModuleType], list[Any]]
    cell: str = "tetrahedra"


def _waves(X: Any, of: ModuleType) -> list[Any]:
    """A smooth deformation with strains of 20 %."""
    x, y, z = X[0], X[1], X[2]
    return [0.1 * of.sin(2 * y + z), 0.1 * of.sin(2 * z + x), 0.1 * of.cos(2 * x - y)]


def _shears(X: Any, of: ModuleType) -> list[Any]:
    """Two shears that keep the volume, and a change of volume so small that its pressure is of the shear's size."""
    x, y, z = X[0], X[1], X[2]
    first = 0.12 * of.sin(2 * y + z)
    return [first, 0.12 * of.sin(2 * (x + first) - z), 2 / BULK_OF_MIXED * of.cos(2 * z + x)]


COMPRESSIBLE = Material((NeoHookean(1.0, "full"),), 5.0)
NEARLY = Material((NeoHookean(1.0),), BULK_OF_MIXED)

CASES: dict[str, Manufactured] = {
    "P1": Manufactured(Displacement(1), COMPRESSIBLE, _waves),
    "P2": Manufactured(Displacement(2), COMPRESSIBLE, _waves),
    "Q2": Manufactured(Displacement(2), COMPRESSIBLE, _waves, "hexahedra"),
    "P2-P1": Manufactured(TaylorHood(), NEARLY, _shears),
    "Q2-Q1": Manufactured(TaylorHood(), NEARLY, _shears, "hexahedra"),
}


@entry("Manufactured solution at finite strain, {case}", SOURCE, cases=CASES)
def rates(comm: "MPI.Comm", case: Manufactured) -> Iterator[Finding]:
    """Errors on three meshes and the rates between the last two."""
    found = []
    for cells in CELLS:
        solution = _solution(comm, case, cells)
        found.append(_errors(solution, case))
        shown = ", ".join(f"{name} {value:.3g}" for name, value in found[-1].items())
        yield told(f"{cells} cells an edge", shown)
    linear = case.formulation == Displacement(1)
    for name, wanted in (("L2", 1.9 if linear else 2.9), ("H1", 0.95 if linear else 1.9), ("pressure, L2", 1.9)):
        if name in found[-1]:
            yield at_least(f"rate in {name}", wanted, _rate(found[-2][name], found[-1][name]))


def _solution(comm: "MPI.Comm", case: Manufactured, cells: int) -> Solution:
    anatomy = block(comm, cells, case.cell)

    def everywhere(points: Array) -> Array:
        return np.column_stack(case.displacement(points.T, np))

    def exact(position: Any) -> list[Any]:
        return case.displacement(position, ufl)

    problem = Problem(
        anatomy,
        {"tissue": case.material},
        {"boundary": moved(BOUNDARY, everywhere)},
        {"balancing": balancing(exact, case.material)},
        formulation=case.formulation,
    )
    return require(solve(problem, Stepping(tolerance=1e-11)))


def _errors(solution: Solution, case: Manufactured) -> dict[str, float]:
    """Errors of displacement, its gradient and the pressure."""
    l2, h1 = errors(solution, lambda X: case.displacement(X, ufl), degree=6)
    found = {"L2": l2, "H1": h1}
    pressure = solution.unknowns.pressure
    if pressure is not None:
        domain = pressure.function_space.mesh
        exact = ufl.as_vector(case.displacement(ufl.SpatialCoordinate(domain), ufl))
        off = pressure - BULK_OF_MIXED * (ufl.det(ufl.Identity(3) + ufl.grad(exact)) - 1)
        found["pressure, L2"] = norm(domain.comm, off**2 * ufl.dx(domain=domain, degree=6))
    return found


def _rate(coarse: float, fine: float) -> float:
    return float(np.log(coarse / fine) / np.log(CELLS[-1] / CELLS[-2]))
