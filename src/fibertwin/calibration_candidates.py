"""What could be measured next on a case's body: what its file names, else whatever the loads that it has would show."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, SolveError

if TYPE_CHECKING:
    from fibertwin.calibration import Candidate, Noise, Space
    from fibertwin.calibration.equilibrium import EquilibriumModel
    from fibertwin.calibration.observe import Observation
    from fibertwin.case import Case

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

SHARE = 0.02
"""Noise of what nothing like it was measured: a share of its own size."""

LEVELS = (0.5, 1.0)
"""Shares of the load history at which all is tried that was measured elsewhere."""

FARTHER = (1.5, 3.0)
"""How many times the load is tried beyond it, where all of it grows evenly."""


@dataclass(frozen=True, eq=False)
class Possible:
    """A measurement that could be made.

    Attributes:
        name: of the measurement.
        level: share of the load history.
        observation: what predicts it.
        noise: how it would scatter; None for a normal distribution of ``SHARE`` of its own size.
        named: whether the case names it; else it suggests itself, and may have no place on the body.
    """

    name: str
    level: float
    observation: "Observation"
    noise: "Noise | None"
    named: bool = False


@dataclass(frozen=True, eq=False)
class Shown:
    """What a possible measurement would show at some parameters.

    Attributes:
        index: which of the possible ones.
        prediction: numbers (m,).
        slopes: their derivatives by the parameters (m, p).
    """

    index: int
    prediction: Vector
    slopes: Matrix


def possible(case: "Case") -> tuple[Possible, ...]:
    """The measurements that ``[calibrate.possible]`` names, or without that table those that suggest themselves.

    Raises:
        InputError: with every file that cannot be read.
    """
    assert case.calibrate is not None
    if case.calibrate.possible:
        return tuple(Possible(*one, named=True) for one in case.calibrate.candidates())
    return tuple(_automatic(case))


def require(model: "EquilibriumModel", wanted: Sequence[Possible]) -> None:
    """Refuse what a case names and its body has no place for. Collective.

    Raises:
        InputError: with all of it.
    """
    from fibertwin.case.toml import place

    problems: list[Problem] = []
    for one in wanted:
        if one.named:
            try:
                model.seeing([(one.level, one.observation)])
            except InputError as error:
                where = place(("calibrate", "possible", one.name))
                problems += [replace(problem, where=f"{where}.{problem.where}") for problem in error.problems]
    if problems:
        raise InputError(problems)


def shown(model: "EquilibriumModel", wanted: Sequence[Possible], theta: Vector) -> list[Shown]:
    """What measurements would show at parameters (p,), by further linearised solves of the model's body. Collective.

    What suggests itself and has no place on the body, such as the fiber strain of a region without fibers, is left out,
    and so is all at a greater load that is not reached.

    Raises:
        SolveError: there is no equilibrium.
    """
    places = [(index, one) for index, one in enumerate(wanted) if _binds(model, one)]
    found = _looked(model, [(index, one) for index, one in places if one.level <= 1], theta)
    with suppress(SolveError):  # nobody has loaded the body that far
        for level in FARTHER:
            found += _looked(model, [(index, one) for index, one in places if one.level == level], theta)
    return found


def _looked(model: "EquilibriumModel", some: Sequence[tuple[int, Possible]], theta: Vector) -> list[Shown]:
    if not some:
        return []
    look = model.seeing([(one.level, one.observation) for _, one in some])
    prediction, slopes = look.linearise(theta)
    ends = np.cumsum(look.counts)[:-1]
    parts = zip(some, np.split(prediction, ends), np.split(slopes, ends), strict=True)
    return [Shown(index, values, by_theta) for (index, _), values, by_theta in parts]


def candidates(wanted: Sequence[Possible], seen: Sequence[Shown], space: "Space", z: Vector) -> "dict[str, Candidate]":
    """What ``lessons`` compares, in the prior's coordinates about a point (p,); what shows nothing is left out."""
    from fibertwin.calibration import Candidate, Gaussian

    found = {}
    for one in seen:
        size = float(np.linalg.norm(one.prediction))
        noise = wanted[one.index].noise or (Gaussian(SHARE * size) if size > 1e-12 else None)
        if noise is not None:
            found[wanted[one.index].name] = Candidate(one.prediction, one.slopes @ space.slopes(z), noise)
    return found


def _binds(model: "EquilibriumModel", one: Possible) -> bool:
    """Whether the body has such a place, and its loads go on as they did where they are to go farther."""
    if one.level > 1 and model.equilibria.system.knots() != [1.0]:
        return False
    try:
        model.seeing([(one.level, one.observation)])
    except InputError:
        return False  # there is no such place on this body
    return True


def _automatic(case: "Case") -> Iterator[Possible]:
    """What was measured, at other levels; forces of supports, cavities, fiber strains that were not."""
    from fibertwin.calibration import Gaussian
    from fibertwin.calibration.observe import CavityPressure, CavityVolume, MeanStrain, Reaction

    assert case.calibrate is not None
    measured = case.calibrate.measured
    levels = sorted({*LEVELS, *(level for one in measured.values() for level in one.levels())})
    for name, entry in measured.items():
        own = entry.levels()
        sds = entry.sds()[: len(entry.sds()) // len(own)]
        for level in (*levels, *FARTHER):
            if not any(abs(level - known) < 1e-9 for known in own):
                of = "of" if level <= 1 else "times"
                yield Possible(f"{name} at {level:.3g} {of} the load", level, entry.observation(), Gaussian(tuple(sds)))
    told = f" (to {100 * SHARE:g} % of its size)"
    for name in case.supports:
        axes = "".join(axis for axis in "xyz" if not _measured(case, name, axis))
        if axes:
            sd = _typical(case, "support-force")
            what = f"force of {name}" + ("" if axes == "xyz" else f", {' and '.join(axes)}")
            yield Possible(what + ("" if sd else told), 1.0, Reaction(name, axes), Gaussian(sd) if sd else None)
    for name in case.loads:
        for kind, word in ((CavityVolume, "volume"), (CavityPressure, "pressure")):
            sd = _typical(case, f"enclosed-{word}")
            noise = Gaussian(sd) if sd else None
            yield Possible(f"{word} of {name}" + ("" if sd else told), 1.0, kind(name), noise)
    for name in case.materials:
        sd = _typical(case, "region-strain")
        what = f"mean fiber strain of {name}"
        yield Possible(what + ("" if sd else told), 1.0, MeanStrain(name), Gaussian(sd) if sd else None)


def _measured(case: "Case", support: str, axis: str) -> bool:
    """Whether a component of a support's force was measured at the whole load."""
    assert case.calibrate is not None
    return any(
        (getattr(one, "support", None), getattr(one, "component", None)) == (support, axis)
        and one.kind() == "support-force"
        and 1.0 in one.levels()
        for one in case.calibrate.measured.values()
    )


def _typical(case: "Case", kind: str) -> float | None:
    """Median standard deviation of what was measured of a kind; None where nothing was."""
    assert case.calibrate is not None
    sds = [sd for one in case.calibrate.measured.values() if one.kind() == kind for sd in one.sds()]
    return float(np.median(sds)) if sds else None
