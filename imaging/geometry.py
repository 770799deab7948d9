"""Axes in which a file may hold vectors and tensors, and the way from them to RAS+ world axes."""

from typing import Literal, get_args

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array, nearest_rotation

Frame = Literal["world", "lps", "voxel", "fsl"]
"""Axes of a file's tensors: RAS+ world, LPS world, the voxel axes, or FSL's (voxel, x flipped where det > 0)."""

_MOST_SHEAR = 5e-3  # cosine between voxel axes: 0.3 degrees, above any rounding of a stored header


def frame_basis(affine: Array, frame: Frame, where: str = "frame") -> Array:
    """Orthogonal (3, 3) whose columns are the frame's axes in RAS+ world.

    The voxel axes are the orthogonal factor of the affine's normalised columns (a reflection where
    det(affine) < 0). FSL flips the first voxel axis where det(affine) > 0
    (https://fsl.fmrib.ox.ac.uk/fsl/docs/diffusion/dtifit.html; MRtrix3 core/dwi/gradient.cpp).

    Raises:
        InputError: unknown frame, or an affine whose voxel axes are not at right angles.
    """
    if frame == "world":
        return np.eye(3)
    if frame == "lps":
        return np.diag([-1.0, -1.0, 1.0])
    if frame not in get_args(Frame):
        raise InputError(Problem(where, "unknown frame", repr(frame), ", ".join(get_args(Frame))))
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    shear = float(np.abs(columns.T @ columns - np.eye(3)).max())
    if shear > _MOST_SHEAR:
        raise InputError(
            Problem(
                where,
                "the affine shears the voxel grid, so voxel axes are not directions in the patient",
                f"cosine {shear:.3g} between two voxel axes",
                f"below {_MOST_SHEAR:g}",
                "resample onto a rectangular grid, or store the tensors along world axes",
            )
        )
    basis = nearest_rotation(columns)
    if frame == "fsl" and np.linalg.det(basis) > 0:
        return basis @ np.diag([-1.0, 1.0, 1.0])
    return basis
