"""Equilibria as a forward model: parameters in, what is measured out, with derivatives, on any number of ranks."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong
from fibertwin.solver.family import Effort, Equilibria, Family, Observe, Slope
from fibertwin.solver.field_gradient import FieldGradient

from .free_numbers import FreeNumbers
from .observe import Observation, Seen

if TYPE_CHECKING:
    from fibertwin.meshes import Anatomy
    from fibertwin.solver import Problem, Stepping
    from fibertwin.solver.system import System

type Vector = NDArray[np.float64]


class EquilibriumModel:
    """What observations show of a family's equilibria, in the order in which they are given.

    Every rank gets rank 0's bits. The model is collective.

    Args:
        names: parameters, in the order of θ.
        family: the problem at θ; all on one mesh, alike but for numbers.
        theta: parameters (p,) of the first problem.
        observations: pairs of a level (0, 1] of the load history and what is seen there.
        stepping: how loads are brought on.
        petsc: PETSc options.
        rtol: tolerance of the linear solves for derivatives.
        sizes: sizes (p,) of the parameters, by which steps are measured where one is zero.

    Attributes:
        theta: parameters (p,) of the first problem.
        numbers: names of what is seen (m).
        units: of each.
        levels: share of the load history at which each is seen.

    Raises:
        InputError: a problem is inconsistent, or an observation looks where there is nothing.
    """

    def __init__(
        self,
        names: Sequence[str],
        family: Family,
        theta: Vector,
        observations: Sequence[tuple[float, Observation]],
        stepping: "Stepping | None" = None,
        *,
        petsc: str = "",
        rtol: float = 1e-5,
        sizes: Vector | None = None,
    ) -> None:
        self._names = tuple(names)
        self.theta: Vector = np.array(theta, dtype=float)
        self._seen: list[tuple[float, Seen]] = []
        looks = self._looks(observations)
        self.equilibria = Equilibria(family, theta, looks, stepping, petsc=petsc, rtol=rtol, sizes=sizes)
        self._comm = self.equilibria.system.comm
        self._bind(observations)

    def seeing(self, observations: Sequence[tuple[float, Observation]]) -> Self:
        """The same body, of which something else is observed; both use one system, one after the other. Collective.

        Raises:
            InputError: an observation looks where there is nothing.
        """
        other = copy.copy(self)
        other._seen = []
        other.equilibria = self.equilibria.seeing(other._looks(observations))
        other._bind(observations)
        return other

    def _looks(self, observations: Sequence[tuple[float, Observation]]) -> list[tuple[float, Observe]]:
        return [(level, self._look(level)) for level in sorted({level for level, _ in observations})]

    def _bind(self, observations: Sequence[tuple[float, Observation]]) -> None:
        system = self.equilibria.system
        self._seen = [(level, observation.on(system)) for level, observation in observations]
        self.numbers = tuple(name for _, seen in self._seen for name in seen.names)
        self.units = tuple(seen.unit for _, seen in self._seen for _ in seen.names)
        self.levels = tuple(level for level, seen in self._seen for _ in seen.names)
        self._order = self._rows(sorted(set(self.levels)))

    @classmethod
    def of(
        cls,
        problem: "Problem",
        places: Mapping[str, str | tuple[str, ...]],
        observations: Sequence[tuple[float, Observation]],
        stepping: "Stepping | None" = None,
        **more: Any,
    ) -> Self:
        """The model of a problem some of whose numbers are free.

        Args:
            problem: the problem at the numbers as they are.
            places: place of each parameter, by its name: ``{"k1": "materials.white.energies.1.k1"}``.
            observations: as the class has them, and so are the others.
            stepping: how loads are brought on.
            more: see the class.

        Raises:
            InputError: a place holds no number, a problem is inconsistent, or an observation sees nothing.
        """
        free = FreeNumbers(problem, places)
        return cls(free.names, free, free.theta, observations, stepping, **more)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""
        return self._names

    @property
    def counts(self) -> list[int]:
        """How many numbers each observation shows."""
        return [len(seen.names) for _, seen in self._seen]

    @property
    def anatomy(self) -> "Anatomy":
        """The body."""
        return self.equilibria.system.problem.anatomy

    @property
    def effort(self) -> Effort:
        """What it has cost so far."""
        return self.equilibria.effort

    def solve(self, theta: Vector) -> Vector:
        """What is seen (m,) at parameters (p,).

        Raises:
            InputError: a parameter is out of the bounds of what it is a number of.
            SolveError: there is no equilibrium.
        """
        return self._shared(np.concatenate(self.equilibria.solve(theta))[self._order])

    def linearise(self, theta: Vector) -> tuple[Vector, NDArray[np.float64]]:
        """What is seen (m,) and its derivatives (m, p).

        Raises:
            InputError: a parameter is out of the bounds of what it is a number of.
            SolveError: there is no equilibrium.
        """
        seen, slopes = self.equilibria.linearise(theta)
        return self._shared(np.concatenate(seen)[self._order]), self._shared(np.concatenate(slopes)[self._order])

    def anchor(self, theta: Vector) -> None:
        """Begin every further solve at the equilibrium of parameters (p,), so that it hangs on its own alone."""
        self.equilibria.anchor(theta)

    def pulled(
        self, theta: Vector, weights: Vector, fields: Sequence[FieldGradient] = (), *, numbers: bool = True
    ) -> tuple[Vector, list[NDArray[np.float64]]]:
        """Gradient of the sum of weights (m,) times what is seen, by one adjoint solve for each level.

        For weights that depend on what is seen, as those of a misfit do, call ``solve`` first: the state is kept.

        Args:
            theta: parameters (p,).
            weights: weights (m,).
            fields: parameters that vary through the tissue.
            numbers: whether to derive by the parameters (p,) too.

        Returns:
            the gradient (p,), or none of it, and by each field (cells, points) on this rank's own cells.

        Raises:
            InputError: a parameter is out of bounds, or something is seen that has no adjoint derivatives.
            SolveError: there is no equilibrium.
        """
        pulls = self._pulls()
        ends = np.cumsum(self.counts)
        parts = np.split(np.asarray(weights, dtype=float), ends[:-1])
        slopes = [
            _sum([pull(part) for (at, pull), part in zip(pulls, parts, strict=True) if at == level])
            for level in sorted({at for at, _ in pulls})
        ]
        found, values = self.equilibria.gradient(theta, slopes, fields, numbers=numbers)
        return self._shared(found), values

    def rows(self, theta: Vector, field: FieldGradient) -> NDArray[np.float64]:
        """Derivatives (m, cells) of all that is seen by a value in each of this rank's own cells; the state is kept.

        Raises:
            InputError: a parameter is out of bounds, or something is seen that has no adjoint derivatives.
            SolveError: there is no equilibrium.
        """
        sized = [(at, pull, count) for (at, pull), count in zip(self._pulls(), self.counts, strict=True)]
        slopes = [
            [pull(one) for at, pull, count in sized if at == level for one in np.eye(count)]
            for level in sorted({at for at, _, _ in sized})
        ]
        return np.concatenate(self.equilibria.rows(theta, slopes, field))[self._order]

    def _pulls(self) -> list[tuple[float, Callable[[Vector], Slope]]]:
        """What gives adjoint derivatives of each observation, with its level."""
        odd = [seen.names[0] for _, seen in self._seen if seen.pull is None]
        if odd:
            wanted = "displacements, strains or images"
            raise InputError(Wrong("observations", "have no adjoint derivatives", ", ".join(odd), wanted))
        return [(level, seen.pull) for level, seen in self._seen if seen.pull is not None]

    def _look(self, level: float) -> Observe:
        def look(system: "System") -> Vector:
            return np.concatenate([seen.value(system) for at, seen in self._seen if at == level])

        return look

    def _rows(self, levels: Sequence[float]) -> NDArray[np.intp]:
        """Where each number, in the order of the observations, is among those that come level by level."""
        at = np.concatenate([[level] * len(seen.names) for level, seen in self._seen])
        return np.argsort(np.argsort(at, kind="stable"), kind="stable")

    def _shared(self, array: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._comm.bcast(array)
        return found


def _sum(slopes: Sequence[Slope]) -> Slope:
    """The sum of derivatives."""

    def total(system: "System") -> list[Vector]:
        return [np.sum(blocks, axis=0) for blocks in zip(*(slope(system) for slope in slopes), strict=True)]

    return total
