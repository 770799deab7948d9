"""What every benchmark prints: rows of quantity, target, ours, verdict and cost, as a table, as JSON or as Markdown."""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
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


def main(
    measure: Callable[[argparse.Namespace], list[Row]], parser: argparse.ArgumentParser, *, solves: bool = False
) -> None:
    """Run a benchmark as a program: a table, or with ``--json`` a list; exit code 1 where a target is missed.

    Programs that measure solves have three options in common: how much to measure, how finely, and how long.
    """
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    parser.add_argument("--markdown", type=Path, help="write the table to this file too, with machine and versions")
    if solves:
        parser.add_argument("--full", action="store_true", help="every size that has a target; takes long")
        parser.add_argument("--parts", action="store_true", help="tell what processor time goes into")
        parser.add_argument("--repeats", type=int, default=1, help="runs of each solve, of which the cheapest counts")
        parser.add_argument("--limit", type=float, default=600.0, help="seconds of wall that a solve may take")
    arguments = parser.parse_args()
    rows = measure(arguments)
    if arguments.markdown is not None:
        arguments.markdown.parent.mkdir(parents=True, exist_ok=True)
        arguments.markdown.write_text(as_markdown(parser.prog, rows), encoding="utf-8")
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


def as_markdown(title: str, rows: list[Row]) -> str:
    """The rows as a page that stands by itself: what was run, on what machine, with which versions, at which commit."""
    from _machine import machine

    lines = [f"# {title}", "", *(f"- {name}: {words}" for name, words in machine().items()), ""]
    lines += ["| quantity | target | ours | verdict | cost |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row.quantity, _text(row.target), _text(row.ours), row.verdict, row.cost)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines) + "\n"


def _text(figure: Figure) -> str:
    """Four or more digits of a number, whole numbers with thousands set apart."""
    if isinstance(figure, str):
        return figure
    return f"{figure:,}" if isinstance(figure, int) else f"{figure:.4g}" if abs(figure) < 1e4 else f"{figure:,.0f}"


def _finite(figure: Figure) -> Figure:
    return str(figure) if isinstance(figure, float) and not math.isfinite(figure) else figure
