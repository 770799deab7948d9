"""Doing things together: one verdict on every rank, so that no rank waits for one that failed."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fibertwin.errors import FibertwinError

if TYPE_CHECKING:
    from mpi4py import MPI


def on_root[T](comm: "MPI.Comm", action: Callable[[], T]) -> T:
    """Run ``action`` on rank 0 and give its result, or its error, to every rank. Collective.

    Raises:
        FibertwinError: on every rank, where ``action`` raised it on rank 0.
    """
    result: T | None = None
    error: FibertwinError | None = None
    if comm.rank == 0:
        try:
            result = action()
        except FibertwinError as caught:
            error = caught
    _wait(comm)
    error = comm.bcast(error)
    if error is not None:
        raise error
    return comm.bcast(result)  # type: ignore[no-any-return]


def together[T](comm: "MPI.Comm", action: Callable[[], T]) -> T:
    """Run ``action`` on every rank; where it fails on any, raise the lowest rank's error on all. Collective.

    ``action`` itself must not communicate.

    Raises:
        FibertwinError: on every rank, where ``action`` raised it on at least one.
    """
    result: T | None = None
    error: FibertwinError | None = None
    try:
        result = action()
    except FibertwinError as caught:
        error = caught
    errors = [e for e in comm.allgather(error) if e is not None]
    if errors:
        raise errors[0]
    return result  # type: ignore[return-value]


def only_root[T](comm: "MPI.Comm", action: Callable[[], T]) -> T | None:
    """Run ``action`` on rank 0 and keep its result there; its error is raised on every rank. Collective.

    Raises:
        FibertwinError: on every rank, where ``action`` raised it on rank 0.
    """
    kept: list[T] = []
    on_root(comm, lambda: kept.append(action()))
    return kept[0] if kept else None


def _wait(comm: "MPI.Comm") -> None:
    """Wait for every rank asleep: a rank that waits inside MPI takes a whole core from the one that works."""
    request = comm.Ibarrier()
    while not request.Test():
        time.sleep(0.002)
