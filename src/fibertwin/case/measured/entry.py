"""Something that a case file says was measured on the body, or could be: what every kind of it has."""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Interval

from fibertwin.case.scatter import Covariance, Normal, Scatter
from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Unit

if TYPE_CHECKING:
    from fibertwin.calibration import Noise
    from fibertwin.calibration.observe import Observation


@dataclass(frozen=True)
class Taken:
    """Numbers as they were measured, in fibertwin's own units.

    Attributes:
        values: numbers (m,); NaN where one is missing.
        sds: their standard deviations (m,).
        levels: shares (m,) of the load history at which they were measured.
    """

    values: tuple[float, ...]
    sds: tuple[float, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Measured(Declared):
    """Something that was measured on the body, or could be.

    Attributes:
        level: share of the load history at which it is measured.
        noise: how its numbers scatter.
        rejected: numbers that are not believed, by their position from 0; they count as missing.
    """

    own: ClassVar[Unit]
    """Fibertwin's unit of its numbers."""

    adjoint: ClassVar[bool] = True
    """Whether it tells of a stiffness in every cell: whether the observation has adjoint derivatives."""

    level: Annotated[float, Interval(gt=0, le=1)] = field(default=1.0, kw_only=True)
    noise: Scatter = field(default_factory=Normal, kw_only=True)
    rejected: tuple[Annotated[int, Interval(ge=0)], ...] = field(default=(), kw_only=True)

    @abstractmethod
    def observation(self) -> "Observation":
        """What predicts it at a level.

        Raises:
            InputError: its file cannot be read; the problem's place is a key of this table, as in all that follows.
        """

    @abstractmethod
    def taken(self) -> Taken:
        """What was measured, level by level in the observation's order; NaN where it is not yet.

        Raises:
            InputError: its file cannot be read, or does not fit.
        """

    def levels(self) -> tuple[float, ...]:
        """Every level at which the observation is made."""
        return (self.level,)

    def seen(self) -> "list[tuple[float, Observation]]":
        """Levels and what is seen there, as ``EquilibriumModel`` takes them."""
        observation = self.observation()
        return [(level, observation) for level in self.levels()]

    def numbers(self) -> tuple[list[float], list[float]]:
        """What was measured, NaN where a number is missing or rejected; and standard deviations."""
        taken = self.taken()
        beyond = [position for position in self.rejected if position >= len(taken.values)]
        if beyond:
            wanted = f"positions from 0 to {len(taken.values) - 1}"
            raise InputError(Problem("rejected", "names no number", str(beyond), wanted))
        left_out = set(self.rejected)
        values = [float("nan") if i in left_out else value for i, value in enumerate(taken.values)]
        return values, list(taken.sds)

    def sds(self) -> list[float]:
        """Standard deviations of its numbers, whether they were measured or not."""
        return list(self.taken().sds)

    def scatter(self) -> "Noise":
        """The noise of its numbers."""
        taken = self.taken()
        return self.noise.noise(taken.sds, taken.levels, self.own)

    def wrong(self, done: bool) -> Iterator[Problem]:
        """What can be said against it without opening its files; the problem's place is a key of this table.

        Args:
            done: whether it was measured; else it could be.
        """
        sd: float | None = getattr(self, "sd", None)
        if isinstance(self.noise, Covariance):
            if sd is not None:
                yield Problem("sd", "is in the covariance already", hint="leave it out")
        elif sd is None and not self._is_series():
            yield Problem("sd", "is missing", wanted=self.own.wanted)
        if self.noise.of_series and not self._is_series():
            what, hint = "is about a series of levels", 'file = "…csv" with the columns level and value'
            yield Problem("noise", what, self.noise.kind(), hint=hint)
        if self.rejected and not done:
            yield Problem("rejected", "is not measured yet", hint="leave it out")

    def _is_series(self) -> bool:
        """Whether a file has levels, values and maybe standard deviations."""
        return False

    def _spread(self, count: int, sd: float | None, factor: float = 1.0) -> tuple[float, ...]:
        """Standard deviations (count,) in fibertwin's own unit.

        Args:
            count: how many.
            sd: one for all, if it is known.
            factor: how many of the own unit make one of the covariance's.
        """
        if isinstance(self.noise, Covariance):
            width = factor * np.sqrt(np.diag(self.noise.matrix()))
            if len(width) != count:
                wanted = f"a row for each of {count} numbers"
                raise InputError(Problem("noise.file", "is of another size", f"{self.noise.file}", wanted))
            return tuple(width.tolist())
        if sd is None:
            raise InputError(Problem("sd", "is missing", wanted=self.own.wanted))
        return (sd,) * count
