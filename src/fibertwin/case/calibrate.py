"""What a case file says of a calibration: which numbers are free, what is believed of them, what was measured."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Interval, Len

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Number, Unit, UnitError

from .measured import Measured
from .toml import parts_of

if TYPE_CHECKING:
    from fibertwin.calibration import Measurement, Noise, Prior, Space
    from fibertwin.calibration.observe import Observation

Said = str | float
"""A quantity in the unit of the number that is free: ``"0.7 kPa"``, or a bare pure number."""


@dataclass(frozen=True)
class Belief(Declared):
    """What is believed of a number before it is measured."""

    key: ClassVar[str] = "prior"

    @abstractmethod
    def prior(self, read: "Reader") -> "Prior":
        """The prior, its numbers in fibertwin's own unit."""


@dataclass(frozen=True)
class Lognormal(Belief):
    """A positive number, known up to a factor.

    Attributes:
        median: half of what is believed lies below it.
        sd: standard deviation of the natural logarithm; 0.5 believes two thirds within a factor of 1.65.
    """

    median: Said
    sd: Annotated[Number, Gt(0)] = 0.5

    def prior(self, read: "Reader") -> "Prior":
        """LogNormal."""
        from fibertwin.calibration import LogNormal

        return LogNormal(read("median", self.median), self.sd)


@dataclass(frozen=True)
class Normal(Belief):
    """Normal.

    Attributes:
        mean: mean.
        sd: standard deviation.
    """

    mean: Said
    sd: Said

    def prior(self, read: "Reader") -> "Prior":
        """Normal."""
        from fibertwin.calibration import Normal as NormalPrior

        return NormalPrior(read("mean", self.mean), read("sd", self.sd))


@dataclass(frozen=True)
class Uniform(Belief):
    """Anything between two bounds alike.

    Attributes:
        low: lower bound.
        high: upper bound.
    """

    low: Said
    high: Said

    def prior(self, read: "Reader") -> "Prior":
        """Uniform."""
        from fibertwin.calibration import Uniform as UniformPrior

        return UniformPrior(read("low", self.low), read("high", self.high))


@dataclass(frozen=True)
class Truncated(Belief):
    """Normal, known to lie between bounds.

    Attributes:
        mean: of the normal distribution.
        sd: of the normal distribution.
        low: lower bound, if there is one.
        high: upper bound, if there is one.
    """

    mean: Said
    sd: Said
    low: Said | None = None
    high: Said | None = None

    def prior(self, read: "Reader") -> "Prior":
        """TruncatedNormal."""
        from fibertwin.calibration import TruncatedNormal

        low = -np.inf if self.low is None else read("low", self.low)
        high = np.inf if self.high is None else read("high", self.high)
        return TruncatedNormal(read("mean", self.mean), read("sd", self.sd), low, high)


@dataclass(frozen=True)
class Calibrate:
    """Numbers of this case to be found from what was measured.

    Attributes:
        free: what is believed of each free number, by its place in the case file.
        measured: what was measured, by names of your own.
        possible: what could be measured next, by names of your own: as ``measured``, without values.
        method: ``auto`` escalates until true solves certify the posterior; ``laplace`` stops at the normal
            approximation; ``emulator`` and ``importance`` are stages of ``auto``; ``nuts`` and ``ensemble`` verify.
        seed: of all numbers at random.
        budget: most solves.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    free: Annotated[dict[str, Belief], Len(1)]
    measured: Annotated[dict[str, Measured], Len(1)]
    method: Literal["auto", "laplace", "emulator", "importance", "nuts", "ensemble"] = "auto"
    seed: Annotated[int, Interval(ge=0)] = 0
    budget: Annotated[int, Interval(ge=1)] = 250
    possible: dict[str, Measured] = field(default_factory=dict)

    def candidates(self) -> "list[tuple[str, float, Observation, Noise]]":
        """What could be measured next: name, level, what predicts it, how it would scatter.

        Raises:
            InputError: with every file that cannot be read.
        """
        from fibertwin.calibration import Gaussian

        return [(name, one.level, one.observation(), Gaussian(tuple(one.sds()))) for name, one in self.possible.items()]

    def space(self, document: Mapping[str, Any]) -> "Space":
        """The free numbers with their priors, in fibertwin's own units.

        Args:
            document: the case, as ``Case.to_dict`` gives it.

        Raises:
            InputError: with every place where there is no number, and every prior that makes no sense.
        """
        from fibertwin.calibration import Parameter, Space

        problems: list[Problem] = []
        parameters = []
        for place, belief in self.free.items():
            try:
                unit = unit_at(document, place)
                parameters.append(Parameter(place, belief.prior(Reader(unit, place)), unit.name))
            except InputError as error:
                problems += error.problems
            except ValueError as error:
                problems.append(Problem(f'calibrate.free."{place}"', str(error)))
        if problems:
            raise InputError(problems)
        return Space(tuple(parameters))

    def measurement(self, names: Sequence[str] = (), units: Sequence[str] = ()) -> "Measurement":
        """All that was measured, with its noise.

        Raises:
            InputError: with every file that cannot be read.
        """
        from fibertwin.calibration import Gaussian, Measurement

        values: list[float] = []
        sds: list[float] = []
        problems: list[Problem] = []
        for one in self.measured.values():
            try:
                numbers, noise = one.numbers()
            except InputError as error:
                problems += error.problems
                continue
            values += numbers
            sds += noise
        if problems:
            raise InputError(problems)
        return Measurement(tuple(values), Gaussian(tuple(sds)), tuple(names), tuple(units))


@dataclass(frozen=True)
class Reader:
    """Reads quantities of one free number's prior.

    Attributes:
        unit: fibertwin's own unit of the number.
        place: of the number.
    """

    unit: Unit
    place: str

    def __call__(self, name: str, said: Said) -> float:
        """The number.

        Raises:
            InputError: it is no such quantity.
        """
        try:
            return self.unit.parse(said)
        except UnitError as error:
            where = f'calibrate.free."{self.place}".{name}'
            raise InputError(Problem(where, error.what, str(said), error.wanted, error.hint)) from error


def unit_at(document: Mapping[str, Any], place: str) -> Unit:
    """Fibertwin's own unit of the number at a place of a case, as ``Case.to_dict`` gives it.

    Raises:
        InputError: there is no number.
    """
    where = f'calibrate.free."{place}"'
    if place == "fibers.exponent":  # of H = D^n / tr D^n, which is 1 in every case
        return Unit("")
    node: Any = document
    for part in parts_of(place):
        inside = node if isinstance(node, Mapping) else dict(enumerate(node)) if isinstance(node, list) else {}
        key = int(part) if isinstance(node, list) and str(part).isdigit() else part
        if key not in inside:
            wanted = f"one of {', '.join(map(str, inside))}" if inside else "the place of a number, as --set names it"
            raise InputError(Problem(where, f"there is no {part} in this case", place, wanted))
        node = inside[key]
    if isinstance(node, int | float) and not isinstance(node, bool):
        return Unit("")
    number, _, unit = str(node).partition(" ")
    try:
        float(number)
    except ValueError as error:
        raise InputError(Problem(where, "is not the place of a number", str(node))) from error
    return Unit({"deg": "rad"}.get(unit, unit))
