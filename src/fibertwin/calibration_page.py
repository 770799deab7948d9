"""The report of a calibration: what is known, what is not, how it was found, what it took; one HTML file."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fibertwin.calibration_pictures import Curve, bands, contraction, pairs, profiles
from fibertwin.report.drawing import Picture
from fibertwin.report.style import CSS
from fibertwin.report.text import number, table

if TYPE_CHECKING:
    from fibertwin.calibration import Identifiability, Lesson, Posterior, Profile

WORST = 5
"""Measured numbers with the greatest residuals that are shown."""

FAILED = 12
"""Failed solves that are shown one by one."""


def write_calibration_report(
    posterior: "Posterior",
    path: Path,
    *,
    title: str,
    curves: Sequence[Curve] = (),
    found: Sequence["Profile"] = (),
    lessons: Sequence["Lesson"] = (),
    advice: Sequence[str] = (),
    notes: Sequence[str] = (),
    truth: Mapping[str, float] | None = None,
    more: Mapping[str, Picture] | None = None,
) -> Path:
    """Write the report.

    Args:
        posterior: what was found.
        path: the file.
        title: of the page.
        curves: how the measured numbers are drawn; one after the other if left out.
        found: profile likelihoods.
        lessons: what further measurements would teach, the most instructive first.
        advice: which of them would teach what is not known, a sentence each.
        notes: what else there is to say of how it was found.
        truth: parameters that are known, where the data are made up.
        more: further pictures by their section's title, such as residuals on a mesh.

    Raises:
        InputError: matplotlib is missing.
    """
    from fibertwin.calibration import identifiability

    told = identifiability(posterior.space, posterior.modes[0].mode)
    sections = {
        "Parameters": _parameters(posterior, truth) + _picture(pairs(posterior, truth)),
        "What the data tell": _picture(contraction(posterior)) + _directions(told) + _picture(profiles(found)),
        "Prediction and data": _picture(bands(posterior, curves)) + _misfit(posterior),
        **{name: _picture(picture) for name, picture in (more or {}).items()},
        "What to measure next": _lessons(posterior, lessons),
        "How it was found": _stages(posterior, notes),
        "Solves": _cost(posterior),
    }
    body = f"<h1>{escape(title)}</h1>" + _outcome(posterior) + _answer(posterior, found, advice)
    body += "".join(f"<section><h2>{escape(n)}</h2>{content}</section>" for n, content in sections.items() if content)
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{escape(title)}</title><style>{CSS}</style>"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n', "utf-8")
    return path


def _outcome(posterior: "Posterior") -> str:
    certificate = posterior.certificate
    if certificate is None:
        kind = {"laplace": "a normal approximation that no true solve has checked"}.get(posterior.kind, "sampled")
        return f'<p class="outcome">The posterior is {escape(kind)}; {escape(posterior.cost.said())}.</p>'
    words = "certified" if certificate.passed else "not certified"
    kind = "outcome" if certificate.passed else "outcome failed"
    return f'<p class="{kind}">The posterior is {words} by {escape(certificate.said())}</p>'


def _answer(posterior: "Posterior", found: Sequence["Profile"], advice: Sequence[str]) -> str:
    sentences = [*posterior.sentences(), *(one.said() for one in found if not one.bounded), *advice]
    return "".join(f'<p class="answer">{escape(sentence)}</p>' for sentence in sentences)


def _parameters(posterior: "Posterior", truth: Mapping[str, float] | None) -> str:
    middle, spread = posterior.mean(), posterior.sd()
    bounds, mode, shares = posterior.interval(), posterior.mode, posterior.contraction()
    head = ["parameter", "unit", "mean", "sd", "2.5 %", "97.5 %", "mode", "variance taken away"]
    rows = []
    for i, p in enumerate(posterior.space.parameters):
        figures = (middle[i], spread[i], bounds[i, 0], bounds[i, 1], mode[i])
        row = [p.name, p.unit, *(number(float(v), 4) for v in figures), f"{100 * shares[i]:.0f} %"]
        rows.append(row + ([number(truth.get(p.name), 4)] if truth is not None else []))
    return table(head + (["truth"] if truth is not None else []), rows, words=2)


def _directions(told: "Identifiability") -> str:
    rows = [
        [
            number(float(information), 3),
            f"{100 * share:.1f} %",
            " ".join(f"{v:+.2f} {n}" for n, v in zip(told.names, d, strict=True) if abs(v) > 0.1),
        ]
        for information, share, d in zip(told.information, told.contractions, told.directions, strict=True)
    ]
    words = "".join(f'<p class="warn">{escape(sentence)}</p>' for sentence in told.sentences())
    head = ["information next to the prior's", "variance taken away", "direction, in prior standard deviations"]
    return f"<h3>Directions at the mode</h3>{table(head, rows)}{words}"


def _misfit(posterior: "Posterior") -> str:
    misfit = posterior.misfit()
    words = f"Squared residuals at the mode are {misfit:.3g} times what the noise says they should be."
    if misfit > 2:
        words += " The model does not meet the data within their noise, and intervals are too narrow for that."
    residuals = posterior.residuals()
    names = posterior.measurement.names
    known = np.flatnonzero(posterior.measurement.known)
    worst = known[np.argsort(-np.abs(residuals[known]))][:WORST]
    rows = [[names[i] if names else f"number {i + 1}", number(float(residuals[i]), 3)] for i in worst]
    return f"<p>{escape(words)} The numbers that it meets worst:</p>" + table(["number", "residual over noise"], rows)


def _lessons(posterior: "Posterior", lessons: Sequence["Lesson"]) -> str:
    from fibertwin.calibration.identify import advice

    if not lessons:
        return ""
    head = ["measurement", "information, nats", *(f"sd of {name} over now" for name in posterior.names)]
    rows = [[one.name, number(one.gain, 3), *(number(float(v), 2) for v in one.sds)] for one in lessons]
    return f"<p>{escape(advice(posterior.space, tuple(lessons)))}</p>{table(head, rows)}"


def _stages(posterior: "Posterior", notes: Sequence[str]) -> str:
    return "<ol>" + "".join(f"<li>{escape(sentence)}</li>" for sentence in (*posterior.told, *notes)) + "</ol>"


def _cost(posterior: "Posterior") -> str:
    failures = posterior.cost.failures
    words = f"<p>{escape(posterior.cost.said())}.</p>"
    if not failures:
        return words
    rows = [[*(number(float(v), 4) for v in f.theta), f.sentence] for f in failures[:FAILED]]
    more = f"<p>and {len(failures) - FAILED} more</p>" if len(failures) > FAILED else ""
    return words + table([*posterior.names, "what the solver said"], rows) + more


def _picture(picture: Picture | None) -> str:
    if picture is None:
        return ""
    coded = base64.b64encode(picture.png).decode("ascii")
    caption = escape(picture.caption)
    return (
        f'<figure><img alt="{caption}" src="data:image/png;base64,{coded}"><figcaption>{caption}</figcaption></figure>'
    )
