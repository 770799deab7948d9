"""Pictures that compare fibers: helix angle through the wall, and how far fields are from one another."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .angles import Difference

Array = NDArray[np.float64]

BINS = 24
"""Layers of the wall in which medians are taken."""

COLORS = ("#1f5fa8", "#c8442b", "#3c8a4e", "#8a5bb0")


def draw_comparison(
    path: Path,
    helix: Mapping[str, Array],
    depth: Array,
    differences: Mapping[str, Difference],
    *,
    title: str = "",
) -> None:
    """Draw the helix angle over depth, median and quartiles, beside histograms of angles between fibers. Rank 0 only.

    Args:
        path: the picture (.png).
        helix: angles (n,) in degrees by what they are of, such as ``AngleMaps.helix``.
        depth: (n,) 0 at the endocardium, 1 at the epicardium.
        differences: from ``angular_difference``, by what they are between.
        title: above the left picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    edges = np.linspace(0, 1, BINS + 1)
    layer = np.clip(np.digitize(depth.ravel(), edges) - 1, 0, BINS - 1)
    for color, (name, angles) in zip(COLORS, helix.items(), strict=False):
        parts = [angles.ravel()[layer == k] for k in range(BINS)]
        low, middle, high = (np.array([_quantile(part, q) for part in parts]) for q in (0.25, 0.5, 0.75))
        centers = (edges[1:] + edges[:-1]) / 2
        left.plot(centers, middle, color=color, label=name)
        left.fill_between(centers, low, high, color=color, alpha=0.2, linewidth=0)
    left.set(xlabel="depth, endocardium to epicardium", ylabel="helix angle (degrees)", ylim=(-90, 90), title=title)
    left.set_yticks(range(-90, 91, 30))
    left.legend(frameon=False)
    for color, (name, off) in zip(COLORS, differences.items(), strict=False):
        label = f"{name}: median {off.median:.1f}°"
        right.stairs(100 * off.histogram, off.edges, color=color, label=label)
    right.set(xlabel="angle between the fibers (degrees)", ylabel="volume (% per degree)", xlim=(0, 90))
    right.legend(frameon=False)
    figure.savefig(path, dpi=110)


def _quantile(values: Array, share: float) -> float:
    return float(np.quantile(values, share)) if len(values) else np.nan
