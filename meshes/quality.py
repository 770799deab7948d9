"""How good tetrahedra are: scaled Jacobian, dihedral angles, volumes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CORNER_EDGES = ((0, 1, 2), (0, 3, 4), (1, 3, 5), (2, 4, 5))
_EDGE_ENDS = np.array([(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)])
# For each edge the two corners that are not on it: the two faces that meet there are the edge and one of them.
_EDGE_OPPOSITE = np.array([(2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1)])


def signed_volumes(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """Volumes (n,) of tetrahedra, negative where the corners are ordered left-handed.

    Args:
        points: corner coordinates (m, 3).
        cells: corner indices (n, 4).
    """
    a, b, c, d = (points[cells[:, i]] for i in range(4))
    volumes: NDArray[np.float64] = np.einsum("ni,ni->n", b - a, np.cross(c - a, d - a)) / 6
    return volumes


def scaled_jacobian(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """Scaled Jacobian (n,): 1 for a regular tetrahedron, 0 for a flat one, negative for an inverted one.

    sqrt(2) det / max over corners of the product of the three edge lengths that meet there (Stimpson et al. 2007,
    The Verdict Geometric Quality Library, SAND2007-1751, section 6.11). A cell with no extent at all counts as 0.

    Args:
        points: corner coordinates (m, 3).
        cells: corner indices (n, 4).
    """
    ends = points[cells[:, _EDGE_ENDS]]
    lengths = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=-1)
    largest = np.max([lengths[:, edges].prod(axis=1) for edges in _CORNER_EDGES], axis=0)
    top = np.sqrt(2) * 6 * signed_volumes(points, cells)
    ratio: NDArray[np.float64] = np.divide(top, largest, out=np.zeros(len(cells)), where=largest > 0)
    return ratio


def dihedral_angles(points: NDArray[np.float64], cells: NDArray[np.integer]) -> NDArray[np.float64]:
    """The six angles (n, 6) between faces (rad); arccos(1/3) in a regular tetrahedron.

    Args:
        points: corner coordinates (m, 3).
        cells: corner indices (n, 4); no edge of zero length.
    """
    corner = points[cells]
    start = corner[:, _EDGE_ENDS[:, 0]]
    along = corner[:, _EDGE_ENDS[:, 1]] - start
    first = np.cross(along, corner[:, _EDGE_OPPOSITE[:, 0]] - start)
    second = np.cross(along, corner[:, _EDGE_OPPOSITE[:, 1]] - start)
    sine = np.linalg.norm(np.cross(first, second), axis=-1)
    angles: NDArray[np.float64] = np.arctan2(sine, np.einsum("nei,nei->ne", first, second))
    return angles


@dataclass(frozen=True)
class Quality:
    """The quality of a mesh in a few numbers.

    Attributes:
        cells: number of tetrahedra.
        volume: volume (mm³).
        minimum: smallest scaled Jacobian.
        percentile_1: first percentile of the scaled Jacobian.
        median: median scaled Jacobian.
        mean_edge: mean edge length over the cells (mm).
        dihedral: smallest and largest dihedral angle (degrees).
        worst: centroid of the cell with the smallest scaled Jacobian (mm).
    """

    cells: int
    volume: float
    minimum: float
    percentile_1: float
    median: float
    mean_edge: float
    dihedral: tuple[float, float]
    worst: tuple[float, float, float]

    def __str__(self) -> str:
        return (
            f"{self.cells} tetrahedra, {self.volume / 1e3:.4g} mL, edges of {self.mean_edge:.3g} mm on average, scaled "
            f"Jacobian {self.minimum:.3f} (least), {self.percentile_1:.3f} (1 %), {self.median:.3f} (median), "
            f"dihedral angles {self.dihedral[0]:.1f} to {self.dihedral[1]:.1f} degrees"
        )


def measure(points: NDArray[np.float64], cells: NDArray[np.integer]) -> Quality:
    """The quality of tetrahedra held in arrays.

    Args:
        points: corner coordinates (m, 3) in mm.
        cells: corner indices (n, 4), n > 0.
    """
    jacobian = scaled_jacobian(points, cells)
    angles = np.degrees(dihedral_angles(points, cells))
    ends = points[cells[:, _EDGE_ENDS]]
    edges = np.linalg.norm(ends[:, :, 1] - ends[:, :, 0], axis=-1)
    x, y, z = points[cells[int(np.argmin(jacobian))]].mean(axis=0)
    return Quality(
        cells=len(cells),
        volume=float(np.abs(signed_volumes(points, cells)).sum()),
        minimum=float(jacobian.min()),
        percentile_1=float(np.percentile(jacobian, 1)),
        median=float(np.median(jacobian)),
        mean_edge=float(edges.mean()),
        dihedral=(float(angles.min()), float(angles.max())),
        worst=(float(x), float(y), float(z)),
    )
