"""Rows as text for people and as JSON for programs."""

import itertools
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from .entry import Finding, Row, Value

HEAD = ("quantity", "target", "ours", "deviation", "band", "verdict", "CPU s")


def sentence(rows: Sequence[Row]) -> str:
    """How the verification went, in one sentence."""
    judged = [row for row in rows if row.finding.verdict != "info"]
    wrong = [row for row in judged if row.finding.verdict != "met"]
    cost = f"{sum(row.cost for row in rows):.0f} CPU s"
    if not wrong:
        return f"All {len(judged)} figures are within their bands ({cost})."
    names = ", ".join(dict.fromkeys(row.entry for row in wrong))
    return f"{len(wrong)} of {len(judged)} figures are out of their bands ({cost}): {names}."


def text(rows: Sequence[Row]) -> str:
    """A table per problem, under its name and the source of its targets."""
    lines = []
    columns = zip(HEAD, *(_cells(row) for row in rows if not in_words(row.finding)), strict=True)
    widths = [max(map(len, column)) for column in columns]
    for (problem, source), part in itertools.groupby(rows, key=lambda row: (row.problem, row.source)):
        lines += ["", problem, f"    target: {source}"] if source else ["", problem]
        lines.append(_line(HEAD, widths))
        lines += [_words(row.finding) if in_words(row.finding) else _line(_cells(row), widths) for row in part]
    return "\n".join([*lines, "", sentence(rows)]).lstrip("\n")


def as_json(rows: Iterable[Row]) -> str:
    """The rows as a list of flat objects; a number that is not finite becomes a word."""
    return json.dumps([_flat(row) for row in rows], indent=1, ensure_ascii=False)


def number(value: Value | None, band: Finding | None = None) -> str:
    """A figure in words, with as many digits as its band asks for."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    digits = 6
    if band is not None and band.low is not None and band.high is not None and band.high > band.low and value:
        half = (band.high - band.low) / 2
        digits = min(10, max(6, 2 + math.ceil(math.log10(abs(value) / half)))) if abs(value) > half else 6
    return f"{value:.{digits}g}"


def deviation(found: Finding) -> str:
    """Ours less the target: in parts of the target where that is not zero."""
    off = found.deviation
    if off is None:
        return ""
    if not isinstance(found.target, float | int) or found.target == 0:
        return f"{off:+.2g}"
    share = off / abs(found.target)
    return f"{100 * share:+.2g} %" if abs(share) >= 1e-5 or share == 0 else f"{share:+.0e}"


def in_words(found: Finding) -> bool:
    """Whether a figure is told in words that need a line of their own."""
    return isinstance(found.ours, str) and found.band == ""


def _words(found: Finding) -> str:
    return f"  {found.quantity}: {found.ours}" + ("  FAILED" if found.verdict == "failed" else "")


def _cells(row: Row) -> tuple[str, ...]:
    found = row.finding
    ours = number(found.ours, found)
    return (
        found.quantity,
        number(found.target, found),
        ours,
        deviation(found),
        found.band,
        found.verdict,
        f"{row.cost:.1f}",
    )


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  " + "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _flat(row: Row) -> dict[str, Any]:
    found = row.finding
    values = {
        "entry": row.entry,
        "group": row.group,
        "problem": row.problem,
        "quantity": found.quantity,
        "target": found.target,
        "source": row.source,
        "ours": found.ours,
        "deviation": found.deviation,
        "band": [found.low, found.high],
        "verdict": found.verdict,
        "cost": round(row.cost, 3),
    }
    return {key: _finite(value) for key, value in values.items()}


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
