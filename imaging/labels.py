"""Label images: which voxel belongs to which of several named tissues."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .label_tables import Names, label_table, look_up, spoken
from .medical import ImageUnit, Volume, open_image
from .voxel_mask import VoxelMask


@dataclass(frozen=True)
class LabelImage:
    """A whole number for every voxel, and what the numbers mean.

    Attributes:
        labels: (nx, ny, nz) whole numbers; 0 is outside of all.
        affine: (4, 4) voxel index (center) to RAS+ millimeters.
        names: numbers that a name stands for: ``{"white matter": (2, 41)}``.
        source: what to call it in messages.
        notes: what was done to it so far, a sentence each.
    """

    labels: NDArray[np.integer]
    affine: NDArray[np.float64]
    names: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    source: str = "labels"
    notes: tuple[str, ...] = ()

    @property
    def present(self) -> tuple[int, ...]:
        """The numbers other than 0 that some voxel bears, sorted."""
        return tuple(int(n) for n in np.unique(self.labels) if n != 0)

    def numbers(self, labels: Iterable[int | str]) -> tuple[int, ...]:
        """The numbers that labels given by number or by name stand for, sorted.

        Case doesn't matter in names, and ``-`` and ``_`` are spaces.

        Raises:
            InputError: a name is not known.
        """
        return look_up(labels, self.names, self.source)

    def name(self, number: int) -> str:
        """A number with the name that stands for it alone, if there is one: ``3 (left cerebral cortex)``."""
        return spoken(number, self.names)

    def mask(self, labels: Iterable[int | str]) -> VoxelMask:
        """The voxels that bear one of the labels.

        Raises:
            InputError: a name is not known, or no voxel bears any of the labels.
        """
        wanted = tuple(labels)
        numbers = self.numbers(wanted)
        inside = np.isin(self.labels, numbers)
        if not inside.any():
            got = ", ".join(
                f"{label} = {self.numbers([label])}" if isinstance(label, str) else str(label) for label in wanted
            )
            there = ", ".join(self.name(n) for n in self.present[:40]) or "none"
            raise InputError(
                Problem(self.source, "the label is empty: no voxel bears it", got, f"of those present: {there}")
            )
        return VoxelMask(inside, self.affine, self.source, self.notes)

    def volumes(self) -> dict[int, float]:
        """Volume (mm³) of each label present, by number."""
        numbers, counts = np.unique(self.labels, return_counts=True)
        voxel = abs(np.linalg.det(self.affine[:3, :3]))
        return {int(n): float(c * voxel) for n, c in zip(numbers, counts, strict=True) if n != 0}

    def interfaces(self) -> dict[tuple[int, int], int]:
        """Voxel faces that each two labels share, by their numbers in order; labels that don't touch are left out."""
        found: dict[tuple[int, int], int] = {}
        for axis in range(3):
            one, two = (np.moveaxis(self.labels, axis, 0)[part] for part in (slice(None, -1), slice(1, None)))
            across = (one != two) & (one != 0) & (two != 0)
            pairs = np.sort(np.stack([one[across], two[across]], axis=1), axis=1)
            for (a, b), count in zip(*np.unique(pairs, axis=0, return_counts=True), strict=True):
                found[int(a), int(b)] = found.get((int(a), int(b)), 0) + int(count)
        return dict(sorted(found.items()))


def read_labels(
    path: Path | str,
    table: str | Path | Names = "freesurfer",
    *,
    volume: int | None = None,
    unit: ImageUnit | None = None,
) -> LabelImage:
    """A label image: NIfTI, .mgz, NRRD, MetaImage, DICOM series or segmentation, of any orientation.

    Names come from the file where it has them (3D Slicer's ``.seg.nrrd``, DICOM segmentations), else from the table.

    Args:
        path: the file, or a folder with the files of a DICOM series.
        table: ``"freesurfer"``, ``"synthseg"``, a file (``label_tables.read_table``), or the names themselves.
        volume: which volume of an image with four dimensions, counted from 0.
        unit: what the file's lengths are measured in; if left out what it says, with its size looked at.

    Raises:
        InputError: the file can't be read or is no label image; it holds no label; its size is not that of a body.
    """
    image = open_image(path, volume=volume, unit=unit)
    labels = whole_numbers(image)
    names = dict(image.names) or dict(label_table(table))
    found = LabelImage(labels, image.affine, names, image.source, image.notes)
    if not labels.any():
        raise InputError(Problem(image.source, "holds no label", "0 in every voxel", "whole numbers, 0 outside"))
    single = [found.name(n) for n, c in zip(*np.unique(labels, return_counts=True), strict=True) if n != 0 and c == 1]
    notes = [f"labels of one voxel: {', '.join(single)}"] if single else []
    touching = found.interfaces()
    if touching:
        notes.append(_told(found, touching))
    return replace(found, notes=(*found.notes, *notes))


def _told(image: LabelImage, touching: dict[tuple[int, int], int], most: int = 5) -> str:
    """Which labels share an interface, the largest first."""
    largest = sorted(touching, key=lambda pair: -touching[pair])
    spoken = [f"{image.name(a)} and {image.name(b)} ({touching[a, b]} voxel faces)" for a, b in largest[:most]]
    more = f", and {len(largest) - most} more pairs" if len(largest) > most else ""
    return f"labels that touch and share an interface: {', '.join(spoken)}{more}"


def whole_numbers(image: Volume) -> NDArray[np.int32]:
    """The voxels as whole numbers; floating point numbers that are whole are accepted.

    Raises:
        InputError: some are not whole, or too large.
    """
    values = image.values
    if values.dtype.kind == "f":
        odd = values != np.rint(values)
        if odd.any():
            raise InputError(
                Problem(
                    image.source,
                    "is no label image: it holds numbers that are not whole",
                    f"{int(odd.sum())} of {values.size} voxels, such as {float(values[odd][0]):g}",
                    "whole numbers, as segmentation tools write them",
                    "a grey-scale image needs a threshold; labels are resampled by nearest neighbor",
                )
            )
    limit = np.iinfo(np.int32).max
    if values.size and (values.max() > limit or values.min() < -limit):
        raise InputError(Problem(image.source, "has labels too large", f"{values.max():g}", f"at most {limit}"))
    return np.asarray(values, dtype=np.int32)
