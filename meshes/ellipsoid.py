"""The idealized left ventricle of Land et al. (2015): a truncated ellipsoid, and fibers that turn through its wall."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Interval
from dolfinx.mesh import Mesh
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Unit

from .anatomy import RawMesh, require_quality
from .fibers import FiberField, fibers_from_axes
from .lattice import CellShape, Disc, Steps, lattice_mesh
from .primitives import Primitive, Quarters
from .quality import measure
from .sources import Cells, PositiveLength, require_libraries

Array = NDArray[np.float64]
BISECTIONS = 60
BEYOND = 0.5
"""How far outside the wall, in wall thicknesses, a point may lie and still have a depth."""


@dataclass(frozen=True)
class TruncatedEllipsoid(Primitive):
    """A thick-walled half ellipsoid, open at its base: the idealized left ventricle of Land et al. (2015).

    Its long axis is z, with the apex down and the base in the plane z = ``base``. The measures are those of problems 2
    and 3 unless stated. Its surfaces are endocardium, epicardium and base.

    With ``cells`` the mesh is regular, has no singular point at the apex and can be made of hexahedra; with ``edge``
    gmsh makes an unstructured one.

    Attributes:
        cells: number of cells through the wall, around (a multiple of four) and from the core at the apex to the base;
            or give ``edge``.
        edge: edge length of unstructured tetrahedra; or give ``cells``.
        endocardium: short and long radius of the inner ellipsoid.
        epicardium: short and long radius of the outer one.
        base: height of the base's plane.
        cell: hexahedra, or tetrahedra, six to a hexahedron.
        curved: whether cells follow the ellipsoids with quadratic geometry, or are straight between their corners.
        apex: size of a regular mesh's cells at the apex, where fibers of all directions meet, as part of that at which
            all cells are of about one size; they grow from there to the base.
        minimum_quality: least scaled Jacobian that is accepted.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = ("endocardium", "epicardium", "base")

    cells: tuple[Cells, Quarters, Cells] | None = None
    edge: PositiveLength | None = None
    endocardium: tuple[PositiveLength, PositiveLength] = (7.0, 17.0)
    epicardium: tuple[PositiveLength, PositiveLength] = (10.0, 20.0)
    base: Length = 5.0
    cell: CellShape = "tetrahedra"
    curved: bool = True
    apex: Annotated[float, Unit(""), Interval(gt=0, le=1)] = 0.3
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = 0.02

    def __post_init__(self) -> None:
        if (self.cells is None) == (self.edge is None):
            wanted = "cells for a regular mesh, or edge for an unstructured one"
            raise InputError(Problem("cells", "needs either cells or an edge", wanted=wanted))
        if self.edge is not None and self.cell == "hexahedra":
            raise InputError(Problem("cell", "unstructured meshes are of tetrahedra", "hexahedra", hint="give cells"))
        if not all(outer > inner for inner, outer in zip(self.endocardium, self.epicardium, strict=True)):
            raise InputError(
                Problem("epicardium", "leaves no wall", str(self.epicardium), "radii beyond endocardium's")
            )
        if not abs(self.base) < self.endocardium[1]:
            raise InputError(
                Problem("base", "does not cut the ellipsoid", f"{self.base:g} mm", f"within {self.endocardium[1]:g} mm")
            )

    def check(self) -> None:
        """Look whether gmsh is there, if it is needed."""
        if self.edge is not None:
            require_libraries("gmsh")

    def radii(self, depth: Array | float) -> tuple[Array, Array]:
        """Short and long radius (mm) of the ellipsoid at a depth (n,), 0 at the endocardium and 1 at the epicardium."""
        t = np.asarray(depth, dtype=float)
        short, long = (a + (b - a) * t for a, b in zip(self.endocardium, self.epicardium, strict=True))
        return short, long

    def depth(self, points: Array) -> Array:
        """Depth (n,) in the wall of points (n, 3) in mm, 0 at the endocardium and 1 at the epicardium.

        The root t of (x² + y²)/r_s(t)² + z²/r_l(t)² = 1, by bisection; the left side falls as t grows.

        Raises:
            InputError: a point lies farther from the wall than half its thickness.
        """
        across, along = np.einsum("ni,ni->n", points[:, :2], points[:, :2]), points[:, 2] ** 2

        def outside(t: Array) -> NDArray[np.bool_]:
            short, long = self.radii(t)
            return np.asarray(across / short**2 + along / long**2 > 1)

        reach = [a / (b - a) for a, b in zip(self.endocardium, self.epicardium, strict=True)]
        low = np.full(len(points), -min(BEYOND, 0.99 * min(reach)))
        high = np.full(len(points), 1 + BEYOND)
        if not (outside(low) & ~outside(high)).all():
            bad = points[np.flatnonzero(~(outside(low) & ~outside(high)))[0]]
            raise InputError(Problem("fibers", "a point is not in the ventricle's wall", str(bad.tolist())))
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            beyond = outside(middle)
            low, high = np.where(beyond, middle, low), np.where(beyond, high, middle)
        depth: Array = (low + high) / 2
        return depth

    def frames(self, points: Array) -> tuple[Array, Array, Array]:
        """Unit directions (n, 3) e_u from the apex to the base, e_v around, and e_v × e_u outward.

        At points (n, 3) in mm. The tangents of x = (r_s sin u cos v, r_s sin u sin v, r_l cos u), u from −π at the
        apex (Land et al. 2015, doi 10.1098/rspa.2015.0641, problems 2 and 3), on the ellipsoid through each point.
        """
        short, long = self.radii(self.depth(points))
        radius = np.hypot(points[:, 0], points[:, 1])
        # sin u is negative from the apex to the base, so that x = r_s sin u cos v lies opposite to v
        u = -np.arctan2(radius / short, points[:, 2] / long)
        v = np.arctan2(-points[:, 1], -points[:, 0])
        along = np.column_stack([short * np.cos(u) * np.cos(v), short * np.cos(u) * np.sin(v), -long * np.sin(u)])
        along /= np.linalg.norm(along, axis=1, keepdims=True)
        around = np.column_stack([np.sin(v), -np.cos(v), 0 * v])
        return along, around, np.cross(around, along)

    def _mesh(self) -> RawMesh:
        self.check()
        if self.edge is None:
            raw = self._regular()
        else:
            from .ellipsoid_gmsh import unstructured

            raw = unstructured(self, self.edge)
        hint = "cells of more even size, or a shorter edge"
        require_quality(measure(raw.points, raw.cells), self.minimum_quality, "anatomy", hint)
        return raw

    def _regular(self) -> RawMesh:
        """The disc's cells, rolled over the ellipsoids so that equal steps are equal steps of u."""
        assert self.cells is not None
        through, around, along = self.cells
        degree = 2 if self.curved else 1
        disc = Disc(around, along, degree, self.apex)

        def place(keys: Steps) -> Array:
            flat = disc.place(keys)
            short, long = self.radii(keys[:, 3] / (degree * through))
            angle = np.hypot(*flat.T) * (np.pi - np.arccos(self.base / long))
            across = short * np.sinc(angle / np.pi) * (np.pi - np.arccos(self.base / long))
            points = np.column_stack([across[:, None] * flat, -long * np.cos(angle)])
            points[disc.on_rim(keys), 2] = self.base
            return points

        sides = {
            "endocardium": lambda k: k[:, 3] == 0,
            "epicardium": lambda k: k[:, 3] == degree * through,
            "base": disc.on_rim,
        }
        return lattice_mesh(disc.bricks(through), self.cell, degree, place, sides)


def ellipsoid_fibers(
    mesh: Mesh,
    degree: int,
    shape: TruncatedEllipsoid,
    endo: float = np.pi / 2,
    epi: float = -np.pi / 2,
    fa: float = 1.0,
) -> FiberField:
    """Fibers of a truncated ellipsoid whose angle to the circumference is linear in depth. Local.

    f = sin α e_u + cos α e_v with the unit tangents from apex to base and around (Land et al. 2015, doi
    10.1098/rspa.2015.0641, problem 3, where α goes from 90° to −90°). Sheets stand across the wall: s = e_v × e_u.

    Args:
        mesh: a mesh of ``shape``.
        degree: quadrature degree.
        shape: the ellipsoid.
        endo: angle at the endocardium (rad).
        epi: angle at the epicardium (rad).
        fa: fractional anisotropy of the tensors, 0 to 1.

    Raises:
        InputError: on this rank, if a point is not in the wall.
    """

    def axes(points: Array) -> tuple[Array, Array]:
        along, around, across = shape.frames(points)
        angle = (endo + (epi - endo) * shape.depth(points))[:, None]
        return np.sin(angle) * along + np.cos(angle) * around, across

    return fibers_from_axes(mesh, degree, axes, fa)
