"""Measured numbers as they arrive: one by one with name, time and noise, in batches that say where they are from."""

import csv
import getpass
import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from fibertwin.errors import InputError, Problem

from .mixed_noise import Blocks, Faded
from .noise import Gaussian, Noise, Poisson, StudentT
from .target import Measurement

Scatter = Literal["normal", "student", "count"]
COLUMNS = ("name", "value", "sd", "time", "noise")
"""Columns of a file of readings; any other is a circumstance."""


@dataclass(frozen=True)
class Reading:
    """A measured number.

    Attributes:
        name: what was measured.
        value: the number.
        sd: its standard deviation, or the width of Student's distribution; None for counts.
        time: when.
        noise: how it scatters: ``normal``, ``student`` (4 degrees of freedom, bears outliers), or ``count`` (Poisson).
        given: circumstances by name: a dose, a load.
    """

    name: str
    value: float
    sd: float | None
    time: float = 0.0
    noise: Scatter = "normal"
    given: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and math.isfinite(self.time)):
            raise ValueError(f"the value and the time of {self.name} must be finite")
        if self.noise == "count":
            if self.value < 0 or self.value != round(self.value):
                raise ValueError(f"a count is a whole number that is not negative; {self.name} is {self.value:g}")
        elif self.sd is None or not (math.isfinite(self.sd) and self.sd > 0):
            raise ValueError(f"the standard deviation of {self.name} must be positive")

    @property
    def place(self) -> tuple[str, float, tuple[tuple[str, float], ...]]:
        """What was measured, when and under which circumstances."""
        return self.name, self.time, self.given

    def said(self) -> str:
        """In words."""
        circumstances = "".join(f", {name} {value:g}" for name, value in self.given)
        return f"{self.name} at time {self.time:g}{circumstances}"

    def apart(self, other: "Reading") -> float:
        """How far another reading of the same is, in standard deviations of their difference."""
        own, others = (r.value + 1 if r.sd is None else r.sd**2 for r in (self, other))
        return abs(self.value - other.value) / math.sqrt(own + others)


@dataclass(frozen=True)
class Source:
    """Where readings are from.

    Attributes:
        name: of a file, or of whatever they are from.
        sha256: the file's checksum; empty where there is no file.
        who: who brought them.
        when: when they were brought, in ISO 8601.
    """

    name: str = ""
    sha256: str = ""
    who: str = ""
    when: str = ""


@dataclass(frozen=True)
class Batch:
    """Readings that arrive together.

    Attributes:
        readings: what was measured.
        source: where they are from.
    """

    readings: tuple[Reading, ...]
    source: Source = field(default_factory=Source)

    def __post_init__(self) -> None:
        if not self.readings:
            raise ValueError("a batch without readings says nothing")

    @property
    def fingerprint(self) -> str:
        """Checksum of the readings, whatever their order and source."""
        rows = sorted(json.dumps(asdict(reading), sort_keys=True) for reading in self.readings)
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:16]


def read_batch(path: Path | str, who: str | None = None, when: datetime | None = None) -> Batch:
    """Readings of a CSV file with columns name, value, sd, and maybe time and noise.

    Other columns are circumstances (``dose``, ``load``), numbers; empty where one does not apply. Counts have
    ``count`` in the column noise, and no sd.

    Args:
        path: the file.
        who: who brings it; whoever runs this if left out.
        when: when; now if left out.

    Raises:
        InputError: the file is not there, lacks a column, or rows are wrong; all of them are named.
    """
    path = Path(path)
    try:
        text = path.read_bytes()
        table = csv.DictReader(text.decode("utf-8-sig").splitlines(), skipinitialspace=True)
        rows = [(table.line_num, row) for row in table]
    except FileNotFoundError as error:
        raise InputError(Problem(str(path), "is not there")) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(Problem(str(path), "is no table of readings", hint="save it as CSV, UTF-8")) from error
    header = tuple(name.strip() for name in table.fieldnames or ())
    lacking = [name for name in ("name", "value") if name not in header]
    if lacking or not rows:
        what = "has no column " + " and no column ".join(lacking) if lacking else "has no rows"
        raise InputError(Problem(str(path), what, ", ".join(header), "name,value,sd,time"))
    readings, problems = [], []
    for number, row in rows:
        try:
            readings.append(_reading(row))
        except ValueError as error:
            problems.append(Problem(f"{path}:{number}", str(error)))
    if problems:
        raise InputError(problems)
    stamp = (when or datetime.now(UTC)).isoformat(timespec="seconds")
    return Batch(tuple(readings), Source(path.name, hashlib.sha256(text).hexdigest(), who or user(), stamp))


def user() -> str:
    """Who runs this; empty where the machine does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in many containers
        return ""


def ordered(readings: Iterable[Reading]) -> tuple[Reading, ...]:
    """Readings in an order that does not hang on how they came: those of a kind together, then by time and name."""
    return tuple(sorted(readings, key=lambda r: (*_kind(r), r.time, r.name, r.given, r.value, r.sd or 0.0)))


def measured(readings: Sequence[Reading], shares: Sequence[float] | None = None) -> Measurement:
    """Readings in order as one measurement.

    Args:
        readings: as ``ordered`` has them.
        shares: how much each still counts; fully without it.
    """
    worth = [1.0] * len(readings) if shares is None else list(shares)
    blocks: list[list[int]] = []
    for index, reading in enumerate(readings):
        before = blocks[-1][-1] if blocks else None
        if before is not None and _kind(readings[before]) == _kind(reading) and worth[before] == worth[index]:
            blocks[-1].append(index)
        else:
            blocks.append([index])
    parts = [_noise([readings[i] for i in block], worth[block[0]]) for block in blocks]
    noise = parts[0] if len(parts) == 1 else Blocks(tuple(parts), tuple(len(block) for block in blocks))
    return Measurement(tuple(r.value for r in readings), noise, tuple(r.said() for r in readings))


def _noise(readings: Sequence[Reading], share: float) -> Noise:
    kind, width = _kind(readings[0])
    noise: Noise
    if kind == "count":
        noise = Poisson()
    elif kind == "student":
        noise = StudentT(width)
    else:
        noise = Gaussian(tuple(float(reading.sd or 0.0) for reading in readings))
    return noise if share == 1 else Faded(noise, share)


def _kind(reading: Reading) -> tuple[str, float]:
    """Readings of one kind share a noise."""
    return reading.noise, float(reading.sd or 0.0) if reading.noise == "student" else 0.0


def _reading(row: dict[str, str | None]) -> Reading:
    if None in row or None in row.values():
        raise ValueError("has not as many cells as the header")
    cells = {str(name).strip(): str(cell).strip() for name, cell in row.items()}
    if not cells["name"]:
        raise ValueError("has no name")
    scatter: tuple[Scatter, ...] = get_args(Scatter)
    noise = next((kind for kind in scatter if kind == (cells.get("noise") or "normal")), None)
    if noise is None:
        raise ValueError(f"noise {cells['noise']!r} is none of {', '.join(scatter)}")
    sd = cells.get("sd", "")
    given = tuple(sorted((name, _number(name, cell)) for name, cell in cells.items() if name not in COLUMNS and cell))
    return Reading(
        cells["name"],
        _number("value", cells["value"]),
        _number("sd", sd) if sd else None,
        _number("time", cells["time"]) if cells.get("time") else 0.0,
        noise,
        given,
    )


def _number(name: str, cell: str) -> float:
    try:
        found = float(cell)
    except ValueError:
        found = math.nan
    if not np.isfinite(found):
        raise ValueError(f"{name} {cell!r} is no number")
    return found
