"""Tetrahedra inside a closed surface, by gmsh (HXT, then Netgen's optimizer)."""

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .improve import improve
from .quality import signed_volumes
from .surface import MESHING, Surface

HXT = 10
TRIANGLE, TETRAHEDRON = 2, 4
MARGIN = 0.05
"""How far above the least quality wanted the worst cells are brought, so that what follows may move points a bit."""


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
    with _Gmsh("fibertwin") as gmsh:
        _load_surface(gmsh, surface)
        gmsh.option.setNumber("Mesh.MeshSizeMax", edge)
        gmsh.model.mesh.generate(3)
        gmsh.model.mesh.optimize("Netgen")
        mesh = _read_tetrahedra(gmsh)
    points = improve(mesh.points, mesh.cells, minimum_quality + MARGIN)
    return Tetrahedra(points, mesh.cells)


class _Gmsh:
    """A gmsh model for a while. gmsh raises bare ``Exception``; it leaves here as an ``InputError``."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Any:
        try:
            import gmsh
        except (ImportError, OSError) as error:
            hint = f"{MESHING}; gmsh also needs the system's GL libraries (libgl1 libglu1-mesa)"
            raise InputError(Problem("gmsh", "is needed to make tetrahedra", str(error), hint=hint)) from error
        self.gmsh = gmsh
        self.was_running = bool(gmsh.isInitialized())
        if not self.was_running:
            gmsh.initialize(argv=[], readConfigFiles=False, interruptible=False)
        gmsh.model.add(self.name)
        settings = {"General.Terminal": 0, "General.NumThreads": 1, "Mesh.Algorithm3D": HXT, "Mesh.RandomSeed": 1}
        self.before = {option: gmsh.option.getNumber(option) for option in [*settings, "Mesh.MeshSizeMax"]}
        for option, value in settings.items():
            gmsh.option.setNumber(option, value)
        return gmsh

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self.was_running:
            self.gmsh.model.remove()
            for option, value in self.before.items():
                self.gmsh.option.setNumber(option, value)
        else:
            self.gmsh.finalize()
        if kind is Exception:
            hint = "a surface that touches itself: try more smoothing, more closing or a smaller edge"
            raise InputError(
                Problem("gmsh", "can't fill the surface with tetrahedra", str(error), hint=hint)
            ) from error


def _load_surface(gmsh: Any, surface: Surface) -> None:
    """Hand the surface to gmsh as a discrete entity that bounds a volume."""
    tag = gmsh.model.addDiscreteEntity(2)
    gmsh.model.mesh.addNodes(2, tag, np.arange(1, len(surface.points) + 1), surface.points.ravel())
    gmsh.model.mesh.addElementsByType(tag, TRIANGLE, [], (surface.triangles + 1).ravel())
    loop = gmsh.model.geo.addSurfaceLoop([tag])
    gmsh.model.geo.addVolume([loop])
    gmsh.model.geo.synchronize()


def _read_tetrahedra(gmsh: Any) -> Tetrahedra:
    """The tetrahedra that gmsh holds now."""
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    _, corners = gmsh.model.mesh.getElementsByType(TETRAHEDRON)
    place = np.zeros(int(tags.max()) + 1, dtype=np.int64)
    place[tags.astype(np.int64)] = np.arange(len(tags))
    used, cells = np.unique(place[corners.astype(np.int64)], return_inverse=True)
    points = np.asarray(coordinates, dtype=np.float64).reshape(-1, 3)[used]
    return Tetrahedra(points, right_handed(points, cells.reshape(-1, 4)))


def right_handed(points: NDArray[np.float64], cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cells (m, 4) with two corners swapped where the volume is negative."""
    mended = cells.copy()
    inverted = signed_volumes(points, cells) < 0
    mended[inverted, 2], mended[inverted, 3] = cells[inverted, 3], cells[inverted, 2]
    return mended
