"""Meshes on a lattice: bricks of cells laid side by side, merged where they meet, and moved to their places."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import basix
import numpy as np
from numpy.typing import NDArray

from .anatomy import TISSUE, RawMesh
from .geometry import NODES, reference_nodes
from .quality import right_handed

CellShape = Literal["tetrahedra", "hexahedra"]
Steps = NDArray[np.int64]

_NODES: dict[tuple[CellShape, int], int] = {
    ("tetrahedra", 1): 4,
    ("tetrahedra", 2): 10,
    ("hexahedra", 1): 8,
    ("hexahedra", 2): 27,
}


@dataclass(frozen=True)
class Brick:
    """Cells in rows, columns and layers.

    Attributes:
        counts: cells along the brick's three axes.
        embed: gives the key (n, d) of each node from its steps (n, 3) along the axes, ``degree`` steps to a cell.
            Nodes of equal keys are one, of whatever brick. Where bricks of tetrahedra meet, the steps along both axes
            of the common face must run the same way in each.
    """

    counts: tuple[int, int, int]
    embed: Callable[[Steps], Steps]


def lattice_mesh(
    bricks: Sequence[Brick],
    cell: CellShape,
    degree: int,
    place: Callable[[Steps], NDArray[np.float64]],
    sides: Mapping[str, Callable[[Steps], NDArray[np.bool_]]],
) -> RawMesh:
    """Cells of one region; each brick's cube one hexahedron, or six tetrahedra around its diagonal; not collective.

    Args:
        bricks: what to lay.
        cell: shape of the cells.
        degree: 1, or 2 for nodes between the corners that make curved cells.
        place: positions (n, 3) in mm of nodes with keys (n, d).
        sides: by surface name, which keys (n, d) lie on it; an outer facet does if all its corners do.
    """
    pattern = _pattern(cell, degree)
    nodes = pattern.shape[1]
    keys = []
    for brick in bricks:
        origin = np.indices(brick.counts).reshape(3, -1).T * degree
        keys.append(brick.embed((origin[:, None, None] + pattern).reshape(-1, 3)))
    joined = np.concatenate(keys).astype(np.int64)
    low, spans = joined.min(axis=0), np.ptp(joined, axis=0) + 1
    numbers = np.ravel_multi_index(tuple((joined - low).T), tuple(spans))
    used, cells = np.unique(numbers, return_inverse=True)
    unique = np.column_stack(np.unravel_index(used, tuple(spans))) + low
    points = place(unique)
    cells = right_handed(points, cells.reshape(-1, nodes).astype(np.int64))
    facets = outer_facets(cells)
    values = np.zeros(len(facets), np.int32)
    for number, lies_on in enumerate(sides.values(), start=1):
        values[lies_on(unique)[facets].all(axis=1)] = number
    return RawMesh(
        points,
        cells,
        np.ones(len(cells), np.int32),
        {TISSUE: 1},
        facets[values > 0],
        values[values > 0],
        {name: number for number, name in enumerate(sides, start=1)},
    )


def outer_facets(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Corners (n, 3 or 4) of the facets that belong to one cell only, in no particular sense."""
    table = np.array(basix.cell.topology(NODES[cells.shape[1]][0])[2])
    facets = cells[:, table].reshape(-1, table.shape[1])
    _, first, count = np.unique(np.sort(facets, axis=1), axis=0, return_index=True, return_counts=True)
    outer: NDArray[np.int64] = facets[np.sort(first[count == 1])]
    return outer


def _pattern(cell: CellShape, degree: int) -> Steps:
    """Steps (cells, nodes, 3) from a cube's low corner to the nodes of the cells in it."""
    reference = reference_nodes(_NODES[cell, degree])
    if cell == "hexahedra":
        return np.rint(degree * reference).astype(np.int64)[None]
    cut = []
    for order in permutations(range(3)):
        corners = np.cumsum([np.zeros(3), *np.eye(3)[list(order)]], axis=0)
        cut.append(corners[0] + reference @ (corners[1:] - corners[0]))
    return np.rint(degree * np.array(cut)).astype(np.int64)


@dataclass(frozen=True)
class Disc:
    """A disc of squares without a singular point: a square core, and around it rings that turn it into a circle.

    Attributes:
        around: cells around, a multiple of four; the core is a quarter of it wide and high.
        rings: cells from the core to the rim.
        degree: steps to a cell.
        core: size of the core, as part of that at which all cells are of about one size; rings grow outward from it.
    """

    around: int
    rings: int
    degree: int
    core: float = 1.0

    BULGE = 0.5
    """How far the core's sides bulge: 0 leaves it square, 1 makes it round."""

    WIDEST = 0.65
    """Most that the core's half width may be of the radius, so that its corners keep off the rim."""

    @property
    def side(self) -> int:
        """Steps along the core's side."""
        return self.around // 4 * self.degree

    @property
    def reach(self) -> int:
        """Steps from the core to the rim."""
        return self.rings * self.degree

    def bricks(self, layers: int) -> list[Brick]:
        """The disc's squares times a number of layers; keys are (i, j, ring, layer)."""
        across, last = self.around // 4, self.side

        def core(steps: Steps) -> Steps:
            return np.insert(steps, 2, 0, axis=1)

        def outside(axis: int, fixed: int) -> Brick:
            return Brick((across, self.rings, layers), lambda steps: np.insert(steps, axis, fixed, axis=1))

        return [
            Brick((across, across, layers), core),
            *(outside(axis, fixed) for axis in (0, 1) for fixed in (0, last)),
        ]

    def place(self, keys: Steps) -> NDArray[np.float64]:
        """Positions (n, 2) in the unit disc of keys (i, j, ring, layer)."""
        u, v = (2 * keys[:, axis] / self.side - 1 for axis in (0, 1))
        half = self.around / 8
        width = min(self.core * half / (half + self.rings), self.WIDEST)
        core = width * np.column_stack([u * np.sqrt(1 - self.BULGE * v**2 / 2), v * np.sqrt(1 - self.BULGE * u**2 / 2)])
        upright = np.abs(u) >= np.abs(v)
        angle = np.pi / 4 * np.where(upright, v, u)
        main, minor = np.cos(angle) * np.where(upright, np.sign(u), np.sign(v)), np.sin(angle)
        rim = np.where(upright[:, None], np.column_stack([main, minor]), np.column_stack([minor, main]))
        even = (keys[:, 2] / self.reach)[:, None]
        share = self.core * even + (1 - self.core) * even**2
        placed: NDArray[np.float64] = (1 - share) * core + share * rim
        return placed

    def on_rim(self, keys: Steps) -> NDArray[np.bool_]:
        """Whether keys lie on the circle."""
        rim: NDArray[np.bool_] = keys[:, 2] == self.reach
        return rim
