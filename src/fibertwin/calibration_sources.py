"""Where the predictions of a calibration come from: the model on these ranks, or workers that each have one."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import SolveError

if TYPE_CHECKING:
    from fibertwin.calibrate_verb import Modeled
    from fibertwin.calibration import ForwardModel
    from fibertwin.calibration.members import Members
    from fibertwin.calibration_candidates import Possible, Shown
    from fibertwin.case import Case
    from fibertwin.studies.workers import Worker

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Crew:
    """Workers as they are asked for.

    Attributes:
        workers: how many, each with a model of its own.
        ranks: MPI ranks of each.
        timeout: seconds that a solve may take; 0 for any.
    """

    workers: int
    ranks: int = 1
    timeout: float = 0.0


class Here:
    """The model on the ranks of this program. Everything on it is collective.

    Args:
        modeled: the case as a model.
        wanted: what could be measured next.

    Raises:
        InputError: the body has no place for something that the case names.

    Attributes:
        model: one prediction after the other.
        members: predictions that do not wait for each other.
        numbers: names of what is seen (m).
        units: of each.
    """

    def __init__(self, modeled: "Modeled", wanted: "Sequence[Possible]") -> None:
        from fibertwin.calibration.members import OneByOne
        from fibertwin.calibration_candidates import require

        self.model = modeled.model
        require(self.model, wanted)
        self.members = OneByOne(self.model, self.model.anchor)
        self.numbers, self.units = self.model.numbers, self.model.units

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing has to end."""

    def shown(self, wanted: "Sequence[Possible]", theta: Vector) -> "list[Shown]":
        """What further measurements would show at parameters (p,), by further linearised solves."""
        from fibertwin.calibration_candidates import shown

        return shown(self.model, wanted, theta)

    def triangles(self) -> NDArray[np.float64] | None:
        """The body's surface: corners (n, 3, 3) in mm, on rank 0."""
        from fibertwin.patches import gather

        painted = gather(self.model.anatomy)
        return None if painted is None else painted.triangles

    def said(self) -> str:
        """There are no workers."""
        return ""


