"""Where a sweep goes: axes over places of a case file, and the samples that a design draws from them."""

import csv
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

type Sample = dict[str, Any]
"""Values by their place in the case file."""

Design = Literal["grid", "zip", "latin-hypercube", "sobol", "sobol-indices", "morris"]
DESIGNS: tuple[str, ...] = get_args(Design)
LISTED = ("grid", "zip")
"""Designs that take every value as it is listed; the others fill the space between two bounds."""

_QUANTITY = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*?)\s*")


@dataclass(frozen=True)
class Listed:
    """An axis of values as a case file would have them."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Span:
    """An axis between two bounds.

    Attributes:
        key: place in the case file.
        low: lower bound, without its unit.
        high: upper bound.
        unit: as the file has it; empty for a pure number.
        steps: how many values a grid or zip takes; 0 where none were given.
        log: whether values are even in their logarithm.
        whole: whether values are whole numbers.
    """

    key: str
    low: float
    high: float
    unit: str = ""
    steps: int = 0
    log: bool = False
    whole: bool = False

    def at(self, share: float) -> Any:
        """The value at a share of the way from ``low`` (0) to ``high`` (1), as a case file has it."""
        if self.log:
            value = math.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + share * (self.high - self.low)
        value = float(f"{value:.12g}")
        return written(round(value) if self.whole else value, self.unit)

    def listed(self) -> Listed:
        """As many even values as there are steps."""
        return Listed(self.key, tuple(self.at(i / (self.steps - 1)) for i in range(self.steps)))


type Axis = Listed | Span


def quantity(value: object) -> tuple[float, str] | None:
    """Number and unit of ``3`` or ``"3 kPa"``; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value), ""
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    return None if match is None else (float(match[1]), match[2])


def written(value: float, unit: str) -> Any:
    """A number and its unit as a case file has them: what ``quantity`` reads."""
    number = value if isinstance(value, int) else float(value)
    return f"{number!r} {unit}" if unit else number


def axes_of(document: Mapping[str, Any]) -> list[Axis]:
    """The axes that a sweep's table ``axes`` describes.

    Args:
        document: for each place a list of values, or ``{ from, to, steps, scale }``.

    Raises:
        InputError: with everything that is wrong.
    """
    axes: list[Axis] = []
    problems: list[Problem] = []
    for key, said in document.items():
        where = f'axes."{key}"'
        if isinstance(said, Mapping) and {"from", "to"} & set(said):
            found = _span(key, said, where)
            problems += found if isinstance(found, list) else []
            axes += [] if isinstance(found, list) else [found]
        elif isinstance(said, Sequence) and not isinstance(said, str):
            axes.append(Listed(key, tuple(said)))
            problems += [] if said else [Problem(where, "has no values", wanted="at least one")]
        else:
            wanted = 'a list of values, or { from = "1 kPa", to = "3 kPa", steps = 5 }'
            problems.append(Problem(where, "is no axis", str(said), wanted))
    if problems:
        raise InputError(problems)
    return axes


def _span(key: str, said: Mapping[str, Any], where: str) -> Span | list[Problem]:
    problems = [
        Problem(f"{where}.{name}", "is an unknown key", wanted="one of from, to, steps, scale")
        for name in set(said) - {"from", "to", "steps", "scale"}
    ]
    scale, steps = said.get("scale", "linear"), said.get("steps", 0)
    if scale not in ("linear", "log"):
        problems.append(Problem(f"{where}.scale", "is unknown", str(scale), "linear or log"))
    if isinstance(steps, bool) or not isinstance(steps, int) or (steps < 2 and "steps" in said):
        problems.append(Problem(f"{where}.steps", "is no number of values", str(steps), "2 or more"))
    ends = [quantity(said.get(name)) for name in ("from", "to")]
    for name, bound in zip(("from", "to"), ends, strict=True):
        if bound is None or not math.isfinite(bound[0]):
            problems.append(Problem(f"{where}.{name}", "is no quantity", str(said.get(name)), 'such as "3 kPa"'))
    bounds = [bound for bound in ends if bound is not None]
    if problems or len(bounds) < 2:
        return problems
    (low, unit), (high, other) = bounds
    if unit != other:
        problems.append(Problem(where, "has bounds in two units", f'"{unit}" and "{other}"', "the same unit"))
    if not low < high:
        problems.append(Problem(where, "does not go up", f"{low:g} to {high:g}", "from below to"))
    if scale == "log" and low <= 0:
        problems.append(Problem(where, "has no logarithm", f"{low:g}", "a bound above 0, or scale = linear"))
    whole = all(isinstance(said[name], int) for name in ("from", "to")) and steps == high - low + 1
    return problems or Span(key, low, high, unit, steps, scale == "log", whole)


