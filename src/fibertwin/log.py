"""What a run says while it works: from rank 0 only, a bar on a terminal, else one line per step."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

logger = logging.getLogger("fibertwin")
"""Say things with ``logger.info`` (always shown), ``logger.debug`` (with -v) and ``logger.warning``."""


class _Stderr(logging.Handler):
    """Writes to whatever ``sys.stderr`` is at the time, so that lines and a live bar do not mix."""

    def emit(self, record: logging.LogRecord) -> None:
        prefix = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        print(prefix + record.getMessage(), file=sys.stderr, flush=True)


def configure(rank: int, *, verbose: bool = False) -> None:
    """Let rank 0 speak and every other rank be silent.

    Args:
        rank: this process's rank.
        verbose: also show what is said with ``logger.debug``.
    """
    logger.handlers = [_Stderr()] if rank == 0 else [logging.NullHandler()]
    logger.setLevel(logging.DEBUG if verbose else logging.INFO)
    logger.propagate = False


class Progress(Protocol):
    """How far a task has come."""

    def reached(self, done: float, text: str = "") -> None:
        """Say that ``done`` of the total is reached, and what was just done."""


class _Bar:
    def __init__(self, title: str, total: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Rich

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[said]}"),
        )
        self.live = Rich(*columns, console=Console(stderr=True))
        self.task = self.live.add_task(title, total=total, said="")

    def reached(self, done: float, text: str = "") -> None:
        self.live.update(self.task, completed=done, said=text)


class _Lines:
    def __init__(self, title: str, total: float) -> None:
        self.title, self.total, self.told = title, total, 0

    def reached(self, done: float, text: str = "") -> None:
        tenths = int(10 * done / self.total + 1e-9)
        if text or tenths > self.told:  # a step has something to say; mere advance is told in tenths
            self.told = tenths
            logger.info("%s %3.0f %%%s", self.title, 100 * done / self.total, f"  {text}" if text else "")


class _Silence:
    def reached(self, done: float, text: str = "") -> None:
        """Say nothing: another rank does."""


@contextmanager
def progress(title: str, total: float, rank: int = 0) -> Iterator[Progress]:
    """Show how far a task comes, rank 0 only: a bar on a terminal, elsewhere a line for each step or tenth.

    Args:
        title: what is being done.
        total: what counts as done, in any unit.
        rank: this process's rank.
    """
    if rank != 0:
        yield _Silence()
    elif sys.stderr.isatty():
        bar = _Bar(title, total)
        with bar.live:
            yield bar
    else:
        yield _Lines(title, total)
