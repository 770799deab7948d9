"""A mesh with named regions and named surfaces, spread over the ranks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import basix.ufl
import numpy as np
from dolfinx import graph
from dolfinx.mesh import (
    GhostMode,
    Mesh,
    MeshTags,
    create_cell_partitioner,
    create_mesh,
    exterior_facet_indices,
    meshtags,
)
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.memory import hand_back
from fibertwin.parallel import on_root

from .distribute import numbers_of_facets, rows_for
from .geometry import NODES, facet_nodes
from .quality import Quality, joined, shapes, summarized

BOUNDARY = "boundary"
TISSUE = "tissue"

IMBALANCE = 0.005
"""How many more cells than their mean, as a part of it, a rank may have."""


@dataclass(frozen=True)
class Anatomy:
    """A body: its mesh, its regions and the surfaces that supports and loads name.

    Attributes:
        mesh: tetrahedra or hexahedra, straight or curved, in mm, RAS+ axes; no ghost cells.
        cell_tags: the region number of every cell on this rank.
        regions: region numbers by name.
        surfaces: exterior facets of each named surface, local indices owned by this rank, sorted.
        facet_tags: numbers that a mesh file gave to exterior facets, if it did.
        quality: quality of the whole mesh, the same on every rank.
        notes: what a person should know about how it was made, the same on every rank.
        fibers: (local cells, 3) unit vectors along the fibers that came with the mesh, zero where a cell has none.
        sheets: (local cells, 3) likewise across them, in the sheet.
    """

    mesh: Mesh
    cell_tags: MeshTags
    regions: dict[str, int]
    surfaces: dict[str, NDArray[np.int32]]
    quality: Quality
    facet_tags: MeshTags | None = None
    notes: tuple[str, ...] = ()
    fibers: NDArray[np.float64] | None = None
    sheets: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class RawMesh:
    """A mesh in arrays on one rank, before it is spread.

    Attributes:
        points: (n, 3) in mm, RAS+.
        cells: (m, 4 or 8) indices into ``points``, or (m, 10 or 27) where the geometry is quadratic; right-handed and
            in the order of DOLFINx (basix): corners, then edges, faces and interior.
        cell_values: (m,) region number of each cell.
        regions: region numbers by name.
        facets: (k, 3 or 4) corners of tagged facets, in any order; a facet of several surfaces stands there for each.
        facet_values: (k,) their numbers.
        surfaces: facet numbers by surface name.
        notes: what was noticed on the way.
        fibers: (m, 3) unit vectors along the fibers of each cell, zero where a cell has none; ``None`` without fibers.
        sheets: (m, 3) likewise across them, in the sheet.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int64]
    cell_values: NDArray[np.int32]
    regions: dict[str, int]
    facets: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 3), np.int64))
    facet_values: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    surfaces: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    fibers: NDArray[np.float64] | None = None
    sheets: NDArray[np.float64] | None = None


def spread(comm: MPI.Comm, raw: RawMesh | None) -> Anatomy:
    """Spread a mesh held by rank 0 over the ranks, with its tags. Collective.

    Args:
        comm: the ranks.
        raw: the mesh on rank 0; ``None`` elsewhere.
    """
    nodes = comm.bcast(raw.cells.shape[1] if raw is not None else 0)
    points = raw.points if raw is not None else np.zeros((0, 3))
    cells = raw.cells if raw is not None else np.zeros((0, nodes), np.int64)
    shape, degree = NODES[nodes]
    element = basix.ufl.element("Lagrange", shape.name, degree, shape=(3,))
    mesh = create_mesh(comm, cells, element, points, partitioner=partitioner())
    regions, surfaces, notes, tagged, axes = comm.bcast(
        (raw.regions, raw.surfaces, raw.notes, len(raw.facets), (raw.fibers is not None, raw.sheets is not None))
        if raw is not None
        else None
    )
    own = np.asarray(mesh.topology.original_cell_index, dtype=np.int64)
    values = rows_for(comm, None if raw is None else raw.cell_values, own)
    fibers = rows_for(comm, None if raw is None else raw.fibers, own) if axes[0] else None
    sheets = rows_for(comm, None if raw is None else raw.sheets, own) if axes[1] else None
    anatomy = replace(with_regions(mesh, values, regions, notes=notes), fibers=fibers, sheets=sheets)
    return anatomy if tagged == 0 else _with_surfaces(anatomy, raw, surfaces, tagged)


