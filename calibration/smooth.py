"""A prior of a number in every cell that is smooth in space: a Matérn field on the mesh."""

from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING, Any

import basix
import numpy as np
from numpy.typing import NDArray

from .field import cells_of

if TYPE_CHECKING:
    from scipy.sparse import csc_array

    from fibertwin.meshes import Anatomy

type Vector = NDArray[np.float64]

AT_ONCE = 500
"""Columns of the covariance that are made together."""

SAMPLE = 64
"""Cells by whose median the field is scaled."""


class Smooth:
    """Logarithms z (n,) of a field, normal with mean zero and covariance about sd² exp(−distance / length).

    (1/length² − Δ) z = white noise, by finite volumes on the region's cells with nothing passing its boundary
    (Lindgren, Rue & Lindström 2011, doi 10.1111/j.1467-9868.2011.00777.x). Near the boundary the variance is greater,
    up to twice at a face, as reflected noise adds to it.

    Args:
        anatomy: the body.
        region: name of the region.
        sd: standard deviation, the median of cells.
        length: distance (mm) over which the correlation falls to 1/e.
    """

    def __init__(self, anatomy: "Anatomy", region: str, sd: float, length: float) -> None:
        from scipy.sparse import diags_array
        from scipy.sparse.linalg import splu

        if not (sd > 0 and length > 0):
            raise ValueError("sd and length are more than 0")
        cells, corners, points = gathered_cells(anatomy, region)
        self.centers = points[corners].mean(axis=1)
        volumes, coupling = _finite_volumes(anatomy, corners, points, cells)
        self._root = np.sqrt(volumes)
        self._operator: csc_array = (diags_array(volumes / length**2) + coupling).tocsc()
        self._factor = splu(self._operator)
        some = np.unique(np.linspace(0, len(volumes) - 1, SAMPLE).astype(int))
        self._root *= sd / np.median(self._sd_of(some))

    def covariance(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """C times columns (n, k)."""
        return self._solved(self._root[:, None] ** 2 * self._solved(columns))

    def cost(self, z: Vector) -> float:
        """The product z · C⁻¹ z."""
        return float((((self._operator @ z) / self._root) ** 2).sum())

    def draw(self, seed: int, count: int) -> NDArray[np.float64]:
        """Fields (count, n) at random."""
        noise = np.random.default_rng(seed).normal(size=(len(self._root), count))
        return self._solved(self._root[:, None] * noise).T

    @cached_property
    def sd(self) -> Vector:
        """Standard deviation (n,) in each cell, by n sparse solves."""
        parts = batched(range(len(self._root)), AT_ONCE)
        return np.concatenate([self._sd_of(np.array(some)) for some in parts])

    def _sd_of(self, cells: NDArray[np.int64]) -> Vector:
        """Standard deviation in some cells."""
        columns = np.zeros((len(self._root), len(cells)))
        columns[cells, np.arange(len(cells))] = 1.0
        return np.asarray(np.sqrt(((self._root[:, None] * self._solved(columns)) ** 2).sum(axis=0)))

    def _solved(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(self._factor.solve(np.ascontiguousarray(columns)))


def gathered_cells(anatomy: "Anatomy", region: str) -> tuple[NDArray[np.int64], NDArray[np.int64], Vector]:
    """Cells of the region, their corners (n, k) in ``points`` (m, 3), the same on every rank. Collective."""
    mesh, cells = anatomy.mesh, cells_of(anatomy, region)
    owned = mesh.topology.index_map(3).size_local
    numbers = np.asarray(mesh.topology.original_cell_index[:owned])
    kept = np.isin(numbers, cells)
    count = len(basix.geometry(basix.CellType[mesh.basix_cell().name]))
    table = mesh.geometry.dofmaps[0][:owned][kept][:, :count]
    named = np.asarray(mesh.geometry.input_global_indices)[table]
    parts: list[Any] = mesh.comm.allgather((numbers[kept], named, mesh.geometry.x[table]))
    order = np.argsort(np.concatenate([part[0] for part in parts]))
    named = np.concatenate([part[1] for part in parts])[order]
    places = np.concatenate([part[2] for part in parts])[order]
    _, first, corners = np.unique(named, return_index=True, return_inverse=True)
    return cells, corners.reshape(named.shape), places.reshape(-1, 3)[first]


def _finite_volumes(
    anatomy: "Anatomy", corners: NDArray[np.int64], points: Vector, cells: NDArray[np.int64]
) -> tuple[Vector, "csc_array"]:
    """Volume of each cell, and the coupling of neighbors: area of the face between over the distance of centers.

    Where centers do not lie along the face's normal the distance across it over the square of theirs takes its place,
    so that the energy of linear fields, of all directions together, is right.
    """
    from scipy.sparse import csc_array

    cell = basix.CellType[anatomy.mesh.basix_cell().name]
    faces = np.array(basix.topology(cell)[2])
    centers = points[corners].mean(axis=1)
    around = corners[:, faces]
    areas, normals = _areas(points[around])
    outward = np.einsum("nfi,nfi->nf", normals, points[around].mean(axis=2) - centers[:, None])
    volumes = (areas * np.abs(outward)).sum(axis=1) / 3
    keys = np.sort(around.reshape(-1, around.shape[-1]), axis=1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    same = np.flatnonzero(np.diff(group[order]) == 0)
    one, other = order[same] // len(faces), order[same + 1] // len(faces)
    apart = centers[one] - centers[other]
    across = np.abs(np.einsum("ni,ni->n", normals.reshape(-1, 3)[order[same]], apart))
    share = areas.ravel()[order[same]] * across / (apart**2).sum(axis=1)
    rows = np.concatenate([one, other, one, other])
    columns = np.concatenate([other, one, one, other])
    values = np.concatenate([-share, -share, share, share])
    return volumes, csc_array((values, (rows, columns)), shape=(len(cells), len(cells)))


def _areas(nodes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas and unit normals of triangles, or of flat quadrilaterals in basix's order, (..., 3 or 4, 3)."""
    if nodes.shape[-2] == 3:
        across = 0.5 * np.cross(nodes[..., 1, :] - nodes[..., 0, :], nodes[..., 2, :] - nodes[..., 0, :])
    else:
        across = 0.5 * np.cross(nodes[..., 3, :] - nodes[..., 0, :], nodes[..., 2, :] - nodes[..., 1, :])
    areas = np.linalg.norm(across, axis=-1)
    return areas, across / areas[..., None]
