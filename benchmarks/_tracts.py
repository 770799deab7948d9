"""Tracts of a human head whose direction every anatomist knows, as boxes around the middle of its brain mask."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fibertwin.demo import scan_folder, whole_brain
from fibertwin.imaging import TensorImage, eigen, fractional_anisotropy


@dataclass(frozen=True)
class Tract:
    """A box, mm right, forward and up of the mask's center, in which one tract prevails.

    Attributes:
        name: of the tract.
        axis: 0 right-left, 1 front-back, 2 up-down.
        low: corner of the box.
        high: corner of the box.
        minimum_fa: FA from which a voxel counts.
    """

    name: str
    axis: int
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    minimum_fa: float


TRACTS = (
    Tract("corpus callosum", 0, (-7, -30, -10), (1, 50, 20), 0.5),
    Tract("right cingulum", 1, (0, -15, 19), (6, 25, 26), 0.4),
    Tract("left cingulum", 1, (-16, -15, 19), (-8, 25, 26), 0.4),
    Tract("right corticospinal tract", 2, (18, -12, -5), (28, 12, 14), 0.5),
    Tract("left corticospinal tract", 2, (-34, -12, -5), (-22, 12, 14), 0.5),
    Tract("pons, both corticospinal tracts", 2, (-3, -18, -76), (14, -10, -50), 0.4),
)
"""Chosen by eye on the color-coded FA of the demo's own scan, whose head is tilted a little, and made narrow enough to
leave the neighbors out (a cingulum box twice as wide takes in the corona radiata): no atlas for other heads."""


@dataclass(frozen=True)
class Direction:
    """What prevails in a tract's box: voxels, |principal direction|, and the part of voxels nearest to the axis."""

    voxels: int
    axis: NDArray[np.float64]
    part: float


def direction(image: TensorImage, tract: Tract) -> Direction:
    """Mean dyad of the fibers in a tract's box, and how many of them lie nearest to the tract's axis."""
    world = np.argwhere(image.mask) @ image.affine[:3, :3].T + image.affine[:3, 3]
    middle = world - world.mean(axis=0)
    tensors = image.components[image.mask]
    inside = ((middle >= tract.low) & (middle <= tract.high)).all(axis=1)
    inside &= fractional_anisotropy(tensors) > tract.minimum_fa
    fibers = eigen(tensors[inside]).vectors[:, :, 0]
    dyad = np.einsum("ni,nj->ij", fibers, fibers) / max(len(fibers), 1)
    principal = np.abs(np.linalg.eigh(dyad)[1][:, -1])
    return Direction(len(fibers), principal, float((np.abs(fibers).argmax(axis=1) == tract.axis).mean()))


def fetched_scan() -> Path | None:
    """The folder of the demo's scan, if ``fibertwin demo`` has fetched it."""
    folder = scan_folder()
    return folder if any(folder.glob("*dwi.nii.gz")) else None


def the_scan() -> Path | None:
    """The folder of the demo's whole-brain scan, fetched if need be; None where it cannot be."""
    try:
        return whole_brain().dwi.parent
    except OSError:
        return None


def scan_files(folder: Path) -> tuple[Path, Path, Path]:
    """DWI, b-values and b-vectors of the one scan in a folder."""
    dwi = sorted(folder.rglob("*dwi.nii.gz"))
    if len(dwi) != 1:
        raise FileNotFoundError(f"{folder} holds {len(dwi)} files *dwi.nii.gz, wanted one")
    stem = dwi[0].name.removesuffix(".nii.gz")
    return dwi[0], dwi[0].with_name(f"{stem}.bval"), dwi[0].with_name(f"{stem}.bvec")
