"""Equilibria of problems that differ in a few numbers, one after the other, and how they change with these numbers.

A family takes parameters to problems on one mesh: stiffnesses, loads, motions of supports, whatever a problem says in
numbers. The residual of a problem at a given state is cheap, so its derivative by a parameter is taken along that
parameter by a stencil, for any law, load or support, with nothing to derive by hand: exact where a parameter enters
linearly, as most stiffnesses and loads do, or quadratically, else to some 1e-8. What a support moves enters through the
tangent. The state's derivative then follows from the tangent too (implicit function theorem), and an observation's from
another stencil along the two.

Where a problem remembers its way, its increments are gone through one by one and held fixed: the derivative of what was
remembered goes along in the residual's stencil, and that of the next memory comes of a stencil along parameter, state
and memory.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, SolveError
from fibertwin.errors import Problem as Wrong

from .changes import STEP, Change, Changes, along
from .field_gradient import FieldGradient
from .options import parse_options
from .parameters import looked_up
from .path import Path, walk
from .problem import Problem, Stepping, check
from .remembering import Memory
from .response import Response
from .stencil import Stencil, stencil_of
from .system import State, System

type Vector = NDArray[np.float64]
type Family = Callable[[Vector], Problem]
"""The problem at parameters (p,); collective, all on one mesh and alike but for numbers."""

type Observe = Callable[[System], Vector]
"""Numbers (m,) that the present state of a system shows; the same on every rank. Collective."""

type Slope = Callable[[System], Sequence[Vector]]
"""Derivatives of a number by the unknowns that this rank owns, by block, at the present state. Collective."""


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
class _Known:
    """The last solution: parameters, states by level, and derivatives, where they were taken.

    Of a problem that remembers ``way`` holds the state after every increment, what is remembered left out.
    """

    theta: Vector
    states: list[State]
    changes: list[list[Change]] = field(default_factory=list)
    way: list[State] = field(default_factory=list)


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
        self._changes = Changes(self.system, self._response, rtol)
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

    def take(self, theta: Vector, states: Sequence[State]) -> None:
        """Know the equilibria at all levels from elsewhere: states of the same unknowns on the same mesh."""
        self._known = _Known(np.array(theta, dtype=float), list(states))

    def linearise(
        self, theta: Vector, directions: NDArray[np.float64] | None = None
    ) -> tuple[list[Vector], list[NDArray[np.float64]]]:
        """What is observed at each level, and its derivatives (m, p) by the parameters.

        Args:
            theta: parameters (p,).
            directions: directions (k, p), none of them zero, along which derivatives (m, k) are taken instead.

        Raises:
            SolveError: a level is not reached.
        """
        theta = np.asarray(theta, dtype=float)
        stencils = self._stencils(theta, directions)
        seen, slopes, changes = [], [], []
        for number, found in self._followed(theta, stencils) if self.system.past else self._answers(theta, stencils):
            seen.append(self._observe[number](self.system))
            pairs = zip(stencils, found, strict=True)
            rows = [self._changes.seen(*pair, self._observe[number]) for pair in pairs]
            slopes.append(np.stack(rows, axis=1))
            changes.append(found)
        assert self._known is not None
        if directions is None:
            self._known = replace(self._known, changes=[] if self.system.past else changes)
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
            InputError: the problem remembers its way.
        """
        self._require_no_past()
        theta = np.asarray(theta, dtype=float)
        stencils = self._stencils(theta) if numbers else []
        total, values = np.zeros(len(stencils)), [np.array(0.0) for _ in fields]
        for number in self._walked(theta):
            self._response.linearize()
            slope = slopes[number](self.system)
            adjoint = self._response.adjoint(slope, self._rtol)
            values = [value + pull(adjoint) for value, pull in zip(values, fields, strict=True)]
            for i, one in enumerate(stencils):
                forces, _, moved = self._changes.forcing(one)
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
            InputError: the problem remembers its way.
        """
        self._require_no_past()
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

    def _require_no_past(self) -> None:
        if self.system.past:
            what = "remembers its way, and adjoint derivatives do not go back along it"
            raise InputError(Wrong("problem", what, hint="numbers of a case have other derivatives: linearise"))

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
        self._begin()
        path = Path(system)
        states: list[State] = []
        way: list[State] = []

        def passed(level: float, step: object, sentence: str) -> None:
            if step is not None and system.past:
                way[:] = [state for state in way if state.level < level]  # the path may have gone back
                way.append(replace(path.here.state, memory=Memory()))

        self.effort.solves += 1
        for number, level in enumerate(self._levels):
            failed = walk(path, self._stepping, passed, until=level, start=guesses[number])
            if failed:
                self._count(path)
                raise SolveError(f"No equilibrium at {level:.3g} of the load: {failed}.")
            states.append(path.here.state)
            yield number
            path.go_back()  # whoever looked may have moved the state
        self._count(path)
        self._known = _Known(theta, states, way=way)

    def _begin(self) -> None:
        """Put the system to the beginning of its history."""
        self.system.set_state(self._rest)
        self.system.set_level(0.0)
        self.system.past.begin()

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
        if known is None or self.system.past:
            return [None] * len(self._levels)
        step = theta - known.theta
        moved: list[State | None] = []
        for number, state in enumerate(known.states):
            changes = known.changes[number] if known.changes else []
            moved.append(along(state, changes, step))
        return moved

    # -- derivatives ---------------------------------------------------------------------------
    def _stencils(self, theta: Vector, directions: NDArray[np.float64] | None = None) -> list[Stencil[Problem]]:
        """The stencil along each direction, by default those of the parameters."""
        chosen = np.eye(len(theta)) if directions is None else directions
        return [stencil_of(self._problem, theta, direction, self._sizes, STEP) for direction in chosen]

    def _answers(self, theta: Vector, stencils: Sequence[Stencil[Problem]]) -> Iterator[tuple[int, list[Change]]]:
        """Equilibrium at one level after the other, and its derivatives by all parameters."""
        for number in self._walked(theta):
            self._response.linearize()
            yield number, [self._changes.change(one) for one in stencils]

    def _followed(self, theta: Vector, stencils: Sequence[Stencil[Problem]]) -> Iterator[tuple[int, list[Change]]]:
        """The same where the way is remembered: all increments once more, the derivatives of memory carried along."""
        for _ in self._walked(theta):
            pass
        assert self._known is not None
        system, way, changes = self.system, self._known.way, self._changes
        self._begin()
        memory = system.past.memory()
        slopes = [changes.begun(one) for one in stencils]
        for state in way:
            system.set_state(replace(state, memory=memory))
            system.set_level(state.level)
            self._response.linearize()
            found = [changes.change(*pair) for pair in zip(stencils, slopes, strict=True)]
            slopes = [changes.remembered(*pair) for pair in zip(stencils, found, strict=True)]
            system.settle()
            memory = system.past.memory()
            if state.level in self._levels:
                settled = [replace(one, memory=slope) for one, slope in zip(found, slopes, strict=True)]
                yield self._levels.index(state.level), settled
