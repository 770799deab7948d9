"""A ball with fibers under tension from all sides: fibers that feel the whole deformation make it an ellipsoid."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import fsolve

from fibertwin.constitutive import HolzapfelGasserOgden, Material, NeoHookean
from fibertwin.constitutive.kinematics import Strain
from fibertwin.meshes import Anatomy, uniform_fibers
from fibertwin.solver import (
    Displacement,
    FollowerPressure,
    Problem,
    SymmetryPlane,
    require,
    solve,
)
from fibertwin.verify import plain
from fibertwin.verify.bodies import block, displacement_at
from fibertwin.verify.entry import Finding, at_most, entry, near, told

if TYPE_CHECKING:
    from mpi4py import MPI

MU, BULK, K1, K2, TENSION = 1.0, 20.0, 10.0, 1.0, 4.0
"""Stiffnesses and tension (kPa)."""
SPLIT: dict[str, Strain] = {"full C": "full", "isochoric C": "isochoric"}


def _octant_of_ball(comm: "MPI.Comm") -> Anatomy:
    """An eighth of the unit ball: a cube whose nodes are moved out to the sphere."""
    anatomy = block(comm, 3)
    x = anatomy.mesh.geometry.x
    y = x**2
    x *= np.sqrt(1 - 0.5 * (y[:, [1, 2, 0]] + y[:, [2, 0, 1]]) + y[:, [1, 2, 0]] * y[:, [2, 0, 1]] / 3)
    return anatomy


def _stretches(strain: Strain) -> tuple[float, float]:
    """Stretches along and across the fibers where all Cauchy stresses are the tension, from plain numpy."""
    f = np.array([1.0, 0.0, 0.0])
    fibers = plain.fung(K1, K2, plain.along(f))
    matrix = plain.isochoric(plain.mooney_rivlin(MU / 2, 0.0))
    stress = plain.stress_of(plain.total(matrix, fibers if strain == "full" else plain.isochoric(fibers)))

    def unbalance(stretches: np.ndarray) -> list[float]:
        F = np.diag([stretches[0], stretches[1], stretches[1]])
        J = np.linalg.det(F)
        sigma = stress(F) @ F.T / J + BULK * (J - 1) * np.eye(3)
        return [sigma[0, 0] - TENSION, sigma[1, 1] - TENSION]

    along, across = fsolve(unbalance, [1.02, 1.05], xtol=1e-13)
    return float(along), float(across)


@entry(
    "Ball with aligned fibers under tension from all sides, fibers on the {case}",
    "Nolan et al. 2014 (doi 10.1016/j.jmbbm.2014.06.016): it must turn ellipsoidal; stretches from plain numpy",
    cases=SPLIT,
    quick=["full C"],
)
def nolan(comm: "MPI.Comm", strain: Strain) -> Iterator[Finding]:
    """With fibers on the isochoric C it stays a ball, which no fibered tissue does."""
    anatomy = _octant_of_ball(comm)
    material = Material((NeoHookean(MU), HolzapfelGasserOgden(K1, K2, strain=strain)), BULK)
    planes = {name: SymmetryPlane(name) for name in ("left", "back", "bottom")}
    loads = {name: FollowerPressure(name, -TENSION) for name in ("right", "front", "top")}
    fibers = uniform_fibers(anatomy.mesh, 4)
    problem = Problem(anatomy, {"tissue": material}, planes, loads, fibers=fibers, formulation=Displacement(2))
    solution = require(solve(problem))
    along = 1 + float(displacement_at(solution, (1.0, 0.0, 0.0))[0])
    across = 1 + float(displacement_at(solution, (0.0, 0.0, 1.0))[2])
    wanted = _stretches(strain)
    yield near("stretch along the fibers", wanted[0], along, relative=1e-6)
    yield near("stretch across the fibers", wanted[1], across, relative=1e-6)
    if strain == "full":
        yield near("aspect ratio, across over along", wanted[1] / wanted[0], across / along, relative=1e-6)
    else:
        yield at_most("aspect ratio, across over along, off one", 1e-6, abs(across / along - 1))
    yield told("effort", solution.outcome.sentence)
