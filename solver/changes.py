"""How an equilibrium, what it shows and what is remembered of it change with a parameter: stencils and the tangent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from .problem import Problem
from .remembering import Memory, Values
from .response import Response
from .stencil import Stencil
from .system import State, System

type Vector = NDArray[np.float64]

STEP = 3e-4
"""Step of a stencil over the size of the parameter: short, as the residual of tissue whose fibers slacken has bends."""


@dataclass(frozen=True)
class Change:
    """Derivative of a state by one parameter.

    Attributes:
        unknowns: of the unknowns with ghosts, by block.
        pressures: of the unknown pressures.
        memory: of what is remembered, by name.
    """

    unknowns: tuple[Vector, ...]
    pressures: Vector
    memory: Values = field(default_factory=dict)


class Changes:
    """Derivatives about the present state of a system, which they leave as it was. Everything on it is collective.

    Args:
        system: the system.
        response: of the system, linearized at the present state.
        rtol: tolerance of linear solves.
    """

    def __init__(self, system: System, response: Response, rtol: float) -> None:
        self._system, self._response, self._rtol = system, response, rtol

    def forcing(
        self, stencil: Stencil[Problem], memory: Values | None = None
    ) -> tuple[list[Vector], Vector, list[Vector]]:
        """Derivatives of the residual, of the volume errors, and of what supports hold, by a parameter.

        Args:
            stencil: of the parameter.
            memory: derivative of what was remembered of the last equilibrium, where anything was.
        """
        system = self._system
        here, origin = system.copy_state(), system.problem
        forces: Sequence[Vector | float] = [0.0] * len(here.functions)
        moved = [np.zeros_like(array) for array in here.functions]
        volumes = np.zeros(len(here.pressures))
        for k, weight in stencil.weights.items():
            share = weight / stencil.step
            system.adopt(stencil.made[k])
            if memory:
                system.past.recall(_moved(here.memory, memory, k * stencil.step))
            forces = [w + share * part for w, part in zip(forces, self._response.imbalance(), strict=True)]
            self._response.place()
            volumes = volumes + share * self._response.volume_errors()
            for total, function, array in zip(moved, system.state.functions, here.functions, strict=True):
                total += share * (function.x.array - array)
            system.set_state(here)
        system.adopt(origin)
        if system.comm.allreduce(bool(moved[0].any()), op=MPI.LOR):
            forces = [w + part for w, part in zip(forces, self._response.drag(moved[0]), strict=True)]
            system.adopt(origin)
        return [np.asarray(force) for force in forces], volumes, moved

    def change(self, stencil: Stencil[Problem], memory: Values | None = None) -> Change:
        """Derivative of the equilibrium by a parameter; that of what was remembered of the last one goes along."""
        forces, volumes, moved = self.forcing(stencil, memory)
        unknowns, pressures = self._response.respond(forces, volumes, self._rtol)
        return Change(tuple(a + b for a, b in zip(unknowns, moved, strict=True)), pressures, memory or {})

    def seen(self, stencil: Stencil[Problem], change: Change, observe: Callable[[System], Vector]) -> Vector:
        """Derivative of what is observed by a parameter, along with the state."""
        system = self._system
        here, origin = system.copy_state(), system.problem
        total: Vector | float = 0.0
        for k, weight in stencil.weights.items():
            system.adopt(stencil.made[k])
            system.set_state(along(here, [change], np.array([k * stencil.step])))
            total = total + weight / stencil.step * observe(system)
        system.set_state(here)
        system.adopt(origin)
        return np.asarray(total)

    def begun(self, stencil: Stencil[Problem]) -> Values:
        """Derivative of what is remembered at the beginning of the history, where the system stands."""
        return self._remembered(stencil, None, self._system.past.begin)

    def remembered(self, stencil: Stencil[Problem], change: Change) -> Values:
        """Derivative of what will be remembered of the equilibrium, along with it and what was remembered before."""
        return self._remembered(stencil, change, self._system.settle)

    def _remembered(self, stencil: Stencil[Problem], change: Change | None, settle: Callable[[], None]) -> Values:
        system = self._system
        here, origin = system.copy_state(), system.problem
        total: dict[str, NDArray[np.float64]] = {}
        for k, weight in stencil.weights.items():
            system.adopt(stencil.made[k])
            system.set_state(here if change is None else along(here, [change], np.array([k * stencil.step])))
            system.set_level(here.level)
            settle()
            for name, values in system.past.memory().values.items():
                total[name] = total.get(name, 0.0) + weight / stencil.step * values
        system.adopt(origin)
        system.set_state(here)
        system.set_level(here.level)
        return total


def along(state: State, changes: Sequence[Change], step: Vector) -> State:
    """A state moved along derivatives by steps of the parameters; the state itself where none are known."""
    functions, pressures, memory = list(state.functions), state.pressures, state.memory
    for change, length in zip(changes, step, strict=False):
        functions = [f + length * c for f, c in zip(functions, change.unknowns, strict=True)]
        pressures = pressures + length * change.pressures
        memory = _moved(memory, change.memory, length)
    return State(tuple(functions), pressures, state.level, memory)


def _moved(memory: Memory, change: Values, length: float) -> Memory:
    """What is remembered, moved along a derivative."""
    moved = {name: memory.values[name] + length * slope for name, slope in change.items()}
    return replace(memory, values={**memory.values, **moved})
