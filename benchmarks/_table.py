"""What every benchmark prints: rows of quantity, target, ours, verdict and cost, as a table or as JSON."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Literal

Figure = float | str
"""A number wherever the figure is one, so that a program can read it; else words."""


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        quantity: what was measured, with its unit.
        target: what is wanted, in words or numbers; empty where the figure is only told.
        ours: what was measured.
        verdict: ``met`` or ``missed``; ``info`` where there is no target.
        cost: what it took, such as ``"3.1 s"``, with the ranks where it was more than one.
    """

    quantity: str
    target: Figure
    ours: Figure
    verdict: Literal["met", "missed", "info"]
    cost: str = ""


def judged(quantity: str, target: Figure, ours: Figure, met: bool, cost: object = "") -> Row:
    """A row with a target."""
    return Row(quantity, target, ours, "met" if met else "missed", str(cost))


def below(quantity: str, limit: float, ours: float, cost: object = "") -> Row:
    """A row whose target is a number not to be exceeded; NaN misses it."""
    return judged(quantity, f"<= {limit:g}", ours, bool(ours <= limit), cost)


def told(quantity: str, ours: Figure, cost: object = "") -> Row:
    """A row without a target."""
    return Row(quantity, "", ours, "info", str(cost))


@dataclass
class Clock:
    """Wall and processor seconds since a block began; they stand still once it has ended."""

    start: float = field(default_factory=time.perf_counter)
    start_cpu: float = field(default_factory=time.process_time)
    end: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        return (self.end[0] if self.end is not None else time.perf_counter()) - self.start

    @property
    def cpu_seconds(self) -> float:
        """Of this process with all its threads: another job's load does not change it much."""
        return (self.end[1] if self.end is not None else time.process_time()) - self.start_cpu

    def __str__(self) -> str:
        return f"{self.seconds:.3g} s"


@contextmanager
def clock() -> Iterator[Clock]:
    """Time a block."""
    running = Clock()
    yield running
    running.end = time.perf_counter(), time.process_time()


def main(measure: Callable[[argparse.Namespace], list[Row]], parser: argparse.ArgumentParser) -> None:
    """Run a benchmark as a program: a table, or with ``--json`` a list; exit code 1 where a target is missed."""
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    arguments = parser.parse_args()
    rows = measure(arguments)
    print(as_json(rows) if arguments.json else table(rows))
    sys.exit(any(row.verdict == "missed" for row in rows))


def as_json(rows: list[Row]) -> str:
    """The rows as a list of objects; a number that is not finite becomes a word, as JSON knows none such."""
    return json.dumps([{k: _finite(v) for k, v in asdict(row).items()} for row in rows], indent=1, ensure_ascii=False)


def table(rows: list[Row]) -> str:
    """The rows as text in columns."""
    lines = [("quantity", "target", "ours", "verdict", "cost")]
    lines += [(row.quantity, _text(row.target), _text(row.ours), row.verdict, row.cost) for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return "\n".join("  ".join(word.ljust(w) for word, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _text(figure: Figure) -> str:
    """Three or more digits of a number, whole numbers with thousands set apart."""
    if isinstance(figure, str):
        return figure
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.3g}" if abs(figure) < 1e3 else f"{figure:,.0f}"


def _finite(figure: Figure) -> Figure:
    return str(figure) if isinstance(figure, float) and not math.isfinite(figure) else figure
