"""Diffusion tensors carried onto a mesh: what the laws read at the quadrature points, and averages for output."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

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
    to_matrix,
)

from .anatomy import local_cells
from .geometry import corners_of, jacobian_determinants, nodes_of, tabulate

Array = NDArray[np.float64]

SMALLEST = 1e-12
"""Eigenvalues below this part of the greatest are lifted to it before the logarithm of a singular tensor is taken."""

ROUND = 1e-9
"""Planar anisotropy (λ2 - λ3)/λ1 below which the second eigenvector is round-off, and any normal of a0 will do."""

Axes = Callable[[Array], tuple[Array, Array]]
"""Fiber and sheet directions (n, 3), (n, 3) at points (n, 3) in mm."""


@dataclass(frozen=True, eq=False)
class FiberField:
    """Diffusion fabric on a mesh, sampled at the quadrature points of one degree.

    The functions live on quadrature elements (scheme "default") and so belong to forms measured with
    ``metadata={"quadrature_degree": degree, "quadrature_scheme": "default"}``. An axis has no sign: a0 and −a0 are the
    same fiber, and so are s0 and −s0. Directions that come from tensors are stored with their greatest component
    positive; those that a rule gives keep the rule's signs, so that an angle from fiber to sheet has a sense.

    Attributes:
        mesh: where it lives.
        degree: quadrature degree.
        structure_tensor: H = D / tr D, shape (3, 3).
        axis: a0, the leading eigenvector of D, shape (3,).
        sheet: s0, the second eigenvector of D, normal to a0, shape (3,); some normal of a0 where D is axisymmetric.
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
    sheet: Function
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
        determinants, weights = jacobian_determinants(nodes_of(self.mesh, owned))
        volume = np.abs(determinants) @ weights
        dyads = from_matrix(np.einsum("ni,nj->nij", self.cell_axis[:owned], self.cell_axis[:owned]))
        parts = volume[:, None] * np.column_stack([dyads, self.cell_fa[:owned], np.ones(owned)])
        into = sums.x.array.reshape(-1, 8)
        for corner in range(corners_of(self.mesh)):
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


def fibers_from(mesh: Mesh, degree: int, tensor: Callable[[Array], Array]) -> FiberField:
    """Fibers from a formula instead of an image. Local.

    Args:
        mesh: the body's, in mm.
        degree: quadrature degree.
        tensor: gives D (n, 6), order xx xy yy xz yz zz, mm²/s, at points (n, 3) in mm.
    """
    points, weights = quadrature_points(mesh, degree)
    tensors = np.asarray(tensor(points.reshape(-1, 3)), dtype=float).reshape(*points.shape[:2], 6)
    nothing = np.zeros(points.shape[:2])
    return field_of(mesh, degree, points, weights, tensors, nothing.astype(bool), nothing)


def fibers_from_axes(mesh: Mesh, degree: int, axes: Axes, fa: float = 1.0, md: float = 1e-3) -> FiberField:
    """Fibers and sheets from a rule, with an axisymmetric tensor of one FA about the fibers. Local.

    Args:
        mesh: the body's, in mm.
        degree: quadrature degree.
        axes: gives fiber and sheet directions (n, 3), (n, 3) of any length at points (n, 3) in mm; of the sheet
            direction only the part normal to the fiber counts. Their signs are kept.
        fa: fractional anisotropy, 0 (isotropic) to 1 (aligned).
        md: mean diffusivity (mm²/s).

    Raises:
        InputError: on this rank, where a fiber has no length or the sheet lies along it, or ``fa`` is out of range.
    """
    points, weights = quadrature_points(mesh, degree)
    given, across = axes(points.reshape(-1, 3))
    fiber = _units("axis", given)
    sheet = np.broadcast_to(np.asarray(across, dtype=float), fiber.shape)
    sheet = _units("sheet", sheet - np.einsum("ni,ni->n", sheet, fiber)[:, None] * fiber)
    shape = points.shape[:2]
    s = _spread_of(fa)
    tensors = from_matrix(md * ((1 - s) * np.eye(3) + 3 * s * np.einsum("ni,nj->nij", fiber, fiber)))
    nothing = np.zeros(shape)
    return field_of(
        mesh,
        degree,
        points,
        weights,
        tensors.reshape(*shape, 6),
        nothing.astype(bool),
        nothing,
        directions=(fiber.reshape(*shape, 3), sheet.reshape(*shape, 3)),
    )


def uniform_fibers(
    mesh: Mesh,
    degree: int,
    *,
    axis: ArrayLike = (1.0, 0.0, 0.0),
    fa: float = 1.0,
    md: float = 1e-3,
    sheet: ArrayLike | None = None,
) -> FiberField:
    """The same axisymmetric tensor everywhere. Local.

    Args:
        mesh: the body's, in mm.
        degree: quadrature degree.
        axis: fiber axis, of any length and sign.
        fa: fractional anisotropy, 0 (isotropic) to 1 (aligned).
        md: mean diffusivity (mm²/s).
        sheet: sheet direction; its part normal to the axis counts. If left out, some normal of the axis.
    """
    one = axisymmetric_tensor(axis, fa, md)
    if sheet is None:
        return fibers_from(mesh, degree, lambda points: np.broadcast_to(one, (len(points), 6)))
    pair = [np.asarray(direction, dtype=float) for direction in (axis, sheet)]
    return fibers_from_axes(
        mesh, degree, lambda points: (np.tile(pair[0], (len(points), 1)), np.tile(pair[1], (len(points), 1))), fa, md
    )


