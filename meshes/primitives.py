"""Bodies of simple shape: tubes, spheres, cylinders and the trapezoid of Cook, in cells that refine regularly."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import MultipleOf
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask
from fibertwin.parallel import only_root

from .anatomy import Anatomy, RawMesh, spread
from .lattice import Brick, CellShape, Disc, Steps, lattice_mesh
from .sources import AnatomySource, Cells, PositiveLength

Array = NDArray[np.float64]
Quarters = Annotated[Cells, MultipleOf(4)]
Halves = Annotated[Cells, MultipleOf(2)]


@dataclass(frozen=True)
class Primitive(AnatomySource):
    """A body that is made from its measures alone, on rank 0, and spread."""

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Make the body where its measures say, whatever the scan. Collective."""
        return spread(comm, only_root(comm, self._mesh))

    @abstractmethod
    def _mesh(self) -> RawMesh:
        """The whole mesh."""


@dataclass(frozen=True)
class ThickTube(Primitive):
    """A thick-walled tube around the z axis, standing on the plane z = 0: an artery, a ventricle's equator.

    Its surfaces are inner, outer, bottom and top; those of a quarter (x ≥ 0, y ≥ 0) also symmetry-x, in the plane
    x = 0, and symmetry-y.

    Attributes:
        inner_radius: radius of the lumen.
        outer_radius: radius of the outside.
        length: extent along z.
        cells: number of cells through the wall, around and along.
        sector: the full tube, or a quarter of it; cells around are those of the sector.
        cell: hexahedra, or tetrahedra, six to a hexahedron.
        curved: whether cells follow the circles with quadratic geometry, or are straight between their corners.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = ("inner", "outer", "bottom", "top", "symmetry-x", "symmetry-y")

    inner_radius: PositiveLength
    outer_radius: PositiveLength
    length: PositiveLength
    cells: tuple[Cells, Cells, Cells]
    sector: Literal["full", "quarter"] = "full"
    cell: CellShape = "hexahedra"
    curved: bool = True

    def __post_init__(self) -> None:
        _require_wall(self.inner_radius, self.outer_radius)
        if self.sector == "full" and self.cells[1] < 3:
            raise InputError(Problem("cells", "are too few around a full tube", str(self.cells[1]), "3 or more"))

    def _mesh(self) -> RawMesh:
        degree = 2 if self.curved else 1
        through, around, along = (degree * count for count in self.cells)
        full = self.sector == "full"

        def embed(steps: Steps) -> Steps:
            return np.column_stack([steps[:, 0], steps[:, 1] % around if full else steps[:, 1], steps[:, 2]])

        def place(keys: Steps) -> Array:
            radius = self.inner_radius + (self.outer_radius - self.inner_radius) * keys[:, 0] / through
            directions = _circle(keys[:, 1], around if full else 4 * around)
            return np.column_stack([radius[:, None] * directions, self.length * keys[:, 2] / along])

        sides = {
            "inner": lambda k: k[:, 0] == 0,
            "outer": lambda k: k[:, 0] == through,
            "bottom": lambda k: k[:, 2] == 0,
            "top": lambda k: k[:, 2] == along,
        }
        if not full:
            sides |= {"symmetry-x": lambda k: k[:, 1] == around, "symmetry-y": lambda k: k[:, 1] == 0}
        return lattice_mesh([Brick(self.cells, embed)], self.cell, degree, place, sides)


@dataclass(frozen=True)
class ThickSphere(Primitive):
    """A thick-walled sphere around the origin; its cells project a cube's, so that there are no poles.

    Its surfaces are inner and outer; those of an octant (x, y, z ≥ 0) also symmetry-x, in the plane x = 0, symmetry-y
    and symmetry-z.

    Attributes:
        inner_radius: radius of the cavity.
        outer_radius: radius of the outside.
        cells: number of cells through the wall, and along a quarter of a great circle (an even number).
        sector: the full sphere, or an eighth of it.
        cell: hexahedra, or tetrahedra, six to a hexahedron.
        curved: whether cells follow the sphere with quadratic geometry, or are straight between their corners.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = ("inner", "outer", "symmetry-x", "symmetry-y", "symmetry-z")

    inner_radius: PositiveLength
    outer_radius: PositiveLength
    cells: tuple[Cells, Halves]
    sector: Literal["full", "octant"] = "full"
    cell: CellShape = "hexahedra"
    curved: bool = True

    def __post_init__(self) -> None:
        _require_wall(self.inner_radius, self.outer_radius)

    def _mesh(self) -> RawMesh:
        degree = 2 if self.curved else 1
        through, half = degree * self.cells[0], degree * self.cells[1] // 2
        octant = self.sector == "octant"
        # keys are steps on a cube's surface from its center, and through the wall
        low, across = (0, self.cells[1] // 2) if octant else (-half, self.cells[1])

        def embed(axis: int, fixed: int) -> Brick:
            def keys(steps: Steps) -> Steps:
                return np.insert(steps + np.array([low, low, 0]), axis, fixed, axis=1)

            return Brick((across, across, self.cells[0]), keys)

        def place(keys: Steps) -> Array:
            toward = np.tan(np.pi / 4 * keys[:, :3] / half)
            radius = self.inner_radius + (self.outer_radius - self.inner_radius) * keys[:, 3] / through
            return np.asarray(toward * (radius / np.linalg.norm(toward, axis=1))[:, None])

        bricks = [embed(axis, fixed) for axis in range(3) for fixed in ((half,) if octant else (-half, half))]
        sides = {"inner": lambda k: k[:, 3] == 0, "outer": lambda k: k[:, 3] == through}
        if octant:
            sides |= {
                "symmetry-x": lambda k: k[:, 0] == 0,
                "symmetry-y": lambda k: k[:, 1] == 0,
                "symmetry-z": lambda k: k[:, 2] == 0,
            }
        return lattice_mesh(bricks, self.cell, degree, place, sides)


@dataclass(frozen=True)
class Cylinder(Primitive):
    """A solid cylinder around the z axis, standing on the plane z = 0: a sample for torsion or tension.

    Its surfaces are bottom, top and side. The cells make a square core with rings around it.

    Attributes:
        radius: radius.
        length: extent along z.
        cells: number of rings around the core, of cells around (a multiple of four) and along.
        cell: hexahedra, or tetrahedra, six to a hexahedron.
        curved: whether cells follow the circle with quadratic geometry, or are straight between their corners.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = ("bottom", "top", "side")

    radius: PositiveLength
    length: PositiveLength
    cells: tuple[Cells, Quarters, Cells]
    cell: CellShape = "hexahedra"
    curved: bool = True

    def _mesh(self) -> RawMesh:
        degree = 2 if self.curved else 1
        rings, around, along = self.cells
        disc = Disc(around, rings, degree)

        def place(keys: Steps) -> Array:
            return np.column_stack([self.radius * disc.place(keys), self.length * keys[:, 3] / (degree * along)])

        sides = {
            "bottom": lambda k: k[:, 3] == 0,
            "top": lambda k: k[:, 3] == degree * along,
            "side": disc.on_rim,
        }
        return lattice_mesh(disc.bricks(along), self.cell, degree, place, sides)


@dataclass(frozen=True)
class CookMembrane(Primitive):
    """The trapezoid of Cook (1974), 48 mm wide, 44 mm high at its left and 16 mm at its right end, one cell thick.

    It lies in the plane of x and y, with its low left corner at the origin. Its surfaces are left, right, lower, upper,
    back (z = 0) and front; the point that is watched is (48, 60) mm.

    Attributes:
        cells: number of cells along and up.
        thickness: extent along z.
        cell: hexahedra, or tetrahedra, six to a hexahedron.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = ("left", "right", "lower", "upper", "back", "front")

    cells: tuple[Cells, Cells]
    thickness: PositiveLength = 1.0
    cell: CellShape = "hexahedra"

    def _mesh(self) -> RawMesh:
        along, up = self.cells

        def place(keys: Steps) -> Array:
            share = keys[:, 0] / along
            low, high = 44 * share, 44 + 16 * share
            return np.column_stack([48 * share, low + (high - low) * keys[:, 1] / up, self.thickness * keys[:, 2]])

        sides = {
            "left": lambda k: k[:, 0] == 0,
            "right": lambda k: k[:, 0] == along,
            "lower": lambda k: k[:, 1] == 0,
            "upper": lambda k: k[:, 1] == up,
            "back": lambda k: k[:, 2] == 0,
            "front": lambda k: k[:, 2] == 1,
        }
        return lattice_mesh([Brick((along, up, 1), lambda steps: steps)], self.cell, 1, place, sides)


def _require_wall(inner: float, outer: float) -> None:
    """Refuse a wall without thickness.

    Raises:
        InputError: the outer radius is not the greater one.
    """
    if not outer > inner:
        raise InputError(Problem("outer_radius", "leaves no wall", f"{outer:g} mm", f"more than {inner:g} mm"))


def _circle(steps: Steps, whole: int) -> Array:
    """Unit vectors (n, 2) after so many steps of a turn of ``whole``, exact on the axes."""
    angle = 2 * np.pi * steps / whole
    directions = np.column_stack([np.cos(angle), np.sin(angle)])
    directions[np.abs(directions) < 1e-15] = 0.0
    return directions
