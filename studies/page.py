"""The report of a sweep: what was run, how it ended, how observables follow inputs, and which members failed."""

import base64
import json
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path

import numpy as np

from fibertwin.report.style import CSS
from fibertwin.report.text import number, table

from . import drawing
from .journal import Row
from .plan import Sweep
from .sensitivity import Indices, indices, unit_samples

MOST_FAILED = 200
"""Failed members that the page lists; the table has all."""


def write(planned: Sweep, rows: Sequence[Row], folder: Path) -> Path:
    """Write ``report.html``, and ``sensitivity.json`` where the design is one for indices.

    Args:
        planned: the sweep.
        rows: of its members that have ended.
        folder: of the sweep.
    """
    found = sensitivities(planned, rows) if planned.design in ("sobol-indices", "morris") else []
    if found:
        text = json.dumps([asdict(one) for one in found], indent=1, ensure_ascii=False)
        (folder / "sensitivity.json").write_text(text + "\n", encoding="utf-8")
    path = folder / "report.html"
    path.write_text(page(planned, rows, found), encoding="utf-8")
    return path


def sensitivities(planned: Sweep, rows: Sequence[Row]) -> list[Indices]:
    """Indices of every observable, from the members that have ended.

    Raises:
        InputError: too few have ended well.
    """
    shares = unit_samples(len(planned.axes), planned.design, planned.size, planned.seed)
    by_key = {row.key: row for row in rows}
    inputs = [axis.key for axis in planned.axes]
    found = []
    for name in planned.observables:
        observed = [by_key[key].observables if key in by_key else {} for key in planned.keys]
        values = np.array([one.get(name, np.nan) for one in observed])
        found.append(indices(name, inputs, planned.design, shares, values))
    return found


def page(planned: Sweep, rows: Sequence[Row], found: Sequence[Indices]) -> str:
    """The report as one HTML file."""
    title = escape(f"Sweep: {planned.case.title or 'untitled case'}")
    done = [row for row in rows if row.outcome == "done"]
    astray = [row for row in rows if row.outcome != "done"]
    body = [f"<h1>{title}</h1>", _outcome(planned, rows, astray)]
    if done:
        for name in planned.observables[: drawing.MOST]:
            caption = f"Every member that is done, from its inputs to {name}, which gives the color."
            body.append(_figure(drawing.parallel(done, planned.inputs, name), caption))
        picture = drawing.responses(done, planned.inputs, planned.observables)
        body.append(f"<h2>Responses</h2>{_figure(picture, 'Observables over inputs, a point for each member.')}")
        body.append("<h2>Observables</h2>" + _spread(planned, done))
    if found:
        body.append(f"<h2>Sensitivity</h2>{_figure(drawing.bars(found), 'Bars with 95 % confidence intervals.')}")
        body.append(_indices(found))
    if astray:
        listed = [[str(row.number), row.outcome, _sample(row), row.sentence] for row in astray[:MOST_FAILED]]
        body.append("<h2>Members without a result</h2>" + table(("member", "outcome", "sample", "why"), listed, 4))
    head = f'<meta charset="utf-8"><title>{title}</title><style>{CSS}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{"".join(body)}</body></html>\n'


def sentence(planned: Sweep, rows: Sequence[Row]) -> str:
    """How a sweep stands."""
    done, late = (sum(row.outcome == outcome for row in rows) for outcome in ("done", "timeout"))
    warm = sum(row.warm for row in rows)
    text = f"{done} of {len(planned.members)} members are done"
    text += f", {warm} of them from a neighbor's state" if warm else ""
    text += f"; {len(rows) - done - late} failed" if len(rows) > done + late else ""
    text += f"; {late} took too long" if late else ""
    return f"{text}; {sum(row.seconds for row in rows):.0f} s of members in all."


def _outcome(planned: Sweep, rows: Sequence[Row], astray: Sequence[Row]) -> str:
    kind = " failed" if astray else ""
    return f'<p class="outcome{kind}">{escape(sentence(planned, rows))}</p>'


def _spread(planned: Sweep, done: Sequence[Row]) -> str:
    lines = []
    for name in planned.observables:
        values = np.array([row.observables[name] for row in done])
        numbers = (values.min(), *np.percentile(values, (5, 50, 95)), values.max(), values.mean())
        lines.append([name, *(number(float(value), 4) for value in numbers)])
    return table(("observable", "least", "5 %", "median", "95 %", "most", "mean"), lines)


def _indices(found: Sequence[Indices]) -> str:
    told = ""
    for one in found:
        columns = zip(one.inputs, one.first, one.first_error, one.total, one.total_error, strict=True)
        lines = [[name, *(number(value) for value in values)] for name, *values in columns]
        told += f"<h3>{escape(one.observable)}</h3>" + table(("input", one.names[0], "±", one.names[1], "±"), lines)
        if one.dropped:
            told += f'<p class="warn">{one.dropped} members are left out: they, or others of their block, failed.</p>'
    return told


def _sample(row: Row) -> str:
    return ", ".join(f"{key} = {value}" for key, value in row.sample.items())


def _figure(png: bytes, caption: str) -> str:
    picture = base64.b64encode(png).decode("ascii")
    alt = escape(caption)
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{picture}"><figcaption>{alt}</figcaption></figure>'
