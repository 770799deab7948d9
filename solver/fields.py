"""Strain and stress measures at the quadrature points, and the names and units under which they are reported."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from dolfinx import fem
from numpy.typing import NDArray

from .deformation import PointState, evaluate
from .equations import Unknowns
from .problem import Problem

if TYPE_CHECKING:
    from fibertwin.meshes import FiberField

type Array = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """A reported field.

    Attributes:
        name: as in files and tables.
        unit: as in files and tables; empty for pure numbers.
        values: (cells, points) or (cells, points, …) on this rank's own cells.
    """

    name: str
    unit: str
    values: Array

    @property
    def scalar(self) -> bool:
        """Whether there is one number per point."""
        return self.values.ndim == 2


@dataclass(frozen=True)
class Fields:
    """Everything known at the quadrature points of this rank's own cells.

    Attributes:
        state: positions, weights, regions.
        measures: by name.
    """

    state: PointState
    measures: dict[str, Measure]


def fields(problem: Problem, unknowns: Unknowns, fibers: "FiberField | None" = None) -> Fields:
    """Evaluate every strain and stress measure. Collective (compiles).

    Args:
        problem: what was solved.
        unknowns: its solution.
        fibers: ``FiberField`` along which to measure, where it differs from the problem's own (an isotropic
            model is still measured along the patient's fibers).
    """
    state = evaluate(problem, unknowns)
    fabric = fibers if fibers is not None else problem.fibers
    found = _isotropic_measures(state)
    if fabric is not None:
        found += _fiber_measures(state, fabric)
    return Fields(state, {measure.name: measure for measure in found})


def at_points(function: fem.Function, cells: int) -> Array:
    """Values (cells, points, …) of a quadrature-element function on the first ``cells`` cells."""
    V = function.function_space
    shape = function.ufl_shape
    values = function.x.array.reshape(-1, V.dofmap.index_map_bs)[V.dofmap.list[:cells]]
    return np.asarray(values.reshape(*values.shape[:2], *shape))


def _isotropic_measures(state: PointState) -> list[Measure]:
    C = np.swapaxes(state.F, -1, -2) @ state.F
    E = 0.5 * (C - np.eye(3))
    J = np.linalg.det(state.F)
    sigma = cauchy_stress(state)
    deviator = sigma - np.trace(sigma, axis1=-2, axis2=-1)[..., None, None] / 3 * np.eye(3)
    return [
        Measure("max principal strain", "", np.linalg.eigvalsh(E)[..., -1]),
        Measure("J", "", J),
        Measure("von Mises stress", "kPa", np.sqrt(1.5 * np.einsum("...ij,...ij", deviator, deviator))),
        Measure("pressure", "kPa", -np.trace(sigma, axis1=-2, axis2=-1) / 3),
        Measure("Cauchy stress", "kPa", sigma),
    ]


def _fiber_measures(state: PointState, fibers: "FiberField") -> list[Measure]:
    cells = len(state.F)
    axis = at_points(fibers.axis, cells)
    fa = at_points(fibers.fa, cells)
    deformed = np.einsum("...ij,...j", state.F, axis)
    stretch = np.linalg.norm(deformed, axis=-1)
    direction = deformed / stretch[..., None]
    stress = np.einsum("...i,...ij,...j", direction, cauchy_stress(state), direction)
    return [
        Measure("fiber strain", "", 0.5 * (stretch**2 - 1)),
        Measure("fiber stretch", "", stretch),
        Measure("fiber stress", "kPa", stress),
        Measure("FA", "", fa),
    ]


def cauchy_stress(state: PointState) -> Array:
    """Cauchy stress P Fᵀ / J (cells, points, 3, 3) (kPa)."""
    J = np.linalg.det(state.F)
    return np.asarray(state.P @ np.swapaxes(state.F, -1, -2) / J[..., None, None])
