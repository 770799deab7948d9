"""Fields on disk for ParaView and PyVista."""

from pathlib import Path
from typing import TYPE_CHECKING

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
