"""A body spread over ranks, brought together on rank 0 as it was before."""

import numpy as np

from fibertwin.meshes.anatomy import BOUNDARY, Anatomy, RawMesh
from fibertwin.meshes.fibers import FiberField
from fibertwin.meshes.geometry import facet_nodes

from .contents import Floats


def gathered(anatomy: Anatomy, fibers: FiberField | None = None) -> RawMesh | None:
    """The whole body in arrays on rank 0, points and cells numbered as they were when it was made. Collective.

    The surface ``boundary`` is left out, as it is known without being named.

    Args:
        anatomy: the body.
        fibers: fibers to give to its cells instead of those that it came with.

    Returns:
        ``None`` on all ranks but the first.
    """
    mesh = anatomy.mesh
    owned = mesh.topology.index_map(3).size_local
    index = np.asarray(mesh.geometry.input_global_indices)
    values = np.zeros(owned, np.int32)
    values[anatomy.cell_tags.indices] = anatomy.cell_tags.values
    axes = (anatomy.fibers, anatomy.sheets) if fibers is None else axes_in_cells(fibers)
    names = [name for name in anatomy.surfaces if name != BOUNDARY]
    corners = {name: index[facet_nodes(mesh, anatomy.surfaces[name])] for name in names}
    parts = mesh.comm.gather(
        (
            np.asarray(mesh.topology.original_cell_index)[:owned],
            index[mesh.geometry.dofmaps[0][:owned]],
            values,
            index,
            np.asarray(mesh.geometry.x),
            corners,
            [None if axis is None else axis[:owned] for axis in axes],
        )
    )
    if parts is None:
        return None
    order = np.argsort(np.concatenate([part[0] for part in parts]))
    cells = np.concatenate([part[1] for part in parts])[order]
    points = np.empty((int(max(part[3].max(initial=-1) for part in parts)) + 1, 3))
    for part in parts:
        points[part[3]] = part[4]
    directions = [
        None if axis is None else np.concatenate([part[6][k] for part in parts])[order] for k, axis in enumerate(axes)
    ]
    facets = [np.concatenate([part[5][name] for part in parts]) for name in names]
    width = 3 if cells.shape[1] in (4, 10) else 4
    return RawMesh(
        points,
        cells.astype(np.int64),
        np.concatenate([part[2] for part in parts])[order],
        dict(anatomy.regions),
        np.concatenate([np.zeros((0, width), np.int64), *facets]).astype(np.int64),
        np.repeat(np.arange(1, len(names) + 1), [len(f) for f in facets]).astype(np.int32),
        {name: number for number, name in enumerate(names, start=1)},
        anatomy.notes,
        *directions,
    )


def axes_in_cells(fibers: FiberField) -> tuple[Floats, Floats]:
    """One fiber and one sheet direction (cells, 3) for each cell: leading eigenvectors of the mean dyads in it."""
    count = len(fibers.points)
    axes = []
    for function in (fibers.axis, fibers.sheet):
        values = function.x.array.reshape(-1, 3)[function.function_space.dofmap.list[:count]]
        dyads = np.einsum("q,nqi,nqj->nij", fibers.weights, values, values)
        leading = np.linalg.eigh(dyads)[1][..., -1]
        sign = np.where(np.einsum("ni,ni->n", leading, values[:, 0]) < 0, -1.0, 1.0)
        axes.append(leading * sign[:, None])
    fiber, sheet = axes
    sheet = sheet - np.einsum("ni,ni->n", sheet, fiber)[:, None] * fiber
    return fiber, sheet / np.linalg.norm(sheet, axis=1, keepdims=True)
