"""What a solve remembers between increments: of each equilibrium as much as the next one depends on.

A material with viscosity or a circuit joined to a cavity is a ``Remembering``: it knows its memory at the last
equilibrium, and adds to the equations of the present increment what follows from that memory and from the time that
goes by. A ``System`` holds all of them in its ``Past``, and the path keeps to four rules:

- before an increment is tried, ``move`` tells the time at its beginning and at its end;
- once it has ended in equilibrium, ``settle`` takes that for the last one, and ``move`` is called with a time that
  stands still: the equations then must hold as they did, so that forces, energies and stresses may be looked at;
- whoever takes an increment back, cuts it or goes on from a checkpoint hands ``recall`` what ``memory`` gave;
- every increment ends in equilibrium, since the way there counts, and none is guessed from another problem's end.

To be one: give the class of the material or load ``remembers = True``, write a ``Remembering``, and add it where
``System`` makes its ``Past``. Checkpoints follow by themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from fibertwin.curve import Moment

from .problem import Problem

type Values = Mapping[str, NDArray[Any]]
"""Memory by name: ``cells.NAME``, a row (own cells, …) for each of this rank's own cells, or ``all.NAME``, of any shape
and the same on every rank."""


class Remembering(Protocol):
    """One that remembers. Every rank has it, with the same names, and calls everything on it in the same order."""

    def begin(self) -> None:
        """Take the present state, that of a body at level 0, for the first equilibrium: nothing was before."""

    def memory(self) -> Values:
        """What is remembered of the last equilibrium, under names that no other one uses; never changed in place."""

    def recall(self, memory: Values) -> None:
        """Take back what ``memory`` gave, perhaps on other ranks; it may hold the memory of others too."""

    def move(self, last: Moment, now: Moment) -> None:
        """Put what the equations read to an increment: from the last equilibrium to now, where both may be the same."""

    def settle(self) -> None:
        """Take the present state, an equilibrium at the end of the increment, for the last one."""

    def adopt(self, problem: Problem) -> None:
        """Take the numbers of another problem, which differs in numbers only; ``move`` comes after it."""


@dataclass(frozen=True)
class Memory:
    """What is remembered of an equilibrium.

    Attributes:
        level: load level of that equilibrium.
        values: by name.
    """

    level: float = 0.0
    values: Values = field(default_factory=dict)


class Past:
    """The last equilibrium of a system, as far as the next one depends on it. Everything on it is collective.

    Args:
        parts: those who remember, begun.
        end: time (s) at which the level is 1.
    """

    def __init__(self, parts: Sequence[Remembering], end: float) -> None:
        self.parts = tuple(parts)
        self._end = end
        self._last = self._now = 0.0

    def __bool__(self) -> bool:
        """Whether anything is remembered."""
        return bool(self.parts)

    def begin(self) -> None:
        """Let the history begin at the present state, with the numbers of the present problem."""
        for part in self.parts:
            part.begin()
        self._last = self._now
        self.move(self._now)

    def memory(self) -> Memory:
        """What is remembered."""
        found = {name: values for part in self.parts for name, values in part.memory().items()}
        return Memory(self._last, found)

    def recall(self, memory: Memory) -> None:
        """Take back what ``memory`` gave; the increment goes from there to the present level, if that is later."""
        self._last = memory.level
        for part in self.parts:
            part.recall(memory.values)
        self.move(max(self._now, self._last))

    def adopt(self, problem: Problem) -> None:
        """Take the numbers of another problem; ``move`` comes after it."""
        for part in self.parts:
            part.adopt(problem)

    def move(self, level: float) -> None:
        """Let the increment go from the last equilibrium to a level."""
        self._now = level
        last, now = (Moment(at * self._end, at) for at in (self._last, level))
        for part in self.parts:
            part.move(last, now)

    def settle(self) -> None:
        """Take the present state for the last equilibrium."""
        for part in self.parts:
            part.settle()
        self._last = self._now
        self.move(self._now)
