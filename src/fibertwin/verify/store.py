"""Rows kept in a folder as they come, so that a verification that was stopped goes on where it was."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from fibertwin.errors import InputError, Problem

from .entry import Finding, Row

NOT_MEASURED = ("report", "case", "cli.py", "demo.py", "doctor.py", "summary.py", "pipeline.py", "plan.py", "stages.py")
"""Parts of the package that no entry runs."""


@dataclass(frozen=True)
class Store:
    """A folder of rows, one file per entry.

    Attributes:
        folder: where the files are.
        stamp: what made them (see ``stamp``); rows of another stamp are measured again.
    """

    folder: Path
    stamp: dict[str, Any]

    def read(self, entry: str) -> list[Row] | None:
        """The rows of an entry; None where they are missing, another program's, or not measured for an error."""
        path = self._path(entry)
        if not path.is_file():
            return None
        kept = json.loads(path.read_text(encoding="utf-8"))
        rows = [row_from(item) for item in kept["rows"]]
        if kept["stamp"] != self.stamp or any(row.finding.verdict == "failed" for row in rows):
            return None
        return rows

    def write(self, entry: str, rows: Sequence[Row]) -> None:
        """Keep the rows of an entry; a file is there whole or not at all."""
        write(self._path(entry), json.dumps({"stamp": self.stamp, "rows": [asdict(row) for row in rows]}, indent=1))

    def _path(self, entry: str) -> Path:
        return self.folder / "entries" / f"{entry.replace('/', '.')}.json"


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        InputError: it cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)  # noqa: PTH105 (what Path.replace does, said plainly)
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be written: {error.strerror}")) from error


def row_from(item: dict[str, Any]) -> Row:
    """A row from what ``dataclasses.asdict`` made of it."""
    return Row(**{**item, "finding": Finding(**item["finding"])})


def stamp(ranks: int) -> dict[str, Any]:
    """What decides the figures: version, sources, DOLFINx and the number of ranks."""
    from fibertwin import stack

    return {
        "fibertwin": metadata.version("fibertwin"),
        "sources": _sources(),
        "dolfinx": stack.version,
        "ranks": ranks,
    }


def _sources() -> str:
    """Short checksum of the modules that entries run."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for folder in sorted(item for item in package.iterdir() if item.name not in NOT_MEASURED):
        files = sorted(folder.resolve().rglob("*.py")) if folder.is_dir() else [folder]
        for file in files:
            if file.suffix == ".py":
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:12]
