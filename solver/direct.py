"""Tangents solved by factorisation, where the Krylov solver gives up."""

import numpy as np
from petsc4py import PETSc

from .options import given

DIRECT = {"ksp_type": "preonly", "pc_type": "lu", "pc_factor_mat_solver_type": "mumps", "mat_mumps_icntl_14": "80"}


def factorised(matrix: PETSc.Mat, rhs: PETSc.Vec, solution: PETSc.Vec) -> bool:
    """Solve by factorisation, which an indefinite tangent does not hinder; whether that worked. Collective."""
    nested = matrix.getType() == "nest"
    plain = matrix.convert("aij", out=PETSc.Mat()) if nested else matrix
    b, x = plain.createVecs()
    parts = list(rhs.getNestSubVecs()) if nested else [rhs]
    b.array_w[:] = np.concatenate([part.array_r for part in parts])
    ksp = PETSc.KSP().create(matrix.comm)
    ksp.setOperators(plain)
    with given(ksp, f"fibertwin_direct_{id(ksp)}_", DIRECT):
        ksp.setFromOptions()
        ksp.solve(b, x)
    solved = ksp.getConvergedReason() > 0 and bool(np.isfinite(x.norm()))
    first = 0
    for part in solution.getNestSubVecs() if nested else [solution]:
        part.array_w[:] = x.array_r[first : first + part.getLocalSize()]
        first += part.getLocalSize()
    for item in (ksp, b, x, *([plain] if nested else [])):
        item.destroy()
    return solved
