"""The engine for one machine: hands members to persistent workers, each the nearest to what the worker has solved."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .dispatch import dispatched
from .nearest import coordinates, nearest, next_for
from .workers import Worker, places

if TYPE_CHECKING:
    from .plan import Member, Sweep

type Ended = tuple["Member", dict[str, Any]]
"""A member and how it ended."""


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

    def choose(worker: Worker, waiting: list[int]) -> tuple[int, Mapping[str, Any]]:
        number = next_for(points, waiting, worker.solved)
        close = nearest(points, number, worker.solved) if sweep.warm else None
        return number, task_of(members[number], "" if close is None else members[close].key)

    for number, answer in dispatched(workers, len(members), choose, sweep.timeout, first_alone=True):
        yield members[number], {**answer, "outcome": "failed"} if answer["outcome"] == "died" else answer


def task_of(member: "Member", near: str = "") -> Mapping[str, Any]:
    """A member as a worker is told of it."""
    return {"sample": member.sample, "key": member.key, "near": near}
