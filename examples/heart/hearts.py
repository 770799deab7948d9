"""The hearts of these examples: a biventricular mesh with fibers of its own, and a phantom of cardiac DTI."""

from pathlib import Path

import basix
import numpy as np
from dolfinx.mesh import Mesh
from mpi4py import MPI

from fibertwin.imaging import TensorImage
from fibertwin.meshes import Anatomy, FiberField, ThickTube, fibers_from_axes, quadrature_points
from fibertwin.meshes.anatomy import RawMesh, spread

DATA = Path(__file__).parent / "data"
TAGS = {"base": 10, "rv": 20, "lv": 30, "epicardium": 40}


def biventricular(comm: MPI.Comm) -> Anatomy:
    """The mesh of Aróstica et al. (2025, doi 10.1016/j.cma.2024.117485), with its surfaces as its authors tagged."""
    raw = None
    if comm.rank == 0:
        data = np.load(DATA / "biventricular.npz")
        cells = data["cells"].astype(np.int64)
        raw = RawMesh(
            points=data["points_mm"].astype(float),
            cells=cells,
            cell_values=np.ones(len(cells), np.int32),
            regions={"tissue": 1},
            facets=data["facets"].astype(np.int64),
            facet_values=data["facet_tags"].astype(np.int32),
            surfaces=TAGS,
        )
    return spread(comm, raw)


def supplied_fibers(mesh: Mesh, degree: int) -> FiberField:
    """The fibers that came with the biventricular mesh, from its nodes to the quadrature points by their dyads."""
    data = np.load(DATA / "biventricular.npz")
    reference, _ = basix.make_quadrature(mesh.basix_cell(), degree)
    shares = np.column_stack([1 - reference.sum(axis=1), reference])
    nodes = mesh.geometry.input_global_indices[mesh.geometry.dofmaps[0]]

    def between(name: str) -> np.ndarray:
        there = data[name].astype(float)[nodes]
        dyads = np.einsum("qk,nki,nkj->nqij", shares, there, there)
        return np.linalg.eigh(dyads)[1][..., -1].reshape(-1, 3)

    return fibers_from_axes(mesh, degree, lambda _: (between("fibers"), between("sheets")))


INNER, OUTER, THICK = 16.0, 28.0, 10.0
"""Radii of the phantom's wall and thickness of its slice, in voxels of 1 mm."""


def phantom() -> TensorImage:
    """The phantom's slice about the z axis.

    Its tensors have x along columns, y against rows and a z that makes the three left-handed; here it is turned around.
    """
    data = np.load(DATA / "phantom.npz")
    tensors = data["tensors"].astype(float) * [1, 1, 1, -1, -1, 1]
    voxels = np.transpose(tensors, (1, 0, 2))[:, ::-1, None]
    wall = np.transpose(data["wall"])[:, ::-1, None]
    affine = np.diag([1.0, 1.0, THICK, 1.0])
    affine[:2, 3] = -(np.array(wall.shape[:2]) - 1) / 2
    affine[2, 3] = THICK / 4
    return TensorImage(np.ascontiguousarray(voxels), affine, np.ascontiguousarray(wall), np.zeros(wall.shape, bool))


def phantom_wall(comm: MPI.Comm) -> Anatomy:
    """A ring of the phantom's size, within its slice."""
    return ThickTube(INNER, OUTER, THICK / 2, (6, 48, 2)).build(comm)


def phantom_helix(mesh: Mesh, degree: int) -> np.ndarray:
    """The helix angle (cells, q) in degrees that the phantom was made with."""
    points, _ = quadrature_points(mesh, degree)
    return 60 - 120 * (np.hypot(points[..., 0], points[..., 1]) - INNER) / (OUTER - INNER)
