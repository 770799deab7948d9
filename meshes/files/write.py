"""Meshes to files: by the suffix, with regions, surfaces and fibers as far as the format has room for them."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from fibertwin.errors import InputError, Problem
from fibertwin.meshes.anatomy import Anatomy, RawMesh
from fibertwin.meshes.fibers import FiberField
from fibertwin.parallel import on_root

from .abaqus_write import write_abaqus
from .carp import write_carp
from .export import Export, export_of
from .febio_write import write_febio
from .gather import gathered
from .gmsh_write import write_gmsh
from .meshio_write import lost_names, write_med, write_medit, write_with_data
from .read import MILLIMETERS, LengthUnit
from .tetgen import write_tetgen

GmshVersion = Literal["4.1", "2.2"]
CARP, TETGEN = (".pts", ".elem", ".lon"), (".node", ".ele", ".face")


def _carp(file: Path, export: Export) -> tuple[str, ...]:
    surfaces = {name: export.facets(name) for name in export.surfaces}
    write_carp(file, export.points, export.cells, export.values, surfaces, export.fibers, export.sheets)
    names = ", ".join(f"{number} {name}" for name, number in export.regions.items())
    return (f"the format has no names for regions: they are {names}",)


def _tetgen(file: Path, export: Export) -> tuple[str, ...]:
    facets, numbers, several = export.numbered()
    write_tetgen(file, export.points, export.cells, export.values, facets, numbers, export.fibers, export.sheets)
    return tuple(note for note in lost_names(export, several) if "fibers" not in note)


WRITERS: dict[str, Callable[[Path, Export], tuple[str, ...]]] = {
    ".msh": write_gmsh,
    ".inp": write_abaqus,
    ".feb": write_febio,
    ".med": write_med,
    ".mesh": write_medit,
    ".meshb": write_medit,
    **dict.fromkeys((".vtk", ".vtu", ".xdmf"), write_with_data),
    **dict.fromkeys(CARP, _carp),
    **dict.fromkeys(TETGEN, _tetgen),
}
"""What writes a file, by its suffix."""

CELLS: dict[str, tuple[int, ...]] = {".inp": (4, 8, 10), ".med": (4, 8, 10), ".mesh": (4, 8, 10), ".meshb": (4, 8, 10)}
CELLS |= {".xdmf": (4, 8)} | dict.fromkeys(CARP, (4, 8)) | dict.fromkeys(TETGEN, (4,))
"""Nodes of the cells that a format can hold, where it can't hold all."""

SPOKEN = {4: "tetrahedra", 8: "hexahedra", 10: "curved tetrahedra", 27: "curved hexahedra"}


def write_mesh(
    body: Anatomy | RawMesh,
    file: Path | str,
    *,
    fibers: FiberField | None = None,
    length_unit: LengthUnit | None = None,
    gmsh: GmshVersion = "4.1",
) -> tuple[str, ...]:
    """Write a mesh with its regions, named surfaces and fibers. Collective for an anatomy.

    Args:
        body: the mesh.
        file: where to; the suffix says the format. CARP and TetGen write several files beside it.
        fibers: fibers of an anatomy, to be written instead of those that it came with.
        length_unit: unit of the file's coordinates; millimeters, or micrometers for CARP, unless stated.
        gmsh: version of a .msh file.

    Returns:
        what the format has no room for, and other things that a person should know, the same on every rank.

    Raises:
        InputError: on every rank: the suffix is of no format that is written, the format can't hold such cells, or the
            file can't be written.
    """
    file = Path(file)
    if isinstance(body, RawMesh):
        return _write(body, file, length_unit, gmsh)
    raw = gathered(body, fibers)

    def write() -> tuple[str, ...]:
        assert raw is not None
        return _write(raw, Path(file), length_unit, gmsh)

    return on_root(body.mesh.comm, write)


def require_writable(file: Path) -> None:
    """Refuse a name whose suffix is of no format that is written.

    Raises:
        InputError: saying which there are.
    """
    if file.suffix.lower() not in WRITERS:
        got, wanted = file.suffix or "no suffix", ", ".join(WRITERS)
        raise InputError(Problem(str(file), "is of no format that is written", got, f"one of {wanted}"))


def _write(raw: RawMesh, file: Path, length_unit: LengthUnit | None, gmsh: GmshVersion) -> tuple[str, ...]:
    require_writable(file)
    suffix, nodes = file.suffix.lower(), raw.cells.shape[1]
    able = CELLS.get(suffix, tuple(SPOKEN))
    if nodes not in able:
        wanted = ", ".join(SPOKEN[k] for k in able)
        hint = "read it with curved = false" if nodes in (10, 27) else "try .vtu, .msh or .feb"
        raise InputError(Problem(str(file), "the format can't hold such cells", SPOKEN[nodes], wanted, hint))
    unit: LengthUnit = length_unit or ("um" if suffix in CARP else "mm")
    export, notes = export_of(raw, MILLIMETERS[unit])
    try:
        lost = write_gmsh(file, export, gmsh) if suffix == ".msh" else WRITERS[suffix](file, export)
    except OSError as error:
        raise InputError(Problem(str(file), f"cannot be written: {error.strerror or error}")) from error
    return (f"wrote {file.name}: {len(raw.cells)} cells, {len(raw.points)} points, in {unit}", *notes, *lost)
