"""The pictures of a sweep's report: parallel coordinates, responses, sensitivity indices."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from .journal import Row
from .nearest import coordinates
from .samples import quantity
from .sensitivity import Indices

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 12
"""Inputs and observables that a picture shows; more cannot be told apart."""


def parallel(rows: Sequence[Row], inputs: Sequence[str], observable: str) -> bytes:
    """A line for each member that is done over its inputs to an observable, which gives the color (PNG)."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    shown = list(inputs[:MOST])
    done = [row for row in rows if row.outcome == "done"]
    values = np.array([row.observables[observable] for row in done])
    span = np.ptp(values)
    shares = (values - values.min()) / (span or 1.0)
    points = coordinates([{name: row.sample[name] for name in shown} for row in done])
    figure = Figure(figsize=(1.8 * (len(shown) + 2), 4.2), layout="constrained")
    axes = figure.add_subplot()
    color = colormaps["viridis"]
    for point, share in zip(points, shares, strict=True):
        axes.plot([*point, share], color=color(share), lw=1.0, alpha=0.7)
    for i, name in enumerate(shown):
        _scale(axes, i, [row.sample[name] for row in done])
    last = len(shown)
    _ends(axes, last, f"{values.min():.4g}", f"{values.max():.4g}")
    axes.set_xticks(range(last + 1), [_brief(name) for name in (*shown, observable)], fontsize=9)
    axes.set(yticks=[], ylim=(-0.12, 1.12), xlim=(-0.4, last + 0.4))
    axes.spines[:].set_visible(False)
    return _png(figure)


def _scale(axes: Any, at: int, values: Sequence[object]) -> None:
    found = [quantity(value) for value in values]
    if None in found:
        first = list(dict.fromkeys(map(str, values)))
        _ends(axes, at, first[0], first[-1])
        return
    numbers = [pair[0] for pair in found if pair is not None]
    unit = found[0][1] if found[0] is not None else ""
    _ends(axes, at, f"{min(numbers):.4g} {unit}".strip(), f"{max(numbers):.4g} {unit}".strip())


def _ends(axes: Any, at: int, low: str, high: str) -> None:
    axes.plot([at, at], [0, 1], color="#1c1c1e", lw=1.2)
    axes.annotate(low, (at, 0), (0, -4), textcoords="offset points", ha="center", va="top", fontsize=8)
    axes.annotate(high, (at, 1), (0, 4), textcoords="offset points", ha="center", va="bottom", fontsize=8)


def responses(rows: Sequence[Row], inputs: Sequence[str], observables: Sequence[str]) -> bytes:
    """Every observable over every input, a point for each member that is done (PNG)."""
    from matplotlib.figure import Figure

    done = [row for row in rows if row.outcome == "done"]
    across, down = list(inputs[:MOST]), list(observables[:MOST])
    figure = Figure(figsize=(max(3.1 * len(across), 4.0), 2.5 * len(down)), layout="constrained")
    grid = figure.subplots(len(down), len(across), squeeze=False, sharey="row")
    for number, (line, observable) in enumerate(zip(grid, down, strict=True), start=1):
        for axes, name in zip(line, across, strict=True):
            x, unit = _numbers([row.sample[name] for row in done])
            axes.plot(x, [row.observables[observable] for row in done], ".", ms=5, color="#2b6cb0", alpha=0.75)
            axes.grid(color="#dcdce1", lw=0.6)
            axes.tick_params(labelsize=8)
            if number == len(down):
                axes.set_xlabel(f"{_brief(name)}{f' [{unit}]' if unit else ''}", fontsize=9)
        line[0].set_ylabel(_brief(observable), fontsize=9)
    return _png(figure)


def _numbers(values: Sequence[object]) -> tuple[list[Any], str]:
    found = [quantity(value) for value in values]
    units = {pair[1] for pair in found if pair is not None}
    if None in found or len(units) != 1:
        return [str(value) for value in values], ""
    return [pair[0] for pair in found if pair is not None], units.pop()


def bars(found: Sequence[Indices]) -> bytes:
    """Two bars with confidence intervals for each input, a panel for each observable (PNG)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 1.2 + sum(0.45 * len(one.inputs) + 0.8 for one in found)), layout="constrained")
    panels = figure.subplots(len(found), 1, squeeze=False)[:, 0]
    for axes, one in zip(panels, found, strict=True):
        at = np.arange(len(one.inputs))
        first, total = one.names
        axes.barh(at - 0.19, one.first, 0.36, xerr=one.first_error, label=first, color="#2b6cb0", ecolor="#1c1c1e")
        axes.barh(at + 0.19, one.total, 0.36, xerr=one.total_error, label=total, color="#dd8452", ecolor="#1c1c1e")
        axes.set_yticks(at, [_brief(name) for name in one.inputs], fontsize=9)
        axes.invert_yaxis()
        axes.set_title(one.observable, fontsize=10, loc="left")
        axes.grid(axis="x", color="#dcdce1", lw=0.6)
        axes.set_axisbelow(True)
        axes.legend(fontsize=8, frameon=False)
    return _png(figure)


def _brief(name: str) -> str:
    """A place in two lines, its beginning left out where it is long."""
    parts = name.split(".")
    return ".".join(parts[-4:-2]) + "\n" + ".".join(parts[-2:]) if len(parts) > 2 else name


def _png(figure: "Figure") -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=140)
    return buffer.getvalue()
