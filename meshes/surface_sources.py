"""Bodies from surfaces, clouds of points and contours in files."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Interval
from mpi4py import MPI

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask
from fibertwin.parallel import only_root
from fibertwin.surfaces import (
    OrientedPoints,
    Repair,
    Surface,
    largest_piece,
    mend,
    points_of_cloud,
    points_of_contours,
    poisson_surface,
    read_contours,
    read_points,
    read_surface,
    remesh,
    smooth_taubin,
    triangles_for,
)
from fibertwin.surfaces.poisson import SCREENING
from fibertwin.units import Unit

from .anatomy import Anatomy, RawMesh, spread
from .files import LengthUnit
from .files.read import MILLIMETERS
from .files.size import require_size
from .filled import filled_body
from .sources import AnatomySource, PositiveLength, require_libraries

Remesh = Literal["quadric", "pyacvd", "none"]
FEWEST = 100
"""Triangles below which an edge is too long for a body."""

TAUBIN_STEPS = 10


@dataclass(frozen=True)
class _Surfaced(AnatomySource):
    """A body within a surface that a file gives."""

    own_surfaces: ClassVar[tuple[str, ...] | None] = ()

    file: Path
    length_unit: LengthUnit
    edge: PositiveLength

    def check(self) -> None:
        """Look whether the file and the libraries are there."""
        require_libraries("fast_simplification", "gmsh", "pyvista", "skimage")
        if not self.file.is_file():
            raise InputError(Problem(str(self.file), "there is no such file"))

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Make the body on rank 0 and spread it. Collective."""
        return spread(comm, only_root(comm, self._mesh))

    @abstractmethod
    def _mesh(self) -> RawMesh:
        """The body on one rank."""

    def _even(self, surface: Surface, by: Remesh) -> Surface:
        """The surface with triangles of the edge wanted."""
        if triangles_for(surface, self.edge) < FEWEST:
            across = np.sqrt(surface.area / np.pi)
            got = f"{self.edge:g} mm: {triangles_for(surface, self.edge)} triangles"
            wanted = f"below about {across / 5:.2g} mm (the body is about {across:.3g} mm across)"
            raise InputError(Problem("anatomy.edge", "is too long for this body", got, wanted))
        return surface if by == "none" else remesh(surface, self.edge, by)


@dataclass(frozen=True)
class SurfaceFile(_Surfaced):
    """The body inside a closed surface of triangles: STL, PLY, OBJ, VTP or VTK; mended, and filled with tetrahedra.

    Points in the same place are joined, double triangles left out, small holes filled, the largest piece kept and
    turned outward, all of which is told.

    Attributes:
        file: the surface.
        length_unit: what the file's coordinates are measured in.
        edge: edge length of the triangles on the surface; inside, edges are about a third longer.
        repair: what is done about large holes and triangles that cross: mend refuses them, rebuild makes the surface
            anew by Poisson reconstruction, pymeshfix (AGPL, an extra) cuts them out.
        remesh: how triangles of the edge length are made; pyacvd makes them evener and rounds edges, none keeps the
            file's triangles.
        minimum_quality: least scaled Jacobian that is accepted; dihedral angles must be at least 10 degrees, or less
            where this is below 0.15.
    """

    repair: Repair = "mend"
    remesh: Remesh = "quadric"
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = 0.15

    def _mesh(self) -> RawMesh:
        self.check()
        raw = read_surface(self.file)
        surface = Surface(raw.points * MILLIMETERS[self.length_unit], raw.triangles)
        require_size(surface.points, self.length_unit, self.file)
        mended = mend(surface, self.repair, self.edge / 2, str(self.file))
        notes = (f"{self.file.name}: {len(surface.triangles)} triangles", *mended.notes)
        even = self._even(mended.surface, self.remesh)
        hint = 'a slightly different edge, or remesh = "pyacvd"'
        return filled_body(even, self.edge, self.minimum_quality, str(self.file), notes, hint)


@dataclass(frozen=True)
class Points(_Surfaced):
    """The body whose surface a cloud of points or contours in slices show, by screened Poisson reconstruction.

    Points are rows of x y z, or of x y z and a normal, in .xyz, .txt, .csv, .pts or .npy files, or the points of PLY,
    OBJ, VTP and VTK files. Contours are rows of x y z with an empty line after each contour, or the lines of a VTP or
    VTK file; a contour inside another is a hole.

    Attributes:
        file: the points or contours.
        length_unit: what the file's coordinates are measured in.
        edge: edge length of the triangles on the surface; inside, edges are about a third longer.
        contents: what the file holds; normals that a cloud lacks are estimated.
        spacing: step of the grid; about twice this is the thinnest that is kept; if left out, one and a half times the
            distance of the points.
        screening: how hard the surface is drawn to the points; less for noisy ones.
        minimum_quality: least scaled Jacobian that is accepted; dihedral angles must be at least 10 degrees, or less
            where this is below 0.15.
    """

    contents: Literal["cloud", "contours"] = "cloud"
    spacing: PositiveLength | None = None
    screening: Annotated[float, Unit(""), Ge(0)] = SCREENING
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = 0.15

    def _mesh(self) -> RawMesh:
        self.check()
        samples = self._samples()
        step = self.spacing or 1.5 * float(np.sqrt(np.median(samples.areas)))
        whole = poisson_surface(samples, step, self.screening)
        made = largest_piece(whole).oriented()
        notes = [f"{self.file.name}: {len(samples.points)} points, Poisson grid of {step:.3g} mm"]
        if len(made.triangles) < len(whole.triangles):
            notes.append(f"smaller pieces left out, {len(whole.triangles) - len(made.triangles)} triangles")
        even = self._even(smooth_taubin(made, TAUBIN_STEPS), "quadric")
        hint = "a slightly different edge, or a longer spacing"
        return filled_body(even, self.edge, self.minimum_quality, str(self.file), tuple(notes), hint)

    def _samples(self) -> OrientedPoints:
        millimeters = MILLIMETERS[self.length_unit]
        if self.contents == "contours":
            contours = [millimeters * contour for contour in read_contours(self.file)]
            require_size(np.concatenate(contours), self.length_unit, self.file)
            return points_of_contours(contours)
        points, normals = read_points(self.file)
        require_size(points * millimeters, self.length_unit, self.file)
        return points_of_cloud(points * millimeters, normals)
