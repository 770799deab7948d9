"""What predicts readings: outputs of a model that always predicts the same, formulas, differential equations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import InputError, Problem, SolveError

from .members import Members
from .model import Formula, ForwardModel
from .ode import Ode, Rate
from .readings import Reading

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


class Predictor(Protocol):
    """Gives a model for whatever was read.

    Attributes:
        names: parameters of the model.
        lasting: whether the model predicts the same numbers whatever was read, so that its solves can be used again.
        fingerprint: what it is; a twin that has learned with another one is refused.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""

    @property
    def lasting(self) -> bool:
        """Whether the model predicts the same numbers whatever was read."""

    @property
    def fingerprint(self) -> str:
        """What it is, in a word."""

    def observing(self, readings: Sequence[Reading]) -> tuple[ForwardModel, NDArray[np.intp]]:
        """A model, and which of its predictions (m,) each reading (n) is of.

        Raises:
            InputError: a reading is of nothing that can be predicted.
        """


@dataclass(frozen=True)
class Outputs:
    """A model whose predictions have names, and maybe times: an equilibrium under given loads.

    Attributes:
        model: what predicts.
        outputs: name of each prediction (m).
        times: time of each (m); without them readings of any time are of the prediction of their name.
        identity: told from other models by this, such as a checksum of the case.
    """

    model: ForwardModel
    outputs: tuple[str, ...]
    times: tuple[float, ...] = ()
    identity: str = ""

    def __post_init__(self) -> None:
        places = list(zip(self.outputs, self.times, strict=True)) if self.times else list(self.outputs)
        if len(set(places)) < len(places):
            raise ValueError("predictions need names, or names and times, that differ")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""
        return self.model.names

    @property
    def lasting(self) -> bool:
        """The model always predicts the same numbers."""
        return True

    @property
    def fingerprint(self) -> str:
        """Names of parameters and predictions, and the identity."""
        return f"outputs {self.identity}: {','.join(self.names)} -> {','.join(self.outputs)} {self.times or ''}".strip()

    def observing(self, readings: Sequence[Reading]) -> tuple[ForwardModel, NDArray[np.intp]]:
        """The model itself.

        Raises:
            InputError: a reading is of nothing that it predicts.
        """
        if self.times:
            timed = {place: index for index, place in enumerate(zip(self.outputs, self.times, strict=True))}
            rows = [timed.get((reading.name, reading.time)) for reading in readings]
        else:
            plain = {name: index for index, name in enumerate(self.outputs)}
            rows = [plain.get(reading.name) for reading in readings]
        _refuse([r for r, row in zip(readings, rows, strict=True) if row is None], self._wanted())
        return self.model, np.array(rows, dtype=np.intp)

    def _wanted(self) -> str:
        shown = list(self.outputs)
        if self.times:
            shown = [f"{name} at time {time:g}" for name, time in zip(shown, self.times, strict=True)]
        return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")


@dataclass(frozen=True)
class Formulas:
    """A formula for each name.

    Attributes:
        names: names of the parameters (p).
        outputs: the predicted number as a function of parameters (p,) and reading, whose time and circumstances it
            may ask for; it must bear complex numbers.
        identity: told from other formulas by this.
    """

    names: tuple[str, ...]
    outputs: Mapping[str, Callable[[NDArray[Any], Reading], Any]]
    identity: str = ""

    @property
    def lasting(self) -> bool:
        """A formula costs nothing, and predicts what was read only."""
        return False

    @property
    def fingerprint(self) -> str:
        """Names of parameters and predictions, and the identity."""
        return f"formulas {self.identity}: {','.join(self.names)} -> {','.join(sorted(self.outputs))}"

    def observing(self, readings: Sequence[Reading]) -> tuple[ForwardModel, NDArray[np.intp]]:
        """The formulas of all readings.

        Raises:
            InputError: there is no formula for a reading.
        """
        _refuse([reading for reading in readings if reading.name not in self.outputs], ", ".join(self.outputs))
        rows = [(self.outputs[reading.name], reading) for reading in readings]
        return Formula(self.names, lambda theta: np.array([f(theta, r) for f, r in rows])), np.arange(len(rows))


