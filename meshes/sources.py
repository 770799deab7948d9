"""Where a body comes from: a block, the mask of an image, a mesh file."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Interval
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.imaging import VoxelMask, clean_mask
from fibertwin.parallel import only_root
from fibertwin.surfaces import (
    Surface,
    decimate,
    relax_tangentially,
    smooth_taubin,
    surface_from_mask,
    triangles_for,
)
from fibertwin.surfaces.surface import MESHING
from fibertwin.units import Length, Unit

from .anatomy import (
    TISSUE,
    Anatomy,
    RawMesh,
    local_cells,
    partitioner,
    require_quality,
    spread,
    with_regions,
)
from .boundary import boundary_of
from .images import read_mask
from .lattice import CellShape
from .quality import measure
from .quality_report import DIHEDRAL, JACOBIAN, cell_quality, require_good_cells
from .read import LengthUnit, WorldAxes, read_mesh
from .tetrahedra import tetrahedralize

PositiveLength = Annotated[float, Unit("mm"), Gt(0)]
Cells = Annotated[int, Ge(1)]
CELL_TYPES: dict[CellShape, CellType] = {"tetrahedra": CellType.tetrahedron, "hexahedra": CellType.hexahedron}

TAUBIN_STEPS = 20
RELAXING_STEPS = 10
BLOCK_FACES = (("left", "right"), ("back", "front"), ("bottom", "top"))


@dataclass(frozen=True)
class AnatomySource(Declared):
    """A way to come by a body."""

    key: ClassVar[str] = "type"
    own_surfaces: ClassVar[tuple[str, ...] | None] = None
    """Names that its surfaces may have besides the boundary; ``None`` where they are known only when it is built."""

    def check(self) -> None:
        """Find what is cheaply found to be wrong; not collective.

        Raises:
            InputError: a file is missing, or a library.
        """

    @abstractmethod
    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Make the body. Collective.

        Args:
            comm: the ranks to spread it over.
            mask: which voxels of the scan belong to the body.

        Raises:
            InputError: on every rank, if the body can't be made.
        """


@dataclass(frozen=True)
class Block(AnatomySource):
    """A box of tissue along the axes.

    Its faces are the surfaces left (least x), right, back (least y), front, bottom (least z) and top.

    Attributes:
        size: edge lengths along x, y, z.
        cells: number of bricks along x, y, z.
        center: center of the box; if left out, that of the scan's mask, or the origin if there is no scan.
        cell: tetrahedra, six to a brick around its diagonal from the low to the high corner, or hexahedra.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = tuple(name for pair in BLOCK_FACES for name in pair)

    size: tuple[PositiveLength, PositiveLength, PositiveLength]
    cells: tuple[Cells, Cells, Cells]
    center: tuple[Length, Length, Length] | None = None
    cell: CellShape = "tetrahedra"

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Make the box, in parallel from the start. Collective."""
        center = np.zeros(3)
        if self.center is not None:
            center = np.array(self.center)
        elif mask is not None:
            center = mask.centroid
        half = np.array(self.size) / 2
        mesh = create_box(
            comm, [center - half, center + half], list(self.cells), CELL_TYPES[self.cell], partitioner=partitioner()
        )
        anatomy = with_regions(mesh, np.ones(local_cells(mesh), np.int32), {TISSUE: 1})
        return replace(anatomy, surfaces=anatomy.surfaces | self._faces(anatomy, center, half))

    @staticmethod
    def _faces(
        anatomy: Anatomy, center: NDArray[np.float64], half: NDArray[np.float64]
    ) -> dict[str, NDArray[np.int32]]:
        boundary = boundary_of(anatomy)
        faces = {}
        for axis, names in enumerate(BLOCK_FACES):
            for name, plane in zip(names, (center - half, center + half), strict=True):
                on_it = np.abs(boundary.midpoints[:, axis] - plane[axis]) < 1e-6 * half[axis]
                faces[name] = boundary.facets[on_it]
        return faces