def draw(axes: Sequence[Axis], design: Design, members: int, seed: int) -> list[Sample]:
    """The samples of a design.

    Args:
        axes: where to go.
        design: how; ``sobol-indices`` takes N (D + 2) samples and ``morris`` N (D + 1), N being ``members``.
        members: samples wanted; ignored by ``grid`` and ``zip``, whose axes say it.
        seed: of the pseudo-random numbers.

    Raises:
        InputError: the axes do not suit the design.
    """
    problems = _unsuited(axes, design, members)
    if problems:
        raise InputError(problems)
    if design in LISTED:
        listed = [axis.listed() if isinstance(axis, Span) else axis for axis in axes]
        columns = [axis.values for axis in listed]
        rows = itertools.product(*columns) if design == "grid" else zip(*columns, strict=True)
        return [dict(zip((axis.key for axis in listed), row, strict=True)) for row in rows]
    spans = [axis for axis in axes if isinstance(axis, Span)]
    shares = unit_samples(len(spans), design, members, seed)
    return [{axis.key: axis.at(float(x)) for axis, x in zip(spans, row, strict=True)} for row in shares]


def _unsuited(axes: Sequence[Axis], design: Design, members: int) -> list[Problem]:
    if not axes:
        return [Problem("axes", "there is none", hint='"materials.tissue.energies.0.mu" = ["1 kPa", "2 kPa"]')]
    if design not in LISTED:
        wanted = '{ from = "1 kPa", to = "3 kPa" }'
        problems = [
            Problem(f'axes."{axis.key}"', f"lists values, but {design} fills a range", wanted=wanted)
            for axis in axes
            if isinstance(axis, Listed)
        ]
        if members < 1:
            problems.append(Problem("members", f"is needed by {design}", str(members), "1 or more"))
        elif design.startswith("sobol") and members & (members - 1):
            problems.append(Problem("members", f"must be a power of two for {design}", str(members), "64, 128, 256, …"))
        return problems
    problems = [
        Problem(f'axes."{axis.key}"', f"needs steps for {design}", hint="or sample = latin-hypercube")
        for axis in axes
        if isinstance(axis, Span) and not axis.steps
    ]
    lengths = {axis.key: axis.steps if isinstance(axis, Span) else len(axis.values) for axis in axes}
    if design == "zip" and not problems and len(set(lengths.values())) > 1:
        problems.append(Problem("axes", "are not of one length, which zip needs", str(lengths)))
    return problems


def unit_samples(dimensions: int, design: Design, members: int, seed: int) -> "NDArray[np.float64]":
    """Points (samples, dimensions) of a design in the unit cube."""
    if design in ("sobol-indices", "morris"):
        from .sensitivity import unit_samples as of_indices

        return of_indices(dimensions, design, members, seed)
    from scipy.stats import qmc

    kind = qmc.LatinHypercube if design == "latin-hypercube" else qmc.Sobol
    drawn: NDArray[np.float64] = kind(d=dimensions, rng=seed).random(members)
    return drawn


def from_csv(path: Path) -> list[Sample]:
    """Samples of a table: a heading of places in the case file, a row each; numbers are numbers, the rest is text.

    Raises:
        InputError: no such file, or rows that do not fit the heading.
    """
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem("samples", f"cannot be read: {error}", str(path))) from error
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise InputError(Problem("samples", "holds no samples", str(path), "a heading and at least one row"))
    head = [name.strip() for name in rows[0]]
    astray = [
        Problem(f"samples, row {i}", "does not fit the heading") for i, row in enumerate(rows) if len(row) != len(head)
    ]
    if astray or len(set(head)) < len(head):
        raise InputError(astray or Problem("samples", "has a heading twice", ", ".join(head)))
    return [{key: _cell(cell) for key, cell in zip(head, row, strict=True)} for row in rows[1:]]


def _cell(text: str) -> Any:
    found = quantity(text)
    if found is None or found[1]:
        return text.strip()
    return int(text) if re.fullmatch(r"\s*[-+]?\d+\s*", text) else found[0]
