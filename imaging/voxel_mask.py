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
        notes: what was done to it so far, a sentence each.
    """

    inside: NDArray[np.bool_]
    affine: NDArray[np.float64]
    source: str = "mask"
    notes: tuple[str, ...] = ()

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


def clean_mask(
    mask: VoxelMask, closing: float, opening: float = 0.0, *, smallest: float | None = None, fill: bool = True
) -> VoxelMask:
    """The mask's largest connected piece, with thin bridges cut, furrows closed and holes filled.

    Erosion and dilation are by balls measured in mm. What a cut leaves on its larger side is grown back only into
    voxels that were inside before, one voxel farther than it was eroded, so that rims keep their shape. What each step
    changed is counted in the notes.

    Args:
        mask: voxels of the body.
        closing: gaps narrower than twice this (mm) are closed.
        opening: bridges thinner than twice this (mm) are cut, such as those from the brain to the eyes.
        smallest: if given, all pieces of at least this volume (mm³) are kept instead of the largest alone.
        fill: whether holes are filled.

    Raises:
        InputError: no voxel is inside, none is thicker than the opening, or no piece is as large as ``smallest``.
    """
    from scipy import ndimage

    if not mask.inside.any():
        raise InputError(Problem(mask.source, "the mask is empty", "0 voxels inside", "a mask with a body in it"))
    width = [int(np.ceil(closing / step)) + 1 for step in mask.spacing]
    start = np.pad(mask.inside, [(w, w) for w in width])
    inside = _pieces(start, mask, smallest)
    kept = "largest piece kept" if smallest is None else f"pieces of at least {smallest:g} mm³ kept"
    notes = [_changed(start, inside, kept)]
    if opening > 0:
        before, inside = inside, _opened(inside, mask, opening, smallest)
        notes.append(_changed(before, inside, f"opening by {opening:g} mm"))
    if closing > 0:
        before = inside
        inside = ~_grown(~_grown(inside, closing, mask.affine), closing, mask.affine)
        notes.append(_changed(before, inside, f"closing by {closing:g} mm"))
    if fill:
        before, inside = inside, ndimage.binary_fill_holes(inside)
        notes.append(_changed(before, inside, "holes filled"))
    trimmed = inside[tuple(slice(w, -w) for w in width)]
    return VoxelMask(np.asarray(trimmed, dtype=bool), mask.affine, mask.source, (*mask.notes, *notes))


def _opened(inside: NDArray[np.bool_], mask: VoxelMask, radius: float, smallest: float | None) -> NDArray[np.bool_]:
    """What is left when bridges thinner than twice the radius (mm) are cut."""
    core = ~_grown(~inside, radius, mask.affine)
    if not core.any():
        got = f"{radius:g} mm"
        raise InputError(Problem(mask.source, "nothing is thicker than the opening", got, "a smaller opening"))
    side = _pieces(core, mask, None) if smallest is None else core
    reach = radius + float(mask.spacing.max())
    return _pieces(inside & _grown(side, reach, mask.affine), mask, smallest)


def _changed(before: NDArray[np.bool_], after: NDArray[np.bool_], step: str) -> str:
    """A step of cleaning with the number of voxels that it changed."""
    added, removed = int((after & ~before).sum()), int((before & ~after).sum())
    parts = [f"{count} voxels {word}" for count, word in ((added, "added"), (removed, "removed")) if count]
    return f"{step}: {', '.join(parts) or 'nothing changed'}"


def _grown(inside: NDArray[np.bool_], radius: float, affine: NDArray[np.float64]) -> NDArray[np.bool_]:
    """All voxels whose center is no farther than a radius (mm) from the center of a voxel inside."""
    from scipy import ndimage

    if not inside.any():
        return inside.copy()
    axes = affine[:3, :3]
    if not is_sheared(affine):
        distance = ndimage.distance_transform_edt(~inside, sampling=np.linalg.norm(axes, axis=0))
        return np.asarray(distance <= radius)
    reach = np.ceil(radius * np.linalg.norm(np.linalg.inv(axes), axis=1)).astype(int)
    offsets = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in reach), indexing="ij"), axis=-1)
    ball = np.linalg.norm(offsets @ axes.T, axis=-1) <= radius * (1 + 1e-12)
    return np.asarray(ndimage.binary_dilation(inside, ball))


def is_sheared(affine: NDArray[np.float64], cosine: float = 1e-3) -> bool:
    """Whether the voxels' axes are not at right angles."""
    unit = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(unit.T @ unit - np.eye(3)).max() > cosine)


def _pieces(inside: NDArray[np.bool_], mask: VoxelMask, smallest: float | None) -> NDArray[np.bool_]:
    """The largest of the pieces that hang together by voxel faces, or all of at least a volume (mm³)."""
    from scipy import ndimage

    labels, count = ndimage.label(inside)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    if smallest is None:
        largest: NDArray[np.bool_] = labels == 1 + int(np.argmax(sizes[1:]))
        return largest
    voxel = abs(float(np.linalg.det(mask.affine[:3, :3])))
    wanted = sizes * voxel >= smallest
    wanted[0] = False
    if not wanted.any():
        got = f"the largest has {sizes[1:].max(initial=0) * voxel:g} mm³"
        raise InputError(Problem(mask.source, "no piece is large enough", got, f"at least {smallest:g} mm³"))
    return np.asarray(wanted[labels])
