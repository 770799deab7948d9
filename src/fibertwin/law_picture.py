"""The picture of a law: stress against stretch and shear, over measured data where there are some."""

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, SolveError
from fibertwin.report.drawing import GREY, INK, REGION_COLORS, figure, plain

if TYPE_CHECKING:
    from fibertwin.constitutive.experiments import Experiment
    from fibertwin.constitutive.study import Response
    from fibertwin.law import Study

COLORS = (*REGION_COLORS, "#b3261e", "#2b8a9d", GREY)
MARKERS = "osD^vP*X"

STEEP = 4.0
"""How far a panel reaches beyond the middle one of its curves' greatest stresses, so that none hides the others."""

Paint = Callable[[Any], None]


def draw(study: "Study", file: Path) -> None:
    """Draw a study into a file (png, pdf or svg): the Cauchy stress, or the nominal stress over measured data.

    Raises:
        InputError: matplotlib is missing, or the file cannot be written.
    """
    panels = _curve_panels(study.curves) if study.data is None else _data_panels(study)
    if not panels:
        raise InputError(Problem("--plot", "has nothing to draw", got="; ".join(study.notes)))
    width = max(3.9 * len(panels), 6.2)
    made = figure(width, 4.4)
    for axes, (title, paint) in zip(made.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        plain(axes)
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.set_title(title, fontsize=9.5, loc="left", color=INK)
        paint(axes)
        axes.legend(fontsize=7.5, frameon=False)
    made.suptitle(_title(study, width), fontsize=8.5, color=INK, x=0.01, ha="left", linespacing=1.4)
    try:
        made.savefig(file)
    except OSError as error:
        raise InputError(Problem(str(file), f"cannot be written: {error.strerror}")) from error


def _title(study: "Study", width: float) -> str:
    """What is drawn, its parameters and its source, in lines that fit."""
    from fibertwin.law_text import parameters

    columns = int(width * 15)
    numbers = ", ".join(f"{name} = {value}" for name, value in parameters(study.material).items())
    sources = [study.source]
    if study.data is not None:
        sources.append(f"Data: {study.data.title}; {study.data.source}")
    lines = [study.title, *textwrap.wrap(numbers, columns)]
    for source in sources:
        lines += textwrap.wrap(source, columns, max_lines=2, placeholder=" …")
    return "\n".join(lines)


def _curve_panels(curves: "Mapping[str, Response]") -> dict[str, Paint]:
    groups: dict[str, dict[str, Response]] = {}
    for name, curve in curves.items():
        groups.setdefault(_panel(name), {})[name] = curve
    return {title: _painted(title, group) for title, group in groups.items()}


def _panel(name: str) -> str:
    if name.startswith("uniaxial"):
        return "Uniaxial, sides free"
    if "shear" in name:
        return "Simple shear"
    return "Dilation" if name == "volumetric" else "Biaxial"


def _painted(title: str, group: "Mapping[str, Response]") -> Paint:
    def paint(axes: Any) -> None:
        for number, (name, curve) in enumerate(group.items()):
            label = name.removeprefix("uniaxial ").removeprefix("simple shear ")
            color, style = COLORS[number % len(COLORS)], ("-", (0, (4, 2)))[number % 2]  # so that equal curves show
            axes.plot(curve.amount, curve.cauchy_stress, color=color, linestyle=style, linewidth=1.8, label=label)
        axes.set_xlabel(_abscissa(title, len(group)), fontsize=8.5)
        axes.set_ylabel("Cauchy stress (kPa)", fontsize=8.5)
        axes.set_ylim(*_limits([curve.cauchy_stress for curve in group.values()]))

    return paint


def _limits(stresses: Sequence[NDArray[np.float64]]) -> tuple[float, float]:
    """The range of a panel: that of its curves, those left out that reach far beyond the middle one of them."""
    ends = []
    for reached in ([max(0.0, float(s.max())) for s in stresses], [max(0.0, float(-s.min())) for s in stresses]):
        middle = sorted(reached)[len(reached) // 2 if len(reached) > 2 else 0]
        ends.append(min(max(reached), STEEP * middle) if middle > 0 else max(reached))
    top, bottom = ends
    margin = 0.05 * (top + bottom) or 1.0
    return -bottom - margin, top + margin


def _abscissa(title: str, curves: int) -> str:
    if title == "Simple shear":
        return "shift per height" + (" (fs: face across f, shifted along s)" if curves > 1 else "")
    return "volume ratio J" if title == "Dilation" else "stretch"


def _data_panels(study: "Study") -> dict[str, Paint]:
    if study.data is None:
        return {}
    shears = [e for e in study.data.experiments if e.mode == "simple shear"]
    stretches = [e for e in study.data.experiments if e.mode != "simple shear"]
    groups = {"Stretched": stretches, "Sheared": shears}
    return {title: _over_data(study, title, group) for title, group in groups.items() if group}


def _over_data(study: "Study", title: str, group: "list[Experiment]") -> Paint:
    """Points as measured, and the law through the range of all of them and rest."""

    def paint(axes: Any) -> None:
        for number, experiment in enumerate(group):
            color = COLORS[number % len(COLORS)]
            marker = MARKERS[number % len(MARKERS)]
            points = {"markersize": 4.2, "markerfacecolor": "white", "markeredgewidth": 1.1, "linestyle": "none"}
            label = experiment.name
            if study.fitted is not None:
                label += f" (R² {study.fitted.r_squared[experiment.name]:.3f})"
            axes.plot(experiment.amounts, experiment.measured, marker, color=color, label=label, **points)
            at, stress = _curve(study, experiment)
            axes.plot(at, stress, color=color, linewidth=1.6, zorder=1)
        axes.set_xlabel("shift per height" if title == "Sheared" else "stretch", fontsize=8.5)
        axes.set_ylabel("nominal stress (kPa)", fontsize=8.5)
        measured = np.concatenate([experiment.measured for experiment in group])
        span = float(np.ptp(measured)) or 1.0
        low, high = axes.get_ylim()
        axes.set_ylim(max(low, measured.min() - 0.6 * span), min(high, measured.max() + 0.6 * span))

    return paint


def _curve(study: "Study", experiment: "Experiment") -> tuple[Any, Any]:
    """The law through the measured range, from rest; nothing where it cannot be computed."""
    rest = 0.0 if experiment.mode == "simple shear" else 1.0
    low, high = min(rest, experiment.amounts.min()), max(rest, experiment.amounts.max())
    at = np.linspace(low, high, 101)
    if experiment.mode == "biaxial":  # the other stretch is known along the measured path only
        at = np.sort(experiment.amounts)
    try:
        return at, experiment.response(study.material, study.fabric, at).nominal_stress
    except SolveError as error:
        study.notes.append(f"{experiment.name}: {error}")
        return at[:0], at[:0]
