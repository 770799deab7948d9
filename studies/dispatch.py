"""Tasks handed to persistent workers: whoever is free gets the next, whoever dies or hangs is started again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fibertwin.errors import FibertwinError, InputError, Problem

from .workers import Worker, listen

type Choose = Callable[[Worker, list[int]], tuple[int, Mapping[str, Any]]]
"""For a free worker and the numbers of the tasks that wait: which it gets, and the task."""

STARTS = 3
"""Times that a worker may die before it has begun anything."""


def dispatched(
    workers: Sequence[Worker], count: int, choose: Choose, timeout: float = 0.0, *, first_alone: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Hand tasks out and give each one's number and answer as it ends.

    Args:
        workers: all of them.
        count: how many tasks there are.
        choose: which one a free worker gets.
        timeout: seconds that a task may take; 0 for any.
        first_alone: whether the others wait until the first task has ended: it compiles what all need.

    Raises:
        InputError: what a worker was told first is wrong.
        FibertwinError: workers do not start.
    """
    waiting, ended, deaths, alone = list(range(count)), 0, 0, first_alone
    while ended < count:
        for worker in workers:
            free = worker.ready and worker.task is None
            if free and waiting and not (alone and any(other.task is not None for other in workers)):
                number, task = choose(worker, waiting)
                waiting.remove(number)
                worker.give(number, task)
        for worker, answer in listen(list(workers), timeout):
            number_or_none, outcome = worker.task, answer["outcome"]
            if outcome == "ready":
                worker.ready = True
                continue
            if outcome in ("unfit", "observable", "wrong"):
                raise refusal(answer)
            if outcome in ("died", "timeout"):
                deaths += number_or_none is None
                if deaths >= STARTS:
                    raise FibertwinError(f"Workers do not start. {answer['sentence']}")
                worker.end(kindly=False)
                worker.start()
            if number_or_none is None:
                continue
            worker.task, alone, ended = None, False, ended + 1
            if outcome == "done":
                worker.solved.append(number_or_none)
            yield number_or_none, answer
            if outcome in ("died", "timeout"):
                break  # the other answers are read anew: this worker's pipes are new


def refusal(answer: Mapping[str, Any]) -> FibertwinError:
    """The error that ends everything."""
    if answer["outcome"] == "wrong":
        return InputError(Problem(**one) for one in answer["problems"])
    if answer["outcome"] == "observable":
        return InputError(Problem("", str(answer["sentence"])))
    return FibertwinError(str(answer["sentence"]))
