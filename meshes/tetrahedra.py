"""Tetrahedra inside a closed surface, by gmsh (HXT, then Netgen's optimizer)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.surfaces import Surface

from .gmsh_model import TRIANGLE, GmshModel, read_tetrahedra
from .improve import improve, shape_and_angle

MARGIN = 0.05
"""How far above the least quality wanted the worst cells are brought, so that what follows may move points a bit."""

ANGLE = 0.16
"""Least dihedral angle to which cells are mended, as ``shape_and_angle`` has it: 10.7 degrees."""


@dataclass(frozen=True)
class Tetrahedra:
    """A mesh of linear tetrahedra in arrays.

    Attributes:
        points: (n, 3) in mm, every one used.
        cells: (m, 4) indices into ``points``, right-handed.
    """

    points: NDArray[np.float64]
    cells: NDArray[np.int64]


def tetrahedralize(surface: Surface, edge: float, minimum_quality: float = 0.15) -> Tetrahedra:
    """Fill a closed surface with tetrahedra. Single-threaded, so repeatable.

    Args:
        surface: closed, outward facing.
        edge: largest edge length wanted inside (mm).
        minimum_quality: scaled Jacobian to reach; corners of worse cells are moved, on the surface along it.

    Returns:
        The mesh, whether or not the quality was reached.

    Raises:
        InputError: gmsh is missing, the surface is not watertight, or gmsh can't fill it.
    """
    if not surface.is_watertight:
        raise InputError(
            Problem("surface", "is not watertight", f"{len(surface.triangles)} triangles", "a closed surface")
        )
    hint = "a surface that touches itself: try more smoothing, more closing or a smaller edge"
    with GmshModel("can't fill the surface with tetrahedra", hint) as gmsh:
        _load_surface(gmsh, surface)
        gmsh.option.setNumber("Mesh.MeshSizeMax", edge)
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.optimize("Netgen")
        points, cells, _ = read_tetrahedra(gmsh)
    points = improve(points, cells, minimum_quality + MARGIN)
    return Tetrahedra(improve(points, cells, ANGLE, measure=shape_and_angle), cells)


def _load_surface(gmsh: Any, surface: Surface) -> None:
    """Hand the surface to gmsh as a discrete entity that bounds a volume."""
    tag = gmsh.model.addDiscreteEntity(2)
    gmsh.model.mesh.addNodes(2, tag, np.arange(1, len(surface.points) + 1), surface.points.ravel())
    gmsh.model.mesh.addElementsByType(tag, TRIANGLE, [], (surface.triangles + 1).ravel())
    loop = gmsh.model.geo.addSurfaceLoop([tag])
    gmsh.model.geo.addVolume([loop])
    gmsh.model.geo.synchronize()
