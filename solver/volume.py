"""The volume ratio J at the quadrature points: what tells that a trial state has turned cells inside out."""

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin import jit

from .deformation import quadrature
from .problem import Problem

CHUNK = 20_000
"""Cells that are looked at together, so that memory stays small."""


class VolumeRatio:
    """J = det(I + ∇u) of one displacement. Everything on it is collective.

    Args:
        problem: the problem, whose quadrature points are looked at: the energy sees no others.
        displacement: displacement (mm).
    """

    def __init__(self, problem: Problem, displacement: fem.Function) -> None:
        self._mesh = problem.anatomy.mesh
        points, _ = quadrature(problem)
        ratio = ufl.det(ufl.Identity(3) + ufl.grad(displacement))
        self._expression = fem.Expression(ratio, points, jit_options=jit.options())
        self._cells = np.arange(self._mesh.topology.index_map(3).size_local, dtype=np.int32)

    def least(self) -> float:
        """The smallest J on all ranks; −∞ where the displacement is not finite."""
        mine = min(
            (self._least_of(self._cells[at : at + CHUNK]) for at in range(0, len(self._cells), CHUNK)), default=np.inf
        )
        return float(min(self._mesh.comm.allgather(mine)))

    def _least_of(self, cells: NDArray[np.int32]) -> float:
        values = self._expression.eval(self._mesh, cells)
        return float(values.min()) if np.isfinite(values).all() else -np.inf
