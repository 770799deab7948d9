"""Facets by what an image shows outside of them: the surface that faces the fluid, the bone, the air."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from annotated_types import Gt, MinLen
from numpy.typing import NDArray

from fibertwin.parallel import together
from fibertwin.units import Unit

from .boundary import Boundary
from .images import read_image
from .rule import SurfaceSelector

STEP = 0.5
"""Step along the normal, as a part of the shortest edge of a voxel."""


@dataclass(frozen=True)
class NearestLabel(SurfaceSelector):
    """Facets outside of which a label image shows one of several labels before any other.

    The image must be in the mesh's space. Label 0 is looked through, and so are the labels in ``through``: give those
    of the body itself.

    Attributes:
        file: label image, such as FreeSurfer's aparc+aseg or SynthSeg's.
        values: the labels that are to be faced.
        through: labels that count as nothing.
        distance: how far is looked.
        way: along the outward normal of each facet, or to the nearest labelled voxel in any direction.
    """

    file: Path
    values: Annotated[tuple[int, ...], MinLen(1)]
    through: tuple[int, ...] = ()
    distance: Annotated[float, Unit("mm"), Gt(0)] = 5.0
    way: Literal["normal", "nearest"] = "normal"

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets face one of the labels."""
        return together(boundary.comm, lambda: np.isin(self._faced(boundary), self.values))

    def _faced(self, boundary: Boundary) -> NDArray[np.generic]:
        """The label (n,) that each facet faces, 0 where there is none. Local."""
        labels, affine = read_image(self.file)
        labels = np.where(np.isin(labels, self.through), 0, labels)
        if self.way == "nearest":
            return _nearest(labels, affine, boundary.midpoints, self.distance)
        return _along(labels, affine, boundary.midpoints, boundary.normals, self.distance)


def _along(
    labels: NDArray[np.generic],
    affine: NDArray[np.float64],
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    distance: float,
) -> NDArray[np.generic]:
    """The first label that is not 0 on the way outward from each point."""
    inverse = np.linalg.inv(affine)
    step = STEP * float(np.linalg.norm(affine[:3, :3], axis=0).min())
    found = np.zeros(len(points), labels.dtype)
    for t in np.arange(0.0, distance + step / 2, step):
        index = np.rint((points + t * normals) @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)
        inside = ((index >= 0) & (index < np.array(labels.shape))).all(axis=1) & (found == 0)
        found[inside] = labels[tuple(index[inside].T)]
    return found


def _nearest(
    labels: NDArray[np.generic], affine: NDArray[np.float64], points: NDArray[np.float64], distance: float
) -> NDArray[np.generic]:
    """The label of the labelled voxel whose center is nearest to each point."""
    from scipy.spatial import KDTree

    found = np.zeros(len(points), labels.dtype)
    index = np.argwhere(labels)
    places = index @ affine[:3, :3].T + affine[:3, 3]
    if len(points) == 0:
        return found
    near = ((places >= points.min(axis=0) - distance) & (places <= points.max(axis=0) + distance)).all(axis=1)
    if not near.any():
        return found
    apart, at = KDTree(places[near]).query(points, distance_upper_bound=distance)
    seen = np.isfinite(apart)
    found[seen] = labels[tuple(index[near][at[seen]].T)]
    return found