@dataclass(frozen=True)
class Equation:
    """A differential equation, observed at the times of the readings.

    Attributes:
        ode: the equation with its doses; its own times and observations are not looked at.
        outputs: h (a number) of state, parameters, input and time, for each name.
        identity: told from other equations by this.
    """

    ode: Ode
    outputs: Mapping[str, Rate]
    identity: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""
        return self.ode.names

    @property
    def lasting(self) -> bool:
        """The times are those of the readings."""
        return False

    @property
    def fingerprint(self) -> str:
        """Names of parameters and predictions, and the identity."""
        return f"equation {self.identity}: {','.join(self.names)} -> {','.join(sorted(self.outputs))}"

    def observing(self, readings: Sequence[Reading]) -> tuple[ForwardModel, NDArray[np.intp]]:
        """The equation, observed whenever something was read.

        Raises:
            InputError: there is no output of a reading's name, or it was read before the equation begins.
        """
        _refuse([reading for reading in readings if reading.name not in self.outputs], ", ".join(self.outputs))
        early = [reading for reading in readings if reading.time < self.ode.begin]
        _refuse(early, f"readings from time {self.ode.begin:g} on")
        times, names = sorted({reading.time for reading in readings}), list(self.outputs)

        def observe(x: NDArray[Any], theta: NDArray[Any], u: Vector, t: float) -> ArrayLike:
            return np.array([np.ravel(h(x, theta, u, t))[0] for h in self.outputs.values()])

        rows = [times.index(reading.time) * len(names) + names.index(reading.name) for reading in readings]
        return replace(self.ode, times=tuple(times), observe=observe), np.array(rows, dtype=np.intp)


@dataclass
class Recorder:
    """Some predictions of a model, all of whose solves are kept with all predictions.

    Attributes:
        model: what predicts (m,).
        rows: which predictions (n) are asked for.
        solves: parameters (p,), predictions (m,) and derivatives (m, p), where there are any, of each solve so far.
    """

    model: ForwardModel
    rows: NDArray[np.intp]
    solves: list[tuple[Vector, Vector, Matrix | None]]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.model.names

    def solve(self, theta: Vector) -> Vector:
        """Predictions (n,).

        Raises:
            SolveError: there are none.
        """
        found = self.model.solve(theta)
        self.solves.append((np.array(theta), found, None))
        return np.asarray(found[self.rows])

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (n,) and derivatives (n, p).

        Raises:
            SolveError: there are none.
        """
        found, slopes = self.model.linearise(theta)
        self.solves.append((np.array(theta), found, slopes))
        return np.asarray(found[self.rows]), np.asarray(slopes[self.rows])

    def known(self) -> list[tuple[Vector, Vector, Matrix | None]]:
        """The solves so far, with the predictions (n,) that are asked for."""
        return [(t, y[self.rows], None if s is None else s[self.rows]) for t, y, s in self.solves]


@dataclass(frozen=True)
class RecordedMembers:
    """Members of whose predictions some are asked for, and all are kept.

    Attributes:
        recorder: keeps them, and says which are asked for.
        members: predict all.
    """

    recorder: Recorder
    members: Members

    def about(self, theta: Vector) -> None:
        """Hand the mode (p,) on."""
        self.members.about(theta)

    def solve(self, thetas: Matrix) -> Iterator[Vector | SolveError]:
        """Predictions (n,), or the error, in the order of the parameters."""
        for theta, found in zip(thetas, self.members.solve(thetas), strict=True):
            if isinstance(found, SolveError):
                yield found
            else:
                self.recorder.solves.append((theta, found, None))
                yield np.asarray(found[self.recorder.rows])

    def linearise(self, thetas: Matrix) -> Iterator[tuple[Vector, Matrix] | SolveError]:
        """Predictions (n,) and derivatives (n, p), or the error, in the order of the parameters."""
        for theta, found in zip(thetas, self.members.linearise(thetas), strict=True):
            if isinstance(found, SolveError):
                yield found
            else:
                self.recorder.solves.append((theta, *found))
                yield found[0][self.recorder.rows], found[1][self.recorder.rows]


def _refuse(wrong: Sequence[Reading], wanted: str) -> None:
    if wrong:
        raise InputError(Problem(r.name, "is not predicted", r.said(), wanted) for r in wrong)
