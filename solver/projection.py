"""Directions other than the axes held by projection: the system sees only what the held nodes are free to do."""

import numpy as np
from dolfinx import fem
from petsc4py import PETSc

from fibertwin.curve import Moment

from .constraints import Constraints
from .supports import Array


class Projection:
    """The constraint u = T u + w of oblique supports, T the projector on a node's free directions.

    The tangent A becomes T A T + s (I − T), the residual b becomes T b, and a correction moves the held directions to
    their places. Everything on it is collective.

    Args:
        constraints: supports, with oblique nodes.
        V: displacement space.
    """

    def __init__(self, constraints: Constraints, V: fem.FunctionSpace) -> None:
        if constraints.oblique is None:
            raise ValueError("no node is held in a direction other than the axes")
        self._held, self._oblique = constraints.held, constraints.oblique
        owned = V.dofmap.index_map.size_local
        self._mine = self._oblique.nodes < owned
        self._nodes = self._oblique.nodes[self._mine]
        self._free = self._oblique.free[self._mine]
        self._lift = fem.Function(V)
        self._target: Array = np.zeros((len(self._oblique.nodes), 3))
        self._T = self._blocks(V, self._free, others=1.0)
        self._H = self._blocks(V, np.eye(3) - self._free, others=0.0)
        self._made: list[list[PETSc.Mat]] = []
        self._nest: PETSc.Mat | None = None

    def adopt(self, constraints: Constraints) -> None:
        """Take other motions of the same supports; ``move`` comes after it."""
        self._held = constraints.held

    def place(self, u: fem.Function) -> None:
        """Put the held directions of a displacement to their places."""
        self._lifted(u)
        u.x.array[:] -= self._lift.x.array

    def move(self, moment: Moment) -> None:
        """Where the held directions are at a moment."""
        self._target = self._oblique.target(self._held, moment)

    def clear(self, vector: PETSc.Vec) -> None:
        """Leave of a displacement-like vector only what is free."""
        rows = vector.array_w.reshape(-1, 3)
        rows[self._nodes] = np.einsum("mij,mj->mi", self._free, rows[self._nodes])

    def hold(self, correction: PETSc.Vec, u: fem.Function) -> None:
        """Make a correction of the displacement move the held directions to their places exactly."""
        self.clear(correction)
        correction.array_w.reshape(-1, 3)[self._nodes] += self._lifted(u)

    def drag(self, matrix: PETSc.Mat, b: PETSc.Vec, moved: Array) -> None:
        """Add what a motion (nodes, 3) of the nodes held obliquely changes in a nest of residuals, by the tangent."""
        mixed = matrix.getType() == "nest"
        rows = [matrix] if not mixed else [matrix.getNestSubMatrix(i, 0) for i in (0, 1)]
        self._lift.x.array[:] = 0.0
        self._lift.x.array.reshape(-1, 3)[self._oblique.nodes] = moved[self._oblique.nodes]
        for row, part in zip(rows, b.getNestSubVecs(), strict=True):
            change = part.duplicate()
            row.mult(self._lift.x.petsc_vec, change)
            part.axpy(1.0, change)
            change.destroy()

    def apply(self, matrix: PETSc.Mat, b: PETSc.Vec, u: fem.Function, *, moving: bool) -> PETSc.Mat:
        """Constrain tangent and residual; returns the constrained tangent, which this object owns.

        Args:
            matrix: tangent with Dirichlet conditions, a nest in a mixed formulation.
            b: nest of residuals; changed.
            u: present displacement.
            moving: the held directions may not be in their places yet.
        """
        mixed = matrix.getType() == "nest"
        A = [[matrix]] if not mixed else [[matrix.getNestSubMatrix(i, j) for j in (0, 1)] for i in (0, 1)]
        scale = self._scale(A[0][0])
        parts = b.getNestSubVecs()
        lift = self._lifted(u)
        if moving:
            vector = self._lift.x.petsc_vec
            for row, part in zip(A, parts, strict=True):
                moved = part.duplicate()
                row[0].mult(vector, moved)
                part.axpy(-1.0, moved)
                moved.destroy()
        self.clear(parts[0])
        parts[0].array_w.reshape(-1, 3)[self._nodes] += scale * lift
        return self._constrained(A, scale)

    def destroy(self) -> None:
        """Free PETSc's objects."""
        for item in (self._T, self._H, self._nest, *(m for row in self._made for m in row)):
            if item is not None:
                item.destroy()

    def _lifted(self, u: fem.Function) -> Array:
        """How far (m, 3) owned nodes are from their places in the directions held, put into ``_lift`` too."""
        nodes, free = self._oblique.nodes, self._oblique.free
        place = u.x.array.reshape(-1, 3)[nodes]
        away = place - np.einsum("mij,mj->mi", free, place) - self._target
        self._lift.x.array.reshape(-1, 3)[nodes] = away
        return np.asarray(away[self._mine])

    def _constrained(self, A: list[list[PETSc.Mat]], scale: float) -> PETSc.Mat:
        T = self._T
        if not self._made:
            self._made = [[A[0][0].ptap(T)]]
            if len(A) > 1:
                coupling = T.matMult(A[0][1])
                self._made = [[self._made[0][0], coupling], [PETSc.Mat().createTranspose(coupling)]]
                self._nest = PETSc.Mat().createNest([self._made[0], [self._made[1][0], A[1][1]]], comm=T.comm)
        else:
            A[0][0].ptap(T, result=self._made[0][0])
            if len(A) > 1:
                T.matMult(A[0][1], result=self._made[0][1])
        self._made[0][0].axpy(scale, self._H, structure=PETSc.Mat.Structure.SUBSET_NONZERO_PATTERN)
        if self._nest is None:
            return self._made[0][0]
        self._nest.assemble()
        return self._nest

    @staticmethod
    def _scale(A: PETSc.Mat) -> float:
        diagonal = A.getDiagonal()
        mean = diagonal.norm(PETSc.NormType.NORM_1) / diagonal.getSize()
        diagonal.destroy()
        return float(mean)

    def _blocks(self, V: fem.FunctionSpace, blocks: Array, *, others: float) -> PETSc.Mat:
        """A matrix with the given blocks (m, 3, 3) at the oblique nodes and ``others`` on the rest of the diagonal."""
        size = 3 * V.dofmap.index_map.size_local
        counts = np.ones(size, dtype=np.int32)
        held = (3 * self._nodes[:, None] + np.arange(3)).astype(np.int32)
        counts[held.ravel()] = 3
        matrix = PETSc.Mat().createAIJ(((size, None), (size, None)), nnz=(counts, 0), bsize=3, comm=V.mesh.comm)
        first, _ = matrix.getOwnershipRange()
        alone = np.setdiff1d(np.arange(size, dtype=np.int32), held.ravel())
        for row in alone + first:
            matrix.setValue(row, row, others)
        for place, block in zip(held + first, blocks, strict=True):
            matrix.setValues(place, place, block)
        matrix.assemble()
        return matrix
