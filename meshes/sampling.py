"""A tensor image carried to the quadrature points of a mesh."""

from typing import Protocol

import numpy as np
from dolfinx.mesh import Mesh
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging.algebra import nearest_rotation, rotated
from fibertwin.imaging.sample import Sampled, sample_tensors
from fibertwin.imaging.tensor_image import TensorImage
from fibertwin.parallel import together

from .anatomy import bounds
from .fibers import Array, FiberField, field_of, quadrature_points


class TensorSource(Protocol):
    """A tensor image of which each rank reads its own part, such as ``fibertwin.imaging.open_tensors`` gives."""

    @property
    def affine(self) -> Array:
        """(4, 4) voxel index (center) to RAS+ mm."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along the three axes."""

    def window(self, points: Array, margin: float) -> TensorImage:
        """The part of the image around points (n, 3) in mm."""


def sample_fibers(
    mesh: Mesh,
    tensors: TensorSource | TensorImage,
    degree: int,
    *,
    radius: float,
    transform: ArrayLike | None = None,
) -> FiberField:
    """Sample a tensor image at the quadrature points. Collective; each rank reads its own part.

    Args:
        mesh: the body's, in mm, RAS+.
        tensors: the image, or a handle on it that reads windows.
        degree: quadrature degree.
        radius: how far (mm) a point may be from the center of the nearest valid voxel.
        transform: (4, 4) rigid or affine, image mm to mesh mm. Points are pulled back by its inverse, tensors turn
            with the rotation of its polar decomposition (finite strain; Alexander et al. 2001, doi
            10.1109/42.963816).

    Raises:
        InputError: on every rank, if mesh and image don't overlap, a point is farther than ``radius`` from every
            valid voxel, or the transform mirrors or isn't affine.
    """
    points, weights = quadrature_points(mesh, degree)
    flat = points.reshape(-1, 3)
    rotation = np.eye(3)
    if transform is not None:
        matrix = _require_affine(np.asarray(transform, dtype=float))
        inverse = np.linalg.inv(matrix)
        flat = flat @ inverse[:3, :3].T + inverse[:3, 3]
        rotation = nearest_rotation(matrix[:3, :3])
    _require_overlap(mesh, tensors, flat)

    def sample() -> Sampled:
        image = tensors if isinstance(tensors, TensorImage) else tensors.window(flat, radius)
        return sample_tensors(image, flat, radius=radius)

    sampled = together(mesh.comm, sample)
    shape = points.shape[:2]
    turned = sampled.tensors if transform is None else rotated(sampled.tensors, rotation)
    filled, distance = sampled.filled.reshape(shape), sampled.distance.reshape(shape)
    return field_of(
        mesh, degree, points, weights, turned.reshape(*shape, 6), filled, distance, _fill_note(mesh, filled, distance)
    )


def _require_affine(matrix: Array) -> Array:
    """The transform itself, if it is one.

    Raises:
        InputError: it isn't affine, or it mirrors.
    """
    wanted = "4x4, last row 0 0 0 1, determinant > 0"
    shaped = matrix.shape == (4, 4) and bool(np.isfinite(matrix).all()) and np.allclose(matrix[3], (0, 0, 0, 1))
    if not shaped or np.linalg.det(matrix[:3, :3]) <= 0:
        hint = "between RAS+ spaces nothing mirrors: was one of them LPS?"
        raise InputError(
            Problem("transform", "is no affine map that keeps handedness", str(matrix.tolist()), wanted, hint)
        )
    return matrix


def _require_overlap(mesh: Mesh, tensors: TensorSource | TensorImage, points: Array) -> None:
    """Refuse a mesh that lies outside the image altogether. Collective.

    Raises:
        InputError: on every rank.
    """
    inverse = np.linalg.inv(tensors.affine)
    index = points @ inverse[:3, :3].T + inverse[:3, 3]
    inside = int(((index > -0.5) & (index < np.array(tensors.shape) - 0.5)).all(axis=1).sum())
    lower, upper = bounds(mesh)
    if mesh.comm.allreduce(inside) > 0:
        return
    corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * np.array(tensors.shape) - 0.5
    world = corners @ tensors.affine[:3, :3].T + tensors.affine[:3, 3]
    raise InputError(
        Problem(
            "anatomy",
            "mesh and image don't overlap",
            f"mesh {_box(lower, upper)}; image {_box(world.min(axis=0), world.max(axis=0))}",
            "both in one space (RAS+, mm)",
            "look at the mesh's length unit and axes, or give the transform from image to mesh",
        )
    )


def _box(lower: Array, upper: Array) -> str:
    return " × ".join(f"[{a:.1f}, {b:.1f}]" for a, b in zip(lower, upper, strict=True)) + " mm"


def _fill_note(mesh: Mesh, filled: NDArray[np.bool_], distance: Array) -> tuple[str, ...]:
    """What was filled, in a sentence. Collective."""
    comm, owned = mesh.comm, mesh.topology.index_map(3).size_local
    total, partly = comm.allreduce(filled[:owned].size), comm.allreduce(int(filled[:owned].sum()))
    outside = comm.allreduce(int((distance[:owned] > 0).sum()))
    farthest = max(comm.allgather(float(distance[:owned].max(initial=0.0))))
    return (
        f"tensors at {total} quadrature points; {partly} ({100 * partly / total:.1f} %) beside invalid voxels, "
        f"{outside} ({100 * outside / total:.1f} %) outside valid ones, at most {farthest:.1f} mm from one's center",
    )
