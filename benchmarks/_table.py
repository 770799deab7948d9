"""What every benchmark prints: rows of quantity, target, ours, verdict and cost, as a table or as JSON."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        quantity: what was measured, with its unit.
        target: what is wanted, in words or numbers; empty where the figure is only reported.
        ours: what was measured.
        verdict: ``met``, ``missed`` or ``reported``.
        cost: what it took, such as ``"3.1 s"``.
    """

    quantity: str
    target: str
    ours: str
    verdict: str
    cost: str = ""


def judged(quantity: str, target: str, ours: str, met: bool, cost: str = "") -> Row:
    """A row with a target."""
    return Row(quantity, target, ours, "met" if met else "missed", cost)


def reported(quantity: str, ours: str, cost: str = "") -> Row:
    """A row without a target."""
    return Row(quantity, "", ours, "reported", cost)


@dataclass
class Clock:
    """Seconds since a block began; they stand still once it has ended."""

    start: float = field(default_factory=time.perf_counter)
    end: float | None = None

    @property
    def seconds(self) -> float:
        return (self.end if self.end is not None else time.perf_counter()) - self.start

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s"


@contextmanager
def clock() -> Iterator[Clock]:
    """Time a block."""
    running = Clock()
    yield running
    running.end = time.perf_counter()


def main(measure: Callable[[argparse.Namespace], list[Row]], parser: argparse.ArgumentParser) -> None:
    """Run a benchmark as a program: a table, or with ``--json`` a list; exit code 1 where a target is missed."""
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    arguments = parser.parse_args()
    rows = measure(arguments)
    print(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) if arguments.json else table(rows))
    sys.exit(any(row.verdict == "missed" for row in rows))


def table(rows: list[Row]) -> str:
    """The rows as text in columns."""
    lines = [("quantity", "target", "ours", "verdict", "cost")]
    lines += [(row.quantity, row.target, row.ours, row.verdict, row.cost) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return "\n".join("  ".join(word.ljust(w) for word, w in zip(line, widths, strict=True)).rstrip() for line in lines)
