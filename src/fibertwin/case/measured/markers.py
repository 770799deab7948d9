"""Markers: displacements of points that a case file says were measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Gt

from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Unit

from .entry import Measured, Taken

if TYPE_CHECKING:
    from fibertwin.calibration.observe import Observation


@dataclass(frozen=True)
class Markers(Measured):
    """Displacements of points, from a CSV file with the columns x, y, z, ux, uy, uz (mm, RAS+); nan where missing.

    Attributes:
        file: the file; x, y, z alone where nothing is measured yet.
        sd: standard deviation of every component.
        reach: a marker this far off the mesh is taken at the mesh's nearest point.
    """

    own: ClassVar[Unit] = Unit("mm")

    file: Path
    sd: Annotated[Length, Gt(0)] | None = None
    reach: Annotated[Length, Gt(0)] = 2.0

    def observation(self) -> "Observation":
        """PointDisplacements."""
        from fibertwin.calibration.observe import PointDisplacements

        return PointDisplacements(tuple((x, y, z) for x, y, z in self._rows()[:, :3]), reach=self.reach)

    def taken(self) -> Taken:
        """Components of one marker after the other."""
        rows = self._rows()
        values = rows[:, 3:].ravel() if rows.shape[1] == 6 else np.full(3 * len(rows), np.nan)
        return Taken(tuple(values.tolist()), self._spread(len(values), self.sd), (self.level,) * len(values))

    def _rows(self) -> Any:
        wanted = "lines of x,y,z,ux,uy,uz in mm below a heading; nan where a displacement is missing"
        try:
            rows = np.loadtxt(self.file, delimiter=",", skiprows=1, ndmin=2)
        except (ValueError, OSError) as error:
            raise InputError(Problem("file", f"is no table of markers: {error}", str(self.file), wanted)) from error
        if not len(rows) or rows.shape[1] not in (3, 6) or not np.isfinite(rows[:, :3]).all():
            got = f"{self.file}: shape {rows.shape}"
            raise InputError(Problem("file", "is no table of markers", got, wanted))
        return rows
