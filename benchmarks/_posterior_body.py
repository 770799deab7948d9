"""A cube of the prototype's law under load, on a mesh: what posterior.py calibrates by true equilibria."""

import fibertwin.stack  # noqa: F401 - before dolfinx

# isort: split
import numpy as np
from _posterior_models import NAMES, SPACE, TRUTH, Array
from mpi4py import MPI

from fibertwin.calibration import Gaussian, Measurement, Target
from fibertwin.calibration.equilibrium import EquilibriumModel
from fibertwin.calibration.observe import PointDisplacements
from fibertwin.constitutive import HolzapfelOgden, Material
from fibertwin.meshes import Block, uniform_fibers
from fibertwin.solver import Clamp, DeadTraction, Displacement, Problem, Stepping

POINTS = tuple((x, y, z) for x in (0.5, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0))
"""Eight points (mm) whose three displacements are seen at three levels of the load: 72 numbers."""

SD = 0.005
"""Noise of a displacement, mm."""


def body(cells: int) -> EquilibriumModel:
    """A unit cube of quadratic tetrahedra, clamped at x = 0, pulled and sheared at x = 1; fibers at half a radian."""
    anatomy = Block((1.0, 1.0, 1.0), (cells,) * 3, (0.5, 0.5, 0.5)).build(MPI.COMM_WORLD)
    fibers = uniform_fibers(anatomy.mesh, 4, axis=np.array([np.cos(0.5), np.sin(0.5), 0.0]), fa=0.9)

    def problem(theta: Array) -> Problem:
        a, b, a_f, b_f = map(float, np.exp(theta))
        tissue = Material((HolzapfelOgden(a, b, a_f, b_f, sheets=False),), 20.0)
        supports, loads = {"fixed": Clamp("left")}, {"pull": DeadTraction("right", (0.9, 0.0, 0.3))}
        return Problem(anatomy, {"tissue": tissue}, supports, loads, fibers=fibers, formulation=Displacement(2))

    seen = [(level, PointDisplacements(POINTS)) for level in (1 / 3, 2 / 3, 1.0)]
    stepping = Stepping(tolerance=1e-9)
    return EquilibriumModel(NAMES, problem, np.zeros(4), seen, stepping, sizes=np.ones(4), rtol=1e-8)


def observed(model: EquilibriumModel, seed: int, of: EquilibriumModel | None = None) -> Target:
    """A made-up measurement of a body, by the model's own mesh or by that of another."""
    exact = (of or model).solve(TRUTH)
    values = exact + SD * np.random.default_rng(seed).standard_normal(len(exact))
    return Target(model, SPACE, Measurement(tuple(values.tolist()), Gaussian(SD), model.numbers, model.units))
