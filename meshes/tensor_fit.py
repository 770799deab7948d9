"""A smooth tensor field on the mesh from few or noisy voxels: regularized least squares of the tensors' logarithms."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import ufl
from annotated_types import Gt
from dolfinx import fem, geometry
from dolfinx.fem import petsc
from dolfinx.mesh import Mesh
from numpy.typing import NDArray
from petsc4py import PETSc

from fibertwin import jit
from fibertwin.errors import InputError, Problem
from fibertwin.imaging.algebra import eigen, exponential, logarithm
from fibertwin.imaging.sample import voxel_coordinates
from fibertwin.imaging.tensor_image import TensorImage
from fibertwin.parallel import together
from fibertwin.units import Length

from .fibers import FiberField, field_of, quadrature_points
from .geometry import jacobian_determinants, nodes_of, tabulate
from .laplace import conjugate_gradients, sampled
from .rule import Direction, unit
from .sampling import TensorSource

Array = NDArray[np.float64]

SIZES = np.array([1.0, 2.0, 1.0, 2.0, 2.0, 1.0])
"""How often each of xx xy yy xz yz zz stands in a matrix."""

GRID = 2.0 ** np.arange(-1, 5)
"""Smoothing lengths that are tried, in edges of a voxel."""

PROBES = 4
"""Random vectors by which the degrees of freedom of a fit are counted."""

STEPS = 12
"""Newton's steps to a voxel's place in its cell."""


@dataclass(frozen=True)
class TensorFit:
    """A smooth tensor field is fitted to the voxels, instead of interpolating between them.

    For scans of a few slices, or noisy ones. The logarithms of the tensors are fitted by linear elements, with the
    square of their slope as the price.

    Attributes:
        length: over about what distance the field is smoothed and carried between voxels; found by generalized cross
            validation if left out.
        axis: a direction in which it is carried farther, such as the one across the slices.
        reach: over about what distance along ``axis``; needed with it, and with a stated length.
    """

    length: Annotated[Length, Gt(0)] | None = None
    axis: Direction | None = None
    reach: Annotated[Length, Gt(0)] | None = None

    def __post_init__(self) -> None:
        given = [self.axis is not None, self.reach is not None]
        if any(given) and not all([*given, self.length is not None]):
            raise InputError(Problem("fit", "needs length, axis and reach together, or no axis"))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A tensor field and how well it fits.

    Attributes:
        fibers: the field at the quadrature points.
        length: smoothing length (mm).
        voxels: how many were fitted, of all ranks.
        residual: root mean square of |log D_fit − log D_voxel| (Frobenius).
        angle: median angle (degrees) between the voxels' fibers and the field's.
        scores: generalized cross validation by length (mm), where the length was sought.
    """

    fibers: FiberField
    length: float
    voxels: int
    residual: float
    angle: float
    scores: dict[float, float]


