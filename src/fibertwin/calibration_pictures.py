"""The pictures of a posterior: marginals and pairs, prior to posterior, bands over the data, profiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.report.drawing import FAINT, GREY, INK, REGION_COLORS, Picture, figure, plain, png

if TYPE_CHECKING:
    from fibertwin.calibration import Posterior, Profile

BLUE, ORANGE, GREEN = REGION_COLORS[:3]
MOST = 7
"""Parameters whose pairs are shown; more cannot be told apart."""


@dataclass(frozen=True)
class Curve:
    """Some of the measured numbers, as they are drawn.

    Attributes:
        name: above the panel.
        rows: which numbers (k,).
        x: where they are drawn (k,).
        along: what x is, with its unit.
        quantity: what was measured, with its unit.
        joined: whether a line joins the numbers; else each stands for itself.
        labels: names of the numbers (k), in place of what x is; empty where that tells.
    """

    name: str
    rows: NDArray[np.intp]
    x: NDArray[np.float64]
    along: str = "number"
    quantity: str = ""
    joined: bool = True
    labels: tuple[str, ...] = ()


def pairs(posterior: "Posterior", truth: Mapping[str, float] | None = None) -> Picture:
    """Marginals on the diagonal, the prior beside them, and draws of each pair below."""
    names = posterior.names[:MOST]
    count = len(names)
    made = figure(1.3 + 1.75 * count, 1.0 + 1.6 * count)
    grid = made.subplots(count, count, squeeze=False)
    drawn = posterior.resample(4000)
    ranges = posterior.quantiles([0.001, 0.999])
    ranges = ranges + 0.08 * np.ptp(ranges, axis=0) * np.array([[-1.0], [1.0]])
    for row in range(count):
        for column in range(count):
            axes = grid[row, column]
            if column > row:
                axes.axis("off")
                continue
            plain(axes)
            axes.grid(False)
            axes.set_xlim(*ranges[:, column])
            if row == column:
                _marginal(axes, posterior, drawn, row, ranges[:, row])
            else:
                _pair(axes, drawn[:, column], drawn[:, row], ranges[:, [column, row]])
            if truth is not None and names[column] in truth:
                axes.axvline(truth[names[column]], color=GREEN, lw=1.0)
                if row != column and names[row] in truth:
                    axes.axhline(truth[names[row]], color=GREEN, lw=1.0)
            _labels(axes, posterior, row, column, count)
    told = " Green: the truth." if truth is not None else ""
    left = len(posterior.names) - count
    more = f" {left} more parameters are left out." if left else ""
    return Picture(
        png(made),
        f"What is known of each parameter (blue; dashed: before measuring) and of each pair, with the regions that hold"
        f" half and 95 % of the draws.{told}{more}",
    )


def contraction(posterior: "Posterior") -> Picture:
    """How much narrower each parameter has become, in its prior's scores."""
    scores = posterior.space.scores(posterior.z)
    made = figure(7.2, 0.9 + 0.42 * len(posterior.names))
    axes = made.subplots()
    shares = posterior.contraction()
    from fibertwin.calibration.posterior import weighted_quantiles

    for place, name in enumerate(posterior.names):
        y = len(posterior.names) - 1 - place
        low, middle, high = weighted_quantiles(scores[:, place], posterior.weights, [0.025, 0.5, 0.975])
        axes.plot([-1.96, 1.96], [y, y], color=FAINT, lw=7, solid_capstyle="butt")
        axes.plot([low, high], [y, y], color=BLUE if shares[place] >= 0.2 else ORANGE, lw=7, solid_capstyle="butt")
        axes.plot(middle, y, "o", color="white", ms=3.5)
        told = f"{100 * max(shares[place], 0):.0f} %"
        axes.annotate(told, (max(high, 1.96), y), (6, 0), textcoords="offset points", va="center", fontsize=8)
        axes.annotate(name, (-2.05, y), (-6, 0), textcoords="offset points", va="center", ha="right", fontsize=8)
    axes.set_ylim(-0.6, len(posterior.names) - 0.4)
    plain(axes)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_xlabel("prior standard deviations from the prior's middle", fontsize=8)
    return Picture(
        png(made),
        "95 % of the prior (grey) and of the posterior (blue; orange where the data tell next to nothing), and by how"
        " much the data shrink the variance.",
    )


