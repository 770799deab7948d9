"""The engine for one machine: hands members to persistent workers, each the nearest to what the worker has solved."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import FibertwinError, InputError, Problem

from .nearest import coordinates, nearest, next_for
from .workers import Worker, listen, places

if TYPE_CHECKING:
    from .plan import Member, Sweep

type Ended = tuple["Member", dict[str, Any]]
"""A member and how it ended."""

STARTS = 3
"""Times that a worker may die before it has begun anything."""


def run(sweep: "Sweep", members: Sequence["Member"], folder: Path, at_once: int = 0) -> Iterator[Ended]:
    """Run members and yield each as it ends.

    The first member runs alone: it compiles what all need, and tells whether the observables exist.

    Args:
        sweep: what they belong to.
        members: those still to run.
        folder: for the workers' logs.
        at_once: how many to run at a time; 0 for as many as the machine holds.

    Raises:
        InputError: an observable does not exist.
        FibertwinError: workers do not start.
    """
    count = min(at_once or places(sweep.ranks), len(members))
    logs = folder / "log"
    logs.mkdir(exist_ok=True)
    base = base_of(sweep)
    workers = [Worker(str(i), base, sweep.ranks, logs) for i in range(count)]
    try:
        yield from _dispatched(sweep, members, workers)
    except BaseException:
        for worker in workers:
            worker.end(kindly=False)
        raise
    for worker in workers:
        worker.end(kindly=True)


def base_of(sweep: "Sweep") -> dict[str, Any]:
    """What a worker is told first."""
    return {
        "case": sweep.case.to_dict(),
        "folder": str(sweep.case.folder.resolve()),
        "observables": list(sweep.observables),
        "petsc": sweep.petsc,
    }


def _dispatched(sweep: "Sweep", members: Sequence["Member"], workers: list[Worker]) -> Iterator[Ended]:
    points = coordinates([member.sample for member in members])
    waiting, ended, deaths = list(range(len(members))), 0, 0
    alone = True
    while ended < len(members):
        for worker in workers:
            free = worker.ready and worker.task is None
            if free and waiting and not (alone and any(other.task is not None for other in workers)):
                number = next_for(points, waiting, worker.solved)
                waiting.remove(number)
                close = nearest(points, number, worker.solved) if sweep.warm else None
                near = "" if close is None else members[close].key
                worker.give(number, task_of(members[number], near))
        for worker, answer in listen(workers, sweep.timeout):
            number_or_none, outcome = worker.task, answer["outcome"]
            if outcome == "ready":
                worker.ready = True
                continue
            if outcome in ("unfit", "observable"):
                raise refusal(answer)
            if outcome in ("died", "timeout"):
                deaths += number_or_none is None
                if deaths >= STARTS:
                    raise FibertwinError(f"Workers do not start. {answer['sentence']}")
                worker.end(kindly=False)
                worker.start()
                answer = {**answer, "outcome": "failed" if outcome == "died" else outcome}
            if number_or_none is None:
                continue
            worker.task, alone, ended = None, False, ended + 1
            if outcome == "done":
                worker.solved.append(number_or_none)
            yield members[number_or_none], answer
            if outcome in ("died", "timeout"):
                break  # the other answers are read anew: this worker's pipes are new


def task_of(member: "Member", near: str = "") -> Mapping[str, Any]:
    """A member as a worker is told of it."""
    return {"sample": member.sample, "key": member.key, "near": near}


def refusal(answer: Mapping[str, Any]) -> FibertwinError:
    """The error that ends a whole sweep."""
    if answer["outcome"] == "observable":
        return InputError(Problem("", str(answer["sentence"])))
    return FibertwinError(str(answer["sentence"]))
