"""What a case file says is believed of a number before it is measured, and how such words are read."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Number, Unit, UnitError

from .toml import parts_of

if TYPE_CHECKING:
    from fibertwin.calibration import Prior

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
class Reader:
    """Reads quantities of one free number's prior.

    Attributes:
        unit: fibertwin's own unit of the number.
        where: the prior's place in the case file.
    """

    unit: Unit
    where: str

    def __call__(self, name: str, said: Said) -> float:
        """The number.

        Raises:
            InputError: it is no such quantity.
        """
        try:
            return self.unit.parse(said)
        except UnitError as error:
            raise InputError(
                Problem(f"{self.where}.{name}", error.what, str(said), error.wanted, error.hint)
            ) from error


def number_at(document: Mapping[str, Any], place: str, where: str) -> tuple[float, Unit]:
    """The number at a place of a case, and fibertwin's own unit of it.

    Args:
        document: the case, as ``Case.to_dict`` gives it.
        place: the place; a minus before it does not count.
        where: who asks, for the message.

    Raises:
        InputError: there is no number.
    """
    place = place.removeprefix("-")
    if place == "fibers.exponent":  # of H = D^n / tr D^n, which is 1 in every case
        return 1.0, Unit("")
    node: Any = document
    for part in parts_of(place):
        inside = node if isinstance(node, Mapping) else dict(enumerate(node)) if isinstance(node, list) else {}
        key = int(part) if isinstance(node, list) and str(part).isdigit() else part
        if key not in inside:
            wanted = f"one of {', '.join(map(str, inside))}" if inside else "the place of a number, as --set names it"
            raise InputError(Problem(where, f"there is no {part} in this case", place, wanted))
        node = inside[key]
    if isinstance(node, int | float) and not isinstance(node, bool):
        return float(node), Unit("")
    number, _, unit = str(node).partition(" ")
    own = Unit({"deg": "rad"}.get(unit, unit))
    try:
        float(number)
    except ValueError as error:
        raise InputError(Problem(where, "is not the place of a number", str(node))) from error
    return own.parse(node), own
