"""Solves measured each in processes of its own, and the rows that tell of one."""

import math
import statistics
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from _child import ChildError, call
from _table import Row, below, judged, told

SMALL: dict[str, dict[str, Any]] = {
    "cube": {"cells": 2},
    "anisotropic": {"cells": 2},
    "mixed": {"cells": 2},
    "beam": {"cells": 1},
    "ventricle": {"edge": 2.5},
    "brain": {"edge": "12 mm"},
}
"""What makes each problem small without changing its forms."""

_warm: set[str] = set()


@dataclass(frozen=True)
class How:
    """What the options that all programs share say of how to measure.

    Attributes:
        profile: whether to tell what processor time goes into.
        limit: seconds of wall that one solve may take.
        repeats: how often to solve; the run of least processor time counts, as other work on the machine only adds.
    """

    profile: bool = False
    limit: float = 600.0
    repeats: int = 1


def how(arguments: Namespace, least: float = 0.0) -> How:
    """That of a program's arguments; one that takes long gets at least so many seconds."""
    return How(arguments.parts, max(arguments.limit, least), arguments.repeats)


@dataclass(frozen=True)
class Measured:
    """One solve.

    Attributes:
        sentence: how it ended; where a child ended without an answer, why.
        converged: whether it reached full load.
        ranks: how many processes it ran on.
        unknowns: displacement and pressure, all of them.
        cells: tetrahedra.
        level: load reached, 0 to 1.
        cuts: increments that failed and were tried again shorter.
        newton: Newton iterations of each increment.
        krylov: Krylov iterations of each linear solve, by increment.
        cpu_s: processor seconds of the solve, of all ranks.
        wall_s: its wall seconds.
        build_cpu_s: processor seconds of the mesh and the fibers.
        peak_mb: greatest resident memory over that after all imports (MB), of all ranks.
        built_mb: what of it was there before the solve.
        answers: figures of the solution.
        parts: processor seconds of rank 0 by what they went into, where that was asked for.
        most_cpu_s: processor seconds of the dearest of several runs.
    """

    sentence: str
    converged: bool = False
    ranks: int = 1
    unknowns: int = 0
    cells: int = 0
    level: float = 0.0
    cuts: int = 0
    newton: tuple[int, ...] = ()
    krylov: tuple[tuple[int, ...], ...] = ()
    cpu_s: float = math.nan
    wall_s: float = math.nan
    build_cpu_s: float = math.nan
    peak_mb: float = math.nan
    built_mb: float = math.nan
    answers: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    most_cpu_s: float = math.nan

    @property
    def linear(self) -> tuple[int, ...]:
        """Krylov iterations of every linear solve."""
        return tuple(count for step in self.krylov for count in step)

    @property
    def per_newton(self) -> float:
        """Krylov iterations of a Newton step, on average."""
        return statistics.mean(self.linear) if self.linear else math.nan

    @property
    def bytes_per_unknown(self) -> float:
        """Memory over that after the imports."""
        return 2**20 * self.peak_mb / self.unknowns if self.unknowns else math.nan

    @property
    def cost(self) -> str:
        """Processor seconds and memory, in words."""
        ranks = f", {self.ranks} ranks" if self.ranks > 1 else ""
        most = f" to {self.most_cpu_s:.3g}" if self.most_cpu_s > self.cpu_s else ""
        return f"{self.cpu_s:.3g}{most} CPU s, {self.peak_mb:.0f} MB{ranks}"


def solved(name: str, how: How, *, ranks: int = 1, petsc: str = "", **options: Any) -> Measured:
    """Solve a problem of ``_problems`` in its own processes; its forms are compiled before, in another one.

    A solve that crashes or takes more than the limit is one that reached nothing.
    """
    asked = {"name": name, "options": options, "petsc": petsc, "profile": how.profile}
    runs = []
    try:
        _compile(name, options)
        for _ in range(how.repeats):
            found = call("_solving", asked, ranks=ranks, limit=how.limit)
            found["newton"], found["krylov"] = tuple(found["newton"]), tuple(map(tuple, found["krylov"]))
            runs.append(Measured(**found))
    except ChildError as error:
        return Measured(str(error), ranks=ranks)
    return replace(min(runs, key=lambda run: run.cpu_s), most_cpu_s=max(run.cpu_s for run in runs))


def _compile(name: str, options: Mapping[str, Any]) -> None:
    small = {**options, **SMALL[name]}
    if repr((name, small)) not in _warm:
        call("_solving", {"name": name, "options": small})
        _warm.add(repr((name, small)))


def effort(label: str, found: Measured, *, cpu: float | None = None, mb: float | None = None) -> list[Row]:
    """What one solve took and how it went, judged where a limit is given; little where it ended without an answer."""
    start, cost = f"{label}: ", found.cost
    rows = [judged(f"{start}load reached, part", "1", found.level, found.converged, cost)]
    if not found.converged:
        rows.append(told(f"{start}why it stopped", found.sentence, cost))
    rows += [
        _within(f"{start}CPU s", cpu, found.cpu_s, cost),
        _within(f"{start}peak memory over the import, MB", mb, found.peak_mb, cost),
    ]
    if not found.unknowns:
        return rows
    return [
        *rows,
        told(f"{start}unknowns", found.unknowns, cost),
        told(f"{start}increments, cuts", f"{len(found.newton)}, {found.cuts}", cost),
        told(f"{start}Newton iterations", sum(found.newton), cost),
        told(f"{start}Krylov iterations", sum(found.linear), cost),
        told(f"{start}Krylov iterations of a Newton step, mean", found.per_newton, cost),
        told(f"{start}Krylov iterations of a Newton step, most", max(found.linear, default=0), cost),
        *(told(f"{start}CPU s in {part}", seconds) for part, seconds in found.parts.items()),
    ]


def _within(quantity: str, limit: float | None, ours: float, cost: str) -> Row:
    return told(quantity, ours, cost) if limit is None else below(quantity, limit, ours, cost)


def near(quantity: str, target: float, ours: float, relative: float, cost: str) -> Row:
    """A figure that others have found, to a relative accuracy."""
    met = abs(ours - target) <= relative * abs(target)
    return judged(quantity, f"{target:.9g} ± {relative:.0e}", f"{ours:.9g}", met, cost)


def spread(quantity: str, least: float, found: list[Measured], reached: float, kind: str) -> Row:
    """A ratio between the greatest and the least of several solves."""
    cost = "; ".join(one.cost for one in found)
    complete = bool(found) and all(one.converged for one in found) and math.isfinite(reached)
    return judged(quantity, f"{kind} {least:g}", reached, complete and reached < least, cost)
