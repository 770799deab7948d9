"""Images of displacement or strain that a case file says were measured: means over voxels, blurred as the scanner's."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Number, Unit

from .entry import Measured, Taken
from .numbers import Direction, seen_along, wrong_direction

if TYPE_CHECKING:
    from fibertwin.calibration.observe import Observation

type Array = NDArray[np.float64]

FWHM = 2.0 * float(np.sqrt(2 * np.log(2)))
"""Full width of a Gaussian at half its maximum, in standard deviations."""


@dataclass(frozen=True)
class _Image(Measured):
    """An image in the mesh's space.

    Attributes:
        file: the image (NIfTI, RAS+ mm); nan where a number is missing. Left out where it could be taken next.
        sd: standard deviation of every number.
        mask: voxels that are compared are above 0 here, on the image's grid; without it those with a number.
        blur: full width at half maximum of the scanner's point spread; 0 for plain means over voxels.
    """

    file: Path | None = field(default=None, kw_only=True)
    sd: Annotated[Number, Gt(0)] | None = field(default=None, kw_only=True)
    mask: Path | None = field(default=None, kw_only=True)
    blur: Annotated[Length, Ge(0)] = field(default=0.0, kw_only=True)

    per_voxel: ClassVar[int]
    """How many numbers a voxel has."""

    @abstractmethod
    def observation(self) -> "Observation":
        """What predicts its voxels."""

    def taken(self) -> Taken:
        """The numbers of one voxel after the other."""
        voxels = self._voxels()[0]
        if self.file is None:
            values = np.full((len(voxels), self.per_voxel), np.nan)
        else:
            values = self._values(self.file)[0][tuple(voxels.T)]
        flat = tuple(values.ravel().tolist())
        return Taken(flat, self._spread(len(flat), self.sd), (self.level,) * len(flat))

    def wrong(self, done: bool) -> Iterator[Problem]:
        """A file where it was measured, a mask where it could be."""
        if done and self.file is None:
            yield Problem("file", "is missing", wanted="a NIfTI image in the mesh's space")
        if not done and self.file is not None:
            yield Problem("file", "is not known of what could be measured next", hint="leave it out")
        if not done and self.mask is None:
            yield Problem("mask", "is missing", wanted="an image that is above 0 in the voxels that would be seen")
        yield from super().wrong(done)

    def _grid(self) -> dict[str, Any]:
        """What every image is observed by."""
        voxels, affine = self._voxels()
        return {"affine": affine, "voxels": voxels, "blur": self.blur / FWHM}

    def _voxels(self) -> tuple[NDArray[np.int64], Array]:
        """Indices (n, 3) of the voxels that are compared, and the affine (4, 4) of their grid."""
        from fibertwin.calibration.observe import voxels_of
        from fibertwin.imaging.volumes import read_mask, read_volume

        if self.file is not None:
            values, affine = self._values(self.file)
            inside = np.isfinite(values).any(axis=-1)
            if self.mask is not None:
                with at("mask"):
                    inside = read_mask(self.mask, affine, values.shape[:3])
        elif self.mask is not None:
            with at("mask"):
                image = read_volume(self.mask)
                inside, affine = np.asarray(image.dataobj) > 0, np.asarray(image.affine, dtype=float)
        else:
            raise InputError(Problem("mask", "is missing"))
        if inside.ndim != 3 or not inside.any():
            what = "has no voxel that could be compared"
            got = str(self.file if self.mask is None else self.mask)
            raise InputError(Problem("file" if self.mask is None else "mask", what, got))
        return voxels_of(inside), affine

    def _values(self, file: Path) -> tuple[Array, Array]:
        """The image (nx, ny, nz, per voxel), and its affine (4, 4)."""
        from fibertwin.imaging.volumes import read_volume

        with at("file"):
            image = read_volume(file)
        values = np.asarray(image.dataobj, dtype=float)
        while values.ndim > 3 and values.shape[3] == 1:  # NIfTI keeps vectors in its fifth dimension
            values = values[:, :, :, 0]
        if self.per_voxel == 1 and values.ndim == 3:
            values = values[..., None]
        if values.ndim != 4 or values.shape[3] != self.per_voxel:
            wanted = "(x, y, z)" if self.per_voxel == 1 else f"(x, y, z, {self.per_voxel}) or (x, y, z, 1, 3)"
            raise InputError(Problem("file", "has another shape", f"{file}: {image.shape}", wanted))
        if np.isinf(values).any():
            raise InputError(Problem("file", "has values that are infinite", str(file)))
        return values, np.asarray(image.affine, dtype=float)


@contextmanager
def at(key: str) -> Iterator[None]:
    """Tell what is wrong with a file at the key that names it."""
    try:
        yield
    except InputError as error:
        raise InputError(replace(p, where=key, got=f"{p.where}: {p.got}") for p in error.problems) from error


@dataclass(frozen=True)
class DisplacementImage(_Image):
    """Displacements of voxels in the undeformed body: three volumes, components along RAS+ x, y, z in mm."""

    own: ClassVar[Unit] = Unit("mm")
    per_voxel: ClassVar[int] = 3

    sd: Annotated[Length, Gt(0)] | None = field(default=None, kw_only=True)

    def observation(self) -> "Observation":
        """DisplacementImage."""
        from fibertwin.calibration.observe import DisplacementImage as Seen

        return Seen(**self._grid())


@dataclass(frozen=True)
class StrainImage(_Image):
    """Green-Lagrange strain of voxels in the undeformed body along a direction: one volume.

    Attributes:
        direction: ``fiber``, ``sheet``, a vector, or a table with ``center`` and ``axis``: around that.
    """

    own: ClassVar[Unit] = Unit("")
    per_voxel: ClassVar[int] = 1

    direction: Direction = "fiber"

    def observation(self) -> "Observation":
        """StrainImage."""
        from fibertwin.calibration.observe import StrainImage as Seen

        return Seen(**self._grid(), direction=seen_along(self.direction))

    def wrong(self, done: bool) -> Iterator[Problem]:
        """The direction too."""
        yield from wrong_direction(self.direction)
        yield from super().wrong(done)