def fit_fibers(mesh: Mesh, tensors: TensorSource | TensorImage, degree: int, how: TensorFit | None = None) -> Fitted:
    """Fit a smooth tensor field to the voxels in a mesh. Collective; each rank reads its own part.

    Minimizes V/N Σ |log D(x) − log D_voxel|² + ℓ² ∫ |∇ log D|² over linear elements for the six components, V the
    body's volume and N the number of voxels: what varies over less than 2πℓ is damped. Logarithms are those of Arsigny
    et al. (2006, doi 10.1002/mrm.20965), so that every tensor of the field is positive definite. Without a length the
    one with the least generalized cross validation is taken (Golub, Heath & Wahba 1979, doi
    10.1080/00401706.1979.10489751), its trace by Hutchinson's probes.

    Between slices that lie farther apart than the tensors take to change within them, a field that is as smooth in all
    directions loses that change; so along an axis ℓ may be a greater one.

    Args:
        mesh: the body's, in mm, RAS+.
        tensors: the image, or a handle on it that reads windows.
        degree: quadrature degree.
        how: how far it is smoothed; if left out, by cross validation.

    Raises:
        InputError: on every rank, where no valid voxel lies in the mesh.
        SolveError: the least squares were not solved.
    """
    asked = TensorFit() if how is None else how
    stretch = np.eye(3)
    if asked.axis is not None and asked.reach is not None and asked.length is not None:
        axis = unit(asked.axis, "diffusion.fit.axis")
        stretch = stretch + ((asked.reach / asked.length) ** 2 - 1) * np.outer(axis, axis)
    problem = _LeastSquares(mesh, _data(mesh, tensors), stretch)
    edge = float(abs(np.linalg.det(tensors.affine[:3, :3])) ** (1 / 3))
    scores: dict[float, float] = {}
    length = asked.length
    if length is None:
        scores = {float(edge * step): problem.cross_validation(float(edge * step)) for step in GRID}
        length = min(scores, key=lambda tried: scores[tried])
    components = problem.solve(length, problem.data.logs)
    residual, angle = problem.misfit(components)
    points, weights = quadrature_points(mesh, degree)
    logs = np.stack([sampled(part, degree).values for part in components], axis=-1) + problem.mean
    distance = problem.distances(points)
    found = "stated" if not scores else "by generalized cross validation"
    note = (
        f"tensors fitted to {problem.count} voxels, smoothed over {length:.3g} mm ({found}): residual of the logarithm "
        f"{residual:.3g}, fibers off by {angle:.1f}° (median)"
    )
    field = field_of(mesh, degree, points, weights, exponential(logs), distance > edge, distance, (note,))
    return Fitted(field, length, problem.count, residual, angle, scores)


@dataclass(frozen=True, eq=False)
class _Data:
    """Voxels in this rank's cells.

    Attributes:
        logs: (n, 6) logarithms of their tensors.
        cells: (n,) cells that they lie in.
        places: (n, 3) where on the reference cell.
        numbers: (n,) the voxels' numbers in the image.
        shares: (n,) one over the number of ranks on which a voxel was found.
        everywhere: (m, 3) centers (mm) of all ranks' voxels.
        volume: of a voxel (mm³).
    """

    logs: Array
    cells: NDArray[np.int32]
    places: Array
    numbers: NDArray[np.int64]
    shares: Array
    everywhere: Array
    volume: float


def _data(mesh: Mesh, tensors: TensorSource | TensorImage) -> _Data:
    """The valid voxels that lie in the mesh. Collective.

    Raises:
        InputError: on every rank, where there are none.
    """
    comm, count = mesh.comm, mesh.topology.index_map(3).size_local
    corners = nodes_of(mesh, count).reshape(-1, 3)

    def window() -> TensorImage:
        return tensors if isinstance(tensors, TensorImage) else tensors.window(corners, 0.0)

    image = together(comm, window)
    index = np.argwhere(image.mask)
    centers = index @ image.affine[:3, :3].T + image.affine[:3, 3]
    low, high = (corners.min(axis=0), corners.max(axis=0)) if len(corners) else (np.ones(3), np.zeros(3))
    near = np.flatnonzero(((centers >= low) & (centers <= high)).all(axis=1))
    cells = _cells_at(mesh, count, centers[near])
    found = near[cells >= 0]
    cells = cells[cells >= 0]
    whole = np.rint(voxel_coordinates(tensors.affine, centers[found])).astype(np.int64)
    numbers = np.ravel_multi_index(tuple(whole.T), tensors.shape) if len(found) else np.zeros(0, np.int64)
    every, times = np.unique(np.concatenate(comm.allgather(numbers)), return_counts=True)
    if len(every) == 0:
        what = "no valid voxel's center lies in the mesh"
        raise InputError(Problem("diffusion.fit", what, hint="look at the mesh's length unit and axes, and the mask"))
    shares = 1.0 / times[np.searchsorted(every, numbers)]
    all_index = np.column_stack(np.unravel_index(every, tensors.shape))
    return _Data(
        logs=logarithm(image.components[tuple(index[found].T)]),
        cells=cells,
        places=_pulled_back(nodes_of(mesh, cells), centers[found]),
        numbers=numbers,
        shares=shares,
        everywhere=all_index @ tensors.affine[:3, :3].T + tensors.affine[:3, 3],
        volume=float(abs(np.linalg.det(tensors.affine[:3, :3]))),
    )


