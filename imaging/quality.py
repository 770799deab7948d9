"""Pictures and numbers by which a person can judge a tensor image."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .algebra import eigen, fractional_anisotropy, mean_diffusivity
from .tensor_image import TensorImage


@dataclass(frozen=True)
class TensorQuality:
    """What a tensor image is like, in numbers.

    Attributes:
        valid_voxels: in the mask.
        mask_volume: mm³.
        repaired_voxels: mended, and still in the mask.
        lost_voxels: that no repair could mend, and so not in the mask.
        median_md: mm²/s.
        mean_fa: over the mask.
        free_water_voxels: with MD above 1.5e-3 mm²/s, mostly cerebrospinal fluid.
    """

    valid_voxels: int
    mask_volume: float
    repaired_voxels: int
    lost_voxels: int
    median_md: float
    mean_fa: float
    free_water_voxels: int


def tensor_quality(image: TensorImage) -> TensorQuality:
    """Count and average over the mask."""
    inside = image.components[image.mask]
    md = mean_diffusivity(inside)
    return TensorQuality(
        valid_voxels=len(inside),
        mask_volume=image.mask_volume,
        repaired_voxels=int((image.repaired & image.mask).sum()),
        lost_voxels=int((image.repaired & ~image.mask).sum()),
        median_md=float(np.median(md)) if len(md) else 0.0,
        mean_fa=float(fractional_anisotropy(inside).mean()) if len(md) else 0.0,
        free_water_voxels=int((md > 1.5e-3).sum()),
    )


def color_fa(image: TensorImage) -> NDArray[np.uint8]:
    """Direction-coded FA, (nx, ny, nz, 3): |e1| FA with red x, green y, blue z (Pajevic & Pierpaoli 1999).

    doi:10.1002/(SICI)1522-2594(199909)42:3<526::AID-MRM15>3.0.CO;2-J. Black outside the mask. The
    corpus callosum shows red, the cingulum green, the corticospinal tract blue.
    """
    out = np.zeros((*image.shape, 3), dtype=np.uint8)
    inside = image.components[image.mask]
    first = np.abs(eigen(inside).vectors[:, :, 0])
    shade = np.clip(fractional_anisotropy(inside), 0.0, 1.0)[:, None] * first
    out[image.mask] = np.rint(255.0 * shade).astype(np.uint8)
    return out
