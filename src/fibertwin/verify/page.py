"""The verification as one HTML file: what was compared with what, and where each figure lies in its band."""

import itertools
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from fibertwin.report.style import CSS
from fibertwin.report.text import number as plain

from .entry import Finding, Row
from .problems import title
from .table import deviation, in_words, number, sentence

OWN = """
body { max-width: 74rem; }
table.groups { width: auto; min-width: 34rem; table-layout: auto; margin-top: 1.2rem; }
table.groups a { color: inherit; }
table.groups tr.bad td { background: #fdf6f5; } table.groups tr.bad b { color: var(--red); }
details.problem { margin: .55rem 0 0; }
details.problem > summary { color: var(--ink); font-weight: 600; }
details.problem > summary span { color: var(--soft); font-weight: 400; font-size: .86rem; }
p.source { color: var(--soft); font-size: .87rem; margin: .1rem 0 .2rem; max-width: none; }
table { width: 100%; table-layout: fixed; margin-top: .2rem; }
th, td { overflow-wrap: anywhere; }
col.quantity { width: 33%; } col.figure { width: 12%; } col.off { width: 9.5%; } col.band { width: 11%; }
col.place { width: 9.5%; } col.verdict { width: 7.5%; } col.cost { width: 5.5%; }
th.n, td.n { white-space: normal; }
.gauge { position: relative; height: .62rem; margin-top: .42rem; border-radius: 99px; background: #e3efe6; }
.gauge i { position: absolute; top: -.14rem; width: .22rem; height: .9rem; margin-left: -.11rem; border-radius: 2px;
  background: var(--green); }
.gauge s { position: absolute; left: 50%; top: 0; bottom: 0; border-left: 1px solid #a9c7b2; }
.missed .gauge { background: #f6dedc; } .missed .gauge i { background: var(--red); }
.verdict b { white-space: nowrap; font-weight: 600; font-size: .82rem; border-radius: 4px; padding: .05rem .4rem; }
.met .verdict b { color: var(--green); background: #e9f3ec; }
.missed .verdict b, .failed .verdict b { color: #fff; background: var(--red); }
.info .verdict b { color: var(--soft); background: var(--wash); }
.missed td, .failed td { background: #fdf6f5; }
"""

SHOWN = 12
"""Problems up to which a group is shown unfolded."""

COLUMNS = (
    ("quantity", "quantity", ""),
    ("figure", "target", "n"),
    ("figure", "ours", "n"),
    ("off", "deviation", "n"),
    ("band", "band", "n"),
    ("place", "in the band", ""),
    ("verdict", "verdict", ""),
    ("cost", "CPU s", "n"),
)


def page(rows: Sequence[Row], made: Mapping[str, Any]) -> str:
    """The page.

    Args:
        rows: rows of all entries, groups one after the other.
        made: what made them (see ``store.stamp``).
    """
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>Verification of fibertwin</title><style>{CSS}{OWN}</style>"
    groups = [(name, list(part)) for name, part in itertools.groupby(rows, key=lambda row: row.group)]
    failed = " failed" if any(_bad(row) for row in rows) else ""
    body = (
        "<h1>Verification of fibertwin</h1>"
        f'<p class="outcome{failed}">{escape(sentence(rows))}</p>'
        f"{_tiles(rows, made)}{_overview(groups)}"
        f"{''.join(_group(*group) for group in groups)}{_colophon(made)}"
    )
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'


def _bad(row: Row) -> bool:
    return row.finding.verdict in ("missed", "failed")


def _tiles(rows: Sequence[Row], made: Mapping[str, Any]) -> str:
    judged = [row for row in rows if row.finding.verdict != "info"]
    good = sum(row.finding.verdict == "met" for row in judged)
    tiles = (
        (f"{good} of {len(judged)}", "figures within their bands"),
        (str(len({row.problem for row in rows})), "problems"),
        (f"{plain(sum(row.cost for row in rows) / 60)} min", "of processor time, compilers included"),
        (str(made["ranks"]), "rank" if made["ranks"] == 1 else "ranks"),
    )
    inner = "".join(f'<div class="tile"><b>{escape(big)}</b><span>{escape(small)}</span></div>' for big, small in tiles)
    return f'<div class="tiles">{inner}</div>'


