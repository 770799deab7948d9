"""Fields on disk for ParaView and PyVista."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ElementTree, SubElement

import numpy as np
from dolfinx import fem, io
from numpy.typing import NDArray

from .equations import Unknowns
from .fields import Fields, at_points
from .series import Collection
from .solution import Solution

if TYPE_CHECKING:
    from fibertwin.meshes import FiberField


def write_fields(solution: Solution, measured: Fields, path: Path, fibers: "FiberField | None" = None) -> None:
    """Write displacement and every measure as ``.pvd``, or as ADIOS2 ``.bp`` (ParaView's VTX reader). Collective.

    Displacement is written as it was solved for (quadratic); a measure is the volume average over each cell of its
    values at the quadrature points: nothing is smoothed across cells.

    Args:
        solution: displacement and region tags.
        measured: measures at the quadrature points.
        path: file to write; the suffix chooses the format.
        fibers: fabric whose axis, FA, MD and κ are written too.

    Raises:
        SolveError: on every rank, a ``.pvd`` cannot be written.
    """
    comm, level = solution.problem.anatomy.mesh.comm, solution.outcome.level
    displacement, *of_cells = functions(solution.unknowns, measured, fibers)
    if path.suffix == ".bp":
        with io.VTXWriter(comm, path, [displacement]) as nodal:
            nodal.write(level)
        with io.VTXWriter(comm, path.with_name(path.stem + "_cells.bp"), of_cells) as cells:
            cells.write(level)
        return
    Collection(path, comm).add(solution.outcome.steps, [displacement, *of_cells])


def functions(unknowns: Unknowns, measured: Fields, fibers: "FiberField | None" = None) -> list[fem.Function]:
    """Displacement, then every measure and the fabric as fields constant on each cell; as ``write_fields`` has them."""
    displacement = unknowns.displacement
    domain, weights = displacement.function_space.mesh, measured.state.weights
    displacement.name = "displacement"
    written = [_cell_function(domain, m.name, cell_mean(m.values, weights)) for m in measured.measures.values()]
    written.append(_cell_function(domain, "region", measured.state.region.astype(np.float64)))
    return [displacement, *written, *([] if fibers is None else _fabric(domain, fibers, weights))]


def write_cells(
    points: NDArray[np.float64],
    corners: NDArray[np.int64],
    values: Mapping[str, NDArray[np.float64]],
    path: Path,
) -> None:
    """Write numbers of straight cells as ``.vtu``, whole or not at all; a case file can name it. Not collective.

    DOLFINx's own files are of a version that meshio does not read.

    Args:
        points: corners of the cells (n, 3) (mm).
        corners: rows of ``points`` (m, 4) of tetrahedra or (m, 8) of hexahedra, in DOLFINx's order.
        values: by name, a number for each cell (m,).
        path: file to write.
    """
    count, nodes = corners.shape
    kind, order = {4: (10, [0, 1, 2, 3]), 8: (12, [0, 1, 3, 2, 4, 5, 7, 6])}[nodes]
    file = Element("VTKFile", type="UnstructuredGrid", version="0.1", byte_order="LittleEndian")
    sizes = {"NumberOfPoints": str(len(points)), "NumberOfCells": str(count)}
    piece = SubElement(SubElement(file, "UnstructuredGrid"), "Piece", sizes)

    def array(parent: str, kind: str, name: str, numbers: NDArray[Any], **more: str) -> None:
        group = piece.find(parent)
        held = SubElement(piece, parent) if group is None else group
        text = " ".join(map(repr, numbers.ravel().tolist()))
        SubElement(held, "DataArray", {"type": kind, "Name": name, "format": "ascii", **more}).text = text

    array("Points", "Float64", "Points", points, NumberOfComponents="3")
    array("Cells", "Int64", "connectivity", corners[:, order])
    array("Cells", "Int64", "offsets", nodes * np.arange(1, count + 1))
    array("Cells", "UInt8", "types", np.full(count, kind))
    for name, column in values.items():
        array("CellData", "Float64", name, column)
    part = path.with_name(f".{path.name}.part")
    ElementTree(file).write(part, encoding="utf-8", xml_declaration=True)
    part.replace(path)


def cell_mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Volume average (cells, …) of point values (cells, points, …)."""
    return np.asarray(np.einsum("cq...,cq->c...", values, weights / weights.sum(axis=1, keepdims=True)))


def principal_axis(dyads: NDArray[np.float64]) -> NDArray[np.float64]:
    """Leading eigenvector (…, 3) of averaged dyads a⊗a (…, 3, 3): the mean of axes, whose sign means nothing."""
    return np.asarray(np.linalg.eigh(dyads)[1][..., -1])


def _fabric(domain: object, fibers: "FiberField", weights: NDArray[np.float64]) -> list[fem.Function]:
    from fibertwin.constitutive import kappa_from_fa

    cells = len(weights)
    axis, fa = at_points(fibers.axis, cells), at_points(fibers.fa, cells)
    a0 = principal_axis(cell_mean(np.einsum("cqi,cqj->cqij", axis, axis), weights))
    found = [_cell_function(domain, "a0", a0), _cell_function(domain, "kappa", cell_mean(kappa_from_fa(fa), weights))]
    md = getattr(fibers, "md", None)
    if md is not None:
        found.append(_cell_function(domain, "MD", cell_mean(md[:cells], weights)))
    return found


def _cell_function(domain: object, name: str, values: NDArray[np.float64]) -> fem.Function:
    """A field constant on each cell, from values (cells, …) on this rank's own cells."""
    shape = values.shape[1:]
    V = fem.functionspace(domain, ("DG", 0, shape) if shape else ("DG", 0))
    function = fem.Function(V, name=name)
    function.x.array.reshape(-1, int(np.prod(shape, initial=1)))[V.dofmap.list[: len(values), 0]] = values.reshape(
        len(values), -1
    )
    function.x.scatter_forward()
    return function
