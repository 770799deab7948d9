"""How good cells are: scaled Jacobian, dihedral angles, volumes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .geometry import jacobian_determinants, mirror

_CORNER_EDGES = ((0, 1, 2), (0, 3, 4), (1, 3, 5), (2, 4, 5))
EDGES = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
# For each edge the two corners that are not on it: the two faces that meet there are the edge and one of them.
_EDGE_OPPOSITE = np.array([(2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1)])


_HEX_NEIGHBORS = np.array([[corner ^ 1, corner ^ 2, corner ^ 4] for corner in range(8)])
_HEX_SENSE = np.array([(-1) ** corner.bit_count() for corner in range(8)])
HEX_EDGES = np.array([(a, a | 1 << axis) for axis in range(3) for a in range(8) if not a >> axis & 1])
_KIND = {4: "tetrahedra", 8: "hexahedra", 10: "curved tetrahedra", 27: "curved hexahedra"}
CHECKED = 6
"""Degree of the quadrature at whose points a curved cell must not be turned inside out."""

CHUNK = 20_000
"""Cells that are looked at together, so that memory stays small."""


def signed_volumes(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """Volumes (n,) of cells, negative where their corners are ordered left-handed.

    Args:
        points: coordinates of the cells' nodes (m, 3).
        cells: node indices, (n, 4) or (n, 8), or (n, 10) or (n, 27) of curved cells; in DOLFINx's order.
    """
    if cells.shape[1] == 4:
        a, b, c, d = (points[cells[:, i]] for i in range(4))
        return np.asarray(np.einsum("ni,ni->n", b - a, np.cross(c - a, d - a)) / 6)
    determinants, weights = jacobian_determinants(points[cells])
    return np.asarray(determinants @ weights)


def right_handed(points: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cells with their last two axes swapped, corners and midside nodes alike, where the volume is negative.

    Args:
        points: coordinates of the cells' nodes (m, 3).
        cells: node indices as ``signed_volumes``.
    """
    inverted = signed_volumes(points, cells) < 0
    mended = cells.copy()
    mended[inverted] = cells[inverted][:, mirror(cells.shape[1])]
    return mended


def scaled_jacobian(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """Scaled Jacobian (n,): 1 for a regular tetrahedron or a brick, 0 for a flat cell, negative for an inverted one.

    Of a tetrahedron sqrt(2) det / max over corners of the product of the three edge lengths that meet there; of a
    hexahedron the least over its corners of det / product of the three edge lengths (Stimpson et al. 2007, The Verdict
    Geometric Quality Library, SAND2007-1751, section 6.11 and chapter 7, where the center counts too). A cell with no
    extent at all counts as 0.

    Args:
        points: coordinates of the cells' nodes (m, 3).
        cells: node indices as ``signed_volumes``; of curved cells only the corners count.
    """
    if cells.shape[1] in (8, 27):
        shape: NDArray[np.float64] = _corner_jacobians(points, cells).min(axis=1)
        return shape
    ends = points[cells[:, EDGES]]
    lengths = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=-1)
    largest = np.max([lengths[:, edges].prod(axis=1) for edges in _CORNER_EDGES], axis=0)
    top = np.sqrt(2) * 6 * signed_volumes(points, cells[:, :4])
    ratio: NDArray[np.float64] = np.divide(top, largest, out=np.zeros(len(cells)), where=largest > 0)
    return ratio


