"""What a case file says of a calibration: which numbers are free, what is believed of them, what was measured."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Interval, Len, Lt

from fibertwin.errors import InputError, Problem
from fibertwin.units import Number, Unit, quoted

from .beliefs import Belief, Reader, number_at
from .explain import did_you_mean
from .measured import Measured, at_levels, told_apart
from .scatter import Normal
from .stiffness_field import StiffnessField
from .toml import place

if TYPE_CHECKING:
    from fibertwin.calibration import Measurement, Noise, Space
    from fibertwin.calibration.observe import Observation


@dataclass(frozen=True)
class Correlation:
    """Two free numbers that are believed to go together.

    Attributes:
        between: their names.
        value: correlation of their scores: of the numbers themselves where both are normal, of logarithms where both
            are lognormal.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    between: tuple[str, str]
    value: Annotated[Number, Gt(-1), Lt(1)]


@dataclass(frozen=True, kw_only=True)
class Calibrate:
    """Numbers of this case to be found from what was measured.

    Attributes:
        free: what is believed of each free number, by its place in the case file, or by a name in ``places``.
        places: free numbers by names of your own: the places that each has, with a minus before one that takes the
            opposite value.
        correlation: pairs of free numbers that are believed to go together.
        earlier: ``posterior.npz`` of an earlier calibration: all that it knows is free here too, and believed.
        measured: what was measured, by names of your own.
        possible: what could be measured next, by names of your own: as ``measured``, without values.
        method: ``auto`` escalates until true solves certify the posterior; ``laplace`` stops at the normal
            approximation; ``emulator`` and ``importance`` are stages of ``auto``; ``nuts`` and ``ensemble`` verify.
        seed: of all numbers at random.
        budget: most solves.
        field: instead of free numbers one that has a value of its own in every cell.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    free: dict[str, Belief] = dataclasses.field(default_factory=dict)
    places: dict[str, Annotated[tuple[str, ...], Len(1)]] = dataclasses.field(default_factory=dict)
    correlation: tuple[Correlation, ...] = ()
    earlier: Path | None = None
    measured: Annotated[dict[str, Measured], Len(1)]
    possible: dict[str, Measured] = dataclasses.field(default_factory=dict)
    method: Literal["auto", "laplace", "emulator", "importance", "nuts", "ensemble"] = "auto"
    seed: Annotated[int, Interval(ge=0)] = 0
    budget: Annotated[int, Interval(ge=1)] = 250
    field: StiffnessField | None = None

    def wrong(self) -> Iterator[Problem]:
        """What can be said against it without opening a file, each at its place in the case."""
        for section, done in (("measured", True), ("possible", False)):
            entries: Mapping[str, Measured] = getattr(self, section)
            for name, one in entries.items():
                yield from _below((section, name), one.wrong(done))
        if not (self.free or self.earlier or self.field):
            yield Problem("calibrate.free", "is missing: no number is free", hint="docs/how-to/calibrate.md shows it")
        if self.field is not None:
            yield from self._wrong_beside_field()
        if self.earlier is None:
            for name in self.places:
                if name not in self.free:
                    where, known = place(("calibrate", "places", name)), list(self.free)
                    hint = did_you_mean(name, known)
                    yield Problem(where, "is no free number", quoted(name), f"one of {', '.join(known)}", hint)

    def space(self, document: Mapping[str, Any]) -> "Space":
        """The free numbers with their priors, in fibertwin's own units.

        Args:
            document: the case, as ``Case.to_dict`` gives it.

        Raises:
            InputError: with every place where there is no number, and every prior that makes no sense.
        """
        from fibertwin.calibration import Parameter, Space

        problems: list[Problem] = []
        known = self._known(document, problems)
        parameters = list(known.parameters) if known is not None else []
        for name, belief in self.free.items():
            where = f"calibrate.free.{quoted(name)}"
            if any(parameter.name == name for parameter in parameters):
                problems.append(Problem(where, "is in the earlier posterior already", hint="leave it out"))
                continue
            try:
                unit = self._unit(document, name, where)
                parameters.append(Parameter(name, belief.prior(Reader(unit, where)), unit.name))
            except InputError as error:
                problems += error.problems
            except ValueError as error:
                problems.append(Problem(where, str(error)))
        problems += self._taken_twice([parameter.name for parameter in parameters])
        if problems:
            raise InputError(problems)
        return Space(tuple(parameters), self._correlated([p.name for p in parameters], known))

    def at(self, names: Sequence[str]) -> dict[str, tuple[str, ...]]:
        """The places of free numbers, as ``EquilibriumModel.of`` takes them."""
        return {name: self.places.get(name, (name,)) for name in names}

    def seen(self) -> "list[tuple[float, Observation]]":
        """Levels and what is seen there, of all that was measured.

        Raises:
            InputError: with every file that cannot be read.
        """
        return [pair for pairs in self._each("measured", lambda one: one.seen()) for pair in pairs]

    def examine(self, document: Mapping[str, Any]) -> None:
        """Try every prior, file and noise, so that what is wrong is told before a body is built. Not collective.

        Args:
            document: the case, as ``Case.to_dict`` gives it.

        Raises:
            InputError: with all that is wrong.
        """
        problems: list[Problem] = []
        tries: list[Callable[[], object]] = [
            lambda: self.space(document) if self.field is None else self.field.median(document),
            lambda: self._each("measured", lambda one: (one.seen(), one.numbers(), one.scatter())),
            lambda: self._each("possible", lambda one: (one.seen(), one.scatter())),
        ]
        for one in tries:
            try:
                one()
            except InputError as error:
                problems += error.problems
        if problems:
            raise InputError(problems)

    def measurement(self, names: Sequence[str] = (), units: Sequence[str] = ()) -> "Measurement":
        """All that was measured, with its noise.

        Args:
            names: of the numbers, as the observations have them.
            units: of the numbers.

        Raises:
            InputError: with every file that cannot be read; or all is missing.
        """
        from fibertwin.calibration import Blocks, Gaussian, Measurement

        read = self._each("measured", lambda one: (*one.numbers(), one.scatter()))
        values = [value for some, _, _ in read for value in some]
        if np.isnan(values).all():
            raise InputError(Problem("calibrate.measured", "has no number that is not missing or rejected"))
        parts = tuple(noise for _, _, noise in read)
        noise: Noise
        if all(isinstance(part, Gaussian) for part in parts):
            noise = Gaussian(tuple(sd for _, sds, _ in read for sd in sds))
        else:
            noise = parts[0] if len(parts) == 1 else Blocks(parts, tuple(len(some) for some, _, _ in read))
        called = at_levels(self.called(names), self._levels()) if names else ()
        return Measurement(tuple(values), noise, called, tuple(units))

    def called(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names of all numbers that differ at each level, from those that the observations give."""
        owners = [name for name, one in self.measured.items() for _ in one.sds()]
        return told_apart(names, self._levels(), owners)

    def candidates(self) -> "list[tuple[str, float, Observation, Noise]]":
        """What could be measured next: name, level, what predicts it, how it would scatter.

        Raises:
            InputError: with every file that cannot be read.
        """
        read = self._each("possible", lambda one: (one.level, one.observation(), one.scatter()))
        return [(name, *found) for name, found in zip(self.possible, read, strict=True)]

    def _levels(self) -> list[float]:
        return [level for one in self.measured.values() for level in one.taken().levels]

    def _each[T](self, section: str, read: Callable[[Measured], T]) -> list[T]:
        """What is read of each entry.

        Raises:
            InputError: with what is wrong with any, at its place in the case.
        """
        problems: list[Problem] = []
        found = []
        entries: Mapping[str, Measured] = getattr(self, section)
        for name, one in entries.items():
            try:
                found.append(read(one))
            except InputError as error:
                problems += _below((section, name), error.problems)
        if problems:
            raise InputError(problems)
        return found

    def _wrong_beside_field(self) -> Iterator[Problem]:
        """What a field does not go with."""
        for name in ("free", "places", "correlation", "earlier", "possible"):
            if getattr(self, name):
                yield Problem(f"calibrate.{name}", "does not go with a field", hint="leave one of the two out")
        for name, one in self.measured.items():
            where = place(("calibrate", "measured", name))
            if not one.adjoint:
                wanted = "markers, images or strains of regions"
                yield Problem(where, "does not tell of a field", one.kind(), wanted)
            if not isinstance(one.noise, Normal):
                yield Problem(f"{where}.noise", "does not go with a field", one.noise.kind(), '"normal"')

    def _unit(self, document: Mapping[str, Any], name: str, where: str) -> Unit:
        """The unit of a free number, the same in all its places.

        Raises:
            InputError: a place holds no number, or they differ.
        """
        if name in self.places:
            where = place(("calibrate", "places", name))
        units = [number_at(document, one, where)[1] for one in self.places.get(name, (name,))]
        if len(set(units)) > 1:
            got = ", ".join(unit.name or "a pure number" for unit in units)
            raise InputError(Problem(where, "has places of different units", got))
        return units[0]

    def _known(self, document: Mapping[str, Any], problems: list[Problem]) -> "Space | None":
        """What an earlier posterior says; what is wrong is added to ``problems``."""
        from fibertwin.calibration import load

        if self.earlier is None:
            return None
        where = "calibrate.earlier"
        try:
            known = load(self.earlier).as_space()
            units = {parameter.name: self._unit(document, parameter.name, where) for parameter in known.parameters}
        except InputError as error:
            problems += [replace(p, where=where, got=p.got or str(self.earlier)) for p in error.problems]
            return None
        for parameter in known.parameters:
            unit = units[parameter.name].name
            if parameter.unit != unit:
                got, wanted = f"{parameter.name} in {parameter.unit or 'no unit'}", unit or "no unit"
                problems.append(Problem(where, "has another unit than this case", got, wanted))
        return known

    def _taken_twice(self, names: Sequence[str]) -> Iterator[Problem]:
        """Places that two free numbers have."""
        for one, other in combinations(self.at(names).items(), 2):
            for both in {p.removeprefix("-") for p in one[1]} & {p.removeprefix("-") for p in other[1]}:
                what = f"has the place {both}, as {other[0]} has"
                yield Problem(place(("calibrate", "free", one[0])), what, wanted="a place of its own")

    def _correlated(self, names: list[str], known: "Space | None") -> tuple[tuple[float, ...], ...] | None:
        """The correlation of all scores; None where there is none.

        Raises:
            InputError: a name is not free, a pair is told twice, or the matrix is not positive definite.
        """
        matrix, problems = np.eye(len(names)), list[Problem]()
        count = 0 if known is None else known.size
        if known is not None and known.correlation is not None:
            matrix[:count, :count] = known.correlation
        for position, pair in enumerate(self.correlation):
            where = f"calibrate.correlation[{position}]"
            strange = [name for name in pair.between if name not in names]
            for name in strange:
                hint, wanted = did_you_mean(name, names), f"one of {', '.join(names)}"
                problems.append(Problem(f"{where}.between", "is no free number", quoted(name), wanted, hint))
            if strange:
                continue
            i, j = (names.index(name) for name in pair.between)
            if i == j or matrix[i, j] != 0 or max(i, j) < count:
                problems.append(Problem(f"{where}.between", "is known already", ", ".join(pair.between)))
            matrix[i, j] = matrix[j, i] = pair.value
        if not problems and np.linalg.eigvalsh(matrix).min() <= 0:
            problems.append(Problem("calibrate.correlation", "is impossible: no numbers go together so"))
        if problems:
            raise InputError(problems)
        return tuple(map(tuple, matrix.tolist())) if (matrix != np.eye(len(names))).any() else None


def _below(parts: tuple[str, ...], problems: "Iterator[Problem] | tuple[Problem, ...]") -> Iterator[Problem]:
    """Problems at keys of a table, at their place in the case."""
    for problem in problems:
        yield replace(problem, where=f"{place(('calibrate', *parts))}.{problem.where}")
