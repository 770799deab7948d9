"""Solves that are counted, remembered, and kept in a file, so that nothing is solved twice."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, SolveError

from .coded import coded, decoded
from .members import Members, OneByOne, attempted
from .model import ForwardModel

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]
type Kind = Literal["solve", "linearise"]


@dataclass(frozen=True)
class Failure:
    """A solve that failed.

    Attributes:
        theta: at which parameters (p,).
        sentence: what the solver said.
    """

    theta: tuple[float, ...]
    sentence: str


@dataclass(frozen=True)
class Cost:
    """What a calibration took.

    Attributes:
        solves: predictions without derivatives, failed ones among them.
        linearised: predictions with derivatives, failed ones among them.
        recalled: how many more were known from an earlier, unfinished run.
        failures: solves that failed.
    """

    solves: int = 0
    linearised: int = 0
    recalled: int = 0
    failures: tuple[Failure, ...] = ()

    @property
    def total(self) -> int:
        """Solves of both kinds."""
        return self.solves + self.linearised

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.solves + other.solves,
            self.linearised + other.linearised,
            self.recalled + other.recalled,
            self.failures + other.failures,
        )

    def said(self) -> str:
        """In words."""
        words = f"{self.total} solves, {self.linearised} of them with derivatives"
        if self.recalled:
            words += f", and {self.recalled} known from before"
        return words + (f"; {len(self.failures)} failed" if self.failures else "; none failed")


@dataclass(frozen=True)
class _Answer:
    prediction: Vector | None = None
    slopes: Matrix | None = None
    sentence: str = ""


@dataclass(frozen=True)
class Journal:
    """A file of solves that were done, one a line; a killed calibration goes on from it.

    Attributes:
        folder: where it lies; made where it is not there.
        fingerprint: what the predictions depend on besides the parameters; another one has a file of its own.
        writes: whether this process adds to it: of several ranks, one.
        retry: whether solves that failed are forgotten, and so tried again.
    """

    folder: Path
    fingerprint: str
    writes: bool = True
    retry: bool = False

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / f"solves-{hashlib.sha256(self.fingerprint.encode()).hexdigest()[:16]}.jsonl"

    def read(self) -> dict[tuple[Kind, bytes], _Answer]:
        """What is known; a last line that was cut short is not.

        Raises:
            InputError: another line is no line of a journal.
        """
        if not self.path.exists():
            return {}
        found: dict[tuple[Kind, bytes], _Answer] = {}
        lines = self.path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                entry = json.loads(line)
                if not (self.retry and "failed" in entry):
                    found[entry["kind"], base64.b64decode(entry["theta"])] = _answer(entry)
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    Problem(f"{self.path}:{number}", "is no line of a journal of solves", hint="remove the file")
                ) from error
        return found

    def add(self, kind: Kind, theta: Vector, answer: _Answer) -> None:
        """Append a solve."""
        if not self.writes:
            return
        entry: dict[str, Any] = {"kind": kind, "theta": coded(theta), "named": [float(f"{v:.6g}") for v in theta]}
        if answer.prediction is None:
            entry["failed"] = answer.sentence
        else:
            entry["y"] = coded(answer.prediction)
        if answer.slopes is not None:
            entry["slopes"] = coded(answer.slopes)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._mend()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _mend(self) -> None:
        """Drop a last line that was cut short, which would spoil the next one."""
        if not self.path.exists():
            return
        with self.path.open("rb+") as file:
            size = file.seek(0, 2)
            if size == 0:
                return
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)


@dataclass
class Counted:
    """A forward model whose solves are counted, remembered and journaled; a failed one is not tried again.

    Parameters that a law refuses (``InputError``) are a solve that failed: a prior may reach farther than a law does.

    Attributes:
        model: what predicts.
        journal: where solves are kept; None for nowhere.
        members: predicts at many parameters, in parallel maybe; the model, one after the other, without it.
    """

    model: ForwardModel
    journal: Journal | None = None
    members: Members | None = None
    solves: int = field(default=0, init=False)
    linearised: int = field(default=0, init=False)
    recalled: int = field(default=0, init=False)
    learned: int = field(default=0, init=False)
    failures: list[Failure] = field(default_factory=list, init=False)
    _known: dict[tuple[Kind, bytes], _Answer] = field(default_factory=dict, init=False, repr=False)
    _past: dict[tuple[Kind, bytes], _Answer] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.journal is not None:
            self._past = self.journal.read()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the model's parameters."""
        return self.model.names

    @property
    def cost(self) -> Cost:
        """What it took so far."""
        return Cost(self.solves, self.linearised, self.recalled, tuple(self.failures))

    def solve(self, theta: Vector) -> Vector:
        """Predictions (m,).

        Raises:
            SolveError: there are none.
        """
        answer = self._recall("solve", theta)
        if answer is None:
            answer = self._kept_solve(theta, attempted(self.model.solve, theta))
        return _prediction(answer)

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (m,) and derivatives (m, p).

        Raises:
            SolveError: there are none.
        """
        answer = self._recall("linearise", theta)
        if answer is None:
            answer = self._kept_linearise(theta, attempted(self.model.linearise, theta))
        if answer.slopes is None:
            raise SolveError(answer.sentence)
        return _prediction(answer), answer.slopes

    def about(self, theta: Vector) -> None:
        """Tell the members near which parameters (p,) all is that is asked from now on."""
        self._many.about(theta)

    def several(self, thetas: Matrix) -> list[Vector | SolveError]:
        """Predictions (m,), or the error, at each of some parameters (n, p)."""
        new = self._new("solve", thetas)
        for theta, found in zip(new, self._many.solve(new) if len(new) else (), strict=True):
            self._kept_solve(theta, found)
        return [attempted(self.solve, theta) for theta in thetas]

    def several_linearised(self, thetas: Matrix) -> list[tuple[Vector, Matrix] | SolveError]:
        """Predictions (m,) and derivatives (m, p), or the error, at each of some parameters (n, p)."""
        new = self._new("linearise", thetas)
        for theta, found in zip(new, self._many.linearise(new) if len(new) else (), strict=True):
            self._kept_linearise(theta, found)
        return [attempted(self.linearise, theta) for theta in thetas]

    def learn(self, theta: Vector, prediction: Vector, slopes: Matrix | None = None) -> None:
        """Take a solve that was done elsewhere, at no cost."""
        kind: Kind = "solve" if slopes is None else "linearise"
        self._known[kind, np.asarray(theta, dtype=float).tobytes()] = _Answer(prediction, slopes)
        self.learned += 1

    def known(self) -> list[tuple[Vector, Vector, Matrix | None]]:
        """Parameters (p,), predictions (m,) and derivatives (m, p), where there are any, of all that was solved."""
        return [
            (np.frombuffer(key), answer.prediction, answer.slopes)
            for (_, key), answer in self._known.items()
            if answer.prediction is not None
        ]

    @property
    def _many(self) -> Members:
        return self.members or OneByOne(self.model)

    def _new(self, kind: Kind, thetas: Matrix) -> Matrix:
        """Those of some parameters (n, p) that are not known, each once."""
        each = {theta.tobytes(): theta for theta in np.asarray(thetas, dtype=float)}
        new = [theta for theta in each.values() if self._recall(kind, theta) is None]
        return np.array(new).reshape(len(new), len(self.names))

    def _kept_solve(self, theta: Vector, found: Vector | SolveError) -> _Answer:
        failed = isinstance(found, SolveError)
        return self._keep("solve", theta, _Answer(sentence=str(found)) if failed else _Answer(np.asarray(found)))

    def _kept_linearise(self, theta: Vector, found: tuple[Vector, Matrix] | SolveError) -> _Answer:
        answer = _Answer(sentence=str(found)) if isinstance(found, SolveError) else _Answer(*found)
        return self._keep("linearise", theta, answer)

    def _recall(self, kind: Kind, theta: Vector) -> _Answer | None:
        key = np.asarray(theta, dtype=float).tobytes()
        kinds: tuple[Kind, ...] = ("linearise", "solve") if kind == "solve" else ("linearise",)
        for other in kinds:
            if (other, key) in self._known:
                return self._known[other, key]
            if (other, key) in self._past:
                answer = self._known[other, key] = self._past[other, key]
                self.recalled += 1
                self._note(theta, answer)
                return answer
        return None

    def _keep(self, kind: Kind, theta: Vector, answer: _Answer) -> _Answer:
        self._known[kind, np.asarray(theta, dtype=float).tobytes()] = answer
        if kind == "solve":
            self.solves += 1
        else:
            self.linearised += 1
        self._note(theta, answer)
        if self.journal is not None:
            self.journal.add(kind, theta, answer)
        return answer

    def _note(self, theta: Vector, answer: _Answer) -> None:
        if answer.prediction is None:
            self.failures.append(Failure(tuple(map(float, theta)), answer.sentence))


def _prediction(answer: _Answer) -> Vector:
    if answer.prediction is None:
        raise SolveError(answer.sentence)
    return answer.prediction


def _answer(entry: dict[str, Any]) -> _Answer:
    if "failed" in entry:
        return _Answer(sentence=entry["failed"])
    prediction = decoded(entry["y"])
    if "slopes" not in entry:
        return _Answer(prediction)
    slopes = decoded(entry["slopes"])
    return _Answer(prediction, slopes.reshape(len(prediction), -1))
