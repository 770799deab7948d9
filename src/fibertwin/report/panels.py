"""Flat pictures of the inside of the mesh: fiber strain on cuts, and fibers in slabs; no graphics library needed."""

from typing import Any

import numpy as np

from .cuts import VIEWS, Cut, cut
from .drawing import (
    DIFFERENCE_MAP,
    GREY,
    INK,
    STRAIN_MAP,
    Picture,
    color_bar,
    figure,
    orientation_labels,
    percentile,
    plain,
    png,
    rounded_range,
    scale_bar,
)
from .fields import Floats, Tetrahedra
from .text import number


def strain_range(runs: list[Tetrahedra]) -> tuple[float, float]:
    """The color range of strain in percent: symmetric, holds 99 % of the volume of all runs, in round numbers."""
    strain = np.concatenate([np.abs(run.strain) for run in runs]) * 100
    limit = _limit(strain, np.concatenate([run.volumes for run in runs]))
    return -limit, limit


def strain_cuts(ours: Tetrahedra, isotropic: Tetrahedra | None, focus: Floats) -> Picture:
    """Strain on cuts through ``focus`` (3,) mm: of our run, of the isotropic run, and the difference."""
    runs = [ours] if isotropic is None else [ours, isotropic]
    mapping = (STRAIN_MAP, *strain_range(runs))
    if isotropic is None:
        return _own_cuts(ours, focus, mapping)
    planes = two_planes(ours, focus)
    same = ours.matches(isotropic)
    columns = 3 if same else 2
    made = figure(4.0 * columns, _row_height(ours, planes, 4.0) + 0.6)
    grid = made.subplots(2, columns, squeeze=False, height_ratios=[_aspect(ours, axis) for axis in planes])
    difference = (ours.strain - isotropic.strain) * 100 if same else np.zeros(0)
    limit = _limit(np.abs(difference), ours.volumes) if same else 0.0
    for row, axis in zip(grid, planes, strict=True):
        for axes, run, name in zip(row, runs, ("with fibers", "isotropic"), strict=False):
            _paint(axes, cut(run, axis, focus[axis]), run.strain * 100, mapping, ours)
            axes.set_title(f"{name}, {_where(axis, focus)}", fontsize=9, color=INK)
        if same:
            _paint(row[2], cut(ours, axis, focus[axis]), difference, (DIFFERENCE_MAP, -limit, limit), ours)
            row[2].set_title(f"difference, {_where(axis, focus)}", fontsize=9, color=INK)
    style: dict[str, Any] = {"location": "bottom", "aspect": 40, "extend": "both", "pad": 0.02}
    color_bar(made, list(grid[:, :2].flat), mapping, f"{ours.strain_name} (Green–Lagrange), %", shrink=0.6, **style)
    if same:
        bar = (DIFFERENCE_MAP, -limit, limit)
        color_bar(
            made, list(grid[:, 2]), bar, "with fibers − isotropic, % strain", shrink=0.8, **style | {"aspect": 26}
        )
    told = (
        f"Green–Lagrange {ours.strain_name} on cuts through the most strained 1 % of the volume, around "
        f"{_mm(focus)} mm, on the deformed "
        "shape at true scale. Black line: deformed outline, grey: undeformed. Colors hold 99 % of the volume of "
        "both runs."
    )
    if same:
        told += " Difference: red where the isotropic model gives too little, blue where it gives too much."
    else:
        told += " The isotropic run has another mesh, so no difference is drawn."
    return Picture(png(made), told)


def _own_cuts(ours: Tetrahedra, focus: Floats, mapping: tuple[str, float, float]) -> Picture:
    made = figure(12.0, 12.0 / sum(1 / _aspect(ours, axis) for axis in VIEWS) + 0.9)
    row = made.subplots(1, 3, width_ratios=[1 / _aspect(ours, axis) for axis in VIEWS])
    for axes, axis in zip(row, VIEWS, strict=True):
        _paint(axes, cut(ours, axis, focus[axis]), ours.strain * 100, mapping, ours)
        axes.set_title(_where(axis, focus), fontsize=9, color=INK)
    label = f"{ours.strain_name} (Green–Lagrange), %"
    color_bar(made, list(row), mapping, label, location="bottom", aspect=40, extend="both", pad=0.02, shrink=0.5)
    return Picture(
        png(made),
        f"Green–Lagrange {ours.strain_name} on three cuts through the most strained 1 % of the volume, around "
        f"{_mm(focus)} mm, on the "
        "deformed shape at true scale. Black line: deformed outline, grey: undeformed. Colors hold 99 % of "
        "the volume.",
    )


