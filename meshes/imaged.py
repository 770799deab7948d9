"""Bodies from images: masks, labels, and what stands out in a grey-scale image."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Interval, MinLen
from mpi4py import MPI

from fibertwin.declared import Choices
from fibertwin.errors import InputError, Problem
from fibertwin.imaging import (
    TABLES,
    ImageUnit,
    VoxelMask,
    clean_mask,
    grow_region,
    label_table,
    otsu,
    read_grey,
    read_labels,
    threshold,
)
from fibertwin.parallel import only_root
from fibertwin.surfaces import (
    Surface,
    decimate,
    largest_piece,
    points_of_surface,
    poisson_surface,
    relax_tangentially,
    smooth_taubin,
    surface_from_mask,
    triangles_for,
)
from fibertwin.units import Length, Unit

from .anatomy import Anatomy, RawMesh, spread
from .filled import filled_body
from .images import read_mask
from .sources import AnatomySource, PositiveLength, require_libraries

LabelTable = Annotated[str, Choices(tuple(TABLES))]
Reconstruction = Literal["marching-cubes", "poisson"]
TAUBIN_STEPS = 20
RELAXING_STEPS = 10


@dataclass(frozen=True)
class _Imaged(AnatomySource):
    """A body made of the voxels that an image shows."""

    own_surfaces: ClassVar[tuple[str, ...] | None] = ()

    edge: PositiveLength
    file: Path | None = None
    opening: Annotated[float, Unit("mm"), Ge(0)] = 0.0
    closing: Annotated[float, Unit("mm"), Ge(0)] = 4.0
    smoothing: Annotated[float, Unit("mm"), Ge(0)] = 2.5
    minimum_quality: Annotated[float, Unit(""), Interval(ge=0, lt=1)] = 0.15
    volume: Annotated[int, Ge(0)] | None = None
    length_unit: ImageUnit | None = None
    reconstruction: Reconstruction = "marching-cubes"

    def check(self) -> None:
        """Look whether the file and the libraries are there."""
        require_libraries("skimage", "fast_simplification", "gmsh")
        if self.file is not None and not self.file.exists():
            raise InputError(Problem(str(self.file), "there is no such mask file"))

    @abstractmethod
    def voxels(self, mask: VoxelMask | None = None) -> VoxelMask:
        """The voxels of the body, before they are cleaned. Not collective.

        Args:
            mask: the scan's own.

        Raises:
            InputError: the file can't be read, or doesn't hold what is asked for.
        """

    def build(self, comm: MPI.Comm, mask: VoxelMask | None = None) -> Anatomy:
        """Make the body on rank 0 and spread it. Collective."""
        return spread(comm, only_root(comm, lambda: self._mesh(mask)))

    def _mesh(self, mask: VoxelMask | None) -> RawMesh:
        self.check()
        source = self.voxels(mask)
        cleaned = clean_mask(source, self.closing, self.opening)
        surface = self._surface(cleaned)
        notes = (
            *cleaned.notes,
            f"mask: {source.volume / 1e3:.4g} mL, {cleaned.volume / 1e3:.4g} mL cleaned (largest piece)",
        )
        hint = "a little more smoothing, or a slightly different edge"
        return filled_body(surface, self.edge, self.minimum_quality, source.source, notes, hint)

    def _reconstructed(self, mask: VoxelMask) -> Surface:
        if self.reconstruction == "marching-cubes":
            return surface_from_mask(mask, self.smoothing)
        # a grid finer than the voxels would only keep their terraces
        spacing = max(self.smoothing, float(mask.spacing.max()))
        return largest_piece(poisson_surface(points_of_surface(surface_from_mask(mask)), spacing)).oriented()

    def _surface(self, mask: VoxelMask) -> Surface:
        fine = smooth_taubin(self._reconstructed(mask), TAUBIN_STEPS)
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
class Mask(_Imaged):
    """The body that an image's mask or labels show: largest piece, closed, smoothed, filled with tetrahedra.

    Attributes:
        edge: edge length of the triangles on the surface; inside, edges are about a third longer.
        file: mask image (anything but 0 is inside) or label image, or a slice of a DICOM series; if left out, the
            scan's own mask.
        opening: bridges thinner than twice this are cut and the smaller side is left out; 0 for thin-walled bodies.
        closing: gaps and furrows narrower than twice this are closed.
        smoothing: standard deviation of the Gaussian that smooths the mask.
        minimum_quality: least scaled Jacobian that is accepted; dihedral angles must be at least 10 degrees, or less
            where this is below 0.15.
        volume: which volume of an image with four dimensions, counted from 0.
        length_unit: what the image's lengths are measured in, if not what it says.
        reconstruction: how the surface is made: marching cubes on the smoothed mask keep its volume; poisson fits a
            surface to the points and normals of the voxels' edge on a grid with steps of ``smoothing``.
        labels: numbers and names of labels that make the body, such as ["white matter", 3]; if left out, all.
        table: what the names of labels are, where the file has none of its own.
        table_file: table of names instead (FreeSurfer .txt, 3D Slicer .ctbl, ITK-SNAP, TOML).
    """

    labels: Annotated[tuple[int | str, ...], MinLen(1)] | None = None
    table: LabelTable = "freesurfer"
    table_file: Path | None = None

    def voxels(self, mask: VoxelMask | None = None) -> VoxelMask:
        """The voxels of the body, before they are cleaned. Not collective."""
        if self.file is None:
            if self.labels is not None:
                raise InputError(Problem("anatomy.file", "labels need a label image", str(list(self.labels))))
            if mask is None:
                raise InputError(Problem("anatomy.file", "no mask: there is no scan", wanted="a mask image"))
            return mask
        if self.labels is None:
            return read_mask(self.file, volume=self.volume, unit=self.length_unit)
        table = self.table if self.table_file is None else label_table(self.table_file)
        return read_labels(self.file, table, volume=self.volume, unit=self.length_unit).mask(self.labels)


@dataclass(frozen=True)
class GreyImage(_Imaged):
    """The body that stands out in a grey-scale image: by thresholds, Otsu's, or grown from seeds; meshed like a mask.

    Without ``above``, ``below`` and ``seeds`` the threshold is Otsu's. Seeds grow within the bounds, or, where there
    are none, within values like those around them.

    Attributes:
        edge: edge length of the triangles on the surface; inside, edges are about a third longer.
        file: grey-scale image or map of probability, or a slice of a DICOM series.
        opening: bridges thinner than twice this are cut and the smaller side is left out; 0 for thin-walled bodies.
        closing: gaps and furrows narrower than twice this are closed.
        smoothing: standard deviation of the Gaussian that smooths the mask.
        minimum_quality: least scaled Jacobian that is accepted; dihedral angles must be at least 10 degrees, or less
            where this is below 0.15.
        volume: which volume of an image with four dimensions, counted from 0.
        length_unit: what the image's lengths are measured in, if not what it says.
        reconstruction: how the surface is made: marching cubes on the smoothed mask keep its volume; poisson fits a
            surface to the points and normals of the voxels' edge on a grid with steps of ``smoothing``.
        above: least value inside.
        below: largest value inside.
        seeds: points inside from which it grows.
        classes: kinds of voxels that Otsu's thresholds tell apart; the brightest is the body.
    """

    file: Path
    above: Annotated[float, Unit("")] | None = None
    below: Annotated[float, Unit("")] | None = None
    seeds: tuple[tuple[Length, Length, Length], ...] | None = None
    classes: Annotated[int, Interval(ge=2, le=5)] = 2

    def __post_init__(self) -> None:
        if self.above is not None and self.below is not None and self.above > self.below:
            raise ValueError("above is more than below: no value is within")
        if self.classes != 2 and any(given is not None for given in (self.above, self.below, self.seeds)):
            raise ValueError("classes are for Otsu's threshold: leave out above, below and seeds")

    def voxels(self, mask: VoxelMask | None = None) -> VoxelMask:
        """The voxels of the body, before they are cleaned. Not collective."""
        image = read_grey(self.file, volume=self.volume, unit=self.length_unit)
        if self.seeds:
            return grow_region(image, self.seeds, self.above, self.below)
        if self.above is None and self.below is None:
            return otsu(image, self.classes)
        return threshold(image, self.above, self.below)
