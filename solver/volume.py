"""The volume ratio J at the quadrature points: what tells that a trial state has turned cells inside out."""

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin import jit

from .deformation import quadrature
from .problem import Problem


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
        self._values: NDArray[np.float64] | None = None

    def forget(self) -> None:
        """The displacement has changed."""
        self._values = None

    def least(self) -> float:
        """The smallest J on all ranks; −∞ where the displacement is not finite."""
        values = self.values()
        mine = float(values.min(initial=np.inf)) if np.isfinite(values).all() else -np.inf
        return float(min(self._mesh.comm.allgather(mine)))

    def values(self) -> NDArray[np.float64]:
        """J (cells, points) of this rank's own cells."""
        if self._values is None:
            self._values = np.asarray(self._expression.eval(self._mesh, self._cells))
        return self._values
