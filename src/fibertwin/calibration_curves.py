"""What a case says was measured, as panels that are drawn: series over the load, many numbers over themselves."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.calibration_pictures import Curve

if TYPE_CHECKING:
    from fibertwin.calibration import Measurement
    from fibertwin.case.measured import Measured

MANY = 4
"""Numbers at one level from which they are drawn over what was measured; fewer stand side by side."""

SERIES = 3
"""Levels that make a curve."""

MOST = 9
"""Panels that are drawn."""


def curves_of(
    measured: "Mapping[str, Measured]", measurement: "Measurement", numbers: Sequence[str]
) -> tuple[Curve, ...]:
    """A panel, or one for each axis, for everything that was measured; few numbers of one unit share one.

    Args:
        measured: entries of the case.
        measurement: their numbers (m), one entry after the other.
        numbers: what each number is of (m), as the observations name it.
    """
    known, values = measurement.known, np.array(measurement.values)
    units = measurement.units or ("",) * len(values)
    found: list[Curve] = []
    single: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    start = 0
    for name, entry in measured.items():
        levels = np.array(entry.levels())
        count = len(entry.sds())
        rows = start + np.arange(count)
        start += count
        if len(levels) >= SERIES:
            for place in range(count // len(levels)):
                own = rows[place :: count // len(levels)]
                found.append(
                    _over_load(
                        name, own[known[own]], levels[known[own]], _unit(numbers[int(own[0])], units[int(own[0])])
                    )
                )
        elif count // len(levels) >= MANY:
            found += _over_themselves(name, rows, known, values, units[int(rows[0])])
        else:
            each = zip(rows.tolist(), np.repeat(levels, count // len(levels)), strict=True)
            for row, level in each:
                if known[row]:
                    single[numbers[row], units[row]].append((row, float(level)))
    found += _singles(single)
    return tuple(curve for curve in found if len(curve.rows))[:MOST]


def _over_load(name: str, rows: NDArray[np.intp], levels: NDArray[np.float64], quantity: str) -> Curve:
    return Curve(name, rows, 100 * levels, "share of the load, %", quantity)


def _over_themselves(
    name: str, rows: NDArray[np.intp], known: NDArray[np.bool_], values: NDArray[np.float64], unit: str
) -> Iterator[Curve]:
    """Predicted over measured; displacements (mm) axis by axis."""
    axes = {f"{name}, {axis}": rows[place::3] for place, axis in enumerate("xyz")} if unit == "mm" else {name: rows}
    for title, own in axes.items():
        seen = own[known[own]]
        yield Curve(title, seen, values[seen], _unit("measured", unit), _unit("predicted", unit), joined=False)


def _singles(single: Mapping[tuple[str, str], Sequence[tuple[int, float]]]) -> Iterator[Curve]:
    """Numbers at enough levels as curves, the others of one unit side by side."""
    beside: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for (name, unit), places in single.items():
        rows, levels = np.array([row for row, _ in places]), np.array([level for _, level in places])
        if len(set(levels)) >= SERIES:
            yield _over_load(name, rows, levels, _unit("", unit))
        else:
            several = len(places) > 1
            beside[unit] += [(row, f"{name}\nat {level:g}" if several else name) for row, level in places]
    for unit, some in beside.items():
        rows = np.array([row for row, _ in some])
        labels = tuple(label.replace(" of ", "\nof ") for _, label in some)
        yield Curve("", rows, np.arange(float(len(rows))), "", _unit("", unit), joined=False, labels=labels)


def _unit(name: str, unit: str) -> str:
    return ", ".join(part for part in (name, unit) if part)
