"""The linear solver of a Newton step: block preconditioned Krylov, with every PETSc option open to the user."""

from dataclasses import dataclass

import numpy as np
from dolfinx import fem, la
from petsc4py import PETSc

PREFIX = "fibertwin_"

MULTIGRID = {
    "pc_type": "gamg",
    "pc_gamg_type": "agg",
    "mg_levels_ksp_type": "chebyshev",
    "mg_levels_pc_type": "pbjacobi",
    "mg_levels_ksp_max_it": "3",
    "mg_levels_ksp_chebyshev_esteig_steps": "10",
}

MIXED = {
    "ksp_type": "fgmres",
    "ksp_gmres_restart": "100",
    "ksp_max_it": "400",
    "pc_type": "fieldsplit",
    "pc_fieldsplit_type": "schur",
    "pc_fieldsplit_schur_fact_type": "upper",
    "fieldsplit_u_ksp_type": "preonly",
    **{f"fieldsplit_u_{name}": value for name, value in MULTIGRID.items()},
    "fieldsplit_p_ksp_type": "preonly",
    "fieldsplit_p_pc_type": "jacobi",
}

SINGLE = {"ksp_type": "fgmres", "ksp_gmres_restart": "100", "ksp_max_it": "1000", **MULTIGRID}


@dataclass(frozen=True)
class LinearResult:
    """How one linear solve went; ``reason`` is PETSc's, negative where it failed."""

    iterations: int
    reason: int


def set_user_options(text: str) -> list[str]:
    """Enter the user's PETSc options (``-ksp_type gmres -fieldsplit_u_pc_type hypre``) before any default.

    Returns:
        their names, without the dash.
    """
    options = PETSc.Options()
    options.prefixPush(PREFIX)
    options.insertString(text)
    options.prefixPop()
    return [word.lstrip("-") for word in text.split() if word.startswith("-") and not _is_number(word)]


def unused_options(names: list[str]) -> list[str]:
    """Those of the user's options that PETSc never looked at."""
    options = PETSc.Options()
    return [name for name in names if not options.used(PREFIX + name)]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


class LinearSolver:
    """A Krylov solver kept over all Newton steps of a problem.

    Args:
        matrix: tangent; a nest of displacement and pressure blocks in a mixed formulation.
        V: displacement space, for the rigid-body near-nullspace of the multigrid.
        schur: approximate Schur complement (pressure mass over stiffness, positive), or None.
    """

    def __init__(self, matrix: PETSc.Mat, V: fem.FunctionSpace, schur: PETSc.Mat | None) -> None:
        self._matrix = matrix
        self._schur = schur
        self._ksp = PETSc.KSP().create(V.mesh.comm)
        self._ksp.setOptionsPrefix(PREFIX)
        block = matrix if schur is None else matrix.getNestSubMatrix(0, 0)
        block.setNearNullSpace(rigid_body_modes(V))
        self._configure()

    def _configure(self) -> None:
        options = PETSc.Options()
        options.setValue("options_left", "no")  # which of the user's went unused is said in the outcome
        defaults = SINGLE if self._schur is None else MIXED
        for name, value in defaults.items():
            if not options.hasName(PREFIX + name):
                options.setValue(PREFIX + name, value)
        self._ksp.setOperators(self._matrix)
        self._ksp.setFromOptions()
        pc = self._ksp.getPC()
        if self._schur is not None and pc.getType() == "fieldsplit":
            displacement, pressure = self._matrix.getNestISs()[0]
            pc.setFieldSplitIS(("u", displacement), ("p", pressure))
            pc.setFieldSplitSchurPreType(PETSc.PC.SchurPreType.USER, self._schur)

    def solve(self, rhs: PETSc.Vec, solution: PETSc.Vec, rtol: float) -> LinearResult:
        """Solve for ``solution``; collective. A failure resets the solver so that the next solve starts clean."""
        self._ksp.setOperators(self._matrix)
        self._ksp.setTolerances(rtol=rtol)
        self._ksp.solve(rhs, solution)
        result = LinearResult(self._ksp.getIterationNumber(), int(self._ksp.getConvergedReason()))
        if result.reason < 0 or not np.isfinite(solution.norm()):
            self._ksp.reset()
            self._configure()
            return LinearResult(result.iterations, min(result.reason, -1))
        return result

    def destroy(self) -> None:
        """Free PETSc's objects."""
        self._ksp.destroy()


def rigid_body_modes(V: fem.FunctionSpace) -> PETSc.NullSpace:
    """Three translations and three rotations, orthonormal, in a vector-valued space."""
    x = V.tabulate_dof_coordinates()
    center = x.mean(axis=0) if len(x) else np.zeros(3)
    center = V.mesh.comm.bcast(center)
    modes = [fem.Function(V) for _ in range(6)]
    for axis, mode in enumerate(modes[:3]):
        mode.x.array[axis::3] = 1.0
    for axis, mode in enumerate(modes[3:]):
        mode.x.array[:] = np.cross(np.eye(3)[axis], x - center).ravel()
    la.orthonormalize([mode.x for mode in modes])
    owned = 3 * V.dofmap.index_map.size_local
    comm = V.mesh.comm
    vectors = [PETSc.Vec().createWithArray(m.x.array[:owned].copy(), bsize=3, comm=comm) for m in modes]
    return PETSc.NullSpace().create(vectors=vectors, comm=comm)
