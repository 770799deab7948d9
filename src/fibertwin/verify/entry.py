"""What a verification is made of: entries that each measure some figures, and bands that judge them."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from fibertwin.errors import FibertwinError

if TYPE_CHECKING:
    from mpi4py import MPI

Verdict = Literal["met", "missed", "failed", "info"]
"""``met``: within its band; ``missed``: out of it; ``failed``: not measured, for an error; ``info``: has no band."""

Value = float | str


class OutOfBandError(FibertwinError):
    """Some figures are out of their bands, or could not be measured."""


@dataclass(frozen=True)
class Finding:
    """One figure that an entry measured.

    Attributes:
        quantity: what it is, with its unit.
        target: what it should be, a number or words.
        ours: what it is here.
        low: least value within the band; None where there is no such bound.
        high: greatest value within the band.
        band: the band in words.
        verdict: whether the figure is within.
        source: where the target is from, if not from where the entry's are.
    """

    quantity: str
    target: Value
    ours: Value
    low: float | None
    high: float | None
    band: str
    verdict: Verdict
    source: str = ""

    @property
    def deviation(self) -> float | None:
        """Ours less the target, where both are numbers."""
        if isinstance(self.target, str) or isinstance(self.ours, str):
            return None
        return self.ours - self.target


def near(
    quantity: str, target: float, ours: float, *, relative: float | None = None, absolute: float = 0.0, source: str = ""
) -> Finding:
    """A figure that should be a number, give or take.

    Args:
        quantity: what it is, with its unit.
        target: the number.
        ours: what was measured.
        relative: half-width of the band over the target's size; excludes ``absolute``.
        absolute: half-width of the band.
        source: where the target is from, if not from where the entry's are.
    """
    half = absolute if relative is None else relative * abs(target)
    band = f"± {absolute:.3g}" if relative is None else f"± {_share(relative)}"
    return _judged(quantity, target, ours, target - half, target + half, band, source)


def within(
    quantity: str, low: float, high: float, ours: float, *, target: float | None = None, source: str = ""
) -> Finding:
    """A figure that should lie between two numbers; the target is their mean where it is not given."""
    middle = (low + high) / 2 if target is None else target
    return _judged(quantity, middle, ours, low, high, f"{low:.6g} to {high:.6g}", source)


def at_most(quantity: str, high: float, ours: float, *, source: str = "") -> Finding:
    """An error that should be small."""
    return _judged(quantity, f"≤ {high:g}", ours, None, high, f"≤ {high:g}", source)


def at_least(quantity: str, low: float, ours: float, *, source: str = "") -> Finding:
    """A figure, such as a rate, that should be great."""
    return _judged(quantity, f"≥ {low:g}", ours, low, None, f"≥ {low:g}", source)


def told(quantity: str, ours: Value, *, target: Value = "", source: str = "") -> Finding:
    """A figure that is told only."""
    return Finding(quantity, target, ours, None, None, "", "info", source)


def _judged(
    quantity: str, target: Value, ours: float, low: float | None, high: float | None, band: str, source: str
) -> Finding:
    value = float(ours)
    inside = math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)
    return Finding(quantity, target, value, low, high, band, "met" if inside else "missed", source)


def _share(part: float) -> str:
    return f"{100 * part:.3g} %" if part >= 1e-4 else f"{part:.0e} of it"


@dataclass(frozen=True)
class Row:
    """One line of the verification.

    Attributes:
        entry: name of the entry.
        group: group of the entry.
        problem: the problem in words.
        finding: the figure.
        source: where its target is from.
        cost: processor seconds that it took on all ranks together, compilers included.
    """

    entry: str
    group: str
    problem: str
    finding: Finding
    source: str
    cost: float


Measure = Callable[["MPI.Comm"], Iterable[Finding]]


@dataclass(frozen=True)
class Entry:
    """One problem that is solved and compared.

    Attributes:
        name: what picks it on the command line: ``group/problem`` or ``group/problem/case``.
        problem: the problem in words.
        source: where its targets are from.
        measure: yields its figures, the same on every rank; collective.
        quick: whether it is part of ``verify --quick``.
    """

    name: str
    problem: str
    source: str
    measure: Measure
    quick: bool = False

    @property
    def group(self) -> str:
        """The group that the entry belongs to."""
        return self.name.partition("/")[0]


_entries: dict[str, Entry] = {}


def entries_of(group: str) -> Iterator[Entry]:
    """The entries of a group, in the order of its file."""
    return (entry for entry in _entries.values() if entry.group == group)


def entry(
    problem: str, source: str, *, quick: bool | Iterable[str] = False, cases: Mapping[str, Any] | None = None
) -> Callable[[Callable[..., Iterable[Finding]]], Callable[..., Iterable[Finding]]]:
    """Make a function that yields findings an entry, or one entry per case; its name is that of module and function.

    Args:
        problem: the problem in words; ``{case}`` stands for the case's name.
        source: where the targets are from.
        quick: whether it is part of ``verify --quick``, or which of its cases are.
        cases: by name what the function is given after the communicator.
    """

    def declare(measure: Callable[..., Iterable[Finding]]) -> Callable[..., Iterable[Finding]]:
        base = f"{measure.__module__.rpartition('.')[2]}/{_slug(measure.__name__)}"
        if cases is None:
            _add(Entry(base, problem, source, measure, bool(quick)))
            return measure
        fast = set(cases) if quick is True else set(quick or ())
        for case, value in cases.items():
            _add(Entry(f"{base}/{_slug(case)}", problem.format(case=case), source, _with(measure, value), case in fast))
        return measure

    return declare


def _slug(name: str) -> str:
    """A name that a shell and a file system take as it is."""
    return re.sub(r"[^\w.]+", "-", name.replace("_", "-")).strip("-") if not re.fullmatch(r"-?[\d.]+", name) else name


def _with(measure: Callable[..., Iterable[Finding]], value: Any) -> Measure:
    return lambda comm: measure(comm, value)


def _add(new: Entry) -> None:
    if new.name in _entries:
        raise ValueError(f"there are two entries {new.name}")
    _entries[new.name] = new
