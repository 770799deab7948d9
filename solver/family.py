"""Equilibria of problems that differ in a few numbers, one after the other, and how they change with these numbers.

A family takes parameters to problems on one mesh: stiffnesses, loads, motions of supports, whatever a problem says in
numbers. The residual of a problem at a given state is cheap, so its derivative by a parameter is taken along that
parameter by a stencil, for any law, load or support, with nothing to derive by hand: exact where a parameter enters
linearly, as most stiffnesses and loads do, or quadratically, else to some 1e-8. What a support moves enters through the
tangent. The state's derivative then follows from the tangent too (implicit function theorem), and an observation's from
another stencil along the two.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.errors import InputError, SolveError

from .field_gradient import FieldGradient
from .options import parse_options
from .parameters import looked_up
from .path import Path, walk
from .problem import Problem, Stepping, check
from .response import Response
from .system import State, System

type Vector = NDArray[np.float64]
type Family = Callable[[Vector], Problem]
"""The problem at parameters (p,); collective, all on one mesh and alike but for numbers."""

type Observe = Callable[[System], Vector]
"""Numbers (m,) that the present state of a system shows; the same on every rank. Collective."""

type Slope = Callable[[System], Sequence[Vector]]
"""Derivatives of a number by the unknowns that this rank owns, by block, at the present state. Collective."""

STEP = 3e-4
"""Step of a stencil over the size of the parameter: short, as the residual of tissue whose fibers slacken has bends."""

CENTRAL = {-1: -0.5, 1: 0.5}
"""Weights of a first derivative by how many steps away each value is."""

FORWARD = {0: -11 / 6, 1: 3.0, 2: -1.5, 3: 1 / 3}
"""The same on one side, where the other is out of bounds."""


@dataclass(frozen=True)
class _Stencil:
    """Step, weights and problems along one parameter, by how many steps away each is."""

    step: float
    weights: dict[int, float]
    problems: dict[int, Problem]


@dataclass
class Effort:
    """What a family has cost so far.

    Attributes:
        solves: sets of parameters brought to equilibrium.
        newton: Newton iterations.
        krylov: Krylov iterations, those of derivatives left out.
        linearisations: sets of parameters about which derivatives were taken.
    """

    solves: int = 0
    newton: int = 0
    krylov: int = 0
    linearisations: int = 0


@dataclass(frozen=True)
class Change:
    """Derivative of a state by one parameter: of the unknowns with ghosts, by block, and of the unknown pressures."""

    unknowns: tuple[Vector, ...]
    pressures: Vector


@dataclass(frozen=True)
class _Known:
    """The last solution: parameters, states by level, and derivatives, where they were taken."""

    theta: Vector
    states: list[State]
    changes: list[list[Change]] = field(default_factory=list)


class Equilibria:
    """A family brought to equilibrium at one set of parameters after the other. Everything on it is collective.

    Forms, matrices and multigrid are made once. A solve starts from the last solution, moved along its derivatives
    where these are known, and brings the load on from nothing where no equilibrium is found from there.

    Args:
        family: the problems.
        theta: parameters (p,) of the first problem, from which all others may differ in numbers only.
        observe: what to look at, at which rising levels (0, 1] of the load history.
        stepping: how loads are brought on.
        petsc: PETSc options, as on a command line.
        rtol: tolerance of the linear solves for derivatives.
        sizes: sizes (p,) of the parameters, by which steps are measured where one is zero.

    Raises:
        InputError: a problem is inconsistent, or the body can move rigidly.
    """

    def __init__(
        self,
        family: Family,
        theta: Vector,
        observe: Sequence[tuple[float, Observe]],
        stepping: Stepping | None = None,
        *,
        petsc: str = "",
        rtol: float = 1e-5,
        sizes: Vector | None = None,
    ) -> None:
        self._see(observe)
        self._family = family
        self._stepping, self._rtol = stepping or Stepping(), rtol
        self._sizes = np.ones(len(theta)) if sizes is None else np.asarray(sizes, dtype=float)
        problem = self._problem(np.asarray(theta, dtype=float))
        check(problem)
        self.system = System(problem, self._stepping.end, parse_options(petsc))
        self._response = Response(self.system)
        self._rest = self.system.copy_state()
        self._known: _Known | None = None
        self._anchor: Vector | None = None
        self._home: _Known | None = None
        self.effort = Effort()

    def solve(self, theta: Vector) -> list[Vector]:
        """What is observed at each level.

        Raises:
            SolveError: a level is not reached; the next solve begins from nothing.
        """
        return [self._observe[number](self.system) for number in self._walked(theta)]

    def linearise(self, theta: Vector) -> tuple[list[Vector], list[NDArray[np.float64]]]:
        """What is observed at each level, and its derivatives (m, p) by the parameters.

        Raises:
            SolveError: a level is not reached.
        """
        theta = np.asarray(theta, dtype=float)
        stencils = [self._stencil(theta, i) for i in range(len(theta))]
        seen, slopes, changes = [], [], []
        for number in self._walked(theta):
            seen.append(self._observe[number](self.system))
            self._response.linearize()
            found = [self._change(stencil) for stencil in stencils]
            along = [self._seen_along(one, change, number) for one, change in zip(stencils, found, strict=True)]
            slopes.append(np.stack(along, axis=1))
            changes.append(found)
        assert self._known is not None
        self._known = replace(self._known, changes=changes)
        self.effort.linearisations += 1
        return seen, slopes

    def gradient(
        self, theta: Vector, slopes: Sequence[Slope], fields: Sequence[FieldGradient] = (), *, numbers: bool = True
    ) -> tuple[Vector, list[NDArray[np.float64]]]:
        """Gradient of a number J of the displacements at all levels, by one adjoint solve for each level.

        Args:
            theta: parameters (p,).
            slopes: for each level, what gives the derivatives of J by the unknowns there.
            fields: parameters that vary through the tissue.
            numbers: whether to derive by the parameters (p,) too.

        Returns:
            dJ/dθ (p,), or none of them; and for each field dJ/d(value) (cells, points) on this rank's own cells.

        Raises:
            SolveError: a level is not reached, or the volume of a cavity is prescribed.
        """
        theta = np.asarray(theta, dtype=float)
        stencils = [self._stencil(theta, i) for i in range(len(theta))] if numbers else []
        total, values = np.zeros(len(stencils)), [np.array(0.0) for _ in fields]
        for number in self._walked(theta):
            self._response.linearize()
            slope = slopes[number](self.system)
            adjoint = self._response.adjoint(slope, self._rtol)
            values = [value + one(adjoint) for value, one in zip(values, fields, strict=True)]
            for i, stencil in enumerate(stencils):
                forces, _, moved = self._forcing(stencil)
                mine = 0.0
                for s, f, m, a in zip(slope, forces, moved, adjoint, strict=True):
                    mine += float(s @ m[: len(s)] - f @ a.x.array[: len(f)])
                total[i] += self.system.comm.allreduce(mine)
        self.effort.linearisations += 1
        return total, values

    def rows(self, theta: Vector, slopes: Sequence[Sequence[Slope]], field: FieldGradient) -> list[NDArray[np.float64]]:
        """Derivatives of several numbers at each level by one value in each cell, an adjoint solve for each number.

        Args:
            theta: parameters (p,).
            slopes: for each level, what gives the derivatives of each number there by the unknowns.
            field: the parameter that varies.

        Returns:
            for each level (numbers, cells) on this rank's own cells.

        Raises:
            SolveError: a level is not reached, or the volume of a cavity is prescribed.
        """
        found = []
        for number in self._walked(np.asarray(theta, dtype=float)):
            self._response.linearize()
            adjoints = (self._response.adjoint(slope(self.system), self._rtol) for slope in slopes[number])
            rows = [field(adjoint).sum(axis=1) for adjoint in adjoints]
            found.append(np.array(rows).reshape(len(rows), -1))
        self.effort.linearisations += 1
        return found

    def forget(self) -> None:
        """Begin the next solve, and the next derivatives, from nothing."""
        self._known = None
        self._response.forget()
        self.system.forget()

    def anchor(self, theta: Vector) -> None:
        """Begin every further solve at the equilibrium of some parameters (p,), moved along its derivatives.

        That equilibrium is found from nothing when it is first needed. What is found hangs on the parameters alone
        then, and not on what was solved before, to the last bit. Where there is none all goes on as before.
        """
        self._anchor, self._home = np.array(theta, dtype=float), None

    def seeing(self, observe: Sequence[tuple[float, Observe]]) -> Self:
        """The same family, of which something else is observed; both use one system, one after the other."""
        other = copy.copy(self)
        other._see(observe)
        other._known = other._anchor = other._home = None
        return other

    def destroy(self) -> None:
        """Free PETSc's objects."""
        self.system.destroy()

    def _see(self, observe: Sequence[tuple[float, Observe]]) -> None:
        self._levels = [level for level, _ in observe]
        if not self._levels or self._levels != sorted(set(self._levels)) or not self._levels[0] > 0:
            raise ValueError("levels of observation rise from more than 0")
        self._observe = [one for _, one in observe]

    # -- equilibria ----------------------------------------------------------------------------
    def _problem(self, theta: Vector) -> Problem:
        return looked_up(self._family(theta))

    def _walked(self, theta: Vector) -> Iterator[int]:
        """Equilibrium at one level after the other; the number of each. What was solved last is not solved again."""
        theta = np.asarray(theta, dtype=float)
        problem, known, system = self._problem(theta), self._begun(), self.system
        guesses, self._known = self._guesses(known, theta), None
        system.adopt(problem)
        system.rescale()
        if known is not None and np.array_equal(known.theta, theta):
            for number, state in enumerate(known.states):
                system.set_state(state)
                system.set_level(state.level)
                yield number
            self._known = known
            return
        system.set_state(self._rest)
        system.set_level(0.0)
        path = Path(system)
        states = []
        self.effort.solves += 1
        for number, level in enumerate(self._levels):
            failed = walk(path, self._stepping, until=level, start=guesses[number])
            if failed:
                self._count(path)
                raise SolveError(f"No equilibrium at {level:.3g} of the load: {failed}.")
            states.append(path.here.state)
            yield number
            path.go_back()  # whoever looked may have moved the state
        self._count(path)
        self._known = _Known(theta, states)

    def _count(self, path: Path) -> None:
        self.effort.newton += path.newton
        self.effort.krylov += path.krylov

    def _begun(self) -> _Known | None:
        """The solution to start from: the anchor's, or the last one."""
        if self._anchor is not None:
            at, self._anchor = self._anchor, None
            self.forget()
            with suppress(SolveError):  # all goes on as before
                self.linearise(at)
                self._home = self._known
        if self._home is None:
            return self._known
        self.forget()
        return self._home

    def _guesses(self, known: _Known | None, theta: Vector) -> list[State | None]:
        """States to start from: a solution's, moved along its derivatives."""
        if known is None:
            return [None] * len(self._levels)
        step = theta - known.theta
        moved: list[State | None] = []
        for number, state in enumerate(known.states):
            changes = known.changes[number] if known.changes else []
            moved.append(_along(state, changes, step))
        return moved

    # -- derivatives ---------------------------------------------------------------------------
    def _stencil(self, theta: Vector, i: int) -> _Stencil:
        """The stencil along a parameter: on both sides, or on the one that is within bounds."""
        size = abs(theta[i]) or abs(self._sizes[i]) or 1.0
        axis = np.eye(len(theta))[i]
        refused: InputError | None = None
        for step, weights in ((STEP * size, CENTRAL), (STEP * size, FORWARD), (-STEP * size, FORWARD)):
            try:
                problems = {k: self._problem(theta + k * step * axis) for k in weights}
            except InputError as error:
                refused = error
                continue
            return _Stencil(step, weights, problems)
        assert refused is not None
        raise refused

    def _forcing(self, stencil: _Stencil) -> tuple[list[Vector], Vector, list[Vector]]:
        """Derivatives of the residual, of the volume errors, and of what supports hold, by a parameter."""
        system = self.system
        here, origin = system.copy_state(), system.problem
        forces: Sequence[Vector | float] = [0.0] * len(here.functions)
        moved = [np.zeros_like(array) for array in here.functions]
        volumes = np.zeros(len(here.pressures))
        for k, weight in stencil.weights.items():
            share = weight / stencil.step
            system.adopt(stencil.problems[k])
            forces = [w + share * part for w, part in zip(forces, self._response.imbalance(), strict=True)]
            self._response.place()
            volumes = volumes + share * self._response.volume_errors()
            for total, function, array in zip(moved, system.state.functions, here.functions, strict=True):
                total += share * (function.x.array - array)
            system.set_state(here)
        if system.comm.allreduce(bool(moved[0].any()), op=MPI.LOR):
            forces = [w + part for w, part in zip(forces, self._response.drag(moved[0]), strict=True)]
        system.adopt(origin)
        return [np.asarray(force) for force in forces], volumes, moved

    def _change(self, stencil: _Stencil) -> Change:
        """Derivative of the present equilibrium by a parameter."""
        forces, volumes, moved = self._forcing(stencil)
        unknowns, pressures = self._response.respond(forces, volumes, self._rtol)
        return Change(tuple(a + b for a, b in zip(unknowns, moved, strict=True)), pressures)

    def _seen_along(self, stencil: _Stencil, change: Change, number: int) -> Vector:
        """Derivative of what is observed by a parameter, along with the state."""
        system = self.system
        here, origin = system.copy_state(), system.problem
        total: Vector | float = 0.0
        for k, weight in stencil.weights.items():
            system.adopt(stencil.problems[k])
            system.set_state(_along(here, [change], np.array([k * stencil.step])))
            total = total + weight / stencil.step * self._observe[number](system)
        system.set_state(here)
        system.adopt(origin)
        return np.asarray(total)


def _along(state: State, changes: Sequence[Change], step: Vector) -> State:
    """A state moved along derivatives by steps of the parameters; the state itself where none are known."""
    functions, pressures = list(state.functions), state.pressures
    for change, length in zip(changes, step, strict=False):
        functions = [f + length * c for f, c in zip(functions, change.unknowns, strict=True)]
        pressures = pressures + length * change.pressures
    return State(tuple(functions), pressures, state.level)
