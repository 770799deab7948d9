"""Single numbers of a body that a case file says were measured: at one level, or as a series of levels in a file."""

import csv
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Gt

from fibertwin.case.scatter import Covariance
from fibertwin.errors import InputError, Problem
from fibertwin.units import Force, Length, Number, Pressure, Torque, Unit, UnitError, Volume

from .entry import Measured, Taken

if TYPE_CHECKING:
    from fibertwin.calibration.observe import Observation

COLUMNS = ("level", "value", "sd")
"""Of a series; the last may be left out."""


@dataclass(frozen=True)
class _Number(Measured):
    """A number, at one level or as a series.

    Attributes:
        value: the number; left out where a file has it, or where it could be measured next.
        sd: standard deviation; left out where a file has it.
        file: a series instead: a CSV file with the columns level, value and maybe sd; nan where a value is missing.
        unit: of the values in the file; that of fibertwin where left out.
    """

    adjoint: ClassVar[bool] = False

    value: Number | None = field(default=None, kw_only=True)
    sd: Annotated[Number, Gt(0)] | None = field(default=None, kw_only=True)
    file: Path | None = field(default=None, kw_only=True)
    unit: str = field(default="", kw_only=True)

    @abstractmethod
    def observation(self) -> "Observation":
        """What predicts it at a level."""

    def levels(self) -> tuple[float, ...]:
        """Those of the file, where there is one."""
        return (self.level,) if self.file is None else tuple(self._columns()["level"])

    def taken(self) -> Taken:
        """The number, or the series."""
        if self.file is None:
            value = float("nan") if self.value is None else self.value
            return Taken((value,), self._spread(1, self.sd), (self.level,))
        columns, factor = self._columns(), self._factor()
        values = tuple(factor * value for value in columns["value"])
        if "sd" in columns and not isinstance(self.noise, Covariance):
            sds = tuple(factor * sd for sd in columns["sd"])
        else:
            sds = self._spread(len(values), self.sd, factor)
        return Taken(values, sds, tuple(columns["level"]))

    def wrong(self, done: bool) -> Iterator[Problem]:
        """One value or one file, and what goes with it."""
        if done and self.value is None and self.file is None:
            wanted = f"{self.own.wanted}; or a file with the columns level and value"
            yield Problem("value", "is missing", wanted=wanted)
        if self.value is not None and self.file is not None:
            yield Problem("value", "is in the file already", hint="leave one of value and file out")
        for name in () if done else ("value", "file"):
            if getattr(self, name) is not None:
                yield Problem(name, "is not known of what could be measured next", hint="leave it out")
        if self.file is not None and self.level != 1:
            yield Problem("level", "is in the file already", hint="leave it out")
        if self.unit and self.file is None:
            yield Problem("unit", "is that of a file, and there is none", hint="leave it out")
        try:
            self._factor()
        except InputError as error:
            yield from error.problems
        yield from super().wrong(done)

    def _is_series(self) -> bool:
        return self.file is not None

    def _factor(self) -> float:
        """How many of fibertwin's unit make one of the file's."""
        try:
            return self.own.parse(f"1 {self.unit}") if self.unit else 1.0
        except UnitError as error:
            wanted = f"a unit of {self.own.measures}, such as {self.own.name or 'percent'}"
            raise InputError(Problem("unit", error.what, self.unit, wanted)) from error

    def _columns(self) -> dict[str, list[float]]:
        """The file's columns by name.

        Raises:
            InputError: it is no such table, a level is out of range, or a standard deviation is not positive.
        """
        assert self.file is not None
        wanted = "lines of level,value or level,value,sd below such a heading; nan where a value is missing"
        try:
            table = csv.DictReader(self.file.read_text("utf-8-sig").splitlines(), skipinitialspace=True)
            rows = [{str(name).strip(): float(cell) for name, cell in row.items()} for row in table]
        except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError) as error:
            raise InputError(Problem("file", f"is no series: {error}", str(self.file), wanted)) from error
        names = [name.strip() for name in table.fieldnames or ()]
        if not rows or set(names) - set(COLUMNS) or not {"level", "value"} <= set(names):
            got = f"{self.file}: {len(rows)} lines of {', '.join(names) or 'nothing'}"
            raise InputError(Problem("file", "is no series", got, wanted))
        columns = {name: [row[name] for row in rows] for name in names}
        if not all(0 < level <= 1 for level in columns["level"]):
            odd = [level for level in columns["level"] if not 0 < level <= 1]
            what = "has levels that are no share of the load history"
            raise InputError(Problem("file", what, f"{self.file}: {odd[0]:g}", "more than 0 and at most 1"))
        if not all(0 < sd < np.inf for sd in columns.get("sd", ())):
            raise InputError(Problem("file", "has standard deviations that are not positive", str(self.file)))
        if np.isinf(columns["value"]).any():
            raise InputError(Problem("file", "has values that are infinite", str(self.file)))
        return columns