def least_determinants(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """Least Jacobian determinant (n,) at the quadrature points, over the cell's mean: 1 where it is the same all over.

    Zero or negative where a curved cell is turned inside out somewhere, whatever the hand of its corners.

    Args:
        points: coordinates of the cells' nodes (m, 3).
        cells: node indices as ``signed_volumes``.
    """
    determinants, weights = jacobian_determinants(points[cells], CHECKED)
    mean = (determinants @ weights / weights.sum())[:, None]
    ratio = np.divide(determinants, mean, out=np.zeros_like(determinants), where=mean != 0)
    least: NDArray[np.float64] = ratio.min(axis=1)
    return least


def dihedral_angles(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """The angles between faces (rad): six of a tetrahedron, arccos(1/3) if regular; of a hexahedron, 24 at its corners.

    Args:
        points: coordinates of the cells' nodes (m, 3).
        cells: node indices as ``signed_volumes``, only the corners count; no edge of zero length.
    """
    if cells.shape[1] in (8, 27):
        edges = _corner_edges(points, cells)
        first = np.cross(edges, np.roll(edges, -1, axis=2))
        second = np.cross(edges, np.roll(edges, -2, axis=2))
    else:
        corner = points[cells[:, :4]]
        start = corner[:, EDGES[:, 0]]
        along = corner[:, EDGES[:, 1]] - start
        first = np.cross(along, corner[:, _EDGE_OPPOSITE[:, 0]] - start)
        second = np.cross(along, corner[:, _EDGE_OPPOSITE[:, 1]] - start)
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    angles: NDArray[np.float64] = np.arctan2(sine, np.sum(first * second, axis=-1))
    return angles.reshape(len(cells), -1)


def _corner_edges(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """The three edges (n, 8, 3, 3) that leave each corner of hexahedra."""
    corner = points[cells[:, :8]]
    edges: NDArray[np.float64] = corner[:, _HEX_NEIGHBORS] - corner[:, :, None]
    return edges


def _corner_jacobians(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """The scaled determinants (n, 8) at the corners of hexahedra."""
    edges = _corner_edges(points, cells)
    lengths = np.linalg.norm(edges, axis=-1).prod(axis=-1)
    ratio: NDArray[np.float64] = np.divide(
        np.linalg.det(edges) * _HEX_SENSE, lengths, out=np.zeros_like(lengths), where=lengths > 0
    )
    return ratio


@dataclass(frozen=True)
class Quality:
    """The quality of a mesh in a few numbers.

    Attributes:
        cells: number of cells.
        volume: volume (mm³).
        minimum: smallest scaled Jacobian.
        percentile_1: first percentile of the scaled Jacobian.
        median: median scaled Jacobian.
        mean_edge: mean edge length over the cells (mm).
        dihedral: smallest and largest dihedral angle (degrees).
        worst: centroid of the cell with the smallest scaled Jacobian (mm).
        kind: what the cells are, in the plural.
    """

    cells: int
    volume: float
    minimum: float
    percentile_1: float
    median: float
    mean_edge: float
    dihedral: tuple[float, float]
    worst: tuple[float, float, float]
    kind: str = "tetrahedra"

    def __str__(self) -> str:
        return (
            f"{self.cells} {self.kind}, {self.volume / 1e3:.4g} mL, edges of {self.mean_edge:.3g} mm on average, "
            f"scaled Jacobian {self.minimum:.3f} (least), {self.percentile_1:.3f} (1 %), {self.median:.3f} (median), "
            f"dihedral angles {self.dihedral[0]:.1f} to {self.dihedral[1]:.1f} degrees"
        )


@dataclass(frozen=True)
class Shapes:
    """What is known of some cells of one kind, in little memory; of none, all is at its neutral value.

    Attributes:
        jacobian: (n,) scaled Jacobian of each.
        volume: their volume (mm³).
        edges: sum over the cells of the mean edge length (mm).
        dihedral: smallest and largest dihedral angle (rad).
        worst: centroid of the one with the smallest scaled Jacobian (mm).
    """

    jacobian: NDArray[np.float64]
    volume: float
    edges: float
    dihedral: tuple[float, float]
    worst: tuple[float, float, float]

    @property
    def least(self) -> float:
        """The smallest scaled Jacobian, infinite where there is no cell."""
        return float(self.jacobian.min(initial=np.inf))


def measure(points: NDArray[np.float64], cells: NDArray[np.integer]) -> Quality:
    """The quality of cells held in arrays, whatever the hand of their corners.

    A curved cell that is turned inside out somewhere counts with its least determinant instead of its corners' shape.

    Args:
        points: coordinates of the cells' nodes (m, 3) in mm.
        cells: node indices as ``signed_volumes``, n > 0.
    """
    return summarized(shapes(points, cells), cells.shape[1])


def shapes(points: NDArray[np.float64], cells: NDArray[np.integer]) -> Shapes:
    """The shapes of cells, as ``measure`` takes them, a few thousand at a time."""
    return joined([_shapes(points, cells[at : at + CHUNK]) for at in range(0, len(cells), CHUNK)])


def joined(parts: Sequence[Shapes]) -> Shapes:
    """The shapes of all cells of several parts."""
    none = Shapes(np.zeros(0), 0.0, 0.0, (np.inf, -np.inf), (np.nan, np.nan, np.nan))
    parts = [none, *parts]
    return Shapes(
        np.concatenate([part.jacobian for part in parts]),
        sum(part.volume for part in parts),
        sum(part.edges for part in parts),
        (min(part.dihedral[0] for part in parts), max(part.dihedral[1] for part in parts)),
        min(parts, key=lambda part: part.least).worst,
    )


def summarized(found: Shapes, nodes: int) -> Quality:
    """The quality of cells, of which there is at least one, that have so many nodes each."""
    return Quality(
        cells=len(found.jacobian),
        volume=found.volume,
        minimum=found.least,
        percentile_1=float(np.percentile(found.jacobian, 1)),
        median=float(np.median(found.jacobian)),
        mean_edge=found.edges / len(found.jacobian),
        dihedral=(float(np.degrees(found.dihedral[0])), float(np.degrees(found.dihedral[1]))),
        worst=found.worst,
        kind=_KIND[nodes],
    )


def _shapes(points: NDArray[np.float64], cells: NDArray[np.integer]) -> Shapes:
    volumes = signed_volumes(points, cells)
    hexahedra = cells.shape[1] in (8, 27)
    jacobian = _corner_jacobians(points, cells) if hexahedra else scaled_jacobian(points, cells)[:, None]
    shape = (jacobian * np.sign(volumes)[:, None]).min(axis=1)
    if cells.shape[1] in (10, 27):
        least = least_determinants(points, cells)
        shape = np.where(least <= 0, np.minimum(least, shape), shape)
    angles = dihedral_angles(points, cells)
    ends = points[cells[:, HEX_EDGES if hexahedra else EDGES]]
    edges = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=-1)
    x, y, z = points[cells[int(np.argmin(shape)), : 8 if hexahedra else 4]].mean(axis=0)
    return Shapes(
        shape,
        float(np.abs(volumes).sum()),
        float(edges.mean(axis=1).sum()),
        (float(angles.min()), float(angles.max())),
        (float(x), float(y), float(z)),
    )
