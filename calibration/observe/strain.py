"""Green–Lagrange strain along directions, and displacement, at the quadrature points of a system."""

from typing import TYPE_CHECKING

import basix
import basix.ufl
import numpy as np
import ufl
from dolfinx import fem, la
from numpy.typing import NDArray

from fibertwin import jit
from fibertwin.errors import InputError, Problem
from fibertwin.meshes import quadrature_points
from fibertwin.solver.deformation import quadrature
from fibertwin.solver.fields import at_points

from .direction import Around, Direction

if TYPE_CHECKING:
    from fibertwin.solver.system import System

type Array = NDArray[np.float64]


DENSEST = 12
"""Highest degree of a quadrature whose points see voxels finer than cells."""


class AtPoints:
    """The displacement, or its gradient, at the points of a quadrature of this rank's own cells.

    Args:
        system: the system.
        gradient: whether it is the gradient.
        spacing: how far apart points may lie (mm), as far as ``DENSEST`` goes; as the forms have them where left out.

    Attributes:
        points: positions (cells, q, 3) (mm).
        weights: volumes (cells, q) that they stand for (mm³).
        nearest: for each point the nearest (q,) of those that the forms have.
    """

    def __init__(self, system: "System", *, gradient: bool, spacing: float = np.inf) -> None:
        problem = system.problem
        self._mesh = problem.anatomy.mesh
        count = self._mesh.topology.index_map(3).size_local
        self._cells = np.arange(count, dtype=np.int32)
        known = quadrature(problem)[0]
        self._degree, self._gradient = _degree(system, spacing), gradient
        reference, weights = basix.make_quadrature(self._mesh.basix_cell(), self._degree)
        self.nearest = np.argmin(np.linalg.norm(reference[:, None] - known, axis=-1), axis=1)
        self.points = quadrature_points(self._mesh, self._degree)[0][:count]
        u = system.state.displacement
        shown = ufl.grad(u) if gradient else u
        self._form: fem.Form | None = None
        self._expression = fem.Expression(shown, reference, jit_options=jit.options())
        volume = fem.Expression(abs(ufl.JacobianDeterminant(self._mesh)), reference, jit_options=jit.options())
        self.weights = np.asarray(volume.eval(self._mesh, self._cells)).reshape(count, len(weights)) * weights

    def now(self) -> Array:
        """Values (cells, q, …) at the present state."""
        found = np.asarray(self._expression.eval(self._mesh, self._cells))
        return found.reshape(*self.weights.shape, -1)

    def pulled(self, system: "System", work: Array) -> list[Array]:
        """Σ work · (δu, or its gradient) for changes of all unknowns that this rank owns, by block. Collective.

        Args:
            system: the system.
            work: (cells, q, 3), or (cells, q, 9) against the gradient.
        """
        V = system.state.displacement.function_space
        if self._form is None:
            shape = (3, 3) if self._gradient else (3,)
            element = basix.ufl.quadrature_element(
                self._mesh.basix_cell(), value_shape=shape, scheme="default", degree=self._degree
            )
            self._work = fem.Function(fem.functionspace(self._mesh, element))
            v = ufl.TestFunction(V)
            metadata = {"quadrature_degree": self._degree, "quadrature_scheme": "default"}
            work_done = ufl.inner(self._work, ufl.grad(v) if self._gradient else v)
            self._form = fem.form(
                work_done * ufl.Measure("dx", self._mesh, metadata=metadata), jit_options=jit.options()
            )
        table = self._work.function_space.dofmap.list[: len(self._cells)]
        per_volume = work / self.weights[..., None]
        self._work.x.array.reshape(-1, work.shape[-1])[table.ravel()] = per_volume.reshape(-1, work.shape[-1])
        found = fem.assemble_vector(self._form)
        found.scatter_reverse(la.InsertMode.add)
        owned = 3 * V.dofmap.index_map.size_local
        return [np.array(found.array[:owned]), *nothing_else(system)]


class Strain(AtPoints):
    """Strain n·E n."""

    def __init__(self, system: "System", spacing: float = np.inf) -> None:
        super().__init__(system, gradient=True, spacing=spacing)

    def __call__(self, n: Array) -> Array:
        """Values (cells, q) along unit vectors (cells, q, 3)."""
        return np.asarray(0.5 * ((self._stretched(n) ** 2).sum(axis=-1) - 1))

    def slope(self, system: "System", n: Array, weights: Array) -> list[Array]:
        """Derivatives of the sum of weights (cells, q) times values, by the unknowns. Collective."""
        work = np.einsum("cq,cqi,cqj->cqij", weights, self._stretched(n), n)
        return self.pulled(system, work.reshape(*weights.shape, 9))

    def _stretched(self, n: Array) -> Array:
        """What unit vectors have become."""
        H = self.now().reshape(*self.weights.shape, 3, 3)
        return np.asarray(n + np.einsum("cqij,cqj->cqi", H, n))


def inside(system: "System", region: str, at: AtPoints) -> Array:
    """Volumes (cells, q) that the points of a region stand for (mm³), zero elsewhere.

    Raises:
        InputError: there is no such region.
    """
    anatomy = system.problem.anatomy
    if region not in anatomy.regions:
        wanted = f"one of {', '.join(sorted(anatomy.regions))}"
        raise InputError(Problem("region", "no such region", region, wanted))
    tags = anatomy.cell_tags
    cells = tags.indices[tags.values == anatomy.regions[region]]
    weights: Array = np.zeros_like(at.weights)
    own = cells[cells < len(weights)]
    weights[own] = at.weights[own]
    return weights


def nothing_else(system: "System") -> list[Array]:
    """Zeros for the unknowns that are no displacements."""
    return [np.zeros(f.function_space.dofmap.index_map.size_local) for f in system.state.functions[1:]]


def _degree(system: "System", spacing: float) -> int:
    """The lowest degree, from that of the forms, whose points lie no farther apart than a spacing. Collective."""
    mesh = system.problem.anatomy.mesh
    cells = mesh.topology.index_map(3)
    size = (
        system.comm.allreduce(float(np.sum(mesh.h(3, np.arange(cells.size_local, dtype=np.int32))))) / cells.size_global
    )
    degree = system.problem.quadrature_degree
    while degree < DENSEST and size / len(basix.make_quadrature(mesh.basix_cell(), degree)[1]) ** (1 / 3) > spacing:
        degree += 1
    return degree


def directions(system: "System", direction: Direction, at: AtPoints) -> Array:
    """Unit vectors (cells, q, 3) at the points of a quadrature.

    Raises:
        InputError: fibers are asked for and there are none, or a vector has no length.
    """
    problem = system.problem
    if isinstance(direction, Around):
        found = direction.at(at.points)
        if system.comm.allreduce(int(not np.isfinite(found).all())):
            raise InputError(
                Problem("direction", "is not known on the axis, or the axis has no length", str(direction))
            )
        return found
    if isinstance(direction, str):
        if problem.fibers is None or direction not in ("fiber", "sheet"):
            wanted = "a vector" if problem.fibers is None else "fiber, sheet or a vector"
            raise InputError(Problem("direction", "is not to be had here", direction, wanted))
        known = at_points(problem.fibers.axis if direction == "fiber" else problem.fibers.sheet, len(at.points))
        return np.asarray(known[:, at.nearest])
    length = float(np.linalg.norm(direction))
    if not length > 0:
        raise InputError(Problem("direction", "has no length", str(direction)))
    return np.broadcast_to(np.array(direction, dtype=float) / length, at.points.shape)