def bands(posterior: "Posterior", curves: Sequence[Curve] = ()) -> Picture | None:
    """What is predicted over what was measured; None where predictions were not kept."""
    if not len(posterior.shown):
        return None
    values = np.array(posterior.measurement.values)
    curves = curves or [Curve("", np.arange(len(values)), np.arange(len(values), dtype=float))]
    inner, outer = posterior.predictive(), posterior.predictive(seed=0)
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    made = figure(1.0 + 3.1 * columns if columns > 1 else 7.2, 0.4 + 2.6 * rows)
    panels = made.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(curves) :]:
        axes.axis("off")
    for axes, curve in zip(panels, curves, strict=False):
        order = np.argsort(curve.x, kind="stable")
        x, at = curve.x[order], curve.rows[order]
        if curve.joined:
            axes.fill_between(x, outer[0, at], outer[2, at], color=BLUE, alpha=0.15, lw=0)
            axes.fill_between(x, inner[0, at], inner[2, at], color=BLUE, alpha=0.45, lw=0)
            axes.plot(x, inner[1, at], color=BLUE, lw=1.2)
        else:
            width = 10.0 if curve.labels else 2.0
            axes.vlines(x, outer[0, at], outer[2, at], color=BLUE, alpha=0.3, lw=width)
            axes.vlines(x, inner[0, at], inner[2, at], color=BLUE, alpha=0.75, lw=width)
        if curve.labels:
            axes.set_xticks(x, [curve.labels[place] for place in order])
            axes.set_xlim(x[0] - 0.6, x[-1] + 0.6)
        axes.plot(x, values[at], "o", color=INK, ms=2.6)
        plain(axes)
        axes.set_title(curve.name, fontsize=9, loc="left")
        axes.set_xlabel(curve.along, fontsize=8)
        axes.set_ylabel(curve.quantity, fontsize=8)
    known = posterior.measurement.known
    inside = float(((outer[0] <= values) & (values <= outer[2]))[known].mean())
    return Picture(
        png(made),
        f"Measured numbers (dots) over what the model predicts: 95 % of the posterior (dark) and of what would be"
        f" measured (light), which holds {100 * inside:.0f} % of the numbers.",
    )


def profiles(found: Sequence["Profile"]) -> Picture | None:
    """Profile likelihoods, and the line that bounds 95 % intervals; None where there are none."""
    if not found:
        return None
    columns = min(4, len(found))
    rows = -(-len(found) // columns)
    made = figure(0.6 + 2.3 * columns, 0.4 + 2.1 * rows)
    panels = made.subplots(rows, columns, squeeze=False).ravel()
    for axes in panels[len(found) :]:
        axes.axis("off")
    for axes, one in zip(panels, found, strict=False):
        axes.plot(one.values, one.drops, "-o", color=BLUE if one.bounded else ORANGE, lw=1.2, ms=2.5)
        axes.axhline(3.84, color=GREY, lw=0.8, ls="--")
        axes.set_ylim(-0.3, 8)
        plain(axes)
        axes.set_xlabel(one.name, fontsize=8)
    panels[0].set_ylabel("twice the loss of log likelihood", fontsize=8)
    return Picture(
        png(made),
        "Profile likelihoods: how much worse the data are met while one parameter is held and the others do their best."
        " A curve that stays below the dashed line on a side is not bounded there by the data (orange).",
    )


def _marginal(axes: Any, posterior: "Posterior", drawn: Any, index: int, ends: Any) -> None:
    axes.hist(
        drawn[:, index], bins=np.linspace(float(ends[0]), float(ends[1]), 36), density=True, color=BLUE, alpha=0.75
    )
    prior = posterior.space.parameters[index].prior
    scores = np.linspace(-4, 4, 400)
    values = prior.value(scores)
    density = np.exp(-0.5 * scores**2) / np.sqrt(2 * np.pi) / np.maximum(prior.slope(scores), 1e-300)
    inside = (values >= ends[0]) & (values <= ends[1])
    axes.plot(values[inside], density[inside], "--", color=GREY, lw=1.0)
    axes.axvline(posterior.space.theta(posterior.modes[0].z)[index], color=ORANGE, lw=1.0)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _pair(axes: Any, x: Any, y: Any, ranges: Any) -> None:
    counts, along, across = np.histogram2d(x, y, bins=28, range=ranges.T.tolist())
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(counts, 1.2)
    falling = np.sort(smooth.ravel())[::-1]
    shares = np.cumsum(falling) / max(falling.sum(), 1e-300)
    levels = sorted({float(falling[min(np.searchsorted(shares, share), len(falling) - 1)]) for share in (0.95, 0.5)})
    centers = [0.5 * (edges[1:] + edges[:-1]) for edges in (along, across)]
    axes.plot(x[::8], y[::8], ".", color=BLUE, ms=1.2, alpha=0.35, rasterized=True)
    axes.contour(*centers, smooth.T, levels=levels, colors=[INK], linewidths=0.8)
    axes.set_ylim(*ranges[:, 1])


def _labels(axes: Any, posterior: "Posterior", row: int, column: int, count: int) -> None:
    def label(index: int) -> str:
        parameter = posterior.space.parameters[index]
        return f"{parameter.name}, {parameter.unit}" if parameter.unit else parameter.name

    axes.tick_params(labelsize=7)
    axes.locator_params(nbins=4)
    if row == count - 1:
        axes.set_xlabel(label(column), fontsize=8)
    else:
        axes.set_xticklabels([])
    if column == 0 and row > 0:
        axes.set_ylabel(label(row), fontsize=8)
    elif row != column:
        axes.set_yticklabels([])