def _with_surfaces(anatomy: Anatomy, raw: RawMesh | None, surfaces: dict[str, int], tagged: int) -> Anatomy:
    """The same body with the surfaces that rank 0's facets make. Collective."""
    mesh, boundary = anatomy.mesh, anatomy.surfaces[BOUNDARY]
    corners = np.asarray(mesh.geometry.input_global_indices)[facet_nodes(mesh, boundary)].astype(np.int64)
    facets, values = (None, None) if raw is None else (raw.facets, raw.facet_values)
    places, numbers, missing = numbers_of_facets(mesh.comm, facets, values, corners)
    notes = anatomy.notes
    if missing:
        notes = (*notes, f"{missing} of {tagged} tagged facets are not on the boundary; left out")
    first, at = np.unique(places, return_index=True)
    named = {name: boundary[np.unique(places[numbers == number])] for name, number in surfaces.items()}
    return replace(
        anatomy,
        surfaces=anatomy.surfaces | named,
        facet_tags=meshtags(mesh, mesh.topology.dim - 1, boundary[first], numbers[at]),
        notes=notes,
    )


def with_regions(
    mesh: Mesh, values: NDArray[np.int32], regions: dict[str, int], *, notes: tuple[str, ...] = ()
) -> Anatomy:
    """An anatomy from a mesh and the region number of each local cell. Collective.

    Args:
        mesh: tetrahedra or hexahedra.
        values: (local cells,) region numbers.
        regions: region numbers by name.
        notes: what a person should know.
    """
    dimension = mesh.topology.dim
    for pair in ((dimension - 1, dimension), (dimension, dimension - 1)):
        mesh.topology.create_connectivity(*pair)
    cells = np.arange(local_cells(mesh), dtype=np.int32)
    boundary = np.sort(exterior_facet_indices(mesh.topology))
    quality = measure_mesh(mesh)
    hand_back()
    return Anatomy(
        mesh=mesh,
        cell_tags=meshtags(mesh, dimension, cells, values),
        regions=dict(regions),
        surfaces={BOUNDARY: boundary},
        quality=quality,
        notes=notes,
    )


def partitioner() -> Callable[..., object]:
    """How cells are spread: without ghosts, so that an owned exterior facet always has its cell on the same rank.

    SCOTCH, where DOLFINx has it, is asked to give all ranks about as many cells, as all wait for the last.
    """
    evenly = getattr(graph, "partitioner_scotch", None)
    chosen = () if evenly is None else (evenly(imbalance=IMBALANCE),)
    made: Callable[..., object] = create_cell_partitioner(*chosen, GhostMode.none, 2)
    return made


def local_cells(mesh: Mesh) -> int:
    """Number of cells on this rank, ghosts included."""
    cells = mesh.topology.index_map(mesh.topology.dim)
    return int(cells.size_local + cells.num_ghosts)


def measure_mesh(mesh: Mesh) -> Quality:
    """The quality of a spread mesh. Collective; the same on every rank."""
    owned = mesh.topology.index_map(mesh.topology.dim).size_local
    cells = mesh.geometry.dofmaps[0][:owned]
    parts = mesh.comm.gather(shapes(mesh.geometry.x, cells))
    return on_root(mesh.comm, lambda: summarized(joined(parts), cells.shape[1]))


def require_quality(quality: Quality, minimum: float, where: str, hint: str = "") -> None:
    """Refuse a mesh whose worst cell is too flat to be trusted.

    Raises:
        InputError: the smallest scaled Jacobian is below ``minimum``.
    """
    if quality.minimum < minimum:
        place = ", ".join(f"{x:.1f}" for x in quality.worst)
        raise InputError(
            Problem(
                where,
                "the mesh has cells that are too flat or turned inside out",
                f"scaled Jacobian {quality.minimum:.4f} at ({place}) mm; {quality}",
                f"at least {minimum:g}",
                hint,
            )
        )


def bounds(mesh: Mesh) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper corner (3,) of the mesh's bounding box in mm. Collective."""
    x = mesh.geometry.x
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    if len(x):
        low, high = x.min(axis=0), x.max(axis=0)
    lower, upper = np.empty(3), np.empty(3)
    mesh.comm.Allreduce(np.ascontiguousarray(low), lower, MPI.MIN)
    mesh.comm.Allreduce(np.ascontiguousarray(high), upper, MPI.MAX)
    return lower, upper
