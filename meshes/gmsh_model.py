"""gmsh, opened for one mesh and left as it was found."""

from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.surfaces.surface import MESHING

from .quality import right_handed

HXT = 10
TRIANGLE, TETRAHEDRON = 2, 4


class GmshModel:
    """A gmsh model for a while, single-threaded and so repeatable.

    gmsh raises bare ``Exception``; it leaves here as an ``InputError``.

    Args:
        failure: what to say went wrong.
        hint: what to try then.
    """

    def __init__(self, failure: str, hint: str) -> None:
        self.failure, self.hint = failure, hint

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
        gmsh.model.add("fibertwin")
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
            raise InputError(Problem("gmsh", self.failure, str(error), hint=self.hint)) from error


def read_tetrahedra(gmsh: Any) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """The tetrahedra that gmsh holds now.

    Returns:
        Their corners (n, 3), every one used; indices of these (m, 4), right-handed; and by gmsh's number of a node its
        index, −1 where no tetrahedron uses it.
    """
    tags, coordinates, _ = gmsh.model.mesh.getNodes()
    _, corners = gmsh.model.mesh.getElementsByType(TETRAHEDRON)
    place = np.zeros(int(tags.max()) + 1, dtype=np.int64)
    place[tags.astype(np.int64)] = np.arange(len(tags))
    used, cells = np.unique(place[corners.astype(np.int64)], return_inverse=True)
    points = np.asarray(coordinates, dtype=np.float64).reshape(-1, 3)[used]
    index = np.full(len(place), -1, dtype=np.int64)
    index[tags.astype(np.int64)[used]] = np.arange(len(used))
    return points, right_handed(points, cells.reshape(-1, 4).astype(np.int64)), index