def axisymmetric_tensor(axis: ArrayLike, fa: float, md: float = 1e-3) -> Array:
    """The axisymmetric D (6,) with a given FA and MD.

    With eigenvalues md (1 + 2s, 1 − s, 1 − s) the definition of FA gives FA² = 9 s² / (3 + 6 s²), so that
    s = FA / sqrt(3 − 2 FA²).

    Args:
        axis: leading eigenvector, of any length.
        fa: fractional anisotropy, 0 to 1.
        md: mean diffusivity (mm²/s).
    """
    s = _spread_of(fa)
    (unit,) = _units("axis", np.asarray(axis, dtype=float)[None])
    return from_matrix(md * ((1 - s) * np.eye(3) + 3 * s * np.outer(unit, unit)))


def _spread_of(fa: float) -> float:
    """The s of an axisymmetric tensor of this FA.

    Raises:
        InputError: it is not from 0 to 1.
    """
    if not 0 <= fa <= 1:
        raise InputError(Problem("fa", "is out of range", f"{fa:g}", "0 to 1"))
    return float(fa / np.sqrt(3 - 2 * fa**2))


def _units(name: str, directions: ArrayLike) -> Array:
    """The directions (n, 3) with length one.

    Raises:
        InputError: one has no length (or, a sheet direction, none across the fiber).
    """
    vectors = np.asarray(directions, dtype=float)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~(lengths[:, 0] > 1e-12))
    if len(bad):
        raise InputError(Problem(name, "has no length", str(vectors[bad[0]].tolist()), "a direction"))
    unit: Array = vectors / lengths
    return unit


def quadrature_points(mesh: Mesh, degree: int) -> tuple[Array, Array]:
    """The default scheme's points (cells, q, 3) in mm on this rank's cells, and weights (q,). Local."""
    reference, weights = basix.make_quadrature(mesh.basix_cell(), degree)
    nodes = nodes_of(mesh, local_cells(mesh))
    return np.einsum("qk,nki->nqi", tabulate(nodes.shape[1], reference)[0], nodes), weights


def field_of(
    mesh: Mesh,
    degree: int,
    points: Array,
    weights: Array,
    tensors: Array,
    filled: NDArray[np.bool_],
    distance: Array,
    notes: tuple[str, ...] = (),
    directions: tuple[Array, Array] | None = None,
) -> FiberField:
    """Put tensors (cells, q, 6), and fiber and sheet directions (cells, q, 3) if given, into quadrature functions."""
    trace = 3 * mean_diffusivity(tensors)
    axis, sheet = _directions(tensors) if directions is None else directions
    return FiberField(
        mesh=mesh,
        degree=degree,
        structure_tensor=_function(mesh, degree, "structure_tensor", to_matrix(tensors / trace[..., None])),
        axis=_function(mesh, degree, "a0", axis),
        sheet=_function(mesh, degree, "s0", sheet),
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
    cell = mesh.basix_cell().name
    element = basix.ufl.quadrature_element(cell, value_shape=shape, scheme="default", degree=degree)
    function = Function(functionspace(mesh, element), name=name)
    size = int(np.prod(shape))
    function.x.array.reshape(-1, size)[function.function_space.dofmap.list.ravel()] = values.reshape(-1, size)
    return function


def _leading(tensors: Array) -> Array:
    """Leading eigenvectors (..., 3) of tensors (..., 6), with the greatest component positive."""
    return _canonical(eigen(tensors).vectors[..., 0])


def _directions(tensors: Array) -> tuple[Array, Array]:
    """First and second eigenvectors (..., 3) of tensors (..., 6), with the greatest component positive.

    Where the second can't be told from the third it is the normal of the first nearest to the world axis that is most
    across it, so that it depends on the first alone and not on round-off.
    """
    parts = eigen(tensors)
    first, second = parts.vectors[..., 0], parts.vectors[..., 1]
    across = np.eye(3)[np.argmin(np.abs(first), axis=-1)]
    across = across - np.sum(across * first, axis=-1, keepdims=True) * first
    across /= np.linalg.norm(across, axis=-1, keepdims=True)
    second = np.where((parts.sheet_confidence < ROUND)[..., None], across, second)
    return _canonical(first), _canonical(second)


def _canonical(axes: Array) -> Array:
    """The axes (..., 3) with their greatest component positive."""
    greatest = np.take_along_axis(axes, np.argmax(np.abs(axes), axis=-1)[..., None], axis=-1)
    return axes * np.where(greatest < 0, -1.0, 1.0)


def _logarithm(tensors: Array) -> Array:
    """Matrix logarithm (..., 6), also of singular tensors, whose null eigenvalues count as tiny."""
    parts = eigen(tensors)
    return compose(np.log(np.maximum(parts.values, SMALLEST * parts.values[..., :1])), parts.vectors)
