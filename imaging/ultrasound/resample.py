"""Images made anew on true places: gray values linearly, labels by the nearest, tensors log-Euclidean and turned."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging.algebra import from_matrix, to_matrix
from fibertwin.imaging.sample import sample_tensors
from fibertwin.imaging.tensor_image import TensorImage

from .speed_map import SpeedMap

Array = NDArray[np.float64]

BLOCK = 500_000
"""Voxels that are mapped at once."""


def resample(speed: SpeedMap, data: NDArray[Any], affine: Array, *, labels: bool = False, fill: float = 0) -> Any:
    """The image on its own grid with every voxel's value taken from where the scanner drew that place.

    Args:
        speed: the map.
        data: (nx, ny, nz) as the scanner drew it.
        affine: (4, 4) voxel index (center) to RAS+ mm.
        labels: take the nearest voxel, so that no new numbers arise; else linear interpolation.
        fill: for places that no beam reaches or the image does not hold.

    Returns:
        (nx, ny, nz): of the labels' own type, or float32 (float64 where the image is).

    Raises:
        InputError: the image is not three-dimensional.
    """
    from scipy.ndimage import map_coordinates

    if data.ndim != 3:
        raise InputError(Problem("image", "is not three-dimensional", str(data.shape), "(nx, ny, nz)"))
    kind = data.dtype if labels or data.dtype == np.float64 else np.dtype(np.float32)
    values = data if labels else data.astype(kind)
    out = np.full(data.shape, fill, dtype=kind)
    flat, back = out.reshape(-1), np.linalg.inv(affine)
    for begin in range(0, out.size, BLOCK):
        at = np.arange(begin, min(begin + BLOCK, out.size))
        drawn = speed.apparent(_places(at, data.shape, affine), "nan")
        index = (drawn @ back[:3, :3].T + back[:3, 3]).T
        edge = np.clip(index, 0, np.array(data.shape)[:, None] - 1)
        index = np.where(np.abs(index - edge) < 1e-6, edge, index)  # rounding must not empty an image of one slice
        inside = np.isfinite(index).all(axis=0)
        order = 0 if labels else 1
        flat[at[inside]] = map_coordinates(values, index[:, inside], order=order, cval=fill, prefilter=False)
    return out


def resample_tensors(speed: SpeedMap, image: TensorImage) -> TensorImage:
    """The tensors on their own grid, interpolated log-Euclidean and turned by the rotation of the map's Jacobian.

    Finite strain (Alexander et al. 2001, doi:10.1109/42.963816), voxel by voxel. Voxels whose place was drawn outside
    of the mask leave it.
    """
    every = np.arange(image.mask.size)
    drawn = speed.apparent(_places(every, image.shape, image.affine), "nan")
    index = np.rint((drawn - image.affine[:3, 3]) @ np.linalg.inv(image.affine[:3, :3]).T)
    known = np.isfinite(index).all(axis=1) & ((index >= 0) & (index < image.shape)).all(axis=1)
    known[known] = image.mask[tuple(index[known].astype(int).T)]
    jacobian = speed.jacobian(drawn[known])
    smooth = np.isfinite(jacobian).all(axis=(1, 2))
    known[known] = smooth
    u, _, vt = np.linalg.svd(jacobian[smooth])
    turns = u @ vt
    found = sample_tensors(
        image, drawn[known], radius=float(np.linalg.norm(image.affine[:3, :3], axis=0).max())
    ).tensors
    components = np.zeros_like(image.components)
    mask = known.reshape(image.shape)
    components[mask] = from_matrix(turns @ to_matrix(found) @ turns.transpose(0, 2, 1))
    sentence = "The image was corrected for the speed of sound; tensors turned with the map (finite strain)."
    none = np.zeros_like(mask)
    return replace(image, components=components, mask=mask, repaired=none, assumptions=(*image.assumptions, sentence))


def _places(flat: NDArray[np.intp], shape: tuple[int, ...], affine: Array) -> Array:
    index = np.column_stack(np.unravel_index(flat, shape))
    return np.asarray(index @ affine[:3, :3].T + affine[:3, 3])
