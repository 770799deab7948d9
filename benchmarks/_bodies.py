"""Bodies, fibers and tissues of the torture set: small, so that a case takes seconds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.constitutive import GasserOgdenHolzapfel, Material, NeoHookean, TransverselyIsotropic
from fibertwin.meshes import Anatomy, Block, FiberField, boundary_of, fibers_from_axes, uniform_fibers
from fibertwin.meshes.anatomy import measure_mesh
from fibertwin.solver import Clamp, Displacement, Formulation, PrescribedDisplacement, Support, TaylorHood

Array = NDArray[np.float64]

OBLIQUE = np.array([np.cos(np.pi / 6), np.sin(np.pi / 6), 0.0])
SYMMETRY: dict[str, Support] = {"x": Clamp("left", "x"), "y": Clamp("back", "y"), "z": Clamp("bottom", "z")}

REINFORCED = Material(
    (NeoHookean(2.0), TransverselyIsotropic(0.5, 10.0, strain="isochoric")), 100.0, volumetric_part="logarithmic"
)
"""The stretched cube's tissue: W = (Ī1 − 3) + Wf(λ̄) + 50 (ln J)²."""

ELEMENTS: dict[str, tuple[Formulation, str, int]] = {
    "P1": (Displacement(1), "tetrahedra", 5),
    "P2": (Displacement(2), "tetrahedra", 3),
    "Q1": (Displacement(1), "hexahedra", 5),
    "Q2": (Displacement(2), "hexahedra", 3),
    "P2-P1": (TaylorHood(), "tetrahedra", 3),
    "Q2-Q1": (TaylorHood(), "hexahedra", 3),
}
"""Formulation, cell and cells along an edge of the cube, by the element's name."""


def dispersed(bulk: float | str = 1e3, k1: float = 5.0, k2: float = 1.0) -> Material:
    """Neo-Hookean matrix with dispersed fibers."""
    return Material((NeoHookean(1.0), GasserOgdenHolzapfel(k1, k2, "tensor")), bulk)  # type: ignore[arg-type]


def cube(cells: int, cell: str = "tetrahedra") -> Anatomy:
    """The unit cube from the origin."""
    return bar((1.0, 1.0, 1.0), (cells, cells, cells), cell)


def bar(size: tuple[float, float, float], cells: tuple[int, int, int], cell: str = "tetrahedra") -> Anatomy:
    """A block whose low corner is the origin."""
    center = (size[0] / 2, size[1] / 2, size[2] / 2)
    return Block(size, cells, center, cell).build(MPI.COMM_WORLD)  # type: ignore[arg-type]


def bent(anatomy: Anatomy, place: Callable[[Array], Array]) -> Anatomy:
    """The anatomy itself with its nodes (n, 3) moved to ``place(nodes)``, and measured anew."""
    x = anatomy.mesh.geometry.x
    x[:] = place(x.copy())
    return replace(anatomy, quality=measure_mesh(anatomy.mesh))


def shell(size: tuple[float, float, float], cells: tuple[int, int, int], rise: Callable[[Array], Array]) -> Anatomy:
    """A plate whose nodes are lifted by ``rise`` of their places."""

    def lifted(x: Array) -> Array:
        return x + np.column_stack([np.zeros(len(x)), np.zeros(len(x)), rise(x)])

    return bent(bar(size, cells), lifted)


def flattened(cells: int, layer: float) -> Anatomy:
    """The cube with one layer of its cells ``layer`` of their thickness."""
    step = 1.0 / cells

    def squeezed(x: Array) -> Array:
        x[np.abs(x[:, 0] - 2 * step) < 1e-6, 0] = (1 + layer) * step
        return x

    return bent(cube(cells), squeezed)


def inverted(cells: int, cell: str) -> Anatomy:
    """The cube with one inner node pushed out of the cells around it."""
    step = 1.0 / cells

    def pushed(x: Array) -> Array:
        x[np.linalg.norm(x - step, axis=1) < 1e-6] += 1.3 * step
        return x

    return bent(cube(cells, cell), pushed)


def named(anatomy: Anatomy, name: str, where: Callable[[Array], NDArray[np.bool_]]) -> Anatomy:
    """With one more surface: the facets at whose midpoints (n, 3) ``where`` is true."""
    boundary = boundary_of(anatomy)
    return replace(anatomy, surfaces=anatomy.surfaces | {name: np.sort(boundary.facets[where(boundary.midpoints)])})


def aligned(anatomy: Anatomy, axis: Any = OBLIQUE, fa: float = 0.7) -> FiberField:
    """One direction everywhere."""
    return uniform_fibers(anatomy.mesh, 4, axis=axis, fa=fa)


def scattered(anatomy: Anatomy, voxel: float) -> FiberField:
    """A direction for each voxel at random, the same on every machine and number of ranks."""

    def axes(points: Array) -> tuple[Array, Array]:
        voxels = np.floor(points / voxel)
        noise = np.sin(
            voxels @ np.array([[12.9898, 39.3461, 73.156], [78.233, 11.135, 52.235], [37.719, 83.155, 9.151]])
        )
        toward = np.modf(43758.5453 * noise)[0]
        return toward + 1e-3, np.roll(toward, 1, axis=1) + np.array([0.0, 2e-3, 5e-3])

    return fibers_from_axes(anatomy.mesh, 4, axes, fa=0.9)


def around(anatomy: Anatomy) -> FiberField:
    """Fibers around the z axis, sheets along it: what a vessel's families are set against."""

    def axes(points: Array) -> tuple[Array, Array]:
        toward = np.column_stack([-points[:, 1], points[:, 0], np.zeros(len(points))])
        return toward, np.broadcast_to(np.array([0.0, 0.0, 1.0]), points.shape)

    return fibers_from_axes(anatomy.mesh, 4, axes)


def pulled(x: float, y: float = 0.0, z: float = 0.0) -> dict[str, Support]:
    """The left face clamped, the right one moved as if glued to a plate."""
    return {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (x, y, z))}


def rolled(amount: float) -> dict[str, Support]:
    """Three faces roll, the right one is moved along x and slides."""
    return SYMMETRY | {"moved": PrescribedDisplacement("right", (amount, 0.0, 0.0), "x")}