@dataclass(frozen=True)
class SupportForce(_Number):
    """A component of the force that a support exerts on the body.

    Attributes:
        support: name of the support.
        component: ``x``, ``y`` or ``z``.
    """

    own: ClassVar[Unit] = Unit("mN")

    value: Force | None = field(default=None, kw_only=True)
    sd: Annotated[Force, Gt(0)] | None = field(default=None, kw_only=True)
    support: str
    component: Literal["x", "y", "z"]

    def observation(self) -> "Observation":
        """Reaction."""
        from fibertwin.calibration.observe import Reaction

        return Reaction(self.support, self.component)


@dataclass(frozen=True)
class SupportTorque(_Number):
    """A component of the torque that a support exerts on the body about a point.

    Attributes:
        support: name of the support.
        about: the point (RAS+); it stays where it is.
        component: ``x``, ``y`` or ``z``.
    """

    own: ClassVar[Unit] = Unit("mN*mm")

    value: Torque | None = field(default=None, kw_only=True)
    sd: Annotated[Torque, Gt(0)] | None = field(default=None, kw_only=True)
    support: str
    about: tuple[Length, Length, Length]
    component: Literal["x", "y", "z"]

    def observation(self) -> "Observation":
        """Torque."""
        from fibertwin.calibration.observe import Torque as TorqueSeen

        return TorqueSeen(self.support, self.about, self.component)


@dataclass(frozen=True)
class EnclosedVolume(_Number):
    """The volume that a cavity encloses.

    Attributes:
        cavity: name of the cavity's load.
    """

    own: ClassVar[Unit] = Unit("mm^3")

    value: Volume | None = field(default=None, kw_only=True)
    sd: Annotated[Volume, Gt(0)] | None = field(default=None, kw_only=True)
    cavity: str

    def observation(self) -> "Observation":
        """CavityVolume."""
        from fibertwin.calibration.observe import CavityVolume

        return CavityVolume(self.cavity)


@dataclass(frozen=True)
class EnclosedPressure(_Number):
    """The pressure in a cavity whose volume is prescribed, or that is joined to a circuit.

    Attributes:
        cavity: name of the cavity's load.
    """

    own: ClassVar[Unit] = Unit("kPa")

    value: Pressure | None = field(default=None, kw_only=True)
    sd: Annotated[Pressure, Gt(0)] | None = field(default=None, kw_only=True)
    cavity: str

    def observation(self) -> "Observation":
        """CavityPressure."""
        from fibertwin.calibration.observe import CavityPressure

        return CavityPressure(self.cavity)


@dataclass(frozen=True)
class Around:
    """Around an axis: the circumferential direction.

    Attributes:
        center: a point of the axis (RAS+).
        axis: its direction, of any length.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    center: tuple[Length, Length, Length]
    axis: tuple[float, float, float]


Direction = Literal["fiber", "sheet"] | tuple[float, float, float] | Around
"""Along which strain is measured."""


def wrong_direction(direction: Direction) -> Iterator[Problem]:
    """A direction of no length."""
    vector: Any = direction.axis if isinstance(direction, Around) else direction
    if not isinstance(vector, str) and not np.linalg.norm(vector) > 0:
        yield Problem("direction", "has no length", str(list(vector)))


def seen_along(direction: Direction) -> Any:
    """A direction as observations have it."""
    from fibertwin.calibration.observe import Around as AroundSeen

    return AroundSeen(direction.center, direction.axis) if isinstance(direction, Around) else direction


@dataclass(frozen=True)
class RegionStrain(_Number):
    """Mean Green-Lagrange strain of a region along its fibers, its sheets, a vector, or around an axis.

    Attributes:
        region: name of the region.
        direction: ``fiber``, ``sheet``, a vector, or a table with ``center`` and ``axis``: around that.
    """

    own: ClassVar[Unit] = Unit("")
    adjoint: ClassVar[bool] = True

    region: str
    direction: Direction = "fiber"

    def observation(self) -> "Observation":
        """MeanStrain."""
        from fibertwin.calibration.observe import MeanStrain

        return MeanStrain(self.region, seen_along(self.direction))

    def wrong(self, done: bool) -> Iterator[Problem]:
        """The direction too."""
        yield from wrong_direction(self.direction)
        yield from super().wrong(done)
