"""Diffusion tensors carried onto a mesh: what the laws read at the quadrature points, and averages for output."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import basix
import basix.ufl
import numpy as np
from dolfinx.fem import Function, functionspace
from dolfinx.la import InsertMode
from dolfinx.mesh import Mesh
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.imaging.algebra import (
    compose,
    eigen,
    exponential,
    fractional_anisotropy,
    from_matrix,
    mean_diffusivity,
    nearest_rotation,
    rotated,
    to_matrix,
)
from fibertwin.imaging.sample import Sampled, sample_tensors
from fibertwin.imaging.tensor_image import TensorImage
from fibertwin.parallel import together

from .anatomy import bounds, local_cells

Array = NDArray[np.float64]

SMALLEST = 1e-12
"""Eigenvalues below this part of the greatest are lifted to it before the logarithm of a singular tensor is taken."""


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


@dataclass(frozen=True, eq=False)
class FiberField:
    """Diffusion fabric on a mesh, sampled at the quadrature points of one degree.

    The functions live on quadrature elements (scheme "default") and so belong to forms measured with
    ``metadata={"quadrature_degree": degree, "quadrature_scheme": "default"}``. An axis has no sign: a0 and −a0 are the
    same fiber; a0 is stored with its greatest component positive and enters every law through its dyad.

    Attributes:
        mesh: where it lives.
        degree: quadrature degree.
        structure_tensor: H = D / tr D, shape (3, 3).
        axis: a0, the leading eigenvector of D, shape (3,).
        fa: fractional anisotropy, scalar.
        points: (cells, q, 3) quadrature points (mm); cells are this rank's.
        tensors: (cells, q, 6) D in mm²/s, order xx xy yy xz yz zz, along the mesh's axes.
        filled: (cells, q) whether the image had no full stencil of valid voxels there.
        distance: (cells, q) how far (mm) the nearest valid voxel's center is; 0 inside valid voxels.
        weights: (q,) quadrature weights of the reference cell.
        notes: what a person should know, the same on every rank.
    """

    mesh: Mesh
    degree: int
    structure_tensor: Function
    axis: Function
    fa: Function
    points: Array
    tensors: Array
    filled: NDArray[np.bool_]
    distance: Array
    weights: Array
    notes: tuple[str, ...] = ()

    @cached_property
    def fa_values(self) -> Array:
        """Fractional anisotropy (cells, q)."""
        return np.clip(fractional_anisotropy(self.tensors), 0.0, 1.0)

    @cached_property
    def md(self) -> Array:
        """Mean diffusivity (cells, q) in mm²/s."""
        return mean_diffusivity(self.tensors)

    @cached_property
    def cell_tensors(self) -> Array:
        """Log-Euclidean mean of D in each cell (cells, 6) in mm²/s."""
        flat = np.einsum("q,nqc->nc", self.weights / self.weights.sum(), _logarithm(self.tensors))
        return exponential(flat)

    @cached_property
    def cell_axis(self) -> Array:
        """Leading eigenvector of each cell's mean tensor (cells, 3), greatest component positive."""
        return _leading(self.cell_tensors)

    @cached_property
    def cell_fa(self) -> Array:
        """Fractional anisotropy of each cell's mean tensor (cells,)."""
        return np.clip(fractional_anisotropy(self.cell_tensors), 0.0, 1.0)

    @cached_property
    def cell_md(self) -> Array:
        """Mean diffusivity of each cell's mean tensor (cells,) in mm²/s."""
        return mean_diffusivity(self.cell_tensors)

    def nodal(self) -> tuple[Function, Function]:
        """Fiber axis (3,) and FA at the nodes (linear Lagrange), from the cells around weighted by volume. Collective.

        The axis is the leading eigenvector of the mean dyad a0⊗a0, so that signs never matter.
        """
        owned = self.mesh.topology.index_map(3).size_local
        sums = Function(functionspace(self.mesh, ("Lagrange", 1, (8,))))
        corners = self.mesh.geometry.x[self.mesh.geometry.dofmaps[0][:owned]]
        volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / 6
        dyads = from_matrix(np.einsum("ni,nj->nij", self.cell_axis[:owned], self.cell_axis[:owned]))
        parts = volume[:, None] * np.column_stack([dyads, self.cell_fa[:owned], np.ones(owned)])
        into = sums.x.array.reshape(-1, 8)
        for corner in range(4):
            np.add.at(into, sums.function_space.dofmap.list[:owned, corner], parts)
        sums.x.scatter_reverse(InsertMode.add)
        sums.x.scatter_forward()
        total = sums.x.array.reshape(-1, 8)
        axis = Function(functionspace(self.mesh, ("Lagrange", 1, (3,))), name="a0")
        fa = Function(functionspace(self.mesh, ("Lagrange", 1)), name="fa")
        nodes = sums.function_space.dofmap.list.ravel()
        axis.x.array.reshape(-1, 3)[axis.function_space.dofmap.list.ravel()] = _leading(total[:, :6])[nodes]
        fa.x.array[fa.function_space.dofmap.list.ravel()] = (total[:, 6] / total[:, 7])[nodes]
        return axis, fa


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
        mesh: linear tetrahedra in mm, RAS+.
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
    return _field(
        mesh, degree, points, weights, turned.reshape(*shape, 6), filled, distance, _fill_note(mesh, filled, distance)
    )


