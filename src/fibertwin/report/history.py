"""Curves over the load: what supports bear, and the pressure of cavities over their volume."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem

from .drawing import REGION_COLORS, Picture, figure, plain, png
from .fields import Floats


@dataclass(frozen=True)
class History:
    """Forces, volumes and pressures in every equilibrium of a solve.

    Attributes:
        load: (n,) parts of the load history.
        time: (n,) s.
        forces: (n, 3) mN by support.
        cavities: volumes (n,) mL and pressures (n,) kPa by cavity.
    """

    load: Floats
    time: Floats
    forces: dict[str, Floats]
    cavities: dict[str, tuple[Floats, Floats]]


def read_history(path: Path) -> History | None:
    """Read ``history.csv``; nothing where there is none, or it holds no equilibrium.

    Raises:
        InputError: it is no such table.
    """
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows:
            return None
        columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
        supports = [name.removesuffix("_x_mN") for name in columns if name.endswith("_x_mN")]
        cavities = [name.removesuffix("_volume_mL") for name in columns if name.endswith("_volume_mL")]
        return History(
            columns["load"],
            columns["time_s"],
            {name: np.column_stack([columns[f"{name}_{axis}_mN"] for axis in "xyz"]) for name in supports},
            {name: (columns[f"{name}_volume_mL"], columns[f"{name}_pressure_kPa"]) for name in cavities},
        )
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise InputError(Problem(str(path), "is no table of a load history", str(error))) from error


def curves(folder: Path) -> Picture | None:
    """Forces over the load, and pressure over volume; nothing where there is but one equilibrium.

    Raises:
        InputError: a table cannot be read, or matplotlib is missing.
    """
    ours, other = (read_history(folder / f"{name}history.csv") for name in ("", "isotropic-"))
    if ours is None or len(ours.load) < 2 or not (ours.forces or ours.cavities):
        return None
    runs = [(ours, "-", ""), *([] if other is None else [(other, "--", ", isotropic")])]
    panels = [_forces] * bool(ours.forces) + [_loops] * bool(ours.cavities)
    made = figure(0.4 + 5.0 * len(panels), 3.2)
    for axes, panel in zip(made.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for run, style, title in runs:
            panel(axes, run, style, title)
        plain(axes)
        axes.legend(frameon=False, fontsize=8)
    told = "Every point is an increment in equilibrium; history.csv has the numbers."
    if ours.forces:
        told = f"Force of each support on the tissue, along the direction of its largest. {told}"
    if ours.cavities:
        told += " Pressure over volume of each cavity."
    return Picture(png(made), told + (" Dashed: the isotropic model." if other is not None else ""))


def _forces(axes: Any, run: History, style: str, title: str) -> None:
    timed = not np.allclose(run.time, run.load)
    for i, (name, forces) in enumerate(run.forces.items()):
        largest = forces[np.argmax(np.linalg.norm(forces, axis=1))]
        along = forces @ largest / (np.linalg.norm(largest) or 1.0)
        _draw(axes, run.time if timed else 100 * run.load, along, i, style, name + title)
    axes.set_xlabel("time, s" if timed else "load, %", fontsize=9)
    axes.set_ylabel("force of the support, mN", fontsize=9)


def _loops(axes: Any, run: History, style: str, title: str) -> None:
    for i, (name, (volume, pressure)) in enumerate(run.cavities.items()):
        _draw(axes, volume, pressure, i, style, name + title)
    axes.set_xlabel("volume of the cavity, mL", fontsize=9)
    axes.set_ylabel("pressure, kPa", fontsize=9)


def _draw(axes: Any, x: Floats, y: Floats, number: int, style: str, label: str) -> None:
    color = REGION_COLORS[number % len(REGION_COLORS)]
    mark = "o" if len(x) <= 60 else ""
    width = max(1.3, 4.0 - 1.4 * number)  # supports often bear the same: the last drawn leaves an edge of the first
    axes.plot(x, y, style, marker=mark, color=color, markersize=3, linewidth=width, label=label)