def _cells_at(mesh: Mesh, count: int, points: Array) -> NDArray[np.int32]:
    """The first of this rank's cells (n,) that holds each point (n, 3), or −1. Local."""
    if len(points) == 0 or count == 0:
        return np.full(len(points), -1, dtype=np.int32)
    tree = geometry.bb_tree(mesh, 3, entities=np.arange(count, dtype=np.int32))
    hits = geometry.compute_colliding_cells(mesh, geometry.compute_collisions_points(tree, points), points)
    starts, ends = hits.offsets[:-1], hits.offsets[1:]
    cells = np.full(len(points), -1, dtype=np.int32)
    cells[ends > starts] = hits.array[starts[ends > starts]]
    return cells


def _pulled_back(nodes: Array, points: Array) -> Array:
    """Where points (n, 3) lie on the reference cells whose nodes (n, k, 3) are given, by Newton's method."""
    places = np.full(points.shape, 0.25 if nodes.shape[1] in (4, 10) else 0.5)
    for _ in range(STEPS if len(points) else 0):
        table = tabulate(nodes.shape[1], places)
        off = points - np.einsum("nk,nki->ni", table[0], nodes)
        jacobians = np.einsum("dnk,nki->nid", table[1:], nodes)
        places = places + np.linalg.solve(jacobians, off[..., None])[..., 0]
    return places


