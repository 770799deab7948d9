"""Transposed tangents, which adjoints need where a load follows the surface."""

from petsc4py import PETSc

RESTART, MOST = 100, 400
"""Directions that the Krylov solver keeps, and its most iterations."""


class _Borrowed:
    """Another solver's preconditioner."""

    def __init__(self, pc: PETSc.PC) -> None:
        self._pc = pc

    def apply(self, _: PETSc.PC, x: PETSc.Vec, y: PETSc.Vec) -> None:
        """Apply it as it is."""
        self._pc.apply(x, y)


def solved_transposed(
    matrix: PETSc.Mat, pc: PETSc.PC, rhs: PETSc.Vec, solution: PETSc.Vec, rtol: float
) -> tuple[int, int]:
    """Solve with the transpose of a matrix; Krylov iterations and PETSc's reason. Collective.

    Args:
        matrix: the matrix itself.
        pc: a preconditioner of it, set up.
        rhs: right-hand side.
        solution: receives the solution.
        rtol: tolerance relative to the right-hand side.
    """
    ksp = PETSc.KSP().create(matrix.comm)
    transposed = PETSc.Mat().createTranspose(matrix)
    ksp.setOperators(transposed)
    ksp.setType("gmres")
    ksp.setGMRESRestart(RESTART)
    ksp.setPCSide(PETSc.PC.Side.RIGHT)
    ksp.setTolerances(rtol=rtol, max_it=MOST)
    shell = ksp.getPC()
    shell.setType("python")
    shell.setPythonContext(_Borrowed(pc))
    ksp.solve(rhs, solution)
    found = ksp.getIterationNumber(), int(ksp.getConvergedReason())
    ksp.destroy()
    transposed.destroy()
    return found
