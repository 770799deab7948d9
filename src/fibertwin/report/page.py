"""The page: sections of tables and pictures, each of which is left out when the run has nothing for it."""

import base64
from html import escape
from typing import Any

import numpy as np

from .answer import answer
from .drawing import Picture
from .style import CSS
from .text import NOTHING, number, percent, point, quantity, table, unit_of, value_of
from .toml_text import toml

Summary = dict[str, Any]


def page(summary: Summary, pictures: dict[str, Picture], findings: Summary, troubles: list[str]) -> str:
    """The whole report as one HTML file.

    Args:
        summary: what ``summary.json`` holds.
        pictures: by name; a missing one leaves its place empty.
        findings: see ``hotspots.findings``.
        troubles: why pictures are missing, a sentence each.
    """
    title = escape(str(summary["title"]))
    body = "".join(
        (
            f"<h1>{title}</h1>",
            _outcome(summary),
            answer(summary, findings),
            _pictures(pictures, ("cuts",)) + _pictures(pictures, ("exceedance",), narrow=True),
            _pictures(pictures, ("shape",)),
            "".join(f'<p class="warn">{escape(trouble)}</p>' for trouble in troubles),
            _section("Fibers", _tensors(summary) + _pictures(pictures, ("fa", "slabs", "fibers"))),
            _section("Strain and stress by region", _regions(summary) + _pictures(pictures, ("histograms",))),
            _section("Supports and energy", _reactions(summary) + _pictures(pictures, ("curves",))),
            _section(
                "The solve", _solve(summary) + _pictures(pictures, ("convergence",), narrow=True) + _steps(summary)
            ),
            _section("Mesh", _mesh(summary) + _pictures(pictures, ("mesh",), narrow=True)),
            _section("Where this comes from", _provenance(summary)),
        )
    )
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    head += f"<title>{title}</title>"
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}<style>{CSS}</style></head>\n<body>{body}</body></html>\n'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _pictures(pictures: dict[str, Picture], names: tuple[str, ...], narrow: bool = False) -> str:
    kind = ' class="narrow"' if narrow else ""
    return "".join(
        f'<figure{kind}><img alt="{escape(pictures[name].caption)}" src="data:image/png;base64,'
        f'{base64.b64encode(pictures[name].png).decode("ascii")}"><figcaption>{escape(pictures[name].caption)}'
        "</figcaption></figure>"
        for name in names
        if name in pictures
    )


def _outcome(summary: Summary) -> str:
    runs = [("", summary["outcome"])]
    if summary.get("isotropic"):
        runs.append(("Isotropic model: ", summary["isotropic"]["outcome"]))
    return "".join(
        f'<p class="outcome{"" if ended["converged"] else " failed"}">{escape(name + ended["sentence"])}</p>'
        for name, ended in runs
    )


def _tensors(summary: Summary) -> str:
    found = summary.get("tensor_quality")
    if not found:
        return ""
    orientation = found.get("orientation") or {}
    told = f"<p>{escape(str(orientation.get('sentence', '')))}</p>"
    told += "".join(f'<p class="warn">{escape(str(w))}</p>' for w in orientation.get("warnings") or [])
    rows = [
        ["brain or tissue mask", quantity(found.get("mask_mL"), "mL", 4)],
        ["voxels with a tensor", number(found.get("voxels"))],
        ["voxels repaired to be positive definite", number(found.get("repaired"))],
        ["median mean diffusivity", f"{number(_scaled(found.get('median_md'), 1e3))} ·10⁻³ mm²/s"],
        ["mean FA", number(found.get("mean_fa"))],
        ["quadrature points without valid voxels on all sides", _of_points(found, "filled_points")],
        ["quadrature points outside the valid voxels", _of_points(found, "outside_points")],
    ]
    told += table(("tensors", ""), [row for row in rows if not row[1].startswith(NOTHING)])
    if found.get("assumptions"):
        told += "<p>Assumed on reading:</p><ul>"
        told += "".join(f"<li>{escape(str(sentence))}</li>" for sentence in found["assumptions"]) + "</ul>"
    index = orientation.get("index") or {}
    if index:
        best = sorted(index.items(), key=lambda item: -item[1])
        inner = table(("orientation", "coherence index"), [[name, number(value, 4)] for name, value in best])
        told += f"<details><summary>Fiber coherence of all {len(best)} orientations tried</summary>{inner}</details>"
    return told


def _scaled(value: object, factor: float) -> object:
    return value * factor if isinstance(value, int | float) else None


def _of_points(found: Summary, key: str) -> str:
    told, whole = number(found.get(key)), found.get("points")
    return f"{told} of {number(whole)}" if whole and told != NOTHING else told


def _regions(summary: Summary) -> str:
    told = ""
    other = (summary.get("isotropic") or {}).get("regions") or {}
    for name, region in (summary.get("regions") or {}).items():
        told += f"<h3>{escape(name)}: {quantity(region['volume_mL'], 'mL', 4)}, {number(region['cells'])} cells</h3>"
        told += _region(region)
        if name in other:
            told += f"<details><summary>The same with the isotropic model</summary>{_region(other[name])}</details>"
    return told