def fiber_slabs(tissue: Tetrahedra) -> Picture:
    """The fiber axis of every cell in three slabs through the middle, seen straight on."""
    middle = np.average(tissue.centers, axis=0, weights=tissue.volumes)
    thick = 1.5 * float(np.cbrt(tissue.volumes.mean() * 6))
    length, faded = fiber_lengths(tissue)
    made = figure(12.0, 12.0 / sum(1 / _aspect(tissue, axis) for axis in VIEWS) + 0.3)
    row = made.subplots(1, 3, width_ratios=[1 / _aspect(tissue, axis) for axis in VIEWS])
    for axes, axis in zip(row, VIEWS, strict=True):
        inside = np.abs(tissue.centers[:, axis] - middle[axis]) < thick / 2
        _lines(axes, tissue, axis, inside, length)
        _frame(axes, cut(tissue, axis, middle[axis]), tissue, deformed=False)
        axes.set_title(_where(axis, middle), fontsize=9, color=INK)
    told = (
        f"Fiber axis a0 of every cell in slabs of {number(thick, 2)} mm through the middle of the mesh. Red runs "
        "left–right, green front–back, blue up–down; a dot points at the reader."
    )
    return Picture(png(made), told + (" Lines are shorter where FA is below 0.4." if faded else ""))


def fiber_lengths(tissue: Tetrahedra) -> tuple[Floats, bool]:
    """Drawn length of every cell's fiber (m,), and whether FA shortens it."""
    size = np.cbrt(tissue.volumes * 6) * 1.1
    fa = tissue.arrays.get("FA")
    if fa is None or not np.isfinite(fa).all() or not fa.max() > 0:
        return size, False
    return size * np.clip(fa / 0.4, 0.15, 1.0), True


def _lines(axes: Any, tissue: Tetrahedra, axis: int, inside: Any, length: Floats) -> None:
    from matplotlib.collections import LineCollection

    (i, right), (j, up), *_ = VIEWS[axis]
    a0 = tissue.arrays["a0"][inside]
    half = a0 * length[inside, None] / 2
    ends = np.stack([tissue.centers[inside] - half, tissue.centers[inside] + half], axis=1)
    flat = np.stack([right * ends[..., i], up * ends[..., j]], axis=-1)
    colors = np.clip(np.abs(a0), 0, 1)
    axes.add_collection(LineCollection(list(flat), colors=colors, linewidths=1.3, capstyle="round"))


def _paint(axes: Any, met: Cut, values: Floats, mapping: tuple[str, float, float], whole: Tetrahedra) -> None:
    from matplotlib.collections import PolyCollection

    name, low, high = mapping
    shown = PolyCollection(list(met.polygons), array=values[met.cells], cmap=name, linewidths=0.3, edgecolors="face")
    shown.set_clim(low, high)
    axes.add_collection(shown)
    _frame(axes, met, whole, deformed=True)


def _frame(axes: Any, met: Cut, whole: Tetrahedra, deformed: bool) -> None:
    from matplotlib.collections import LineCollection

    axes.add_collection(LineCollection(list(met.before), colors=GREY, linewidths=0.7))
    if deformed:
        axes.add_collection(LineCollection(list(met.after), colors=INK, linewidths=0.7))
    plain(axes)
    axes.set_axis_off()
    axes.set_aspect("equal")
    low, high = _window(whole, met.axis)
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(low[1], high[1])
    orientation_labels(axes, VIEWS[met.axis][2])
    scale_bar(axes)


def _window(tissue: Tetrahedra, axis: int) -> tuple[Floats, Floats]:
    """Lower left and upper right of a picture (mm) that holds the shape before and after, with a margin."""
    (i, right), (j, up), *_ = VIEWS[axis]
    both = np.concatenate([tissue.points, tissue.points + tissue.displacement])
    flat = np.stack([right * both[:, i], up * both[:, j]], axis=-1)
    low, high = flat.min(0), flat.max(0)
    margin = 0.1 * (high - low).max()
    return low - margin, high + margin


def _aspect(tissue: Tetrahedra, axis: int) -> float:
    """Height by width of a picture across ``axis``."""
    low, high = _window(tissue, axis)
    return float((high[1] - low[1]) / (high[0] - low[0]))


def _row_height(tissue: Tetrahedra, planes: tuple[int, int], width: float) -> float:
    return sum(width * _aspect(tissue, axis) for axis in planes)


def two_planes(tissue: Tetrahedra, focus: Floats) -> tuple[int, int]:
    """The two axes to cut across that show most of the motion near ``focus``: those it moves along least."""
    near = ((tissue.points - focus) ** 2).sum(1)
    close = near <= np.quantile(near, min(1.0, 50 / len(near)))
    motion = np.abs(tissue.displacement[close]).mean(0)
    # of two that are alike the later one is cut, so that a sideways push shows in coronal and axial cuts
    first, second = sorted(sorted(range(3), key=lambda axis: (round(float(motion[axis]), 6), -axis))[:2])
    return first, second


def _limit(sizes: Floats, volumes: Floats) -> float:
    """A round number that 99 % of the volume stays below."""
    return rounded_range(0.0, percentile(sizes, volumes, 99.0))[1]


def _where(axis: int, at: Floats) -> str:
    return f"{VIEWS[axis][3]} {'xyz'[axis]} = {round(at[axis])} mm".replace("-", "−")


def _mm(at: Floats) -> str:
    return "(" + ", ".join(str(round(x)) for x in at).replace("-", "−") + ")"
