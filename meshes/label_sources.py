"""A body of several regions from a label image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Interval, MinLen
from mpi4py import MPI

from fibertwin.errors import InputError, Problem
from fibertwin.imaging import LabelImage, VoxelMask, read_labels
from fibertwin.parallel import only_root
from fibertwin.units import Unit

from .anatomy import Anatomy, RawMesh, spread
from .multi_curved import curve
from .multi_fill import LIBRARIES, Mesher, Wanted, fill
from .multi_lattice import labelled_lattice
from .multi_region import RegionMesh, interfaces, open_edges
from .multi_shares import Shares, cropped, one_body, region_numbers, shares_of
from .quality_report import DIHEDRAL, JACOBIAN, cell_quality, require_good_cells
from .size_fields import Finer
from .sources import AnatomySource, PositiveLength, require_libraries

WIDTH = 0.4
"""Standard deviation of the Gaussian over the edge length, unless stated; at least one voxel."""
DEVIATION = 0.2
"""How far facets may be from the smooth surface, over the edge length."""
FAR = 0.1
"""Where a region's volume is farther off than this part, a note says so."""


@dataclass(frozen=True)
class LabelMesh:
    """Regions from labels, meshed.

    Attributes:
        mesh: tetrahedra by region.
        shares: what its interfaces lie on.
        notes: what was made, a sentence each.
    """

    mesh: RegionMesh
    shares: Shares
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Labels(AnatomySource):
    """The regions that a label image shows, meshed together so that they share the facets between them.

    Voxels of no region are outside. All regions together make one body: its largest connected piece.

    Attributes:
        file: label image, such as FreeSurfer's aparc+aseg or SynthSeg's.
        regions: for each region its name and the numbers or names of its labels, ``{ white = [2, 41] }``; names
            are the file's own, or FreeSurfer's.
        edge: mean edge length.
        mesher: "mmg" (remeshes a lattice cut by the labels), "gmsh" (the same surfaces, filled by HXT and Netgen's
            optimizer) or "ftetwild" (slow, for surfaces that the others refuse).
        finer: places where edges are shorter; not with ftetwild.
        deviation: how far facets may be from the smooth surface, so that edges are shorter where it is curved; if left
            out, a fifth of the edge.
        smoothing: standard deviation of the Gaussian that smooths the labels; if left out, 0.4 of the shortest edge, at
            least one voxel.
        opening: bridges of the body thinner than twice this are cut; 0 for thin-walled bodies.
        closing: gaps in the body narrower than twice this are closed and given to the nearest region.
        curved: whether cells have quadratic geometry, their midside nodes on the smooth surfaces.
        minimum_quality: least scaled Jacobian that is accepted.
        minimum_angle: least dihedral angle (degrees) that is accepted.
    """

    own_surfaces: ClassVar[tuple[str, ...] | None] = ()

    file: Path
    regions: Annotated[dict[str, Annotated[tuple[int | str, ...], MinLen(1)]], MinLen(1)]
    edge: PositiveLength
    mesher: Mesher = "mmg"
    finer: tuple[Finer, ...] = ()
    deviation: Annotated[float, Unit("mm"), Gt(0)] | None = None
    smoothing: Annotated[float, Unit("mm"), Ge(0)] | None = None
    opening: Annotated[float, Unit("mm"), Ge(0)] = 0.0
    closing: Annotated[float, Unit("mm"), Ge(0)] = 0.0
    curved: bool = False
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = JACOBIAN
    minimum_angle: Annotated[float, Unit(""), Interval(ge=0, lt=70)] = DIHEDRAL

    def check(self) -> None:
        """Look whether the file and the libraries are there, and whether options fit together."""
        require_libraries(*LIBRARIES[self.mesher])
        if not self.file.is_file():
            raise InputError(Problem(str(self.file), "there is no such label image"))
        if self.finer and self.mesher == "ftetwild":
            raise InputError(Problem("anatomy.finer", "ftetwild knows one edge length only", wanted="mmg or gmsh"))

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Make the body on rank 0 and spread it. Collective."""
        return spread(comm, only_root(comm, self._mesh))

    def _mesh(self) -> RawMesh:
        self.check()
        made = self.mesh(read_labels(self.file))
        mesh, notes = made.mesh, made.notes
        points, cells = mesh.points, mesh.cells
        if self.curved:
            points, cells, bent, straightened = curve(mesh, made.shares)
            notes = (*notes, f"curved: {bent} edges bent, {straightened} made straight again, as cells would overlap")
        found = cell_quality(points, cells)
        hint = "a slightly different edge, more smoothing, or another mesher"
        require_good_cells(found, str(self.file), jacobian=self.minimum_quality, dihedral=self.minimum_angle, hint=hint)
        return RawMesh(points, cells, mesh.values, dict(mesh.regions), notes=notes)

    def mesh(self, image: LabelImage) -> LabelMesh:
        """Mesh the regions of an image; local.

        Args:
            image: the labels.

        Raises:
            InputError: a region has no voxel or no cell, or the mesher fails.
        """
        wanted = {name: image.numbers(labels) for name, labels in self.regions.items()}
        numbers = region_numbers(image.labels, wanted, image.source)
        numbers, affine = cropped(numbers, image.affine)
        numbers = one_body(numbers, affine, self.closing, self.opening, image.source)
        finest = min([self.edge, *(place.edge for place in self.finer)])
        voxel = float(np.linalg.norm(affine[:3, :3], axis=0).max())
        width = max(WIDTH * finest, voxel) if self.smoothing is None else max(self.smoothing, 0.3 * voxel)
        shares = shares_of(numbers, affine, width, 1.5 * self.edge)
        regions = {name: number for number, name in enumerate(self.regions, start=1)}
        start = labelled_lattice(shares, regions, self.edge)
        deviation = DEVIATION * self.edge if self.deviation is None else self.deviation
        mesh = fill(start, shares, Wanted(self.edge, deviation, self.finer), self.mesher)
        return LabelMesh(mesh, shares, (*image.notes, *self._notes(mesh, shares)))

    def _notes(self, mesh: RegionMesh, shares: Shares) -> list[str]:
        lost = [name for name, number in mesh.regions.items() if not (mesh.values == number).any()]
        if lost:
            hint = "a shorter edge, or join it with another region"
            raise InputError(
                [Problem(f"anatomy.regions.{n}", "is too small for this edge", f"{self.edge:g} mm", hint=hint)
                 for n in lost]
            )  # fmt: skip
        notes = []
        for name, volume in mesh.volumes.items():
            wanted = float(shares.volumes[mesh.regions[name]])
            off = volume / wanted - 1
            far = ": too thin for this edge in places" if abs(off) > FAR else ""
            notes.append(f"region {name}: {volume / 1e3:.4g} mL, {100 * off:+.1f} % of its voxels{far}")
        free = open_edges(interfaces(mesh.cells, mesh.values))
        notes.append(f"mesh: {len(mesh.cells)} tetrahedra by {self.mesher}; interfaces conform ({free} open edges)")
        return notes
