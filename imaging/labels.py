"""Label images: which voxel belongs to which of several named tissues."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

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

    def numbers(self, labels: Iterable[int | str]) -> tuple[int, ...]:
        """The numbers that labels given by number or by name stand for, sorted.

        Raises:
            InputError: a name is not known.
        """
        wanted = list(labels)
        unknown = [name for name in wanted if isinstance(name, str) and name not in self.names]
        if unknown:
            known = ", ".join(self.names) or "no names"
            raise InputError(
                Problem(self.source, "has no such label", ", ".join(map(str, unknown)), f"one of: {known}")
            )
        found = {n for label in wanted for n in (self.names[label] if isinstance(label, str) else (label,))}
        return tuple(sorted(found))

    def mask(self, labels: Iterable[int | str]) -> VoxelMask:
        """The voxels that bear one of the labels.

        Raises:
            InputError: a name is not known.
        """
        return VoxelMask(np.isin(self.labels, self.numbers(labels)), self.affine, self.source)
