"""Images of displacement or strain: means over voxels, as blurred as the scanner's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .direction import Direction
from .observation import Observation, Seen

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from fibertwin.solver.family import Slope
    from fibertwin.solver.system import System

type Array = NDArray[np.float64]

REACH = 3.0
"""Standard deviations of the blur after which a point no longer counts."""

LEAST = 0.3
"""Share of a voxel that the body must fill for the voxel to be compared."""


@dataclass(frozen=True, eq=False)
class _Grid(Observation):
    """Voxels of an image.

    Attributes:
        affine: from voxel indices to RAS+ mm (4, 4).
        voxels: indices (n, 3) of the voxels that are seen.
        blur: standard deviation (mm) of the Gaussian by which the image is blurred; 0 for plain means over voxels.
    """

    affine: Array
    voxels: NDArray[np.int64]
    blur: float = 0.0

    def __post_init__(self) -> None:
        if self.voxels.ndim != 2 or self.voxels.shape[1] != 3 or not len(self.voxels):
            raise ValueError("voxels are indices (n, 3), at least one")
        if self.blur < 0:
            raise ValueError("blur is a length")


@dataclass(frozen=True, eq=False)
class DisplacementImage(_Grid):
    """Mean displacement (mm) of voxels in the reference configuration, components x, y, z of each voxel in turn."""

    def on(self, system: "System") -> Seen:
        """Weigh quadrature points for each voxel. Collective.

        Raises:
            InputError: voxels that the body does not fill.
        """
        from .strain import AtPoints

        at, comm = AtPoints(system, gradient=False), system.comm
        means = _means(self, at.points, at.weights, comm)

        def value(system: "System") -> Array:
            return np.asarray(comm.allreduce(means @ at.now().reshape(-1, 3))).ravel()

        def pull(weights: Array) -> "Slope":
            work = (means.T @ weights.reshape(-1, 3)).reshape(*at.weights.shape, 3)
            return lambda system: at.pulled(system, work)

        return Seen(tuple(f"{name} {axis}" for name in _names(self.voxels) for axis in "xyz"), "mm", value, pull)


@dataclass(frozen=True, eq=False)
class StrainImage(_Grid):
    """Mean Green–Lagrange strain n·E n of voxels in the reference configuration.

    Attributes:
        direction: ``fiber``, ``sheet``, a vector (3,), or ``Around`` an axis.
    """

    direction: Direction = "fiber"

    def on(self, system: "System") -> Seen:
        """Weigh quadrature points for each voxel. Collective.

        Raises:
            InputError: voxels that the body does not fill, or directions that are not to be had.
        """
        from .strain import directions, strain_along

        strain, n, comm = strain_along(system), directions(system, self.direction), system.comm
        means = _means(self, strain.points, strain.weights, comm)

        def value(system: "System") -> Array:
            return np.asarray(comm.allreduce(means @ strain(n).ravel()))

        def pull(weights: Array) -> "Slope":
            shares = (means.T @ weights).reshape(strain.weights.shape)
            return lambda system: strain.slope(system, n, shares)

        return Seen(tuple(_names(self.voxels)), "", value, pull)


def voxels_of(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Indices (n, 3) of the voxels of a mask."""
    return np.argwhere(mask)


def _names(voxels: NDArray[np.int64]) -> list[str]:
    return [f"voxel ({i}, {j}, {k})" for i, j, k in voxels.tolist()]


def _means(grid: _Grid, points: Array, volumes: Array, comm: Any) -> "csr_array":
    """Rows (voxels, local points) whose products, summed over ranks, are means over voxels."""
    from scipy.sparse import csr_array

    places = np.linalg.solve(grid.affine, np.c_[points.reshape(-1, 3), np.ones(points.shape[0] * points.shape[1])].T)
    weights = _weights(grid, places[:3].T, volumes.ravel())
    filled = np.asarray(comm.allreduce(weights.sum(axis=1)))
    whole = abs(np.linalg.det(grid.affine[:3, :3]))
    empty = np.flatnonzero(filled < LEAST * whole)
    if len(empty):
        got = f"{len(empty)} of {len(filled)} voxels, such as {grid.voxels[empty[0]].tolist()}"
        hint = "leave them out of the mask, and check that the image lies where the mesh does"
        raise InputError(Problem("voxels", "lie outside the body, or hardly in it", got, hint=hint))
    return csr_array(weights.multiply(1 / filled[:, None]))


def _weights(grid: _Grid, places: Array, volumes: Array) -> "csr_array":
    """What each point, at places (n, 3) in voxel indices, adds to each voxel (mm³)."""
    from scipy.sparse import csr_array
    from scipy.spatial import cKDTree

    shape = (len(grid.voxels), len(places))
    if not len(places):
        return csr_array(shape)
    if grid.blur == 0:
        order = {tuple(voxel): row for row, voxel in enumerate(grid.voxels.tolist())}
        inside = [order.get(tuple(voxel), -1) for voxel in np.rint(places).astype(np.int64).tolist()]
        rows = np.array(inside)
        columns = np.flatnonzero(rows >= 0)
        return csr_array((volumes[columns], (rows[columns], columns)), shape=shape)
    to_mm = grid.affine[:3, :3]
    tree = cKDTree(places @ to_mm.T)
    centers = grid.voxels @ to_mm.T
    near = tree.query_ball_point(centers, REACH * grid.blur)
    rows = np.repeat(np.arange(len(near)), [len(one) for one in near])
    columns = np.concatenate([np.asarray(one, dtype=np.int64) for one in near])
    away = tree.data[columns] - centers[rows]
    kernel = np.exp(-0.5 * (away**2).sum(axis=1) / grid.blur**2) / (2 * np.pi * grid.blur**2) ** 1.5
    return csr_array((kernel * volumes[columns] * abs(np.linalg.det(to_mm)), (rows, columns)), shape=shape)
