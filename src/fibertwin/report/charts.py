"""Charts of the summary: strain and stress by region, convergence, mesh quality."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .drawing import GREY, INK, REGION_COLORS, Picture, figure, plain, png
from .fields import STRAIN, Floats
from .hotspots import level
from .text import strain_like, unit_of

SHOWN = (STRAIN, "max principal strain", "von Mises stress", "fiber stress", "pressure")

Regions = dict[str, Any]


@dataclass(frozen=True)
class Histogram:
    """A field's histogram over a region, in the unit that is shown.

    Attributes:
        edges: (n + 1,).
        fraction: (n,) of the volume.
        low, high: least and largest value; what lies beyond the edges was counted into the outer bins.
        unit: as printed.
    """

    edges: Floats
    fraction: Floats
    low: float
    high: float
    unit: str

    @property
    def inner(self) -> tuple[Floats, Floats]:
        """Edges and fractions of the bins that hold nothing but what lies between their edges."""
        first = 0 if self.low >= self.edges[0] else 1
        last = len(self.fraction) - (0 if self.high <= self.edges[-1] else 1)
        return self.edges[first : last + 1], self.fraction[first:last]

    def beyond(self) -> tuple[Floats, Floats]:
        """Levels and the volume fraction above each, where the histogram tells it."""
        share = np.append(np.cumsum(self.fraction[::-1])[::-1], 0.0)
        edges, _ = self.inner
        return edges, share[np.searchsorted(self.edges, edges)]


def _histogram(regions: Regions, name: str, field: str) -> Histogram | None:
    """A field's histogram over a region; nothing if the field was not measured there."""
    measured = regions.get(name, {}).get("fields", {}).get(field)
    if not measured or not measured.get("histogram"):
        return None
    scale = 100.0 if strain_like(field, measured["unit"]) else 1.0
    edges = np.asarray(measured["histogram"]["edges"], dtype=np.float64) * scale
    fraction = np.asarray(measured["histogram"]["volume_fraction"], dtype=np.float64)
    low, high = scale * measured["min"], scale * measured["max"]
    return Histogram(edges, fraction, low, high, unit_of(field, measured["unit"]))


