"""Equilibria as a forward model: parameters in, what is measured out, with derivatives, on any number of ranks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.solver.family import Effort, Equilibria, Family, Observe

from .observe import Observation, Seen

if TYPE_CHECKING:
    from fibertwin.solver import Stepping
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
        numbers: names of what is seen (m).
        units: of each.

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
        rtol: float = 1e-6,
        sizes: Vector | None = None,
    ) -> None:
        self._names = tuple(names)
        self._seen: list[tuple[float, Seen]] = []
        levels = sorted({level for level, _ in observations})
        looks = [(level, self._look(level)) for level in levels]
        self.equilibria = Equilibria(family, theta, looks, stepping, petsc=petsc, rtol=rtol, sizes=sizes)
        system = self.equilibria.system
        self._comm = system.comm
        self._seen = [(level, observation.on(system)) for level, observation in observations]
        self.numbers = tuple(name for _, seen in self._seen for name in seen.names)
        self.units = tuple(seen.unit for _, seen in self._seen for _ in seen.names)
        self._order = self._rows(levels)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""
        return self._names

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
