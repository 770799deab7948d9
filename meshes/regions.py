"""Regions from rules: which cells are white matter, grey matter, a lesion."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Interval, MinLen
from dolfinx.mesh import compute_midpoints, meshtags
from numpy.typing import NDArray

from fibertwin.declared import Choices, Declared
from fibertwin.errors import InputError, Problem
from fibertwin.imaging import TABLES, label_table, read_labels
from fibertwin.parallel import together
from fibertwin.units import Unit

from .anatomy import Anatomy, local_cells
from .fibers import FiberField

Share = Annotated[float, Unit(""), Interval(ge=0, le=1)]
Diffusivity = Annotated[float, Unit("mm^2/s"), Ge(0)]


@dataclass(frozen=True)
class RegionRule(Declared):
    """A rule that says which cells belong to a region."""

    key: ClassVar[str] = "select"
    may_be_empty: ClassVar[bool] = False

    @abstractmethod
    def picks(self, anatomy: Anatomy, fibers: FiberField | None) -> NDArray[np.bool_]:
        """Which of this rank's cells the rule picks (cells,). Local.

        Raises:
            InputError: the rule needs what isn't there.
        """


@dataclass(frozen=True)
class Diffusion(RegionRule):
    """Cells by the diffusion tensor averaged over them (log-Euclidean).

    Attributes:
        fa_above: fractional anisotropy at least this.
        fa_below: fractional anisotropy less than this.
        md_above: mean diffusivity at least this.
        md_below: mean diffusivity less than this.
    """

    fa_above: Share | None = None
    fa_below: Share | None = None
    md_above: Diffusivity | None = None
    md_below: Diffusivity | None = None

    def picks(self, anatomy: Anatomy, fibers: FiberField | None) -> NDArray[np.bool_]:
        """Which cells are within all bounds given."""
        if fibers is None:
            raise InputError(Problem("diffusion", "needs a scan", wanted="diffusion tensors", hint="or use a label"))
        limits = (self.fa_above, self.fa_below, self.md_above, self.md_below)
        if all(limit is None for limit in limits):
            wanted = "at least one of fa_above, fa_below, md_above, md_below"
            raise InputError(Problem("diffusion", "has no bound", wanted=wanted, hint='for all cells: select = "rest"'))
        picked = np.ones(local_cells(anatomy.mesh), dtype=bool)
        for values, above, below in (
            (fibers.cell_fa, self.fa_above, self.fa_below),
            (fibers.cell_md, self.md_above, self.md_below),
        ):
            picked &= (values >= (-np.inf if above is None else above)) & (
                values < (np.inf if below is None else below)
            )
        return picked


@dataclass(frozen=True)
class Label(RegionRule):
    """Cells whose centroid lies in voxels of a label image that carry one of several numbers.

    The image must be in the mesh's space. Outside it every label is 0.

    Attributes:
        file: label image, such as FreeSurfer's aparc+aseg or SynthSeg's.
        values: numbers or names, such as [2, 41] or ["white matter"] for cerebral white matter.
        table: what the names are, where the file has none of its own.
        table_file: table of names instead (FreeSurfer .txt, 3D Slicer .ctbl, ITK-SNAP, TOML).
    """

    file: Path
    values: Annotated[tuple[int | str, ...], MinLen(1)]
    table: Annotated[str, Choices(tuple(TABLES))] = "freesurfer"
    table_file: Path | None = None

    def picks(self, anatomy: Anatomy, fibers: FiberField | None) -> NDArray[np.bool_]:
        """Which cells carry one of the numbers at their centroid."""
        image = read_labels(self.file, self.table if self.table_file is None else label_table(self.table_file))
        labels, inverse = image.labels, np.linalg.inv(image.affine)
        index = np.rint(_centroids(anatomy) @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.int64)
        inside = ((index >= 0) & (index < np.array(labels.shape))).all(axis=1)
        found = np.zeros(len(index), dtype=labels.dtype)
        found[inside] = labels[tuple(index[inside].T)]
        return np.isin(found, image.numbers(self.values))


@dataclass(frozen=True)
class CellTag(RegionRule):
    """Cells that the mesh file gave one of several numbers.

    Attributes:
        values: the numbers.
    """

    values: Annotated[tuple[int, ...], MinLen(1)]

    def picks(self, anatomy: Anatomy, fibers: FiberField | None) -> NDArray[np.bool_]:
        """Which cells carry one of the numbers."""
        return np.isin(_values(anatomy), self.values)


@dataclass(frozen=True)
class Rest(RegionRule):
    """Cells that no rule before picked; there may be none."""

    may_be_empty: ClassVar[bool] = True

    def picks(self, anatomy: Anatomy, fibers: FiberField | None) -> NDArray[np.bool_]:
        """All cells."""
        return np.ones(local_cells(anatomy.mesh), dtype=bool)


def tag_regions(
    anatomy: Anatomy, rules: Mapping[str, RegionRule], fibers: FiberField | None = None, *, where: str = "regions"
) -> Anatomy:
    """The same body with its cells in named regions: of the rules in their order, the first that picks a cell wins.

    Collective.

    Args:
        anatomy: the body.
        rules: rules by region name, in order.
        fibers: the scan on the mesh, for rules that look at it.
        where: path of the table in the case file, for messages.

    Raises:
        InputError: on every rank, if a region stays empty or cells are left over.
    """
    comm, mesh = anatomy.mesh.comm, anatomy.mesh
    picked = together(comm, lambda: _first_match(anatomy, rules, fibers, where))
    owned = mesh.topology.index_map(3).size_local
    counts = np.bincount(picked[:owned], minlength=len(rules) + 1).astype(np.int64)
    total = np.empty_like(counts)
    comm.Allreduce(counts, total)
    problems = [
        Problem(f"{where}.{name}", "no cell belongs to it", str(rule), f"some of {total.sum()} cells")
        for number, (name, rule) in enumerate(rules.items(), start=1)
        if total[number] == 0 and not rule.may_be_empty
    ]
    if total[0]:
        got = f"{total[0]} of {total.sum()}"
        hint = 'add a last region with select = "rest"'
        problems.append(Problem(where, "cells belong to no region", got, "every cell in one region", hint))
    if problems:
        raise InputError(problems)
    tags = meshtags(mesh, 3, np.arange(len(picked), dtype=np.int32), picked)
    regions = {name: number for number, name in enumerate(rules, start=1)}
    notes = [f"region {n}: {total[k]} cells ({100 * total[k] / total.sum():.1f} %)" for n, k in regions.items()]
    return replace(anatomy, cell_tags=tags, regions=regions, notes=(*anatomy.notes, *notes))


def _first_match(
    anatomy: Anatomy, rules: Mapping[str, RegionRule], fibers: FiberField | None, where: str
) -> NDArray[np.int32]:
    """The number of the first rule that picks each local cell; 0 for cells that none picks."""
    number = np.zeros(local_cells(anatomy.mesh), dtype=np.int32)
    for n, (name, rule) in enumerate(rules.items(), start=1):
        try:
            number[(number == 0) & rule.picks(anatomy, fibers)] = n
        except InputError as error:
            raise InputError([replace(p, where=f"{where}.{name}: {p.where}") for p in error.problems]) from error
    return number


def _centroids(anatomy: Anatomy) -> NDArray[np.float64]:
    """Centroids (cells, 3) of this rank's cells in mm."""
    cells = np.arange(local_cells(anatomy.mesh), dtype=np.int32)
    return np.asarray(compute_midpoints(anatomy.mesh, 3, cells))


def _values(anatomy: Anatomy) -> NDArray[np.int32]:
    """The region number (cells,) of this rank's cells."""
    values = np.zeros(local_cells(anatomy.mesh), dtype=np.int32)
    values[anatomy.cell_tags.indices] = anatomy.cell_tags.values
    return values
