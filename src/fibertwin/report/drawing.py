"""What every picture shares: figures without global state, colors, ranges, labels, PNG bytes."""

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem

from .fields import Floats

INK, GREY, FAINT = "#1c1c1e", "#8a8a8e", "#d9d9de"
REGION_COLORS = ("#31688e", "#c2693b", "#4f8a5b", "#7a5195", "#9a8c2f")
# fiber strain has a sign, so its map is symmetric about a neutral zero: purple shortened, orange stretched
STRAIN_MAP, DIFFERENCE_MAP, LENGTH_MAP = "PuOr_r", "RdBu_r", "YlGnBu"
DPI = 130


@dataclass(frozen=True)
class Picture:
    """A finished picture.

    Attributes:
        png: the file's bytes.
        caption: plain text, not yet escaped.
    """

    png: bytes
    caption: str


def figure(width: float, height: float) -> Any:
    """A matplotlib figure of ``width`` by ``height`` inches that belongs to no global state.

    Raises:
        InputError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        hint = "pip install 'fibertwin[view]'"
        raise InputError(Problem("matplotlib", f"cannot be imported ({error})", hint=hint)) from error
    made: Any = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(made)
    return made


def png(made: Any) -> bytes:
    """The figure as PNG; without the metadata that would make two equal pictures differ."""
    buffer = io.BytesIO()
    made.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def plain(axes: Any) -> None:
    """Leave only what is needed of a chart's frame."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)


def percentile(values: Floats, weights: Floats, at: float) -> float:
    """The volume-weighted percentile ``at`` (0 to 100) of ``values`` (m,)."""
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(share, at / 100 * share[-1])), len(values) - 1)])


def rounded_range(low: float, high: float) -> tuple[float, float]:
    """The range widened to round numbers, never empty."""
    if not high > low:
        margin = abs(high) or 1.0
        return high - margin / 2, high + margin / 2
    raw = (high - low) / 10
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(s for s in (1, 2, 5, 10) if s * power >= raw) * power
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def orientation_labels(axes: Any, labels: tuple[str, str, str, str], color: str = INK) -> None:
    """Write which side of the patient lies left, right, up and down in a picture."""
    spots: tuple[tuple[float, float, str, str], ...] = ((0.02, 0.5, "left", "center"), (0.98, 0.5, "right", "center"))
    spots += ((0.5, 0.985, "center", "top"), (0.5, 0.015, "center", "bottom"))
    for text, (x, y, across, along) in zip(labels, spots, strict=True):
        axes.text(x, y, text, transform=axes.transAxes, color=color, fontsize=9, fontweight="bold", ha=across, va=along)


def scale_bar(axes: Any, color: str = INK) -> None:
    """Draw a bar of round length in the corner of a picture whose units are mm."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    width, height = right - left, top - bottom
    length = max(s for s in (0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 1e3) if s <= max(0.42 * width, 0.01))
    x, y = left + 0.04 * width, bottom + 0.05 * height
    axes.plot([x, x + length], [y, y], color=color, linewidth=2, solid_capstyle="butt")
    axes.text(x, y + 0.015 * height, f"{length:g} mm", color=color, fontsize=7.5, ha="left", va="bottom")


def color_bar(made: Any, axes: Any, mapping: tuple[str, float, float], label: str, **options: Any) -> None:
    """A color bar with its unit; ``mapping`` is the color map's name and the range."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    name, low, high = mapping
    bar = made.colorbar(ScalarMappable(Normalize(low, high), name), ax=axes, **options)
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_visible(False)