def fibers_from(mesh: Mesh, degree: int, tensor: Callable[[Array], Array]) -> FiberField:
    """Fibers from a formula instead of an image. Local.

    Args:
        mesh: linear tetrahedra in mm.
        degree: quadrature degree.
        tensor: gives D (n, 6), order xx xy yy xz yz zz, mm²/s, at points (n, 3) in mm.
    """
    points, weights = quadrature_points(mesh, degree)
    tensors = np.asarray(tensor(points.reshape(-1, 3)), dtype=float).reshape(*points.shape[:2], 6)
    nothing = np.zeros(points.shape[:2])
    return _field(mesh, degree, points, weights, tensors, nothing.astype(bool), nothing)


def uniform_fibers(
    mesh: Mesh, degree: int, *, axis: ArrayLike = (1.0, 0.0, 0.0), fa: float = 1.0, md: float = 1e-3
) -> FiberField:
    """The same axisymmetric tensor everywhere. Local.

    Args:
        mesh: linear tetrahedra in mm.
        degree: quadrature degree.
        axis: fiber axis, of any length and sign.
        fa: fractional anisotropy, 0 (isotropic) to 1 (aligned).
        md: mean diffusivity (mm²/s).
    """
    one = axisymmetric_tensor(axis, fa, md)
    return fibers_from(mesh, degree, lambda points: np.broadcast_to(one, (len(points), 6)))


def axisymmetric_tensor(axis: ArrayLike, fa: float, md: float = 1e-3) -> Array:
    """The axisymmetric D (6,) with a given FA and MD.

    With eigenvalues md (1 + 2s, 1 − s, 1 − s) the definition of FA gives FA² = 9 s² / (3 + 6 s²), so that
    s = FA / sqrt(3 − 2 FA²).

    Args:
        axis: leading eigenvector, of any length.
        fa: fractional anisotropy, 0 to 1.
        md: mean diffusivity (mm²/s).
    """
    if not 0 <= fa <= 1:
        raise InputError(Problem("fa", "is out of range", f"{fa:g}", "0 to 1"))
    direction = np.asarray(axis, dtype=float)
    length = float(np.linalg.norm(direction))
    if not length > 0:
        raise InputError(Problem("axis", "has no length", str(direction.tolist()), "a direction"))
    unit, s = direction / length, fa / np.sqrt(3 - 2 * fa**2)
    return from_matrix(md * ((1 - s) * np.eye(3) + 3 * s * np.outer(unit, unit)))


def quadrature_points(mesh: Mesh, degree: int) -> tuple[Array, Array]:
    """The default scheme's points (cells, q, 3) in mm on this rank's cells, and weights (q,). Local."""
    reference, weights = basix.make_quadrature(basix.CellType.tetrahedron, degree)
    corners = mesh.geometry.x[mesh.geometry.dofmaps[0][: local_cells(mesh)]]
    shape = np.column_stack([1 - reference.sum(axis=1), reference])
    return np.einsum("qk,nki->nqi", shape, corners), weights


def _field(
    mesh: Mesh,
    degree: int,
    points: Array,
    weights: Array,
    tensors: Array,
    filled: NDArray[np.bool_],
    distance: Array,
    notes: tuple[str, ...] = (),
) -> FiberField:
    """Put tensors (cells, q, 6) into quadrature functions."""
    trace = 3 * mean_diffusivity(tensors)
    return FiberField(
        mesh=mesh,
        degree=degree,
        structure_tensor=_function(mesh, degree, "structure_tensor", to_matrix(tensors / trace[..., None])),
        axis=_function(mesh, degree, "a0", _leading(tensors)),
        fa=_function(mesh, degree, "fa", np.clip(fractional_anisotropy(tensors), 0.0, 1.0)),
        points=points,
        tensors=tensors,
        filled=filled,
        distance=distance,
        weights=weights,
        notes=notes,
    )


def _function(mesh: Mesh, degree: int, name: str, values: Array) -> Function:
    """A function on the quadrature element with values (cells, q, ...)."""
    shape = values.shape[2:]
    element = basix.ufl.quadrature_element("tetrahedron", value_shape=shape, scheme="default", degree=degree)
    function = Function(functionspace(mesh, element), name=name)
    size = int(np.prod(shape))
    function.x.array.reshape(-1, size)[function.function_space.dofmap.list.ravel()] = values.reshape(-1, size)
    return function


def _leading(tensors: Array) -> Array:
    """Leading eigenvectors (..., 3) of tensors (..., 6), with the greatest component positive."""
    axes = eigen(tensors).vectors[..., 0]
    greatest = np.take_along_axis(axes, np.argmax(np.abs(axes), axis=-1)[..., None], axis=-1)
    return axes * np.where(greatest < 0, -1.0, 1.0)


def _logarithm(tensors: Array) -> Array:
    """Matrix logarithm (..., 6), also of singular tensors, whose null eigenvalues count as tiny."""
    parts = eigen(tensors)
    return compose(np.log(np.maximum(parts.values, SMALLEST * parts.values[..., :1])), parts.vectors)


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
