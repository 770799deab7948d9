"""The report of a virtual experiment: what to choose, how sure that is, what each candidate would do; one HTML file."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fibertwin.calibration_page import _picture
from fibertwin.report.drawing import FAINT, GREY, INK, REGION_COLORS, Picture, figure, plain, png
from fibertwin.report.style import CSS
from fibertwin.report.text import number, table

if TYPE_CHECKING:
    from fibertwin.calibration import Experiment
    from fibertwin.calibration.decisions import Judged
    from fibertwin.calibration.information import Estimate

BLUE, ORANGE, GREEN = REGION_COLORS[:3]
BINS = 16


def write_decision_report(
    found: "Experiment", path: Path, *, title: str, pictures: Mapping[str, Picture] | None = None
) -> Path:
    """Write the report.

    Args:
        found: the candidates compared.
        path: the file.
        title: of the page.
        pictures: by their section's title, such as ``risk`` draws them.

    Raises:
        InputError: matplotlib is missing.
    """
    sections = {
        "Candidates": _candidates(found),
        **{name: _picture(picture) for name, picture in (pictures or {}).items()},
        "How it was compared": _compared(found),
    }
    first, *others = found.sentences()
    kind = "outcome" if found.chosen is not None else "outcome failed"
    body = f'<h1>{escape(title)}</h1><p class="{kind}">{escape(first)}</p>'
    body += "".join(f'<p class="answer">{escape(sentence)}</p>' for sentence in others)
    body += "".join(f"<section><h2>{escape(n)}</h2>{content}</section>" for n, content in sections.items())
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(title)}</title><style>{CSS}</style>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n', "utf-8")
    return path


def risk(
    found: "Experiment",
    result: str,
    limit: float,
    *,
    along: str,
    scale: float = 1.0,
    truth: Mapping[str, float] | None = None,
) -> Picture:
    """How a result is distributed for each candidate, and how much of that lies beyond a limit.

    Args:
        found: the candidates compared.
        result: its name.
        limit: beyond which it is bad.
        along: what it is, with its unit.
        scale: what it is multiplied by for the picture, 100 for per cent.
        truth: what it would really be, by candidate, where that is known.

    Raises:
        InputError: matplotlib is missing.
    """
    runs = {name: scale * np.asarray(run[result]) for name, run in found.results.items()}
    at_mean = {name: scale * run[result] for name, run in found.certain.items()}
    known = {name: scale * value for name, value in (truth or {}).items()}
    top, ends = scale * limit, [*np.concatenate(list(runs.values())), *at_mean.values(), *known.values()]
    edges = np.union1d(np.linspace(min(ends), max(ends), BINS + 1), top)  # no bar on both sides of the limit
    made = figure(7.4, 0.7 + 1.7 * len(runs))
    panels = made.subplots(len(runs), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (name, values) in zip(panels, runs.items(), strict=True):
        heights = np.histogram(values, edges, weights=found.weights)[0] / np.diff(edges)
        colors = [BLUE if start < top else ORANGE for start in edges[:-1]]
        axes.bar(edges[:-1], heights, np.diff(edges), align="edge", color=colors, lw=0)
        axes.axvline(top, color=INK, lw=1.0, ls="--")
        (certain,) = axes.plot(at_mean[name], 0, "^", color=INK, ms=8, clip_on=False, zorder=5)
        marks = {"if the parameters were their mean": certain}
        if name in known:
            (marks["what it would really be"],) = axes.plot(
                known[name], 0, "D", color=GREEN, ms=6, clip_on=False, zorder=6
            )
        share = float(found.weights[values > top].sum())
        chosen = ", chosen" if name == found.chosen else ""
        axes.set_title(f"{name}{chosen}: beyond {top:g} with probability {share:.2f}", fontsize=9, loc="left")
        plain(axes)
        axes.set_yticks([])
        axes.spines["left"].set_color(FAINT)
    panels[0].legend(marks.values(), marks.keys(), fontsize=8, loc="upper right", frameon=False, handlelength=1.0)
    panels[-1].set_xlabel(along, fontsize=8)
    made.supylabel("probability density", fontsize=8, color=GREY)
    return Picture(png(made), "Each candidate over the draws: below the limit (blue) and beyond (orange).")


def _candidates(found: "Experiment") -> str:
    rules = [constraint.said() for constraint in found.constraints]
    head = ["candidate", "utility", "behind", "P(success)", "P(harm)", *rules, "P(best)", "if certain"]
    return table(head, [_row(one) for one in found.judged])


def _row(one: "Judged") -> list[str]:
    chances = [_said(one.success), _said(one.harm), *map(str, one.probabilities)]
    certain = number(float(one.plug_in["utility"]))
    if "harm" in one.plug_in:
        certain += ", harm" if one.plug_in["harm"] else ", no harm"
    return [one.name, str(one.utility), str(one.behind), *chances, number(one.best, 2), certain]


def _said(chance: "Estimate | None") -> str:
    return "" if chance is None else str(chance)


def _compared(found: "Experiment") -> str:
    words = f"All candidates on the same {len(found.draws)} draws, which are worth {found.worth:.3g} of equal weight;"
    words += f" {found.failed} could not be computed for some candidate and were left out." if found.failed else ""
    words += " what follows ± is the Monte-Carlo standard error. What would happen if the parameters were their mean is"
    words += " in the last column: it has no probabilities."
    return f"<p>{escape(words)}</p>"
