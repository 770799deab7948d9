"""Green–Lagrange strain along directions, and displacement, at the quadrature points of a system."""

from typing import TYPE_CHECKING

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin import jit
from fibertwin.errors import InputError, Problem
from fibertwin.meshes import quadrature_points
from fibertwin.solver.deformation import quadrature
from fibertwin.solver.fields import at_points

if TYPE_CHECKING:
    from fibertwin.solver.system import System

type Array = NDArray[np.float64]


class AtPoints:
    """An expression of the displacement at the quadrature points of this rank's own cells.

    Attributes:
        points: positions (cells, q, 3) (mm).
        weights: volumes (cells, q) that they stand for (mm³).
    """

    def __init__(self, system: "System", *, gradient: bool) -> None:
        problem = system.problem
        self._mesh = problem.anatomy.mesh
        count = self._mesh.topology.index_map(3).size_local
        self._cells = np.arange(count, dtype=np.int32)
        reference, weights = quadrature(problem)
        self.points = quadrature_points(self._mesh, problem.quadrature_degree)[0][:count]
        u = system.state.displacement
        shown = ufl.grad(u) if gradient else u
        self._expression = fem.Expression(shown, reference, jit_options=jit.options())
        volume = fem.Expression(abs(ufl.JacobianDeterminant(self._mesh)), reference, jit_options=jit.options())
        self.weights = np.asarray(volume.eval(self._mesh, self._cells)).reshape(count, len(weights)) * weights

    def now(self) -> Array:
        """Values (cells, q, …) at the present state."""
        found = np.asarray(self._expression.eval(self._mesh, self._cells))
        return found.reshape(*self.weights.shape, -1)


class Strain(AtPoints):
    """Strain n·E n."""

    def __init__(self, system: "System") -> None:
        super().__init__(system, gradient=True)

    def __call__(self, n: Array) -> Array:
        """Values (cells, q) along unit vectors (cells, q, 3)."""
        H = self.now().reshape(*self.weights.shape, 3, 3)
        stretched = n + np.einsum("cqij,cqj->cqi", H, n)
        return np.asarray(0.5 * ((stretched**2).sum(axis=-1) - 1))


def strain_along(system: "System") -> Strain:
    """What gives the strain of a system along directions."""
    return Strain(system)


def directions(system: "System", direction: str | tuple[float, float, float]) -> Array:
    """Unit vectors (cells, q, 3) at the quadrature points of this rank's own cells.

    Raises:
        InputError: fibers are asked for and there are none, or the vector has no length.
    """
    problem = system.problem
    count = problem.anatomy.mesh.topology.index_map(3).size_local
    if isinstance(direction, str):
        if problem.fibers is None or direction not in ("fiber", "sheet"):
            wanted = "a vector" if problem.fibers is None else "fiber, sheet or a vector"
            raise InputError(Problem("direction", "is not to be had here", direction, wanted))
        return at_points(problem.fibers.axis if direction == "fiber" else problem.fibers.sheet, count)
    length = float(np.linalg.norm(direction))
    if not length > 0:
        raise InputError(Problem("direction", "has no length", str(direction)))
    points = len(quadrature(problem)[1])
    return np.broadcast_to(np.array(direction, dtype=float) / length, (count, points, 3))