class Team:
    """Workers on this machine, which are members; the first of them is the model too.

    The others start once the first has solved something, which compiles what all need.

    Args:
        case: what they model.
        names: of the parameters.
        out: folder for their logs.
        crew: how many, and of how many ranks.
        petsc: PETSc options that go before those of the case.

    Attributes:
        names: of the parameters (p).
        numbers: names of what is seen (m).
        units: of each.
        lost: solves whose worker died, and those that took too long.

    Raises:
        InputError: with what is wrong with the case, or mpirun is not there.
        FibertwinError: the first worker does not start.
    """

    def __init__(self, case: "Case", names: tuple[str, ...], out: Path, crew: Crew, petsc: str = "") -> None:
        self._base = {"predicts": True, "case": case.to_dict(), "folder": str(case.folder.resolve()), "petsc": petsc}
        self._logs, self._crew, self._about = out / "log", crew, ""
        self._logs.mkdir(parents=True, exist_ok=True)
        self.names = names
        self.lost: Counter[str] = Counter()
        self._workers: list[Worker] = []
        try:
            self._enlist(1)
            found = self._first({"do": "describe"})
        except BaseException:
            self.__exit__(BaseException)
            raise
        self.numbers, self.units = tuple(found["numbers"]), tuple(found["units"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the workers; at once where something went wrong."""
        for worker in self._workers:
            worker.end(kindly=kind is None)

    @property
    def model(self) -> "ForwardModel":
        """The first worker."""
        return First(self)

    @property
    def members(self) -> "Members":
        """All of them."""
        return self

    def one(self, do: str, theta: Vector) -> dict[str, Any]:
        """The first worker's answer at parameters (p,).

        Raises:
            SolveError: there is none.
        """
        found = self._first(self._task(do, theta))
        self._enlist(self._crew.workers)
        return found

    def about(self, theta: Vector) -> None:
        """Have every worker begin its solves at parameters (p,) from now on."""
        from fibertwin.calibration.coded import coded

        self._about = coded(theta)

    def solve(self, thetas: Matrix) -> Iterator[Vector | SolveError]:
        """Predictions (m,), or the error, in the order of the parameters."""
        for answer in self._all([self._task("solve", theta) for theta in thetas]):
            yield _failure(answer) or _prediction(answer)

    def linearise(self, thetas: Matrix) -> Iterator[tuple[Vector, Matrix] | SolveError]:
        """Predictions (m,) and derivatives (m, p), or the error, in the order of the parameters."""
        for answer in self._all([self._task("linearise", theta) for theta in thetas]):
            yield _failure(answer) or (_prediction(answer), _slopes(answer, len(self.names)))

    def shown(self, wanted: "Sequence[Possible]", theta: Vector) -> "list[Shown]":
        """What further measurements would show at parameters (p,), by the first worker."""
        from fibertwin.calibration.coded import decoded
        from fibertwin.calibration_candidates import Shown

        found = self._first(self._task("possible", theta))["shown"]
        return [Shown(index, decoded(y), decoded(s).reshape(-1, len(self.names))) for index, y, s in found]

    def triangles(self) -> NDArray[np.float64] | None:
        """The body's surface, as the first worker has it: corners (n, 3, 3) in mm."""
        from fibertwin.calibration.coded import decoded

        return decoded(self._first({"do": "paint"})["triangles"]).reshape(-1, 3, 3)

    def said(self) -> str:
        """How many solves ended with their worker, or took too long."""
        told = []
        if self.lost["died"]:
            told.append(f"{self.lost['died']} solves ended with their worker, which was started again")
        if self.lost["timeout"]:
            told.append(f"{self.lost['timeout']} took more than {self._crew.timeout:g} s and were given up")
        return "; ".join(told) + "." if told else ""

    def _task(self, do: str, theta: Vector) -> dict[str, Any]:
        from fibertwin.calibration.coded import coded

        return {"do": do, "theta": coded(theta)} | ({"about": self._about} if self._about else {})

    def _first(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """The first worker's answer.

        Raises:
            SolveError: there is none.
        """
        (answer,) = self._answers([task], self._workers[:1])
        failure = _failure(answer)
        if failure is not None:
            raise failure
        return answer

    def _all(self, tasks: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        self._enlist(self._crew.workers)
        return self._answers(tasks, self._workers)

    def _answers(self, tasks: Sequence[Mapping[str, Any]], workers: "list[Worker]") -> Iterator[dict[str, Any]]:
        """Answers in the order of the tasks, each as soon as it and all before it are there."""
        from fibertwin.log import logger
        from fibertwin.studies.dispatch import dispatched

        early: dict[int, dict[str, Any]] = {}
        wanted = 0
        ended = dispatched(workers, len(tasks), lambda _, waiting: (waiting[0], tasks[waiting[0]]), self._crew.timeout)
        for number, answer in ended:
            if answer["outcome"] in ("died", "timeout"):
                self.lost[answer["outcome"]] += 1
                logger.warning("%s", answer["sentence"])
            early[number] = answer
            while wanted in early:
                yield early.pop(wanted)
                wanted += 1

    def _enlist(self, count: int) -> None:
        from fibertwin.studies.workers import Worker

        while len(self._workers) < count:
            self._workers.append(Worker(str(len(self._workers)), self._base, self._crew.ranks, self._logs))


@dataclass(frozen=True, eq=False)
class First:
    """The first worker of a team as a forward model.

    Attributes:
        team: whose.
    """

    team: Team

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""
        return self.team.names

    def solve(self, theta: Vector) -> Vector:
        """Predictions (m,).

        Raises:
            SolveError: there are none.
        """
        return _prediction(self.team.one("solve", theta))

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (m,) and derivatives (m, p).

        Raises:
            SolveError: there are none.
        """
        answer = self.team.one("linearise", theta)
        return _prediction(answer), _slopes(answer, len(self.names))


def _failure(answer: Mapping[str, Any]) -> SolveError | None:
    return None if answer["outcome"] == "done" else SolveError(str(answer["sentence"]))


def _prediction(answer: Mapping[str, Any]) -> Vector:
    from fibertwin.calibration.coded import decoded

    return decoded(answer["y"])


def _slopes(answer: Mapping[str, Any], count: int) -> Matrix:
    from fibertwin.calibration.coded import decoded

    return decoded(answer["slopes"]).reshape(-1, count)


type Source = Here | Team
"""What predicts, and shows what more there is to see on the body."""
