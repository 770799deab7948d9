"""Cut tetrahedra with a plane across a world axis: colored polygons and outlines, without any graphics library."""

from dataclasses import dataclass

import numpy as np

from .fields import Floats, Ints, Tetrahedra

# In-plane axes and their signs (rightwards, upwards) for a cut across x, y, z, as radiologists look at them:
# sagittal from the left (front on the left), coronal from the front and axial from the feet (right on the left).
VIEWS = {
    0: ((1, -1), (2, 1), ("A", "P", "S", "I"), "sagittal"),
    1: ((0, -1), (2, 1), ("R", "L", "S", "I"), "coronal"),
    2: ((0, -1), (1, 1), ("R", "L", "A", "P"), "axial"),
}


@dataclass(frozen=True)
class Cut:
    """What a plane meets, in the plane's picture coordinates (mm, rightwards and upwards).

    Attributes:
        axis: world axis that the plane is across, at ``at`` mm.
        polygons: (k, 4, 2) deformed polygons; a triangle repeats its last corner.
        cells: (k,) the cell of each.
        before: (s, 2, 2) outline segments undeformed, ``after`` the same deformed.
    """

    axis: int
    at: float
    polygons: Floats
    cells: Ints
    before: Floats
    after: Floats


def cut(tissue: Tetrahedra, axis: int, at: float) -> Cut:
    """Cut the undeformed mesh across world ``axis`` (0, 1, 2) at ``at`` mm and carry the cut along."""
    height = tissue.points[:, axis] - at
    scale = float(np.ptp(tissue.points[:, axis])) or 1.0
    height = np.where(np.abs(height) < 1e-9 * scale, 1e-9 * scale, height)  # no corner lies in the plane
    moved = _flat(tissue.points + tissue.displacement, axis)
    pairs, cells = _tetrahedron_edges(height, tissue.cells)
    outline = _triangle_edges(height, tissue.boundary)
    return Cut(
        axis,
        at,
        _meet(height, moved, pairs),
        cells,
        _meet(height, _flat(tissue.points, axis), outline),
        _meet(height, moved, outline),
    )


def _flat(points: Floats, axis: int) -> Floats:
    """World points (n, 3) in picture coordinates (n, 2)."""
    (i, right), (j, up), *_ = VIEWS[axis]
    return np.stack([right * points[:, i], up * points[:, j]], axis=-1)


def _meet(height: Floats, flat: Floats, pairs: Ints) -> Floats:
    """Where the edges ``pairs`` (..., 2) meet the plane, (..., 2)."""
    a, b = pairs[..., 0], pairs[..., 1]
    t = (height[a] / (height[a] - height[b]))[..., None]
    point: Floats = flat[a] + t * (flat[b] - flat[a])
    return point


def _tetrahedron_edges(height: Floats, cells: Ints) -> tuple[Ints, Ints]:
    """The four edges (k, 4, 2), in turn round the polygon, that the plane meets, and the cells (k,)."""
    order = np.argsort(height[cells], axis=1)
    nodes = np.take_along_axis(cells, order, axis=1)
    below = (height[nodes] < 0).sum(1)
    # corners sorted from below: one below, two and two, three below
    patterns = {
        1: [(0, 1), (0, 2), (0, 3), (0, 3)],
        2: [(0, 2), (0, 3), (1, 3), (1, 2)],
        3: [(0, 3), (1, 3), (2, 3), (2, 3)],
    }
    edges = [nodes[below == n][:, np.array(pattern)] for n, pattern in patterns.items()]
    owners = [np.flatnonzero(below == n) for n in patterns]
    return np.concatenate(edges), np.concatenate(owners)


def _triangle_edges(height: Floats, triangles: Ints) -> Ints:
    """The two edges (s, 2, 2) of each triangle that the plane meets."""
    order = np.argsort(height[triangles], axis=1)
    nodes = np.take_along_axis(triangles, order, axis=1)
    below = (height[nodes] < 0).sum(1)
    one = nodes[below == 1][:, np.array([(0, 1), (0, 2)])]
    two = nodes[below == 2][:, np.array([(0, 2), (1, 2)])]
    return np.concatenate([one, two])