def exceedance(summary: dict[str, Any]) -> Picture | None:
    """How much of each region is strained beyond any level along its fibers, with and without fibers in the model."""
    regions = summary.get("regions") or {}
    other = (summary.get("isotropic") or {}).get("regions") or {}
    named = [name for name in regions if _histogram(regions, name, STRAIN)]
    if not named:
        return None
    levels = summary.get("fiber_strain_exceedance") or {}
    made = figure(7.2, 3.2)
    axes = made.subplots()
    for name, color in zip(named, _colors(len(named)), strict=True):
        for source, key, style in ((regions, "fraction", "-"), (other, "isotropic_fraction", "--")):
            found = _histogram(source, name, STRAIN)
            if found is None:
                continue
            marks = [(100 * level(label), 100 * row[key]) for label, row in levels.get(name, {}).items() if row[key]]
            strain, share = found.beyond()
            curve = sorted([*zip(strain, 100 * share, strict=True), *marks])
            seen = [(x, y) for x, y in curve if x >= 0 and y > 0]
            title = name + (", isotropic" if key == "isotropic_fraction" else "")
            axes.plot(*zip(*seen, strict=True), style, color=color, linewidth=1.5, label=title)
            axes.plot(*np.reshape(marks, (-1, 2)).T, "o", color=color, markersize=3.5)
    axes.set_yscale("log")
    axes.set_ylim(top=130)
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("fiber strain (Green–Lagrange), %", fontsize=9)
    axes.set_ylabel("volume strained beyond, %", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    plain(axes)
    dashed = " Dashed: the isotropic model, measured along the same fibers." if other else ""
    return Picture(
        png(made),
        f"Share of each region's volume that is strained beyond a level along its fibers; dots are counted.{dashed}",
    )


def histograms(summary: dict[str, Any]) -> Picture | None:
    """The distribution of strain and stress over the volume of each region."""
    regions = summary.get("regions") or {}
    named = [field for field in SHOWN if any(_histogram(regions, name, field) for name in regions)]
    if not named:
        return None
    rows = -(-len(named) // 3)
    made = figure(12.0, 2.6 * rows + 0.3)
    grid = made.subplots(rows, min(3, len(named)), squeeze=False)
    for axes, field in zip(grid.flat, named, strict=False):
        _one_histogram(axes, regions, field)
    for axes in list(grid.flat)[len(named) :]:
        axes.set_visible(False)
    if len(regions) > 1:
        handles, labels = grid[0, 0].get_legend_handles_labels()
        grid[0, 0].legend(handles, labels, frameon=False, fontsize=8)
    return Picture(
        png(made),
        "Distribution over the volume of each region, scaled to the highest point. The tails are left out: the "
        "table above has them.",
    )


def _one_histogram(axes: Any, regions: Regions, field: str) -> None:
    low, high, unit = np.inf, -np.inf, ""
    for name, color in zip(regions, _colors(len(regions)), strict=True):
        found = _histogram(regions, name, field)
        if found is None:
            continue
        edges, fraction = found.inner
        unit = found.unit
        if len(fraction) == 0:
            continue
        density = fraction / np.diff(edges)
        axes.stairs(density / (density.max() or 1.0), edges, color=color, linewidth=1.4, label=name)
        low, high = min(low, float(edges[0])), max(high, float(edges[-1]))
    if high > low:
        axes.set_xlim(low, high)
    axes.set_ylim(0, None)
    axes.set_yticks([])
    axes.set_xlabel(f"{field}, {unit}" if unit else field, fontsize=9)
    plain(axes)
    axes.spines["left"].set_visible(False)


def convergence(summary: dict[str, Any]) -> Picture | None:
    """The residual after every Newton iteration, one line for each load increment."""
    runs = [("with fibers" if summary.get("isotropic") else "", summary), ("isotropic", summary.get("isotropic") or {})]
    runs = [(name, run) for name, run in runs if any(run.get("newton_history") or [])]
    if not runs:
        return None
    from matplotlib import colormaps

    made = figure(3.2 + 3.6 * len(runs), 3.0)
    for axes, (name, run) in zip(made.subplots(1, len(runs), squeeze=False)[0], runs, strict=True):
        history, start = run["newton_history"], 0
        for index, residuals in enumerate(history):
            at = start + np.arange(len(residuals))
            load = run["steps"][index]["load"] if index < len(run.get("steps") or []) else 0.0
            color = colormaps["viridis"](0.85 * index / max(len(history) - 1, 1))
            label = f"to {100 * load:.3g} % of the load" if len(history) <= 6 else None
            axes.semilogy(at, residuals, "o-", color=color, markersize=3, linewidth=1.3, label=label)
            start += len(residuals)
        axes.set_xlabel("Newton iteration, all increments", fontsize=9)
        axes.set_ylabel("residual norm, mN", fontsize=9)
        axes.set_title(name, fontsize=9, color=INK)
        axes.xaxis.get_major_locator().set_params(integer=True)
        plain(axes)
        if len(history) <= 6:
            axes.legend(frameon=False, fontsize=8)
    return Picture(png(made), "Norm of the residual after each Newton iteration; every line is one load increment.")


def mesh_quality(summary: dict[str, Any]) -> Picture | None:
    """The distribution of the scaled Jacobian over the cells."""
    found = ((summary.get("mesh_quality") or {}).get("scaled_jacobian") or {}).get("histogram")
    if not found:
        return None
    edges = np.asarray(found["edges"], dtype=np.float64)
    share = np.asarray(found["volume_fraction"], dtype=np.float64)
    made = figure(6.0, 2.6)
    axes = made.subplots()
    axes.stairs(100 * share, edges, color=REGION_COLORS[0], fill=True, alpha=0.85)
    axes.set_xlim(0, 1)
    axes.set_xlabel("scaled Jacobian (1 is a regular tetrahedron)", fontsize=9)
    axes.set_ylabel("cells, %", fontsize=9)
    axes.axvline(0.15, color=GREY, linewidth=1.0, linestyle=":")
    plain(axes)
    return Picture(png(made), "Shape of the cells. Dotted: 0.15, the least that a usable mesh should have.")


def _colors(count: int) -> Sequence[str]:
    return [REGION_COLORS[i % len(REGION_COLORS)] for i in range(count)]
