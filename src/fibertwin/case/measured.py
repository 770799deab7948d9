"""What a case file says was measured on the body, each kind with the observation that predicts it."""

from abc import abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from annotated_types import Gt, Interval

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Force, Length, Number, Pressure, Volume

if TYPE_CHECKING:
    from fibertwin.calibration.observe import Observation


@dataclass(frozen=True)
class Measured(Declared):
    """Something that was measured on the body.

    Attributes:
        level: share of the load history at which it was measured.
    """

    level: Annotated[float, Interval(gt=0, le=1)] = field(default=1.0, kw_only=True)

    @abstractmethod
    def observation(self) -> "Observation":
        """What predicts it.

        Raises:
            InputError: its file cannot be read.
        """

    @abstractmethod
    def numbers(self) -> tuple[list[float], list[float]]:
        """What was measured, in the observation's order, NaN where a number is missing; and standard deviations."""


@dataclass(frozen=True)
class Markers(Measured):
    """Displacements of points, from a CSV file with the columns x, y, z, ux, uy, uz (mm, RAS+); nan where missing.

    Attributes:
        file: the file.
        sd: standard deviation of every component.
        reach: a marker this far off the mesh is taken at the mesh's nearest point.
    """

    file: Path
    sd: Annotated[Length, Gt(0)]
    reach: Annotated[Length, Gt(0)] = 2.0

    def observation(self) -> "Observation":
        """PointDisplacements."""
        from fibertwin.calibration.observe import PointDisplacements

        return PointDisplacements(tuple((x, y, z) for x, y, z in self._rows()[:, :3]), reach=self.reach)

    def numbers(self) -> tuple[list[float], list[float]]:
        """Components of one marker after the other."""
        values = self._rows()[:, 3:].ravel().tolist()
        return values, [self.sd] * len(values)

    def _rows(self) -> Any:
        wanted = "lines of x,y,z,ux,uy,uz in mm below a heading; nan where a displacement is missing"
        try:
            rows = np.loadtxt(self.file, delimiter=",", skiprows=1, ndmin=2)
        except (ValueError, OSError) as error:
            raise InputError(Problem(str(self.file), f"is no table of markers: {error}", wanted=wanted)) from error
        if not len(rows) or rows.shape[1] != 6 or not np.isfinite(rows[:, :3]).all():
            raise InputError(Problem(str(self.file), "is no table of markers", f"shape {rows.shape}", wanted))
        return rows


@dataclass(frozen=True)
class SupportForce(Measured):
    """A component of the force that a support exerts on the body.

    Attributes:
        support: name of the support.
        component: ``x``, ``y`` or ``z``.
        value: the force.
        sd: standard deviation.
    """

    support: str
    component: Literal["x", "y", "z"]
    value: Force
    sd: Annotated[Force, Gt(0)]

    def observation(self) -> "Observation":
        """Reaction."""
        from fibertwin.calibration.observe import Reaction

        return Reaction(self.support, self.component)

    def numbers(self) -> tuple[list[float], list[float]]:
        """One number."""
        return [self.value], [self.sd]


@dataclass(frozen=True)
class EnclosedVolume(Measured):
    """The volume that a cavity encloses.

    Attributes:
        cavity: name of the cavity's load.
        value: the volume.
        sd: standard deviation.
    """

    cavity: str
    value: Volume
    sd: Annotated[Volume, Gt(0)]

    def observation(self) -> "Observation":
        """CavityVolume."""
        from fibertwin.calibration.observe import CavityVolume

        return CavityVolume(self.cavity)

    def numbers(self) -> tuple[list[float], list[float]]:
        """One number."""
        return [self.value], [self.sd]


@dataclass(frozen=True)
class EnclosedPressure(Measured):
    """The pressure in a cavity whose volume is prescribed, or that is joined to a circuit.

    Attributes:
        cavity: name of the cavity's load.
        value: the pressure.
        sd: standard deviation.
    """

    cavity: str
    value: Pressure
    sd: Annotated[Pressure, Gt(0)]

    def observation(self) -> "Observation":
        """CavityPressure."""
        from fibertwin.calibration.observe import CavityPressure

        return CavityPressure(self.cavity)

    def numbers(self) -> tuple[list[float], list[float]]:
        """One number."""
        return [self.value], [self.sd]


@dataclass(frozen=True)
class RegionStrain(Measured):
    """Mean Green-Lagrange strain of a region along its fibers, its sheets, or a vector.

    Attributes:
        region: name of the region.
        value: the strain.
        sd: standard deviation.
        direction: ``fiber``, ``sheet`` or a vector.
    """

    region: str
    value: Number
    sd: Annotated[Number, Gt(0)]
    direction: Literal["fiber", "sheet"] | tuple[float, float, float] = "fiber"

    def observation(self) -> "Observation":
        """MeanStrain."""
        from fibertwin.calibration.observe import MeanStrain

        return MeanStrain(self.region, self.direction)

    def numbers(self) -> tuple[list[float], list[float]]:
        """One number."""
        return [self.value], [self.sd]