@dataclass(frozen=True)
class Mask(AnatomySource):
    """The body that an image's mask shows: largest piece, closed, smoothed, filled with tetrahedra.

    Attributes:
        file: mask image (anything but 0 is inside); if left out, the scan's own mask.
        edge: edge length of the triangles on the surface; inside, edges are about a third longer.
        opening: bridges thinner than twice this are cut and the smaller side is left out; 0 for thin-walled bodies.
        closing: gaps and furrows narrower than twice this are closed.
        smoothing: standard deviation of the Gaussian that smooths the mask.
        minimum_quality: least scaled Jacobian that is accepted; dihedral angles must be at least 10 degrees, or less
            where this is below 0.15.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = ()

    edge: PositiveLength
    file: Path | None = None
    opening: Annotated[float, Unit("mm"), Ge(0)] = 0.0
    closing: Annotated[float, Unit("mm"), Ge(0)] = 4.0
    smoothing: Annotated[float, Unit("mm"), Ge(0)] = 2.5
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = 0.15

    def check(self) -> None:
        """Look whether the file and the libraries are there."""
        require_libraries("skimage", "fast_simplification", "gmsh")
        if self.file is not None and not self.file.is_file():
            raise InputError(Problem(str(self.file), "there is no such mask file"))

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Make the body on rank 0 and spread it. Collective."""
        return spread(comm, only_root(comm, lambda: self._mesh(mask)))

    def _mesh(self, mask: VoxelMask | None) -> RawMesh:
        self.check()
        source = read_mask(self.file) if self.file is not None else mask
        if source is None:
            raise InputError(Problem("anatomy.file", "no mask: there is no scan", wanted="a mask image"))
        cleaned = clean_mask(source, self.closing, self.opening)
        surface = self._surface(cleaned)
        mesh = tetrahedralize(surface, self.edge, self.minimum_quality)
        quality = measure(mesh.points, mesh.cells)
        hint = "a little more smoothing, or a slightly different edge"
        found, least = cell_quality(mesh.points, mesh.cells), self.minimum_quality
        angle = DIHEDRAL * min(1.0, least / JACOBIAN)
        require_good_cells(found, source.source, jacobian=least, dihedral=angle, hint=hint)
        notes = (
            f"mask: {source.volume / 1e3:.4g} mL, {cleaned.volume / 1e3:.4g} mL cleaned (largest piece)",
            f"surface: {len(surface.triangles)} triangles, {surface.area / 1e2:.4g} cm², "
            f"encloses {surface.volume / 1e3:.4g} mL" + (f", {surface.handles} handles" if surface.handles else ""),
            f"mesh: {quality}",
        )
        return RawMesh(mesh.points, mesh.cells, np.ones(len(mesh.cells), np.int32), {TISSUE: 1}, notes=notes)

    def _surface(self, mask: VoxelMask) -> Surface:
        fine = smooth_taubin(surface_from_mask(mask, self.smoothing), TAUBIN_STEPS)
        count = triangles_for(fine, self.edge)
        if count < 100:
            size = np.sqrt(fine.area / np.pi)
            raise InputError(
                Problem(
                    "anatomy.edge",
                    "is too long for this body",
                    f"{self.edge:g} mm: {count} triangles",
                    f"below about {size / 5:.2g} mm (the body is about {size:.3g} mm across)",
                )
            )
        return relax_tangentially(decimate(fine, count), RELAXING_STEPS)


@dataclass(frozen=True)
class MeshFile(AnatomySource):
    """A mesh of tetrahedra or hexahedra in a file that meshio reads (gmsh, VTK, VTU, XDMF, Abaqus, MED, Nastran ...).

    Cell numbers become regions, numbers of facets become surfaces, by the names in the file or as "tag 10".

    Attributes:
        file: the mesh.
        length_unit: what the file's coordinates are measured in.
        tags: name of the cell data that numbers regions and surfaces; if left out, found by the usual names.
        axes: the file's axes, RAS (x to the patient's right) or LPS (x to the left, y to the back).
        curved: whether midside nodes of second-order cells bend them, or are left out.
        minimum_quality: least scaled Jacobian that is accepted.
    """

    file: Path
    length_unit: LengthUnit
    axes: WorldAxes = "RAS"
    tags: str | None = None
    curved: bool = True
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = 0.02

    def check(self) -> None:
        """Look whether the file and the library are there."""
        require_libraries("meshio")
        if not self.file.is_file():
            raise InputError(Problem(str(self.file), "there is no such mesh file"))

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Read the mesh on rank 0 and spread it. Collective."""
        return spread(comm, only_root(comm, self._mesh))

    def _mesh(self) -> RawMesh:
        self.check()
        raw = read_mesh(self.file, self.length_unit, self.axes, self.tags, self.curved)
        require_quality(measure(raw.points, raw.cells), self.minimum_quality, str(self.file), "mesh it anew")
        return raw


def require_libraries(*names: str) -> None:
    """Refuse early, without importing them, where libraries are missing.

    Raises:
        InputError: naming each missing one.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise InputError(
            [Problem(name, "is needed for this anatomy, but is not installed", hint=MESHING) for name in missing]
        )
