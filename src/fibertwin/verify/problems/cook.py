"""Cook's membrane: bending and shear of a nearly incompressible trapezoid, which makes elements lock."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.meshes import CookMembrane
from fibertwin.solver import Clamp, Displacement, ForceOnArea, Formulation, Problem, TaylorHood, require, solve
from fibertwin.verify.bodies import displacement_at
from fibertwin.verify.entry import Finding, entry, told, within

if TYPE_CHECKING:
    from mpi4py import MPI

YOUNG, POISSON = 240.565e3, 0.499
MATERIAL = Material((NeoHookean(YOUNG / (2 * (1 + POISSON))),), YOUNG / (3 * (1 - 2 * POISSON)))
FORCE = 100e3
"""Shear force (mN) on the right end, per mm of thickness."""

SOURCE = (
    "de Souza Neto et al. 1996 (doi 10.1016/0020-7683(95)00259-6), Elguedj et al. 2008 (doi 10.1016/j.cma.2008.01.012)"
)


@dataclass(frozen=True)
class Membrane:
    """An element, on a number of cells along an edge."""

    formulation: Formulation
    cell: str
    cells: int


LOCKING_FREE: Mapping[str, Membrane] = {
    "Q2-Q1 hexahedra, 8 cells": Membrane(TaylorHood(), "hexahedra", 8),
    "Q2-Q1 hexahedra, 16 cells": Membrane(TaylorHood(), "hexahedra", 16),
    "P2-P1 tetrahedra, 16 cells": Membrane(TaylorHood(), "tetrahedra", 16),
}
LOCKING: Mapping[str, Membrane] = {
    "P1 tetrahedra, 16 cells": Membrane(Displacement(1), "tetrahedra", 16),
    "Q1 hexahedra, 16 cells": Membrane(Displacement(1), "hexahedra", 16),
}


def _tip(comm: "MPI.Comm", case: Membrane) -> tuple[float, str]:
    """Upward displacement (mm) of the tip, and how the solve went."""
    anatomy = CookMembrane((case.cells, case.cells), cell=case.cell).build(comm)  # type: ignore[arg-type]
    supports = {"fixed": Clamp("left"), "back": Clamp("back", "z"), "front": Clamp("front", "z")}
    loads = {"shear": ForceOnArea("right", (0.0, FORCE, 0.0))}
    region = next(iter(anatomy.regions))
    problem = Problem(anatomy, {region: MATERIAL}, supports, loads, formulation=case.formulation)
    solution = require(solve(problem))
    return float(displacement_at(solution, (48.0, 60.0, 0.0))[1]), solution.outcome.sentence


@entry(
    "Cook's membrane, ν = 0.499, plane strain: {case}", SOURCE, cases=LOCKING_FREE, quick=["Q2-Q1 hexahedra, 8 cells"]
)
def taylor_hood(comm: "MPI.Comm", case: Membrane) -> Iterator[Finding]:
    """The tip comes to where F-bar elements come to on 30 cells, 6.891 mm and rising."""
    tip, effort = _tip(comm, case)
    yield within("tip, upward, mm", 6.82, 6.96, tip, target=6.89)
    yield told("effort", effort)


@entry("Cook's membrane, elements that lock: {case}", f"{SOURCE}; without F-bar 2.29 to 4.70 mm", cases=LOCKING)
def linear(comm: "MPI.Comm", case: Membrane) -> Iterator[Finding]:
    """Linear displacement alone falls far short, which is why it is not the default."""
    tip, effort = _tip(comm, case)
    yield within("tip, upward, mm, far short of 6.89", 1.0, 5.5, tip)
    yield told("effort", effort)
