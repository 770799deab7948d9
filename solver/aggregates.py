"""The levels below linear displacements: aggregates of nodes that move as rigid bodies, kept while tangents change."""

from dolfinx import fem
from petsc4py import PETSc

from fibertwin.memory import hand_back

from .options import given

GAMG = {
    "pc_type": "gamg",
    "pc_gamg_type": "agg",
    "mg_levels_ksp_type": "richardson",
    "mg_levels_pc_type": "none",
    "mg_coarse_ksp_type": "preonly",
    "mg_coarse_sub_pc_type": "none",
}
"""PETSc's smoothed aggregation, of which only interpolations and Galerkin products are taken, not its smoothers."""


class Aggregates:
    """Interpolations and matrices of the levels below a matrix of blocks.

    PETSc aggregates scalar matrices only, and its Galerkin product costs as much as 20 Krylov iterations. So a scalar
    copy lives as long as it takes to make the levels; these are made of blocks too, and serve later tangents, while
    the finest level is always smoothed with the present one. Everything on it is collective.

    Args:
        V: linear displacements.
        matrix: the tangent, in blocks of 3.

    Attributes:
        space: linear displacements.
        matrix: the tangent.
        damping: part of itself by which the tangent's diagonal is raised.
        interpolations: to each level from the one below it, from the coarsest on.
        matrices: of each level but the finest, from the coarsest on.
    """

    def __init__(self, V: fem.FunctionSpace, matrix: PETSc.Mat) -> None:
        self.space, self.matrix = V, matrix
        self.damping = 0.0
        self.interpolations: list[PETSc.Mat] = []
        self.matrices: list[PETSc.Mat] = []

    def make(self, modes: PETSc.NullSpace, prefix: str) -> None:
        """Aggregate the present tangent.

        Args:
            modes: rigid-body motions.
            prefix: of PETSc options that nobody else's have.
        """
        self.destroy()
        scalar = self.matrix.convert("aij", out=PETSc.Mat())
        scalar.setNearNullSpace(modes)
        pc = PETSc.PC().create(scalar.comm)
        pc.setOperators(scalar)
        with given(pc, prefix, GAMG):
            pc.setFromOptions()
        try:
            pc.setUp()
            levels = pc.getMGLevels()
            upwards = [pc.getMGInterpolation(level) for level in range(1, levels)]
            solvers = [pc.getMGCoarseSolve(), *(pc.getMGSmoother(level) for level in range(1, levels - 1))]
            matrices = [solver.getOperators()[0] for solver in solvers]
        finally:
            pc.destroy()
            scalar.destroy()
        # the finest first: its products are what holds the scalar copy
        for level in reversed(range(levels - 1)):
            self.interpolations.insert(0, _alone(upwards[level], "aij"))
            self.matrices.insert(0, _alone(matrices[level], "baij" if level else "aij"))
        hand_back()

    def destroy(self) -> None:
        """Free PETSc's objects; the tangent is another's."""
        for item in (*self.interpolations, *self.matrices):
            item.destroy()
        self.interpolations, self.matrices = [], []


def _alone(matrix: PETSc.Mat, kind: str) -> PETSc.Mat:
    """A copy in place of a product of matrices, which would keep its factors in memory."""
    copy = matrix.convert(kind, out=PETSc.Mat()) if kind == "baij" else matrix.duplicate(copy=True)
    matrix.destroy()
    return copy
