"""Running entries one after the other: progress, cost, errors that end an entry and not the suite."""

import fnmatch
import resource
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fibertwin.errors import FibertwinError, InputError, Problem
from fibertwin.log import logger, progress
from fibertwin.parallel import on_root

from .entry import Entry, Finding, Row
from .store import Store

if TYPE_CHECKING:
    from mpi4py import MPI

FAILURES = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What a broken entry may raise beside our own errors: told in its row; on one rank only, it stops a parallel run."""

type Keep = Callable[[Entry, Sequence[Row]], None]


def chosen(entries: Sequence[Entry], *, quick: bool = False, only: str = "") -> tuple[Entry, ...]:
    """The entries to be run.

    Args:
        entries: all there are.
        quick: leave out those that take long.
        only: part of a name, or a pattern such as ``land/*``.

    Raises:
        InputError: there is none.
    """
    found = tuple(e for e in entries if (e.quick or not quick) and _matches(e.name, only))
    if not found:
        known = ", ".join(sorted({entry.group for entry in entries}))
        raise InputError(Problem("--only", "matches no entry", only, f"part of a name; groups are {known}"))
    return found


def _matches(name: str, only: str) -> bool:
    return only in name or fnmatch.fnmatch(name, only)


def run(entries: Sequence[Entry], comm: "MPI.Comm", store: Store | None = None, *, fresh: bool = False) -> list[Row]:
    """Run entries in turn. Collective.

    Args:
        entries: what to run.
        comm: the ranks.
        store: keeps rows as they come; entries whose rows it has are not run again.
        fresh: run those too.

    Returns:
        the rows of all entries, the same on every rank.
    """
    rows: list[Row] = []
    with progress("verify", len(entries), comm.rank) as shown:
        for number, entry in enumerate(entries):
            kept = None if store is None or fresh else on_root(comm, partial(store.read, entry.name))
            shown.reached(number, f"{entry.name}{'' if kept is None else ', done before'}")
            if kept is None:
                kept = comm.bcast(_rows(entry, comm))
                if store is not None:
                    on_root(comm, partial(store.write, entry.name, kept))
            rows += kept
        shown.reached(len(entries), "done")
    return rows


def _rows(entry: Entry, comm: "MPI.Comm") -> list[Row]:
    """The rows of one entry; an error becomes the last of them. Collective."""
    rows: list[Row] = []
    before = _processor_seconds(comm)
    for finding in _findings(entry, comm):
        after = _processor_seconds(comm)
        rows.append(
            Row(entry.name, entry.group, entry.problem, finding, finding.source or entry.source, after - before)
        )
        before = after
    return rows


def _findings(entry: Entry, comm: "MPI.Comm") -> Iterator[Finding]:
    try:
        yield from entry.measure(comm)
    except FibertwinError as error:  # raised on every rank alike
        yield _failed(str(error))
    except FAILURES as error:
        if comm.size > 1:
            raise
        logger.warning("%s", "".join(traceback.format_exception(error)))
        yield _failed(f"{type(error).__name__}: {error}")


def _failed(sentence: str) -> Finding:
    return Finding("ends without an error", "yes", " ".join(sentence.split()), None, None, "", "failed")


def _processor_seconds(comm: "MPI.Comm") -> float:
    """Processor seconds so far of all ranks, with the compilers that they have called. Collective."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return float(comm.allreduce(sum(part.ru_utime + part.ru_stime for part in used)))
