"""What is known of a sweep's members, on disk: a JSON line for each that ended, safe against a kill at any instant."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from fibertwin.errors import InputError, Problem

Ending = Literal["done", "failed", "timeout"]


@dataclass(frozen=True)
class Row:
    """How one member ended.

    Attributes:
        key: content hash of model, sample and version.
        number: its place in the sweep, from 0.
        sample: values by their place in the case file.
        outcome: ``done``, ``failed`` (the case or its solve) or ``timeout``.
        observables: numbers by their name; empty unless done.
        sentence: how it ended, for a person.
        seconds: wall time of this member.
        newton: Newton iterations.
        warm: whether it started from a solved neighbor.
        ranks: on which it ran.
    """

    key: str
    number: int
    sample: Mapping[str, Any]
    outcome: Ending
    observables: Mapping[str, float] = field(default_factory=dict)
    sentence: str = ""
    seconds: float = 0.0
    newton: int = 0
    warm: bool = False
    ranks: int = 1


class Journal:
    """The file ``journal.jsonl`` of a sweep's folder; a line counts once it is on the disk.

    Args:
        folder: of the sweep, which exists.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        self.rows: dict[str, Row] = {}

    @contextmanager
    def opened(self) -> Iterator["Journal"]:
        """Hold the journal for one process alone, with all that it says read and a torn last line cut off.

        Raises:
            InputError: another sweep holds it, or it is no journal.
        """
        with self.path.open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                what, hint = "is in use by another sweep", "wait for it, or give another folder"
                raise InputError(Problem(str(self.path.parent), what, hint=hint)) from error
            self._recover(file)
            self._file = file
            yield self

    def add(self, row: Row) -> None:
        """Write a line and see it onto the disk before anything else happens."""
        line = (json.dumps(asdict(row), allow_nan=False, ensure_ascii=False) + "\n").encode()
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())
        self.rows[row.key] = row

    def _recover(self, file: Any) -> None:
        file.seek(0)
        whole, newline, torn = file.read().rpartition(b"\n")
        if torn:
            file.truncate(len(whole) + len(newline))
        self.rows = {}
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                row = Row(**json.loads(line))
            except (ValueError, TypeError) as error:
                what, hint = "is no line of a journal", "mend or remove that line"
                raise InputError(Problem(f"{self.path}, line {number}", what, hint=hint)) from error
            self.rows[row.key] = row
