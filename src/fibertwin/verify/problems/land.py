"""Land et al. 2015: the three benchmark problems of cardiac mechanics, each on three meshes with default settings."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fibertwin.constitutive import ActiveStress, Guccione, Material, StrainEnergy
from fibertwin.meshes import Block, FiberField, uniform_fibers
from fibertwin.meshes.ellipsoid import TruncatedEllipsoid, ellipsoid_fibers
from fibertwin.solver import Clamp, FollowerPressure, Problem, Solution, TaylorHood, require, solve
from fibertwin.verify.bodies import displacement_at
from fibertwin.verify.entry import Finding, entry, near, told, within

if TYPE_CHECKING:
    from mpi4py import MPI

PAPER = "Land et al. 2015 (doi 10.1098/rspa.2015.0641), 11 groups"
QUADRATURE = 4
BEAMS = {"1 cell per mm": 1, "2 cells per mm": 2, "4 cells per mm": 4}
INFLATED = {
    "2 × 16 × 6 cells": (2, 16, 6),
    "2 × 24 × 10 cells": (2, 24, 10),
    "3 × 24 × 10 cells": (3, 24, 10),
}
"""Cells through the wall, around and from the apex's core to the base."""
CONTRACTED = {
    "4 × 12 × 10 cells": (4, 12, 10),
    "3 × 24 × 10 cells": (3, 24, 10),
    "3 × 32 × 14 cells": (3, 32, 14),
}


@entry(
    "Land problem 1, beam under follower pressure: P2-P1 tetrahedra, {case}",
    PAPER,
    cases=BEAMS,
    quick=["1 cell per mm"],
)
def beam(comm: "MPI.Comm", cells: int) -> Iterator[Finding]:
    """10 × 1 × 1 mm, fibers along x, 0.004 kPa on its lower face."""
    anatomy = Block((10.0, 1.0, 1.0), (10 * cells, cells, cells), (5.0, 0.5, 0.5)).build(comm)
    material = Material((Guccione(2.0, 8.0, 2.0, 4.0),), "incompressible")
    fibers = uniform_fibers(anatomy.mesh, QUADRATURE)
    loads = {"pressure": FollowerPressure("bottom", 0.004)}
    problem = Problem(anatomy, {"tissue": material}, {"fixed": Clamp("left")}, loads, fibers, TaylorHood(), QUADRATURE)
    solution = require(solve(problem))
    tip = 1.0 + float(displacement_at(solution, (10.0, 0.5, 1.0))[2])
    yield within("deflected position z of (10, ½, 1), mm", 4.0, 4.2, tip, target=4.17)
    yield told("effort", solution.outcome.sentence)


def _ventricle(
    comm: "MPI.Comm", cells: tuple[int, int, int], laws: tuple[StrainEnergy, ...], pressure: float, apex: float
) -> Solution:
    shape = TruncatedEllipsoid(cells, apex=apex)
    anatomy = shape.build(comm)
    fibers: FiberField = ellipsoid_fibers(anatomy.mesh, QUADRATURE, shape)
    loads = {"pressure": FollowerPressure("endocardium", pressure)}
    material = dict.fromkeys(anatomy.regions, Material(laws, "incompressible"))
    problem = Problem(anatomy, material, {"fixed": Clamp("base")}, loads, fibers, TaylorHood(), QUADRATURE)
    return require(solve(problem))


def _apices(solution: Solution) -> tuple[float, float]:
    """Heights z (mm) of the apices of endocardium and epicardium."""
    endo, epi = (z + float(displacement_at(solution, (0.0, 0.0, z))[2]) for z in (-17.0, -20.0))
    return endo, epi


@entry(
    "Land problem 2, inflation of an isotropic ventricle to 10 kPa: curved P2-P1 tetrahedra, {case}",
    f"{PAPER}; axisymmetric three-field elements extrapolated over three meshes",
    cases=INFLATED,
)
def inflation(comm: "MPI.Comm", cells: tuple[int, int, int]) -> Iterator[Finding]:
    """Guccione with all stiffenings one; without fibers the apex needs no smaller cells."""
    solution = _ventricle(comm, cells, (Guccione(10.0, 1.0, 1.0, 1.0),), 10.0, apex=1.0)
    endo, epi = _apices(solution)
    yield near("apex of the endocardium z, mm", -26.61, endo, relative=0.005)
    yield near("apex of the epicardium z, mm", -28.28, epi, relative=0.005)
    yield told("effort", solution.outcome.sentence)


@entry(
    "Land problem 3, contraction to 60 kPa against 15 kPa: curved P2-P1 tetrahedra, {case}",
    f"{PAPER}; axisymmetric elements with twist on three meshes",
    cases=CONTRACTED,
)
def contraction(comm: "MPI.Comm", cells: tuple[int, int, int]) -> Iterator[Finding]:
    """Fibers from +90° to −90° through the wall; tension and pressure rise together.

    Two cells are too few for fibers that turn by 180° through them: 2 × 24 × 10 give −12.14 at the inner apex. Where
    all fibers meet the cells are smaller; even ones need more of them.
    """
    solution = _ventricle(comm, cells, (Guccione(2.0, 8.0, 2.0, 4.0), ActiveStress(60.0)), 15.0, apex=0.3)
    endo, epi = _apices(solution)
    yield near("apex of the endocardium z, mm", -12.34, endo, absolute=0.15)
    yield near("apex of the epicardium z, mm", -15.46, epi, absolute=0.1)
    yield told("effort", solution.outcome.sentence)
