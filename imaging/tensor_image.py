"""The diffusion tensors of one scan on its voxels, in RAS+ world axes, and what may be done to them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .algebra import Array, compose, eigen, eigenvalues, logarithm, nearest_rotation, rotated

Mask = NDArray[np.bool_]

FLOOR = 1e-5
"""Smallest eigenvalue that a repaired tensor may have, mm²/s: 1/300 of free water at 37 °C."""


@dataclass(frozen=True, eq=False)
class TensorImage:
    """Diffusion tensors on a grid of voxels.

    Attributes:
        components: (nx, ny, nz, 6), order xx xy yy xz yz zz, mm²/s, along RAS+ world axes. 0 outside the mask.
        affine: (4, 4), from voxel index (integer at the voxel's centre) to RAS+ world mm.
        mask: (nx, ny, nz), voxels whose tensor is valid: finite and positive definite.
        repaired: (nx, ny, nz), voxels whose tensor was not positive definite as it came: mended where
            ``mask`` is true, given up where it is false.
        assumptions: sentences that say what was assumed on the way here; print them.
    """

    components: Array
    affine: Array
    mask: Mask
    repaired: Mask
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shape = self.components.shape
        if len(shape) != 4 or shape[3] != 6:
            raise InputError(Problem("components", "has the wrong shape", str(shape), "(nx, ny, nz, 6)"))
        for name in ("mask", "repaired"):
            if getattr(self, name).shape != shape[:3]:
                got = str(getattr(self, name).shape)
                raise InputError(Problem(name, "does not fit the tensors' grid", got, str(shape[:3])))
        if self.affine.shape != (4, 4) or not np.all(np.isfinite(self.affine)):
            raise InputError(Problem("affine", "is no finite 4x4 matrix", str(self.affine.tolist())))
        if abs(np.linalg.det(self.affine[:3, :3])) < 1e-12:
            raise InputError(Problem("affine", "is singular", str(self.affine.tolist())))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along the three axes."""
        nx, ny, nz = self.components.shape[:3]
        return nx, ny, nz

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel, mm³."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    @property
    def mask_volume(self) -> float:
        """Volume of the mask, mm³."""
        return float(self.mask.sum()) * self.voxel_volume

    @cached_property
    def valid_logarithms(self) -> Array:
        """(valid voxels, 6) matrix logarithms in the mask's C order, made once."""
        return logarithm(self.components[self.mask])


def repair(components: Array, mask: Mask, floor: float = FLOOR) -> tuple[Array, Mask, Mask]:
    """Make every tensor in the mask finite and positive definite, voxel by voxel.

    Eigenvalues below ``floor`` are lifted to it; a tensor that is not finite, or has no eigenvalue
    above ``floor``, leaves the mask. No neighbor is asked, so slabs can be repaired apart.

    Args:
        components: (nx, ny, nz, 6), mm²/s.
        mask: (nx, ny, nz).
        floor: smallest eigenvalue to leave, mm²/s.

    Returns:
        Components (0 outside the new mask), the new mask, and the voxels touched or given up.
    """
    finite = np.isfinite(components).all(axis=-1) & mask
    inside = components[finite]
    values = eigenvalues(inside)
    bad = values[:, 2] < floor
    hopeless = values[:, 0] <= floor
    mend = bad & ~hopeless
    if mend.any():
        inside[mend] = _lifted(inside[mend], floor)
    out = np.zeros_like(components)
    inside[hopeless] = 0.0
    out[finite] = inside
    kept = finite.copy()
    kept[finite] = ~hopeless
    repaired = mask & ~finite
    repaired[finite] = bad
    return out, kept, repaired


def _lifted(components: Array, floor: float) -> Array:
    parts = eigen(components)
    return compose(np.maximum(parts.values, floor), parts.vectors)


Reorientation = Literal["finite-strain", "principal-direction", "none"]
"""How tensors turn with a map F of space (Alexander et al. 2001, doi:10.1109/42.963816): all by the rotation of F's
polar decomposition, or each so that its first axis goes along F e1 and its first two in the plane of F e1 and F e2."""


def transformed(image: TensorImage, affine: Array, reorientation: Reorientation = "finite-strain") -> TensorImage:
    """Move an image by a rigid or affine map of world space, and turn its tensors with it.

    Eigenvalues stay as they are (Alexander et al. 2001); voxels are not resampled, their affine moves.

    Args:
        image: what to move.
        affine: (4, 4), world mm to world mm.
        reorientation: how tensors turn; ``"none"`` where they already lie along the target's axes.

    Raises:
        InputError: the map is no finite affine matrix with positive determinant.
    """
    matrix = np.asarray(affine, dtype=float)
    wanted = "4x4, finite, last row 0 0 0 1, determinant > 0"
    if matrix.shape != (4, 4) or not np.all(np.isfinite(matrix)) or not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise InputError(Problem("transform", "is no affine map", str(matrix.tolist()), wanted))
    if np.linalg.det(matrix[:3, :3]) <= 0:
        hint = "a map between RAS+ spaces never mirrors: was one of them LPS?"
        raise InputError(Problem("transform", "mirrors or flattens space", str(matrix.tolist()), wanted, hint))
    components = image.components
    if reorientation == "finite-strain":
        components = rotated(components, nearest_rotation(matrix[:3, :3]))
    elif reorientation == "principal-direction":
        components = components.copy()
        components[image.mask] = _along(components[image.mask], matrix[:3, :3])
    sentence = f"The image was moved by the given map; tensor reorientation: {reorientation}."
    return replace(
        image, components=components, affine=matrix @ image.affine, assumptions=(*image.assumptions, sentence)
    )


def _along(components: Array, gradient: Array) -> Array:
    """Tensors (n, 6) turned so that their principal directions are preserved by a map with this gradient (3, 3)."""
    parts = eigen(components)
    carried = gradient @ parts.vectors
    first = carried[..., 0] / np.linalg.norm(carried[..., 0], axis=-1, keepdims=True)
    second = carried[..., 1] - np.einsum("nk,nk->n", carried[..., 1], first)[:, None] * first
    second /= np.linalg.norm(second, axis=-1, keepdims=True)
    return compose(parts.values, np.stack([first, second, np.cross(first, second)], axis=-1))
