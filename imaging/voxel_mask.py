"""The voxels of a body, and how a mask is cleaned before it becomes one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem


@dataclass(frozen=True)
class VoxelMask:
    """Which voxels of an image belong to a body.

    Attributes:
        inside: (nx, ny, nz) bool.
        affine: (4, 4) voxel index (center) to RAS+ millimeters.
        source: what to call it in messages.
    """

    inside: NDArray[np.bool_]
    affine: NDArray[np.float64]
    source: str = "mask"

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel edge lengths (3,) in mm."""
        lengths: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return lengths

    @property
    def volume(self) -> float:
        """Volume of the voxels inside (mm³)."""
        return float(self.inside.sum() * abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def centroid(self) -> NDArray[np.float64]:
        """Center of mass (3,) in mm."""
        index = np.array([np.average(np.arange(n), weights=self._count(k)) for k, n in enumerate(self.inside.shape)])
        center: NDArray[np.float64] = self.affine[:3, :3] @ index + self.affine[:3, 3]
        return center

    def _count(self, axis: int) -> NDArray[np.intp]:
        """Voxels inside by their index along one axis."""
        rest = tuple(k for k in range(3) if k != axis)
        return np.asarray(self.inside.sum(axis=rest))


def clean_mask(mask: VoxelMask, closing: float, opening: float = 0.0) -> VoxelMask:
    """The mask's largest connected piece, with thin bridges cut, furrows closed and holes filled.

    Erosion and dilation are by balls measured in mm. What a cut leaves on its larger side is grown back only into
    voxels that were inside before, one voxel farther than it was eroded, so that rims keep their shape.

    Args:
        mask: voxels of the body.
        closing: gaps narrower than twice this (mm) are closed.
        opening: bridges thinner than twice this (mm) are cut, such as those from the brain to the eyes.

    Raises:
        InputError: no voxel is inside, or none is thicker than the opening.
    """
    from scipy import ndimage

    if not mask.inside.any():
        raise InputError(Problem(mask.source, "the mask is empty", "0 voxels inside", "a mask with a body in it"))
    width = [int(np.ceil(closing / step)) + 1 for step in mask.spacing]
    inside = np.pad(_largest(mask.inside), [(w, w) for w in width])
    if opening > 0:
        core = ndimage.distance_transform_edt(inside, sampling=mask.spacing) > opening
        if not core.any():
            got = f"{opening:g} mm"
            raise InputError(Problem(mask.source, "nothing is thicker than the opening", got, "a smaller opening"))
        reach = opening + float(mask.spacing.max())
        inside &= ndimage.distance_transform_edt(~_largest(core), sampling=mask.spacing) <= reach
        inside = _largest(inside)
    if closing > 0:
        inside = ndimage.distance_transform_edt(~inside, sampling=mask.spacing) <= closing
        inside = ndimage.distance_transform_edt(inside, sampling=mask.spacing) > closing
    inside = ndimage.binary_fill_holes(inside)
    trimmed = inside[tuple(slice(w, -w) for w in width)]
    return VoxelMask(np.asarray(trimmed, dtype=bool), mask.affine, mask.source)


def _largest(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest of the pieces that hang together by voxel faces."""
    from scipy import ndimage

    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    largest: NDArray[np.bool_] = labels == 1 + int(np.argmax(sizes[1:]))
    return largest
