"""How an equilibrium answers to small changes: the exact tangent, solved to a tight tolerance."""

from collections.abc import Sequence

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from fibertwin.errors import SolveError

from .guesses import Guesses, put, taken
from .linear import Change
from .system import System


class Response:
    """The tangent of a system at an equilibrium. It shares the system's PETSc objects. Everything on it is collective.

    Args:
        system: the system.
    """

    def __init__(self, system: System) -> None:
        self._system = system
        self._guesses = Guesses(system.comm)

    def imbalance(self) -> list[NDArray[np.float64]]:
        """Forces (mN) and volume errors (mm³) at owned unknowns, held ones among them."""
        system = self._system
        system._assembly.residual(system._b)
        system._assembled = False
        return [np.array(part.array_r) for part in system._b.getNestSubVecs()]

    def volume_errors(self) -> NDArray[np.float64]:
        """By how much the cavities differ from the volumes prescribed (mm³)."""
        return self._system._cavities.errors()

    def drag(self, moved: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """What held points that move (mm, with ghosts) change in the imbalance, by the tangent of ``linearize``.

        It leaves the supports astray; ``System.adopt`` puts them back.
        """
        system = self._system
        by_node = moved.reshape(-1, 3)
        for axis, values in enumerate(system.constraints.values):
            values.x.array[:] = by_node[:, axis]
        b = system._nested_vector()
        system._assembly.drag(b)
        if system._projection is not None:
            system._projection.drag(system._assembly.matrix, b, by_node)
        found = [np.array(part.array_r) for part in b.getNestSubVecs()]
        b.destroy()
        return found

    def place(self) -> None:
        """Put what supports hold to its present place."""
        system = self._system
        petsc.set_bc(system._x, system._rows)
        for f in system.state.functions:
            f.x.scatter_forward()
        if system._projection is not None:
            system._projection.place(system.state.displacement)
        system._forget()

    def linearize(self) -> None:
        """Bring the tangent to the present state, an equilibrium, as the exact derivative of the residual."""
        system = self._system
        if system._pressures is not None:
            system._pressures.reset()
            system._pressures.assign()
        system._assembly.tangent()
        self._operator = system._assembly.matrix
        self._change = Change.SMALL
        if system._projection is not None:
            self._operator = system._projection.apply(
                self._operator, system._b, system.state.displacement, moving=False
            )
        self._guesses.begin(self._operator, system._level)

    def respond(
        self, forces: Sequence[NDArray[np.float64]], volumes: NDArray[np.float64], rtol: float
    ) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
        """Changes of the free unknowns that balance changes of the imbalance, by the tangent of ``linearize``.

        Args:
            forces: change of the residual at owned unknowns, by block.
            volumes: change of the cavities' volume errors (mm³).
            rtol: tolerance of the linear solves.

        Returns:
            changes of the unknowns with ghosts, by block, and of the unknown pressures (kPa).

        Raises:
            SolveError: the tangent is singular.
        """
        system = self._system
        b, z = system._nested_vector(), system._nested_vector()
        for part, force in zip(b.getNestSubVecs(), forces, strict=True):
            part.array_w[:] = force
        solved = self._solve_held(b, z, rtol)
        pressures: NDArray[np.float64] = np.zeros(0)
        if solved and system._cavities.unknown:
            pressures, solved = self._share_volumes(z, volumes, rtol)
        if not solved:
            raise SolveError(f"The tangent at {system._level:.3g} of the load could not be solved.")
        changes = []
        for function, part in zip(system.state.functions, z.getNestSubVecs(), strict=True):
            change = fem.Function(function.function_space)
            change.x.array[: part.getLocalSize()] = -part.array_r
            change.x.scatter_forward()
            changes.append(np.array(change.x.array))
        for item in (b, z):
            item.destroy()
        return changes, pressures

    def adjoint(self, slopes: Sequence[NDArray[np.float64]], rtol: float) -> list[fem.Function]:
        """The adjoint state λ, K' λ = dJ/d(unknowns), zero where supports hold.

        Args:
            slopes: derivative of a number J by the owned unknowns, by block.
            rtol: tolerance of the linear solve.

        Raises:
            SolveError: the tangent is singular, or volumes of cavities are prescribed.
        """
        system = self._system
        if system._cavities.unknown:
            raise SolveError("Adjoint derivatives are not made where the volume of a cavity is prescribed.")
        b, z = system._nested_vector(), system._nested_vector()
        for part, slope in zip(b.getNestSubVecs(), slopes, strict=True):
            part.array_w[:] = slope
        solve = self._solve_held if system.forms.symmetric else self._solve_transposed
        if not solve(b, z, rtol):
            raise SolveError(f"The tangent at {system._level:.3g} of the load could not be solved.")
        found = []
        for function, part in zip(system.state.functions, z.getNestSubVecs(), strict=True):
            one = fem.Function(function.function_space)
            one.x.array[: part.getLocalSize()] = part.array_r
            one.x.scatter_forward()
            found.append(one)
        for item in (b, z):
            item.destroy()
        return found

    def _solve_held(self, b: PETSc.Vec, z: PETSc.Vec, rtol: float) -> bool:
        """Solve the tangent where held unknowns stay, from a guess."""
        system, operator, guesses = self._system, self._operator, self._guesses
        self._hold(b)
        right, left = system._plain(b), system._plain(z)
        asked = taken(right)
        start, remains = guesses.guess(asked)
        size, rest = (np.sqrt(guesses.dot(vector, vector)) for vector in (asked, remains))
        solved = True
        if rest > rtol * size:
            put(right, remains)
            result = system._linear.solve(operator, right, left, min(rtol * size / rest, 0.5), change=self._change)
            solved, self._change = result.reason > 0, Change.NONE
        else:
            left.zeroEntries()
        put(left, taken(left) + start)
        self._hold(z)
        if solved and size > 0:
            operator.mult(left, right)
            guesses.keep(taken(left), taken(right))
        return solved

    def _solve_transposed(self, b: PETSc.Vec, z: PETSc.Vec, rtol: float) -> bool:
        """Solve the transposed tangent where held unknowns stay."""
        system = self._system
        self._hold(b)
        operator, right, left = self._operator, system._plain(b), system._plain(z)
        if self._change is not Change.NONE:
            system._linear.solve(operator, right, left, 1e-1, change=self._change)  # makes its levels
        result = system._linear.solve_transposed(operator, right, left, rtol)
        self._change = Change.NONE
        self._hold(z)
        return result.reason > 0

    def _hold(self, vector: PETSc.Vec) -> None:
        """Make a nest of vectors zero where supports hold."""
        petsc.set_bc(vector, self._system._rows, alpha=0.0)
        if self._system._projection is not None:
            self._system._projection.clear(vector.getNestSubVecs()[0])

    def _share_volumes(
        self, z: PETSc.Vec, volumes: NDArray[np.float64], rtol: float
    ) -> tuple[NDArray[np.float64], bool]:
        """Let unknown pressures balance the volumes of cavities; the displacement's change goes along."""
        system = self._system
        answers, solved = [], True
        for push in system._cavities.pushes():
            b, answer = system._nested_vector(), system._nested_vector()
            push.copy(b.getNestSubVecs()[0])
            solved = solved and self._solve_held(b, answer, rtol)
            answers.append(answer)
            for item in (b, push):
                item.destroy()
        steps = np.zeros(len(answers))
        if solved:
            responses = [answer.getNestSubVecs()[0] for answer in answers]
            steps = system._cavities.balance(z.getNestSubVecs()[0], responses, volumes)
            for step, answer in zip(steps, answers, strict=True):
                z.axpy(-step, answer)
        for answer in answers:
            answer.destroy()
        return -steps, solved