def _overview(groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """What was verified, a line per group."""
    lines = ""
    for group, rows in groups:
        judged = [row for row in rows if row.finding.verdict != "info"]
        good = sum(not _bad(row) for row in judged)
        name = f'<a href="#{escape(group)}">{escape(title(group).partition(":")[0])}</a>'
        lines += (
            f'<tr class="{"bad" if good < len(judged) else ""}"><td>{name}</td>'
            f'<td class="n">{len({row.problem for row in rows})}</td><td class="n"><b>{good}</b> of {len(judged)}</td>'
            f'<td class="n">{_seconds(sum(row.cost for row in rows))}</td></tr>'
        )
    head = '<th>group</th><th class="n">problems</th><th class="n">within band</th><th class="n">CPU s</th>'
    return (
        f'<div class="scroll"><table class="groups"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    )


def _group(group: str, rows: Sequence[Row]) -> str:
    """The problems of a group: folded where there are many and nothing is wrong."""
    problems = [(problem, list(part)) for problem, part in itertools.groupby(rows, key=lambda row: row.problem)]
    inner = ""
    for problem, part in problems:
        judged = [row for row in part if row.finding.verdict != "info"]
        good = sum(not _bad(row) for row in judged)
        opened = " open" if good < len(judged) or len(problems) <= SHOWN else ""
        inner += (
            f'<details class="problem"{opened}><summary>{escape(problem)} '
            f"<span>{good} of {len(judged)} within band</span></summary>{_sources(part)}</details>"
        )
    return f'<section id="{escape(group)}"><h2>{escape(title(group))}</h2>{inner}</section>'


def _sources(rows: Sequence[Row]) -> str:
    """A table for each source of targets."""
    inner = ""
    for source, part in itertools.groupby(rows, key=lambda row: row.source):
        inner += f'<p class="source">{escape(source)}</p>' if source else ""
        inner += _table(list(part))
    return inner


def _seconds(cost: float) -> str:
    return plain(cost, 3) if cost >= 10 else f"{cost:.1f}" if cost >= 0.05 else "< 0.1"


def _table(rows: Sequence[Row]) -> str:
    columns = "".join(f'<col class="{kind}">' for kind, _, _ in COLUMNS)
    head = "".join(f'<th class="{align}">{name}</th>' for _, name, align in COLUMNS)
    return (
        f'<div class="scroll"><table><colgroup>{columns}</colgroup><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, rows))}</tbody></table></div>"
    )


def _row(row: Row) -> str:
    found = row.finding
    if in_words(found):
        verdict = f'<td class="verdict"><b>{found.verdict}</b></td>' if found.verdict == "failed" else "<td></td>"
        words = f'<td>{escape(found.quantity)}</td><td colspan="5" class="note">{escape(str(found.ours))}</td>{verdict}'
        return f'<tr class="{found.verdict}">{words}<td class="n">{_seconds(row.cost)}</td></tr>'
    figures = (number(found.target, found), number(found.ours, found), deviation(found), found.band)
    cells = "".join(f'<td class="n">{_typeset(cell)}</td>' for cell in figures)
    return (
        f'<tr class="{found.verdict}"><td>{escape(found.quantity)}</td>{cells}<td>{_gauge(found)}</td>'
        f'<td class="verdict"><b>{found.verdict}</b></td><td class="n">{_seconds(row.cost)}</td></tr>'
    )


def _typeset(cell: str) -> str:
    """Minus signs instead of hyphens in figures; words stay as they are."""
    figure = cell.replace("e-", "").replace("-", "").replace("+", "").replace(".", "").replace(" %", "").isalnum()
    return escape(cell.replace("-", "−") if figure and any(c.isdigit() for c in cell[:2]) else cell)


def _gauge(found: Finding) -> str:
    """A band with a mark where the figure lies; an edge of the band is an end of it."""
    if isinstance(found.ours, str) or found.verdict == "info":
        return ""
    low, high = found.low, found.high
    tick = ""
    if low is not None and high is not None:
        place = (found.ours - low) / (high - low) if high > low else 0.5
        tick = "<s></s>"
    elif high is not None:
        place = found.ours / high
    else:
        place = 1 - (low or 0.0) / found.ours if found.ours else 0.0
    inside = min(max(place, 0.0), 1.0) if place == place else 1.0
    return f'<div class="gauge">{tick}<i style="left:{100 * inside:.1f}%"></i></div>'


def _colophon(made: Mapping[str, Any]) -> str:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    told = (
        f"fibertwin {made['fibertwin']}, sources {made['sources']}, DOLFINx {made['dolfinx']}, {made['ranks']} "
        f"{'rank' if made['ranks'] == 1 else 'ranks'}, {platform.system()} {platform.machine()}, {when}"
    )
    return f'<section><h2>Where this comes from</h2><p class="note">{escape(told)}</p></section>'
