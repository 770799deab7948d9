"""Where a body comes from: a block, the mask of an image, a mesh file."""

from abc import abstractmethod
from collections.abc import Mapping
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
from fibertwin.imaging import VoxelMask
from fibertwin.parallel import only_root
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
from .files import LengthUnit, WorldAxes, read_mesh
from .files.read import OWN
from .lattice import CellShape

PositiveLength = Annotated[float, Unit("mm"), Gt(0)]
Cells = Annotated[int, Ge(1)]
CELL_TYPES: dict[CellShape, CellType] = {"tetrahedra": CellType.tetrahedron, "hexahedra": CellType.hexahedron}

BLOCK_FACES = (("left", "right"), ("back", "front"), ("bottom", "top"))


@dataclass(frozen=True)
class AnatomySource(Declared):
    """A way to come by a body."""

    key: ClassVar[str] = "type"
    own_surfaces: ClassVar[tuple[str, ...] | None] = None
    """Names that its surfaces may have besides the boundary; ``None`` where they are known only when it is built."""

    @classmethod
    def may_bring_fibers(cls, section: Mapping[str, object]) -> bool:
        """Whether a body described so in a case file may come with fibers of its own, so that it needs no scan."""
        return False

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
class MeshFile(AnatomySource):
    """A mesh of tetrahedra or hexahedra in a file: gmsh, VTK, VTU, XDMF, Abaqus, FEBio, CARP, TetGen, MED, Medit ...

    Cell numbers become regions, numbers of facets and named facets become surfaces, by the names in the file or as
    "tag 10". Fibers of .feb, .lon, .axi, .ortho and .inp files are taken as they are; of other files by their name.

    Attributes:
        file: the mesh; of several files that belong together, any.
        length_unit: what the file's coordinates are measured in.
        tags: name of the cell data that numbers regions and surfaces; if left out, found by the usual names.
        axes: the file's axes, RAS (x to the patient's right) or LPS (x to the left, y to the back).
        curved: whether midside nodes of second-order cells bend them, or are left out.
        fibers: name of the vectors in the file, in cells or at points, that are the fibers; a scan goes before them.
        sheets: name of the vectors in the file that are the sheet directions.
        minimum_quality: least scaled Jacobian that is accepted.
    """

    file: Path
    length_unit: LengthUnit
    axes: WorldAxes = "RAS"
    tags: str | None = None
    curved: bool = True
    fibers: str | None = None
    sheets: str | None = None
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = 0.02

    @classmethod
    def may_bring_fibers(cls, section: Mapping[str, object]) -> bool:
        """Whether fibers are named, or the format may have some of its own."""
        return section.get("fibers") is not None or Path(str(section.get("file", ""))).suffix.lower() in OWN

    def check(self) -> None:
        """Look whether the file and the library are there."""
        if self.file.suffix.lower() not in OWN:
            require_libraries("meshio", *(("h5py",) if self.file.suffix.lower() == ".med" else ()))
        if not self.file.is_file():
            raise InputError(Problem(str(self.file), "there is no such mesh file"))

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Read the mesh on rank 0, give each rank its part and judge that together. Collective."""
        anatomy = spread(comm, only_root(comm, self._mesh))
        require_quality(anatomy.quality, self.minimum_quality, str(self.file), "mesh it anew")
        return anatomy

    def _mesh(self) -> RawMesh:
        self.check()
        return read_mesh(self.file, self.length_unit, self.axes, self.tags, self.curved, self.fibers, self.sheets)


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
