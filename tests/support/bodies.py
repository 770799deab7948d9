"""Small bodies that the solver's tests share; few forms, so that little is compiled."""

from dataclasses import replace

import numpy as np
from mpi4py import MPI

from fibertwin.constitutive import GasserOgdenHolzapfel, Material, NeoHookean
from fibertwin.meshes import Block, FiberField, uniform_fibers
from fibertwin.meshes.anatomy import Anatomy, RawMesh, spread
from fibertwin.solver import Clamp, PrescribedDisplacement, Problem, Solution, Support

OBLIQUE = np.array([np.cos(np.pi / 6), np.sin(np.pi / 6), 0.0])

SYMMETRY: dict[str, Support] = {
    "x": Clamp("left", "x"),
    "y": Clamp("back", "y"),
    "z": Clamp("bottom", "z"),
}


def block(comm: MPI.Comm, cells: int = 3, size: float = 1.0) -> Anatomy:
    """A cube with its low corner at the origin."""
    return Block(size=(size,) * 3, cells=(cells,) * 3, center=(size / 2,) * 3).build(comm)


def tissue(bulk: float | str = 1e3, dispersion: float | str = "tensor", k1: float = 5.0) -> Material:
    return Material((NeoHookean(1.0), GasserOgdenHolzapfel(k1, 1.0, dispersion)), bulk)


def stretched(anatomy: Anatomy, material: Material, fibers: FiberField | None, amount: float = 0.1, **more) -> Problem:
    """One face clamped, the opposite one moved away and to the side."""
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (amount, 0.3 * amount, 0.0))}
    return Problem(anatomy, dict.fromkeys(anatomy.regions, material), supports, fibers=fibers, **more)


def fibered(anatomy: Anatomy, axis=OBLIQUE, fa: float = 0.7, degree: int = 4) -> FiberField:
    return uniform_fibers(anatomy.mesh, degree, axis=axis, fa=fa)


def uneven_fibers(anatomy: Anatomy, degree: int = 4) -> FiberField:
    """Fibers whose direction turns through the body."""
    from fibertwin.meshes import axisymmetric_tensor, fibers_from

    def tensor(points):
        angles = 1.3 * points[:, 0] + 0.7 * points[:, 1] * points[:, 2]
        axes = np.column_stack([np.cos(angles), np.sin(angles), 0.4 * np.sin(2 * angles)])
        return np.array([axisymmetric_tensor(axis, 0.6) for axis in axes])

    return fibers_from(anatomy.mesh, degree, tensor)


def displacements(solution: Solution) -> np.ndarray:
    """(n, 6) node positions and displacements of the whole body, sorted by position, on every rank."""
    u = solution.unknowns.displacement
    V = u.function_space
    owned = V.dofmap.index_map.size_local
    mine = np.column_stack([V.tabulate_dof_coordinates()[:owned], u.x.array.reshape(-1, 3)[:owned]])
    rows = np.concatenate(V.mesh.comm.allgather(mine))
    keys = np.round(rows[:, :3], 6)
    return rows[np.lexsort(keys.T)]


def shuffled(comm: MPI.Comm, cells: int, seed: int) -> Anatomy:
    """The cube of ``block`` with cells, corners and nodes numbered at random."""
    whole = block(MPI.COMM_SELF, cells)
    rng = np.random.default_rng(seed)
    points = whole.mesh.geometry.x
    order = rng.permutation(len(points))
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    tets = place[whole.mesh.geometry.dofmaps[0]][rng.permutation(len(whole.mesh.geometry.dofmaps[0]))]
    tets = rng.permuted(tets, axis=1).astype(np.int64)
    raw = RawMesh(points[order], tets, np.ones(len(tets), np.int32), {"tissue": 1})
    anatomy = spread(comm, raw if comm.rank == 0 else None)
    faces = Block._faces(anatomy, np.full(3, 0.5), np.full(3, 0.5))
    return replace(anatomy, surfaces=anatomy.surfaces | faces)
