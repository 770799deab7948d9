"""The answer in words: how much tissue is strained along its fibers, where, and what an isotropic model makes of it."""

from html import escape
from typing import Any

from .text import number, percent, point, quantity, table

Summary = dict[str, Any]


def main_region(exceedance: dict[str, Any]) -> str:
    """The region that the answer is about: white matter where there is one, else the first."""
    white = [name for name in exceedance if "white" in name.lower()]
    return (white or list(exceedance) or [""])[0]


def answer(summary: Summary, findings: dict[str, Any]) -> str:
    """The first paragraphs and tables below the outcome, as HTML."""
    exceedance = summary.get("fiber_strain_exceedance") or {}
    name = main_region(exceedance)
    if not name or not exceedance[name]:
        return _without_fibers(summary)
    tissue = name if "matter" in name or "tissue" in name else f"the region “{name}”"
    if summary["outcome"]["converged"]:
        lead = "Under the full load"
    else:
        lead = f"At {percent(summary['outcome']['load_level'], 3)} of the load, the last state in equilibrium"
    parts = [f'<p class="answer">{escape(lead)}, {escape(_sentence(tissue, exceedance[name]))}']
    parts.append(f" {escape(_place(name, exceedance[name], findings))} {escape(_missed(summary, name))}</p>")
    return "".join(parts) + _tiles(name, exceedance[name]) + _levels(exceedance) + _pieces(name, findings)


def _without_fibers(summary: Summary) -> str:
    worst = []
    for name, region in (summary.get("regions") or {}).items():
        strain = region["fields"].get("max principal strain")
        if strain:
            worst.append(f"{name} {percent(strain['p95'], 3)} (95th percentile)")
    if not worst:
        return ""
    return (
        f'<p class="answer">There are no fibers in this case. Maximum principal strain: {escape("; ".join(worst))}.</p>'
    )


def _sentence(tissue: str, levels: dict[str, Any]) -> str:
    told = [
        f"{quantity(row['volume_mL'], 'mL')} ({percent(row['fraction'])}) beyond {label}"
        for label, row in levels.items()
        if row["volume_mL"] > 0
    ]
    if not told:
        return f"no part of {tissue} is strained beyond {next(iter(levels))} along its fibers."
    told[0] = told[0].replace(" (", f" of {tissue} (", 1).replace(") ", ") is strained along its fibers ", 1)
    listed = told[0] if len(told) == 1 else ", ".join(told[:-1]) + " and " + told[-1]
    none = [label for label, row in levels.items() if not row["volume_mL"] > 0]
    return f"{listed}{f'; nothing beyond {none[0]}' if none else ''}."


def _place(name: str, levels: dict[str, Any], findings: dict[str, Any]) -> str:
    found = (findings.get("spots") or {}).get(name) or {}
    for label in levels:
        if found.get(label):
            spot = found[label][0]
            at = f"around {point(spot['center_mm'])} mm ({spot['place']})"
            return f"The largest piece beyond {label} is {quantity(spot['volume_mL'], 'mL')} {at}."
    return ""


def _missed(summary: Summary, name: str) -> str:
    label, row = next(iter(summary["fiber_strain_exceedance"][name].items()))
    share, total = row["isotropic_fraction"], row["fraction"]
    if share is None:
        return ""
    told = f"An isotropic model puts {quantity(share * summary['regions'][name]['volume_mL'], 'mL')} beyond {label}"
    if total > 0:
        more = share / total - 1
        told += f", {percent(abs(more))} {'more' if more >= 0 else 'less'}"
    if total > 0:
        told += (
            f"; it misses {percent(row['isotropic_misses_mL'] / row['volume_mL'])} of that tissue and adds "
            f"{quantity(row['isotropic_adds_mL'], 'mL')} that the fibers spare"
        )
    return told + "."


def _tiles(name: str, levels: dict[str, Any]) -> str:
    tiles = "".join(
        f'<div class="tile"><b>{escape(quantity(row["volume_mL"], "mL"))}</b><span>of {escape(name)} beyond '
        f"{escape(label)} fiber strain ({escape(percent(row['fraction']))}){_isotropic(row)}</span></div>"
        for label, row in levels.items()
    )
    return f'<div class="tiles">{tiles}</div>'


def _isotropic(row: dict[str, Any]) -> str:
    share = row["isotropic_fraction"]
    return "" if share is None else f"; isotropic model {escape(percent(share))}"


def _levels(exceedance: dict[str, Any]) -> str:
    compared = any("isotropic_misses_mL" in row for levels in exceedance.values() for row in levels.values())
    head = ["region", "fiber strain", "volume, mL", "share"]
    if compared:
        head += ["isotropic share", "in both, mL", "only with fibers, mL", "only isotropic, mL"]
    rows = []
    for name, levels in exceedance.items():
        for label, row in levels.items():
            cells = [name, f"> {label}", number(row["volume_mL"]), percent(row["fraction"])]
            if compared:
                missed, added = row["isotropic_misses_mL"], row["isotropic_adds_mL"]
                both = row["volume_mL"] - missed
                cells += [percent(row["isotropic_fraction"]), number(both), number(missed), number(added)]
            rows.append(cells)
    return table(head, rows, words=2)


def _pieces(name: str, findings: dict[str, Any]) -> str:
    found = (findings.get("spots") or {}).get(name) or {}
    rows = [
        [f"> {label}", spot["place"], point(spot["center_mm"]), number(spot["volume_mL"]), percent(spot["peak"], 3)]
        for label, pieces in found.items()
        for spot in pieces
    ]
    if not rows:
        return ""
    head = ["fiber strain", "where (thirds of the mesh)", "center x, y, z, mm RAS", "volume, mL", "largest cell mean"]
    told = f"Where in {name}: the largest connected pieces beyond each level"
    return f"<details><summary>{escape(told)}</summary>{table(head, rows, words=2)}</details>"
