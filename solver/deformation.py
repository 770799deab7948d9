"""Deformation, strain and stress at the quadrature points, where they are exact."""

from dataclasses import dataclass
from typing import Any

import basix
import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray
from ufl.classes import Label, Variable

from fibertwin import jit

from .equations import Unknowns
from .problem import Problem
from .tissue import Group, kinematics

type Array = NDArray[np.float64]


@dataclass(frozen=True)
class PointState:
    """Deformation and stress at the quadrature points of this rank's own cells.

    Attributes:
        points: reference positions (cells, points, 3) (mm).
        weights: reference volume (cells, points) that each point stands for (mm³).
        F: deformation gradient (cells, points, 3, 3).
        P: first Piola–Kirchhoff stress (cells, points, 3, 3) (kPa), pressure included.
        pressure: Lagrange pressure, or U'(J) of the volumetric energy (cells, points) (kPa); positive in tension.
        region: region tag (cells,).
    """

    points: Array
    weights: Array
    F: Array
    P: Array
    pressure: Array
    region: NDArray[np.int32]


def quadrature(problem: Problem) -> tuple[Array, Array]:
    """Points (n, 3) and weights (n,) on the reference cell, the ones that the forms use."""
    cell = problem.anatomy.mesh.basix_cell()
    points, weights = basix.make_quadrature(cell, problem.quadrature_degree)
    return points, weights


def evaluate(problem: Problem, state: Unknowns) -> PointState:
    """Deformation and stress at every quadrature point of this rank's own cells. Collective (compiles)."""
    domain = problem.anatomy.mesh
    count = domain.topology.index_map(3).size_local
    reference, weights = quadrature(problem)
    region = np.zeros(count, dtype=np.int32)
    tags = problem.anatomy.cell_tags
    own = tags.indices < count
    region[tags.indices[own]] = tags.values[own]

    x = ufl.SpatialCoordinate(domain)
    place = _at_points(ufl.as_vector([*x, ufl.JacobianDeterminant(domain)]), reference)
    geometry = place.eval(domain, np.arange(count, dtype=np.int32)).reshape(count, len(weights), 4)
    values = np.zeros((count, len(weights), 19))
    for group in state.tissue:
        cells = np.flatnonzero(np.isin(region, group.tags)).astype(np.int32)
        expression = _at_points(_stress_state(problem, state, group), reference)
        values[cells] = expression.eval(domain, cells).reshape(len(cells), len(weights), 19)
    return PointState(
        points=geometry[..., :3],
        weights=np.abs(geometry[..., 3]) * weights,
        F=values[..., :9].reshape(count, len(weights), 3, 3),
        P=values[..., 9:18].reshape(count, len(weights), 3, 3),
        pressure=values[..., 18],
        region=region,
    )


def _stress_state(problem: Problem, state: Unknowns, group: Group) -> Any:
    """F, P and pressure as one vector (19,)."""
    F = gradient(state.displacement)
    kin = kinematics(problem, F)
    P = ufl.diff(group.energy(kin, state.pressure), F)
    bulk = group.material.volumetric_energy(kin.J, group.inverse_bulk)
    pressure = state.pressure if state.pressure is not None else ufl.inner(ufl.diff(bulk, F), F) / (3 * kin.J)
    flat = [A[i, j] for A in (F, P) for i in range(3) for j in range(3)]
    return ufl.as_vector([*flat, pressure])


def gradient(displacement: fem.Function) -> Any:
    """The deformation gradient as a variable of its own number.

    UFL numbers variables as they come, and FFCx takes an expression whose variables have other numbers for another one.
    """
    return Variable(ufl.Identity(3) + ufl.grad(displacement), Label(0))


def _at_points(expression: Any, points: Array) -> fem.Expression:
    return fem.Expression(expression, points, jit_options=jit.options())


def worst_cell(problem: Problem, state: Unknowns) -> str:
    """The cell with the smallest volume ratio J, in words. Collective."""
    domain = problem.anatomy.mesh
    count = domain.topology.index_map(3).size_local
    reference, _ = quadrature(problem)
    J = ufl.det(ufl.Identity(3) + ufl.grad(state.displacement))
    expression = _at_points(ufl.as_vector([J, *ufl.SpatialCoordinate(domain)]), reference)
    values = expression.eval(domain, np.arange(count, dtype=np.int32)).reshape(-1, 4)
    here: tuple[float, tuple[float, ...], int] = (np.inf, (0.0, 0.0, 0.0), -1)
    if count:
        ratio = np.where(np.isfinite(values[:, 0]), values[:, 0], -np.inf)
        at = int(np.argmin(ratio))
        cell = int(domain.topology.original_cell_index[at // len(reference)])
        here = (float(ratio[at]), tuple(float(c) for c in values[at, 1:]), cell)
    ratio, place, cell = min(domain.comm.allgather(here))
    where = ", ".join(f"{c:.1f}" for c in place)
    return f"the worst cell is {cell} at ({where}) mm with J = {ratio:.3g}"
