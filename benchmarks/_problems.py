"""The problems of the solver's benchmarks, by name, each with the answers that others have found."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fibertwin.constitutive import GasserOgdenHolzapfel, Guccione, HolzapfelGasserOgden, Material, NeoHookean
from fibertwin.meshes import Block, FiberField, uniform_fibers
from fibertwin.meshes.ellipsoid import TruncatedEllipsoid
from fibertwin.solver import (
    Clamp,
    Displacement,
    FollowerPressure,
    PrescribedDisplacement,
    Problem,
    Solution,
    Stepping,
    TaylorHood,
)
from fibertwin.verify.bodies import block, displacement_at
from fibertwin.verify.problems import cube as known_cube

if TYPE_CHECKING:
    from mpi4py import MPI

QUADRATURE = 4
"""Degree of the quadrature: 14 points in a tetrahedron."""

ONE_POINT = 1
"""Degree for linear tetrahedra in which the fiber is constant: strain is too, and more points give the same."""

TOLERANCE = 1e-8
"""Residual over the norm of the forces at which the cubes are in equilibrium."""

THIRTY = np.pi / 6
WHITE_MATTER_SHEAR = 0.7
WHITE_MATTER = (NeoHookean(WHITE_MATTER_SHEAR), GasserOgdenHolzapfel(5.0, 1.0, "tensor"))

Answers = dict[str, float]


@dataclass(frozen=True)
class Asked:
    """What is to be solved.

    Attributes:
        problem: the problem.
        stepping: how the load is brought on; None for the default settings.
        answers: figures of the solution, by name. Collective.
    """

    problem: Problem
    stepping: Stepping | None = None
    answers: Callable[[Solution], Answers] = lambda solution: {}


def build(comm: "MPI.Comm", name: str, **options: Any) -> Asked:
    """The problem of a name. Collective."""
    return PROBLEMS[name](comm, **options)


def _cube(
    comm: "MPI.Comm", law: str, cells: int, degree: int, quadrature: int | None = None, smallest: float = 0.01
) -> Asked:
    """Unit cube, x = 0 clamped, x = 1 moved by 20 % along x, in one step; none shorter than ``smallest`` is tried."""
    anatomy = block(comm, cells)
    quadrature = quadrature or (ONE_POINT if degree == 1 else QUADRATURE)
    if law == "timr":
        material, fibers = known_cube.MATERIAL, _at_thirty_degrees(anatomy.mesh, quadrature)
    else:
        energy = GasserOgdenHolzapfel(1.0, 2.0, 0.1, (THIRTY, -THIRTY), strain="isochoric")
        # U = 50 ((J² − 1)/2 − ln J)
        material = Material((NeoHookean(2.0), energy), 100.0, volumetric_part="simo-miehe")
        fibers = uniform_fibers(anatomy.mesh, quadrature, axis=(1, 0, 0), sheet=(0, 1, 0))
    asked = _stretched(anatomy, material, fibers, 0.2, Displacement(degree))  # type: ignore[arg-type]
    return Asked(asked, Stepping(smallest=smallest, tolerance=TOLERANCE), _pulled)


def _anisotropic(comm: "MPI.Comm", cells: int, degree: int) -> Asked:
    """Unit cube with one family of aligned fibers, pulled to 30 %."""
    anatomy = block(comm, cells)
    material = Material((NeoHookean(1.0), HolzapfelGasserOgden(2.0, 1.0)), 100.0)
    fibers = _at_thirty_degrees(anatomy.mesh, ONE_POINT if degree == 1 else QUADRATURE)
    asked = _stretched(anatomy, material, fibers, 0.3, Displacement(degree))  # type: ignore[arg-type]
    return Asked(asked, Stepping(tolerance=TOLERANCE), _pulled)


def _mixed(comm: "MPI.Comm", cells: int, bulk: float | None) -> Asked:
    """White-matter-like cube pulled to 5 %; ``bulk`` over shear modulus, None for exact incompressibility."""
    anatomy = block(comm, cells)
    material = Material(WHITE_MATTER, "incompressible" if bulk is None else bulk * WHITE_MATTER_SHEAR)
    fibers = _at_thirty_degrees(anatomy.mesh, QUADRATURE, fa=0.5)
    asked = _stretched(anatomy, material, fibers, 0.05, TaylorHood())
    return Asked(asked, Stepping(tolerance=TOLERANCE), _pulled)


def compressible_white_matter(comm: "MPI.Comm", cells: int, ratio: float = 100.0) -> Problem:
    """White-matter-like cube of quadratic displacement, bulk over shear modulus as told: what assembly is timed on."""
    anatomy = block(comm, cells)
    material = Material(WHITE_MATTER, ratio * WHITE_MATTER_SHEAR)
    fibers = _at_thirty_degrees(anatomy.mesh, QUADRATURE, fa=0.5)
    return _stretched(anatomy, material, fibers, 0.05, Displacement(2))


def _beam(comm: "MPI.Comm", cells: int) -> Asked:
    """Land et al. 2015 (doi 10.1098/rspa.2015.0641), problem 1, default settings; ``cells`` across the beam."""
    count = (10 * cells, cells, cells)
    anatomy = Block((10.0, 1.0, 1.0), count, (5.0, 0.5, 0.5)).build(comm)
    material = Material((Guccione(2.0, 8.0, 2.0, 4.0),), "incompressible")
    fibers = uniform_fibers(anatomy.mesh, QUADRATURE)
    loads = {"pressure": FollowerPressure("bottom", 0.004)}
    problem = Problem(anatomy, {"tissue": material}, {"fixed": Clamp("left")}, loads, fibers, TaylorHood(), QUADRATURE)
    return Asked(problem, None, lambda solution: {"tip": 1 + float(displacement_at(solution, (10.0, 0.5, 1.0))[2])})


def _ventricle(comm: "MPI.Comm", edge: float) -> Asked:
    """Land et al. 2015, problem 2, default settings, on an unstructured mesh."""
    anatomy = TruncatedEllipsoid(edge=edge).build(comm)
    material = Material((Guccione(10.0, 1.0, 1.0, 1.0),), "incompressible")
    loads = {"pressure": FollowerPressure("endocardium", 10.0)}
    fibers = uniform_fibers(anatomy.mesh, QUADRATURE)
    supports = {"fixed": Clamp("base")}
    problem = Problem(anatomy, {"tissue": material}, supports, loads, fibers, TaylorHood(), QUADRATURE)

    def apices(solution: Solution) -> Answers:
        places = {"endocardium": -17.0, "epicardium": -20.0}
        return {name: z + float(displacement_at(solution, (0.0, 0.0, z))[2]) for name, z in places.items()}

    return Asked(problem, None, apices)


def _brain(comm: "MPI.Comm", depth: str = "5 mm", edge: str = "") -> Asked:
    """The demo's brain under its retractor."""
    from fibertwin import demo, stages  # takes long to import, which the others need not wait for

    changes = {"supports.retractor.depth": depth} | ({"anatomy.edge": edge} if edge else {})
    case = demo.case(demo.whole_brain(), comm).replace(changes)
    with tempfile.TemporaryDirectory() as folder:
        scan = stages.tensors(case, Path(comm.bcast(folder)), comm)
        problem = stages.problem(case, *stages.body(case, scan, comm))
        comm.Barrier()
    return Asked(problem, case.solve.stepping)


PROBLEMS: dict[str, Callable[..., Asked]] = {
    "cube": _cube,
    "anisotropic": _anisotropic,
    "mixed": _mixed,
    "beam": _beam,
    "ventricle": _ventricle,
    "brain": _brain,
}


def _at_thirty_degrees(mesh: Any, quadrature: int, fa: float = 1.0) -> FiberField:
    return uniform_fibers(mesh, quadrature, axis=(np.cos(THIRTY), np.sin(THIRTY), 0.0), fa=fa)


def _stretched(
    anatomy: Any, material: Material, fibers: FiberField, strain: float, formulation: Displacement | TaylorHood
) -> Problem:
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (strain, 0.0, 0.0))}
    return Problem(
        anatomy,
        {"tissue": material},
        supports,
        fibers=fibers,
        formulation=formulation,
        quadrature_degree=fibers.degree,
    )


def _pulled(solution: Solution) -> Answers:
    """Reaction along x (mN) and displacement (mm) of the node nearest the middle of the top."""
    u = displacement_at(solution, (0.5, 0.5, 1.0))
    return {
        "reaction": float(solution.reactions["moved"][0]),
        **{axis: float(value) for axis, value in zip("xyz", u, strict=True)},
    }
