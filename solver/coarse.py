"""The coarse level of p-multigrid: linear displacements below quadratic ones, on the same cells."""

from collections.abc import Sequence

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc
from numpy.typing import NDArray
from petsc4py import PETSc


class Coarse:
    """Linear displacements, their tangent, and how they are interpolated to the quadratic ones.

    The tangent is assembled with the points and the law of the fine one. As the linear shape functions are sums of
    quadratic ones, it is the Galerkin product without its cost. Everything on it is collective.

    Args:
        V: quadratic displacements.
        V1: linear displacements.
        conditions: supports of the quadratic displacements.
        forms: the tangent on linear displacements, one form for each group of regions.
        pattern: a form on linear displacements that reaches all cells.

    Attributes:
        space: linear displacements.
        matrix: the tangent on them.
        interpolation: from them to the quadratic ones, zero where either are held.
        damping: part of itself by which the tangent's diagonal is raised.
    """

    def __init__(
        self,
        V: fem.FunctionSpace,
        V1: fem.FunctionSpace,
        conditions: Sequence[fem.DirichletBC],
        forms: Sequence[fem.Form],
        pattern: fem.Form,
    ) -> None:
        held = fem.Function(V)
        for condition in conditions:
            held.x.array[condition._cpp_object.dof_indices()[0]] = 1.0
        self._forms, self._pattern = list(forms), pattern
        corners = fem.Function(V1)
        corners.interpolate(held)
        corners.x.scatter_forward()
        self._conditions = _conditions(corners)
        self.space = V1
        self.damping = 0.0
        self.matrix: PETSc.Mat = petsc.create_matrix(pattern)
        self.interpolation = _interpolation(held, corners)

    def assemble(self) -> None:
        """Bring the tangent to the present state."""
        fill(self.matrix, self._forms, self._conditions)
        damp(self.matrix, self.damping)

    def forget(self) -> None:
        """Keep nothing of former tangents; PETSc (3.25 at least) keeps the inverse of a matrix's first diagonal."""
        self.matrix.destroy()
        self.matrix = petsc.create_matrix(self._pattern)

    @property
    def matrices(self) -> list[PETSc.Mat]:
        """The tangent on linear displacements: the only level below the finest."""
        return [self.matrix]

    @property
    def interpolations(self) -> list[PETSc.Mat]:
        """From the only level below the finest to that."""
        return [self.interpolation]

    def destroy(self) -> None:
        """Free PETSc's objects."""
        self.matrix.destroy()
        self.interpolation.destroy()


def fill(matrix: PETSc.Mat, forms: Sequence[fem.Form], conditions: Sequence[fem.DirichletBC]) -> None:
    """Assemble the sum of forms into a matrix. Collective."""
    matrix.zeroEntries()
    for form in forms:
        petsc.assemble_matrix(matrix, form, bcs=list(conditions))
        matrix.assemble(PETSc.Mat.AssemblyType.FLUSH)  # the diagonal of held rows is inserted, all else added
    matrix.assemble()
    _forget_diagonal(matrix)


def _forget_diagonal(matrix: PETSc.Mat) -> None:
    """Have a matrix of blocks invert its diagonal anew when a smoother next asks.

    PETSc (3.25 at least) keeps the inverse of the first assembly while the pattern stays: block Jacobi would smooth
    the present tangent with the diagonal of the unloaded body. Zeroing no row counts as a change of the pattern.
    """
    if matrix.getType().endswith("baij"):
        matrix.setOption(PETSc.Mat.Option.KEEP_NONZERO_PATTERN, False)
        matrix.zeroRows(np.zeros(0, dtype=np.int32))


def damp(matrix: PETSc.Mat, damping: float) -> None:
    """Raise the diagonal of a matrix by a part of its size. Collective."""
    if damping > 0:
        diagonal = matrix.getDiagonal()
        diagonal.abs()
        diagonal.scale(damping)
        matrix.setDiagonal(diagonal, addv=PETSc.InsertMode.ADD)
        diagonal.destroy()


def linear_space(V: fem.FunctionSpace) -> fem.FunctionSpace:
    """Linear displacements on the mesh of quadratic ones."""
    return fem.functionspace(V.mesh, ("Lagrange", 1, (3,)))


def _conditions(corners: fem.Function) -> list[fem.DirichletBC]:
    """A corner is held along the axes along which the node there is."""
    V1 = corners.function_space
    found = []
    for axis in range(3):
        zero = fem.Function(V1.sub(axis).collapse()[0])
        nodes = np.flatnonzero(corners.x.array[axis::3] > 0.5).astype(np.int32)
        found.append(fem.dirichletbc(zero, [(3 * nodes + axis).astype(np.int32), nodes], V1.sub(axis)))
    return found


def _interpolation(held: fem.Function, corners: fem.Function) -> PETSc.Mat:
    """Interpolation to the quadratic displacements, zero where they or the corners are held.

    A held corner's row of the coarse tangent is the identity's: what came back from there would be of no use to the
    nodes in the middle of the edges that meet there.
    """
    V, V1 = held.function_space, corners.function_space
    mesh = V.mesh
    scalar = petsc.interpolation_matrix(*(fem.functionspace(mesh, ("Lagrange", degree)) for degree in (1, 2)))
    scalar.assemble()
    first, columns, values = scalar.getValuesCSR()
    scalar.destroy()
    kept = np.abs(values) > 1e-12
    rows = np.repeat(np.arange(len(first) - 1), np.diff(first))[kept]
    free = held.x.array[: 3 * (len(first) - 1)].reshape(-1, 3) < 0.5
    csr = _by_component(rows, columns[kept], values[kept], free)
    sizes = [(3 * s.dofmap.index_map.size_local, None) for s in (V, V1)]
    matrix = PETSc.Mat().createAIJ(sizes, bsize=(3, 3), csr=csr, comm=mesh.comm)
    matrix.assemble()
    moving = fem.Function(V1)
    moving.x.array[:] = corners.x.array < 0.5
    matrix.diagonalScale(R=moving.x.petsc_vec)
    return matrix


def _by_component(
    rows: NDArray[np.int64], columns: NDArray[np.int32], values: NDArray[np.float64], free: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """Compressed rows of a scalar matrix acting on each of three components alike; rows that are not free are zero."""
    count = np.bincount(rows, minlength=len(free))
    starts = np.concatenate([[0], np.cumsum(np.repeat(count, 3))])
    within = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    place = np.empty(3 * len(rows), dtype=np.int32)
    weight = np.empty(3 * len(rows))
    for axis in range(3):
        at = starts[3 * rows + axis] + within
        place[at] = 3 * columns + axis
        weight[at] = values * free[rows, axis]
    return starts.astype(np.int32), place, weight
