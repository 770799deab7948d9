"""Orthonormal axes of a heart's wall, fibers turned in them, and the blend of axes whose signs mean nothing."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SAME_AXES = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
"""Signs of the three columns with which a rotation stands for the same three axes."""


def wall_frame(along: Array, across: Array) -> Array:
    """Circumferential, longitudinal and transmural unit axes, the columns (n, 3, 3), right-handed.

    The transmural axis is that of ``across``; of ``along`` only the part normal to it counts, so that the other two
    are tangential to the layers of the wall even where the long axis leans into it, as it does at the apex. (Bayer et
    al. 2012 keep the long axis instead; where the gradients are normal to one another the two agree.)

    Args:
        along: (n, 3) from apex to base, of any length.
        across: (n, 3) out of the cavity, of any length.
    """
    through = _unit(across, np.array([1.0, 0.0, 0.0]))
    rest = along - np.einsum("ni,ni->n", along, through)[:, None] * through
    # on the line from apex to apex no tangent is longitudinal, and any will do
    spare = np.eye(3)[np.argmin(np.abs(through), axis=1)]
    spare = spare - np.einsum("ni,ni->n", spare, through)[:, None] * through
    up = _unit(rest, spare, 1e-9 * np.linalg.norm(along, axis=1))
    return np.stack([np.cross(up, through), up, through], axis=-1)


def turned(frame: Array, helix: Array, sheet: Array) -> Array:
    """Fiber, sheet normal and sheet direction, the columns (n, 3, 3), turned within wall axes.

    Args:
        frame: (n, 3, 3) circumferential, longitudinal, transmural columns.
        helix: (n,) angle (rad) of the fiber from the circumference toward the base.
        sheet: (n,) angle (rad) of the sheet direction from the wall's normal, about the fiber.
    """
    c, u, t = np.moveaxis(frame, -1, 0)
    cos, sin = np.cos(helix)[:, None], np.sin(helix)[:, None]
    fiber, normal = cos * c + sin * u, cos * u - sin * c
    cos, sin = np.cos(sheet)[:, None], np.sin(sheet)[:, None]
    return np.stack([fiber, cos * normal - sin * t, cos * t + sin * normal], axis=-1)


def blended(first: Array, second: Array, share: Array) -> Array:
    """The axes (n, 3, 3) on the way from the first to the second, whatever their signs (bislerp).

    The shortest rotation from the first axes to the second, of the four that differ by half turns about one of the
    axes, done by ``share``. That is the quaternion blend of Bayer et al. (2012, doi 10.1007/s10439-012-0593-5,
    function bislerp), where half turns are ±i, ±j and ±k.

    Args:
        first: (n, 3, 3) rotations, axes in columns.
        second: (n, 3, 3) rotations.
        share: (n,) 0 gives the first, 1 the second.
    """
    from scipy.spatial.transform import Rotation

    agreement = np.einsum("nik,nik->nk", first, second)  # the trace of a relative rotation falls with its angle
    signs = SAME_AXES[np.argmax(agreement @ SAME_AXES.T, axis=1)]
    start = Rotation.from_matrix(first * signs[:, None, :])
    way = (start.inv() * Rotation.from_matrix(second)).as_rotvec()
    matrices: Array = (start * Rotation.from_rotvec(share[:, None] * way)).as_matrix()
    return matrices


def _unit(vectors: Array, spare: Array, least: Array | float = 0.0) -> Array:
    """The vectors (n, 3) with length one; where one is no longer than ``least``, the spare's direction."""
    lengths = np.linalg.norm(vectors, axis=1)
    usable = lengths > np.maximum(least, 1e-300)
    chosen = np.where(usable[:, None], vectors, spare)
    units: Array = chosen / np.linalg.norm(chosen, axis=1, keepdims=True)
    return units
