"""A closed surface filled with tetrahedra, judged and told."""

import numpy as np

from fibertwin.surfaces import Surface

from .anatomy import TISSUE, RawMesh
from .quality import measure
from .quality_report import DIHEDRAL, JACOBIAN, cell_quality, require_good_cells
from .tetrahedra import tetrahedralize


def filled_body(
    surface: Surface, edge: float, minimum_quality: float, source: str, notes: tuple[str, ...], hint: str
) -> RawMesh:
    """The mesh inside a surface, of one region.

    Args:
        surface: closed, outward facing, with triangles as they shall be.
        edge: largest edge length wanted inside (mm).
        minimum_quality: least scaled Jacobian that is accepted; dihedral angles must be at least 10 degrees, or less
            where this is below 0.15.
        source: what to call it in messages.
        notes: what was done before.
        hint: what to try where cells are bad.

    Raises:
        InputError: the surface can't be filled, or not well enough.
    """
    mesh = tetrahedralize(surface, edge, minimum_quality)
    angle = DIHEDRAL * min(1.0, minimum_quality / JACOBIAN)
    found = cell_quality(mesh.points, mesh.cells)
    require_good_cells(found, source, jacobian=minimum_quality, dihedral=angle, hint=hint)
    told = (
        *notes,
        f"surface: {len(surface.triangles)} triangles, {surface.area / 1e2:.4g} cm², "
        f"encloses {surface.volume / 1e3:.4g} mL" + (f", {surface.handles} handles" if surface.handles else ""),
        f"mesh: {measure(mesh.points, mesh.cells)}",
    )
    return RawMesh(mesh.points, mesh.cells, np.ones(len(mesh.cells), np.int32), {TISSUE: 1}, notes=told)
