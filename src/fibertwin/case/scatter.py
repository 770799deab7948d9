"""What a case file says of how measured numbers scatter: a noise for each thing that was measured."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from annotated_types import Gt

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Number, Unit, UnitError

from .beliefs import Said

if TYPE_CHECKING:
    from fibertwin.calibration import Noise


@dataclass(frozen=True)
class Scatter(Declared):
    """How measured numbers scatter about what is predicted."""

    key: ClassVar[str] = "kind"
    of_series: ClassVar[bool] = False
    """Whether it is about a series of levels only."""

    @abstractmethod
    def noise(self, sds: Sequence[float], levels: Sequence[float], unit: Unit) -> "Noise":
        """The noise of numbers with standard deviations (m,) that were measured at levels (m,).

        Raises:
            InputError: it makes no sense for these.
        """


@dataclass(frozen=True)
class Normal(Scatter):
    """Independent normal noise: the standard deviation is known."""

    def noise(self, sds: Sequence[float], levels: Sequence[float], unit: Unit) -> "Noise":
        """Gaussian."""
        from fibertwin.calibration import Gaussian

        return Gaussian(tuple(sds))


@dataclass(frozen=True)
class Outliers(Scatter):
    """Student's t about the prediction, as wide as ``sd`` says: a few numbers that are far off do not pull far.

    Attributes:
        freedom: degrees of freedom; 4 bears a tenth of outliers.
    """

    freedom: Annotated[Number, Gt(0)] = 4.0

    def noise(self, sds: Sequence[float], levels: Sequence[float], unit: Unit) -> "Noise":
        """StudentT, one for each run of numbers that are as sure."""
        from fibertwin.calibration import Blocks, StudentT

        runs = [(sd, len(list(run))) for sd, run in groupby(sds)]
        parts = tuple(StudentT(sd, self.freedom) for sd, _ in runs)
        return parts[0] if len(parts) == 1 else Blocks(parts, tuple(size for _, size in runs))


@dataclass(frozen=True)
class UnknownSd(Scatter):
    """Independent normal noise of one standard deviation that nobody knows: ``sd`` is a guess.

    Attributes:
        worth: how many measured numbers the guess is worth.
    """

    worth: Annotated[Number, Gt(0)] = 2.0

    def noise(self, sds: Sequence[float], levels: Sequence[float], unit: Unit) -> "Noise":
        """UnknownScale."""
        from fibertwin.calibration import UnknownScale

        if len(set(sds)) > 1:
            raise InputError(Problem("noise", "knows one sd only", wanted="one guess for all numbers"))
        return UnknownScale(sds[0], self.worth)


@dataclass(frozen=True)
class Covariance(Scatter):
    """Normal noise with a covariance that is known; ``sd`` is left out.

    Attributes:
        file: a CSV file without a heading: a row for each number, in the unit of the values squared.
    """

    file: Path

    def matrix(self) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        """The matrix as the file has it.

        Raises:
            InputError: it is none.
        """
        try:
            rows = np.loadtxt(self.file, delimiter=",", ndmin=2)
        except (ValueError, OSError) as error:
            raise InputError(Problem("noise.file", f"is no matrix: {error}", str(self.file))) from error
        if rows.shape[0] != rows.shape[1] or not np.isfinite(rows).all() or not (np.diag(rows) > 0).all():
            what, wanted = "is no covariance", "as many rows as columns, variances on the diagonal"
            raise InputError(Problem("noise.file", what, f"{self.file}: shape {rows.shape}", wanted))
        return rows

    def noise(self, sds: Sequence[float], levels: Sequence[float], unit: Unit) -> "Noise":
        """Correlated, scaled to standard deviations in fibertwin's own unit."""
        from fibertwin.calibration import Correlated

        rows = self.matrix()
        if len(rows) != len(sds):
            got, wanted = f"{self.file}: shape {rows.shape}", f"a row for each of {len(sds)} numbers"
            raise InputError(Problem("noise.file", "is of another size", got, wanted))
        width = np.sqrt(np.diag(rows))
        scaled = rows / np.outer(width, width) * np.outer(sds, sds)
        try:
            return Correlated(tuple(map(tuple, scaled.tolist())))
        except ValueError as error:
            raise InputError(Problem("noise.file", str(error), str(self.file))) from error


@dataclass(frozen=True)
class Misfit(Scatter):
    """An error of the model itself beside the noise of ``sd``: smooth along a series of levels, none at rest.

    Attributes:
        size: standard deviation of the model's error at the highest level.
        length: change of level, as a share of the highest, over which that error stays alike.
    """

    of_series: ClassVar[bool] = True

    size: Said
    length: Annotated[Number, Gt(0)] = 0.6

    def noise(self, sds: Sequence[float], levels: Sequence[float], unit: Unit) -> "Noise":
        """The covariance of Kennedy and O'Hagan."""
        from fibertwin.calibration import discrepant

        try:
            size = unit.parse(self.size)
        except UnitError as error:
            raise InputError(Problem("noise.size", error.what, str(self.size), error.wanted, error.hint)) from error
        if not size > 0:
            raise InputError(Problem("noise.size", "is out of range", str(self.size), "more than 0"))
        return discrepant([np.array(levels)], np.array(sds), size, self.length)