def _region(region: Summary) -> str:
    rows = []
    for field, measured in region["fields"].items():
        shown = unit_of(field, measured["unit"])
        values = [value_of(field, measured["unit"], measured.get(key)) for key in _COLUMNS]
        rows.append([f"{field}, {shown}" if shown else field, *values, point(measured.get("max_at_mm"))])
    return table(("", "least", "5 %", "median", "mean", "95 %", "99 %", "largest", "at x, y, z, mm"), rows)


_COLUMNS = ("min", "p5", "p50", "mean", "p95", "p99", "max")


def _reactions(summary: Summary) -> str:
    rows = []
    for name, found in (summary.get("reactions") or {}).items():
        force = np.asarray(found["force_mN"], dtype=float)
        size, area = float(np.linalg.norm(force)), found["area_mm2"]
        pressure = size / area if area else None
        rows.append([name, *(number(float(f)) for f in force), number(size), number(area), number(pressure)])
    head = ("support", "x, mN", "y, mN", "z, mN", "force, mN", "area, mm²", "force by area, kPa")
    told = table(head, rows) if rows else ""
    cavities = [
        [name, number(found["volume_mL"], 4), number(found["pressure_kPa"], 4)]
        for name, found in (summary.get("cavities") or {}).items()
    ]
    told += table(("cavity", "volume, mL", "pressure, kPa"), cavities) if cavities else ""
    energy = summary.get("energy") or {}
    if "not_stored_uJ" in energy:
        told += (
            f"<p>Work done on the tissue {quantity(energy['external_work_uJ'], 'uJ', 4)}, energy stored in it "
            f"{quantity(energy['stored_energy_uJ'], 'uJ', 4)}. The rest has become heat or is held by what relaxes.</p>"
        )
    elif energy:
        told += (
            f"<p>Work done on the tissue {quantity(energy['external_work_uJ'], 'uJ', 4)}, energy stored in it "
            f"{quantity(energy['stored_energy_uJ'], 'uJ', 4)}; they differ by {percent(energy['imbalance'])}. "
            "The work is added up over the load increments, so it closes as they shrink.</p>"
        )
    return told


def _solve(summary: Summary) -> str:
    told = ""
    dofs = summary.get("dofs") or {}
    if dofs:
        told += (
            f"<p>{number(dofs['displacement'])} displacement and {number(dofs['pressure'])} pressure unknowns on "
            f"{number(dofs['cells'])} cells"
        )
        memory = (summary.get("memory_MB") or {}).get("peak_sum")
        told += f"; at most {quantity(memory, 'MB', 4)} of memory over all ranks.</p>" if memory else ".</p>"
    timings = summary.get("timings_s") or {}
    if timings:
        rows = [[name, number(seconds)] for name, seconds in timings.items()]
        told += table(("stage", "seconds"), [*rows, ["all", number(float(sum(timings.values())))]])
    return told


def _steps(summary: Summary) -> str:
    told = ""
    for title, run in (("Load increments", summary), ("Load increments, isotropic", summary.get("isotropic") or {})):
        rows = [
            [
                i + 1,
                percent(step["load"], 3),
                number(step["newton"]),
                number(step["krylov"]),
                number(step["residual"], 2),
            ]
            for i, step in enumerate(run.get("steps") or [])
        ]
        if rows:
            head = ("increment", "load", "Newton", "Krylov", "last residual, mN")
            told += f"<details><summary>{title} ({len(rows)})</summary>{table(head, rows, words=0)}</details>"
    return told


def _mesh(summary: Summary) -> str:
    found = summary.get("mesh_quality") or {}
    shape = found.get("scaled_jacobian")
    if not shape:
        return ""
    told = (
        f"<p>Scaled Jacobian: least {number(shape['min'])}, 1st percentile {number(shape['p1'])}, "
        f"mean {number(shape['mean'])}."
    )
    if found.get("mean_edge_mm"):
        told += f" Mean edge {quantity(found['mean_edge_mm'], 'mm')}."
    told += "</p>"
    rows = [
        [cell["cell"], number(cell["scaled_jacobian"]), point(cell.get("at_mm"))]
        for cell in found.get("worst_cells") or []
    ]
    if rows:
        inner = table(("cell", "scaled Jacobian", "x, y, z, mm"), rows)
        told += f"<details><summary>The worst cells</summary>{inner}</details>"
    return told


def _provenance(summary: Summary) -> str:
    found = summary.get("provenance") or {}
    if not found:
        return ""
    rows = [["date", found.get("date")], ["command", found.get("command")], ["MPI ranks", found.get("ranks")]]
    rows.append(["machine", found.get("machine")])
    told = table(("", ""), [row for row in rows if row[1] is not None], words=2)
    if found.get("inputs"):
        told += "<h3>Inputs (SHA-256)</h3>" + table(("file", "checksum"), found["inputs"].items(), words=2).replace(
            "<table>", '<table class="mono">'
        )
    if found.get("versions"):
        inner = table(("", "version"), found["versions"].items(), words=2)
        told += f"<details><summary>Versions</summary>{inner}</details>"
    if found.get("case"):
        told += f"<details><summary>The resolved case</summary><pre>{escape(toml(found['case']))}</pre></details>"
    return told
