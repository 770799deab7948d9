"""Derivatives of what a case tells by numbers of its, about states that have been found: linear solves, no others."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.case import Case
from fibertwin.parallel import on_root
from fibertwin.solver import Outcome, Problem, Solution
from fibertwin.solver.family import Equilibria
from fibertwin.studies.samples import Sample, quantity, written

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.solver.system import State, System

type Vector = NDArray[np.float64]

RTOL = 1e-7
"""Tolerance of the linear solves: observables such as percentiles look at single points."""

HELD = Outcome(True, "", 1.0, (), 0)
"""What is said of a state whose path nobody asks for."""


class Numbered:
    """Cases by the values of some of their places, each in a unit of its own.

    Args:
        case: the base case.
        sample: values as a case file has them, by their place.

    Attributes:
        theta: the values (p,), in their units.
        keys: their places (p).
        units: of each.
    """

    def __init__(self, case: Case, sample: Sample) -> None:
        pairs = [quantity(value) for value in sample.values()]
        self._case, self.keys = case, tuple(sample)
        self.theta: Vector = np.array([pair[0] for pair in pairs if pair is not None])
        self.units = tuple(pair[1] for pair in pairs if pair is not None)
        if len(self.units) < len(pairs):
            raise ValueError("derivatives are by numbers alone")

    def at(self, theta: Vector, comm: "MPI.Comm") -> Case:
        """The case at values (p,). Collective.

        Raises:
            InputError: on every rank, with everything that is wrong.
        """
        quantities = zip(self.keys, theta, self.units, strict=True)
        return on_root(comm, lambda: self._case.replace({key: written(v, unit) for key, v, unit in quantities}))


class Tangents:
    """How what is told of equilibria changes along directions of their numbers. Everything on it is collective.

    Args:
        problem: the problem at values (p,), all on one mesh.
        theta: values (p,) of the first.
        measured: numbers (m,) that are told of a solution.
        case: how it is solved.
        petsc: PETSc options.
    """

    def __init__(
        self,
        problem: Callable[[Vector], Problem],
        theta: Vector,
        measured: Callable[[Solution], Sequence[float]],
        case: Case,
        petsc: str,
    ) -> None:
        def look(system: "System") -> Vector:
            forces, energy = system.reactions(), system.energy()
            found = Solution(system.problem, system.state, HELD, forces, energy, float("nan"), system.cavities())
            return np.array(measured(found))

        self._equilibria = Equilibria(problem, theta, [(1.0, look)], case.solve.stepping, petsc=petsc, rtol=RTOL)

    def along(self, theta: Vector, state: "State", directions: Sequence[Vector]) -> NDArray[np.float64]:
        """Derivatives (k, m) along directions (k, p) at an equilibrium.

        Raises:
            InputError: values are out of bounds a small step on either side.
            SolveError: the tangent is singular.
        """
        self._equilibria.take(theta, [state])
        _, (slopes,) = self._equilibria.linearise(theta, np.array(directions))
        return np.asarray(slopes.T)

    def close(self) -> None:
        """Free what PETSc holds."""
        self._equilibria.destroy()