class _LeastSquares:
    """The normal equations of a fit. Everything on it is collective.

    Args:
        mesh: where the field lives.
        data: this rank's voxels.
        stretch: (3, 3) how much dearer slopes are in a direction; the identity where in all alike.
    """

    def __init__(self, mesh: Mesh, data: _Data, stretch: Array) -> None:
        self.data, self._comm = data, mesh.comm
        self.count = len(data.everywhere)
        determinants, shares = jacobian_determinants(nodes_of(mesh, mesh.topology.index_map(3).size_local))
        self._weight = float(self._sum((np.abs(determinants) @ shares).sum(keepdims=True))[0]) / self.count
        self._space = fem.functionspace(mesh, ("Lagrange", 1))
        u, v = ufl.TrialFunction(self._space), ufl.TestFunction(self._space)
        self._price = fem.Constant(mesh, 1.0)
        slope = ufl.dot(fem.Constant(mesh, stretch), ufl.grad(u))
        self._stiffness = fem.form(self._price * ufl.inner(slope, ufl.grad(v)) * ufl.dx, jit_options=jit.options())
        self._basis = self._space.element.basix_element.tabulate(0, data.places)[0, :, :, 0]
        self._dofs = self._space.dofmap.list[data.cells]
        self.mean: Array = self._sum((data.shares[:, None] * data.logs).sum(axis=0)) / self.count

    def solve(self, length: float, logs: Array) -> list[fem.Function]:
        """The components less their mean, fitted to voxels' values (n, c)."""
        return self._solved(self._matrix(length), logs - self.mean)

    def cross_validation(self, length: float) -> float:
        """Generalized cross validation N |r|² / (N − tr S)² of a length (mm)."""
        matrix = self._matrix(length)
        fitted = self._at(self._solved(matrix, self.data.logs - self.mean, keep=True))
        signs = self._signs()
        seen = self._at(self._solved(matrix, signs))
        off = (fitted - (self.data.logs - self.mean)) ** 2 @ SIZES
        r = float(self._sum(np.array([(self.data.shares * off).sum()]))[0])
        trace = float(self._sum(np.array([(self.data.shares[:, None] * signs * seen).sum()]))[0]) / PROBES
        return self.count * r / max(self.count - trace, 1e-12) ** 2

    def misfit(self, components: list[fem.Function]) -> tuple[float, float]:
        """Root mean square of what is left of the logarithms, and the median angle (degrees) between the fibers."""
        fitted = self._at(components) + self.mean
        off = (fitted - self.data.logs) ** 2 @ SIZES
        mean = self._sum(np.array([(self.data.shares * off).sum()]))[0] / self.count
        ours, theirs = (eigen(exponential(logs)).vectors[..., 0] for logs in (fitted, self.data.logs))
        cosine = np.abs(np.einsum("ni,ni->n", ours, theirs))
        angles = np.degrees(np.arctan2(np.linalg.norm(np.cross(ours, theirs), axis=1), cosine))
        numbers = np.concatenate(self._comm.allgather(self.data.numbers))
        once = np.unique(numbers, return_index=True)[1]  # of voxels on the ranks' borders one
        return float(np.sqrt(mean)), float(np.median(np.concatenate(self._comm.allgather(angles))[once]))

    def distances(self, points: Array) -> Array:
        """How far (mm) points (cells, q, 3) are from the nearest voxel's center; 0 within half its diagonal. Local."""
        from scipy.spatial import cKDTree

        found = np.asarray(cKDTree(self.data.everywhere).query(points)[0])
        return np.where(found > np.sqrt(3) / 2 * self.data.volume ** (1 / 3), found, 0.0)

    def _matrix(self, length: float) -> PETSc.Mat:
        """V/N Σ φ φᵀ + ℓ² K."""
        self._price.value = length**2
        matrix = petsc.assemble_matrix(self._stiffness)
        weights = self._weight * self.data.shares
        blocks = np.einsum("n,ni,nj->nij", weights, self._basis, self._basis)
        cells, first = np.unique(self.data.cells, return_inverse=True)
        sums = np.zeros((len(cells), *blocks.shape[1:]))
        np.add.at(sums, first, blocks)
        for dofs, block in zip(self._space.dofmap.list[cells], sums, strict=True):
            matrix.setValuesLocal(dofs, dofs, block, addv=PETSc.InsertMode.ADD)
        matrix.assemble()
        return matrix

    def _solved(self, matrix: PETSc.Mat, values: Array, *, keep: bool = False) -> list[fem.Function]:
        """One function for each column of voxels' values (n, c); the matrix is freed unless kept."""
        weights = (self._weight * self.data.shares)[:, None] * self._basis
        found = []
        for column in values.T:
            right, function = fem.Function(self._space), fem.Function(self._space)
            np.add.at(right.x.array, self._dofs, weights * column[:, None])
            right.x.petsc_vec.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
            if right.x.petsc_vec.norm() > 0:
                conjugate_gradients(matrix, right.x.petsc_vec, function.x.petsc_vec)
            function.x.scatter_forward()
            found.append(function)
        if not keep:
            matrix.destroy()
        return found

    def _at(self, functions: list[fem.Function]) -> Array:
        """Functions at this rank's voxels (n, c)."""
        parts = [np.einsum("nk,nk->n", self._basis, f.x.array[self._dofs]) for f in functions]
        return np.stack(parts, axis=-1)

    def _signs(self) -> Array:
        """Random signs (n, PROBES) that belong to voxels, whatever the rank."""
        signs: Array = np.random.default_rng(0).choice(np.array([-1.0, 1.0]), size=(self.count, PROBES))
        every = np.unique(np.concatenate(self._comm.allgather(self.data.numbers)))
        chosen: Array = signs[np.searchsorted(every, self.data.numbers)]
        return chosen

    def _sum(self, values: Array) -> Array:
        total: Array = np.stack(self._comm.allgather(values)).sum(axis=0)
        return total
