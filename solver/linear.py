"""The linear solver of a Newton step: block preconditioned Krylov, with every PETSc option open to the user."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from dolfinx import fem, la
from petsc4py import PETSc

from fibertwin.errors import InputError, Problem

from .aggregates import Aggregates
from .coarse import Coarse
from .direct import factorised
from .transposed import solved_transposed

ALGEBRAIC = {
    "pc_type": "gamg",
    "pc_gamg_type": "agg",
    "mg_levels_ksp_type": "chebyshev",
    "mg_levels_pc_type": "pbjacobi",
    "mg_levels_ksp_max_it": "3",
    "mg_levels_ksp_chebyshev_esteig_steps": "10",
}
"""Multigrid by aggregation, for linear displacements."""

TWO_DEGREES = {
    "pc_type": "mg",
    "mg_levels_ksp_type": "chebyshev",
    "mg_levels_ksp_chebyshev_kind": "fourth",
    "mg_levels_pc_type": "pbjacobi",
    "mg_coarse_ksp_type": "preonly",
    **{f"mg_coarse_{name}": value for name, value in ALGEBRAIC.items()},
}
"""Quadratic displacements, smoothed, over linear ones, which are left to aggregation.

Chebyshev polynomials of the fourth kind (Lottes 2023, doi 10.1002/nla.2518) need no lower bound of the spectrum.
"""

AGGREGATED = {
    "pc_type": "mg",
    **{name: value for name, value in ALGEBRAIC.items() if name.startswith("mg_")},
    "mg_coarse_pc_factor_shift_type": "inblocks",
    "mg_coarse_redundant_pc_factor_shift_type": "inblocks",
}
"""Linear displacements in blocks, smoothed, over aggregates."""

SYMMETRIC = {"ksp_type": "cg", "ksp_norm_type": "unpreconditioned", "ksp_max_it": "400"}
UNSYMMETRIC = {"ksp_type": "gmres", "ksp_pc_side": "right", "ksp_gmres_restart": "100", "ksp_max_it": "400"}
"""Both stop by the true residual: the preconditioner is on the right, or not in the norm."""

SCHUR = {
    "pc_type": "fieldsplit",
    "pc_fieldsplit_type": "schur",
    "pc_fieldsplit_schur_fact_type": "upper",
    "fieldsplit_u_ksp_type": "preonly",
    "fieldsplit_p_ksp_type": "preonly",
    "fieldsplit_p_pc_type": "ksp",
    "fieldsplit_p_ksp_ksp_type": "chebyshev",
    "fieldsplit_p_ksp_ksp_max_it": "4",
    "fieldsplit_p_ksp_ksp_norm_type": "none",
    "fieldsplit_p_ksp_ksp_convergence_test": "skip",
    "fieldsplit_p_ksp_pc_type": "jacobi",
}

MASS_SPECTRUM = {"tetrahedron": "0.5,2.5", "hexahedron": "0.125,3.375"}
"""Bounds of the spectrum of a mass matrix over its diagonal (Wathen 1987, doi 10.1093/imanum/7.4.449)."""

SMOOTHINGS = {False: "3", True: "1"}
"""Matrix products per smoothing of quadratic displacements, without and with a pressure."""

WORTH = 40
"""Krylov iterations that cost as much as it costs to make the aggregates anew. The linear level of quadratic
displacements is cheaper, and made anew for every tangent."""

INDEFINITE = int(PETSc.KSP.ConvergedReason.DIVERGED_INDEFINITE_MAT)
"""PETSc's reason where a direction was met in which the tangent is not positive: no preconditioner changes that."""

BROKEN = 77
"""PETSc's code for data that contradict themselves: multigrid meets it in a tangent that is not finite."""

LARGEST_DIRECT = 250_000
"""Unknowns up to which a system that the Krylov solver gives up is factorised (MUMPS): memory bounds it."""


class Change(Enum):
    """How a tangent differs from the last one.

    Attributes:
        GREAT: as it may.
        SMALL: so little that the levels below the finest still serve.
        NONE: it is the last one.
    """

    GREAT = auto()
    SMALL = auto()
    NONE = auto()


@dataclass(frozen=True)
class LinearResult:
    """How one linear solve went.

    Attributes:
        iterations: Krylov iterations.
        reason: PETSc's, negative where it failed.
        direct: whether the system was factorised in the end.
    """

    iterations: int
    reason: int
    direct: bool = False


@dataclass
class _Age:
    """How well levels that were made for an earlier tangent still serve.

    Attributes:
        due: they are to be made anew.
        damping: that of the tangent that they were made for.
        rate: Krylov iterations for a decimal digit when they were new.
        excess: iterations since then beyond that rate.
    """

    due: bool = True
    damping: float = 0.0
    rate: float = 0.0
    excess: float = 0.0

    def renew(self, damping: float) -> None:
        """They are made anew."""
        self.due, self.damping, self.rate, self.excess = False, damping, 0.0, 0.0

    def bearable(self, digits: float) -> int:
        """Krylov iterations after which a solve is better begun again with new levels."""
        return int(2 * self.rate * digits) + WORTH

    def note(self, iterations: int, digits: float) -> None:
        """Have them made anew as soon as what their age has cost would have paid for that."""
        if self.rate == 0:
            self.rate = iterations / digits
        self.excess = max(0.0, self.excess + iterations - self.rate * digits)
        self.due = self.excess > WORTH


@contextmanager
def _blaming_options() -> Iterator[None]:
    """An option that PETSc itself refuses is bad input; PETSc raises on every rank alike."""
    try:
        yield
    except PETSc.Error as error:
        lines = [line.strip() for line in str(error).splitlines()]
        if not any("SetFromOptions()" in line for line in lines):
            raise
        what = f"PETSc refuses an option: {lines[-1].partition('] ')[2]}"
        raise InputError(Problem("solve.petsc or --petsc", what, hint="see PETSc's manual pages")) from error


def defaults(cell: str, coarse: Coarse | Aggregates | None, *, mixed: bool, symmetric: bool) -> dict[str, str]:
    """PETSc options of a problem, by name.

    Args:
        cell: name of the cells' shape.
        coarse: the levels below the tangent, where they are made here.
        mixed: whether there is a pressure.
        symmetric: whether the tangent is.
    """
    inner = ALGEBRAIC if coarse is None else AGGREGATED
    if isinstance(coarse, Coarse):
        inner = TWO_DEGREES | {"mg_levels_ksp_max_it": SMOOTHINGS[mixed]}
    if not mixed:
        return (SYMMETRIC if symmetric else UNSYMMETRIC) | inner
    spectrum = {"fieldsplit_p_ksp_ksp_chebyshev_eigenvalues": MASS_SPECTRUM[cell]}
    return UNSYMMETRIC | SCHUR | spectrum | {f"fieldsplit_u_{name}": value for name, value in inner.items()}


class LinearSolver:
    """A Krylov solver kept over all Newton steps of a problem.

    Args:
        V: displacement space, for the rigid-body near-nullspace of the multigrid.
        schur: approximate Schur complement (pressure mass over stiffness, negative), or None.
        coarse: the levels below the tangent's displacement block, or None.
        options: the user's PETSc options, which go before the defaults.
        symmetric: whether the tangent is.
    """

    _count = itertools.count()

    def __init__(
        self,
        V: fem.FunctionSpace,
        schur: PETSc.Mat | None,
        coarse: Coarse | Aggregates | None,
        options: Mapping[str, str],
        *,
        symmetric: bool,
    ) -> None:
        self._matrix: PETSc.Mat | None = None
        self._schur, self._coarse, self._leveled = schur, coarse, coarse is not None
        self._age = _Age() if isinstance(coarse, Aggregates) else None
        self._modes = rigid_body_modes(V if coarse is None else coarse.space)
        self._given = dict(options)
        standard = defaults(V.mesh.topology.cell_name(), coarse, mixed=schur is not None, symmetric=symmetric)
        self._options = standard | self._given
        self._prefix = f"fibertwin_{next(self._count)}_"
        self._ksp = self._created(V.mesh.comm)

    def _configure(self, matrix: PETSc.Mat) -> None:
        self._matrix = matrix
        block = matrix if self._schur is None else matrix.getNestSubMatrix(0, 0)
        if not isinstance(self._coarse, Aggregates):
            (block if self._coarse is None else self._coarse.matrix).setNearNullSpace(self._modes)
        database = PETSc.Options()
        database.setValue("options_left", "no")  # which of the user's went unused is said in the outcome
        for name, value in self._options.items():
            database.setValue(self._prefix + name, value)
        self._ksp.setOperators(matrix)
        self._ksp.setFromOptions()
        self._most = self._ksp.getTolerances()[3]
        pc = self._ksp.getPC()
        if self._schur is not None and pc.getType() == "fieldsplit":
            displacement, pressure = matrix.getNestISs()[0]
            pc.setFieldSplitIS(("u", displacement), ("p", pressure))
            pc.setFieldSplitSchurPreType(PETSc.PC.SchurPreType.USER, self._schur)
            pc.setUp()
            pc = pc.getFieldSplitSchurGetSubKSP()[0].getPC()
        if self._coarse is not None and pc.getType() == "mg":
            self._stack(pc, self._coarse)
        else:
            self._leveled, self._age = False, None  # there are no levels, or the user's preconditioner does without

    def _stack(self, pc: PETSc.PC, coarse: Coarse | Aggregates) -> None:
        """Put the finest level upon those below it."""
        pc.setMGLevels(len(coarse.matrices) + 1)
        for level, (matrix, upwards) in enumerate(zip(coarse.matrices, coarse.interpolations, strict=True)):
            (pc.getMGSmoother(level) if level else pc.getMGCoarseSolve()).setOperators(matrix)
            pc.setMGInterpolation(level + 1, upwards)
        pc.setFromOptions()

    def solve(
        self,
        matrix: PETSc.Mat,
        rhs: PETSc.Vec,
        solution: PETSc.Vec,
        rtol: float,
        budget: int | None = None,
        change: Change = Change.GREAT,
    ) -> LinearResult:
        """Solve for ``solution``; collective. A failure resets the solver so that the next solve starts clean.

        Args:
            matrix: tangent; a nest of displacement and pressure blocks in a mixed formulation; always the same object.
            rhs: right-hand side.
            solution: receives the solution.
            rtol: tolerance relative to the right-hand side.
            budget: Krylov iterations after which the solve is given up without factorisation; no limit of its own
                where left out.
            change: how the tangent differs from that of the last solve.
        """
        digits = -np.log10(rtol)
        result, fresh = self._attempt(matrix, rhs, solution, rtol, budget, change)
        if not fresh and result.reason < 0 and result.reason != INDEFINITE:
            wasted = result.iterations
            if self._age is not None:
                self._age.due = True
            result, fresh = self._attempt(matrix, rhs, solution, rtol, budget, Change.GREAT)
            result = LinearResult(wasted + result.iterations, result.reason)
        if result.reason > 0 and np.isfinite(solution.norm()):
            if self._age is not None:
                self._age.note(result.iterations, digits)
            return result
        if self._age is not None:
            self._age.due |= fresh
        self._ksp.reset()
        self._matrix = None
        if budget is not None:
            return LinearResult(result.iterations, min(result.reason, -1))
        if not self._given and matrix.getSize()[0] <= LARGEST_DIRECT and factorised(matrix, rhs, solution):
            return LinearResult(result.iterations, 1, direct=True)
        return LinearResult(result.iterations, min(result.reason, -1))

    def solve_transposed(self, matrix: PETSc.Mat, rhs: PETSc.Vec, solution: PETSc.Vec, rtol: float) -> LinearResult:
        """Solve with the transposed tangent, preconditioned by what serves the tangent itself. Collective.

        The solver must have solved with the tangent before.
        """
        return LinearResult(*solved_transposed(matrix, self._ksp.getPC(), rhs, solution, rtol))

    def _attempt(
        self,
        matrix: PETSc.Mat,
        rhs: PETSc.Vec,
        solution: PETSc.Vec,
        rtol: float,
        budget: int | None,
        change: Change,
    ) -> tuple[LinearResult, bool]:
        """Solve, and whether that was with levels made for this tangent."""
        if self._age is None:
            fresh = change is Change.GREAT or self._matrix is None
        else:
            fresh = self._age.due or self._age.damping != self._damping
        with _blaming_options():
            try:
                if fresh:
                    self._renew(matrix)
                elif self._age is not None:
                    bearable = self._age.bearable(-np.log10(rtol))
                    budget = bearable if budget is None else min(budget, bearable)
                self._iterate(matrix, rhs, solution, rtol, budget)
            except PETSc.Error as error:
                if error.ierr != BROKEN:
                    raise
                return LinearResult(0, int(PETSc.KSP.ConvergedReason.DIVERGED_PCSETUP_FAILED)), fresh
        return LinearResult(self._ksp.getIterationNumber(), int(self._ksp.getConvergedReason())), fresh

    @property
    def _damping(self) -> float:
        return 0.0 if self._coarse is None else self._coarse.damping

    def _renew(self, matrix: PETSc.Mat) -> None:
        """Make the levels below the finest for the present tangent."""
        if isinstance(self._coarse, Coarse) and self._leveled:
            self._coarse.assemble()
        elif isinstance(self._coarse, Aggregates) and self._age is not None:
            self._age.renew(self._damping)
            self._ksp.reset()
            self._matrix = None
            self._coarse.make(self._modes, f"{self._prefix}aggregates_")

    def _iterate(self, matrix: PETSc.Mat, rhs: PETSc.Vec, solution: PETSc.Vec, rtol: float, budget: int | None) -> None:
        if self._matrix is None:
            self._configure(matrix)
        self._ksp.setOperators(matrix)
        self._ksp.setTolerances(rtol=rtol, max_it=self._most if budget is None else min(budget, self._most))
        self._ksp.solve(rhs, solution)

    def forget(self) -> None:
        """Go on as if there had been no solve yet. Collective."""
        self._ksp.destroy()
        self._ksp, self._matrix = self._created(self._modes.comm), None
        if isinstance(self._coarse, Coarse):
            self._coarse.forget()
        self._age = None if self._age is None else _Age()

    def _created(self, comm: object) -> PETSc.KSP:
        ksp = PETSc.KSP().create(comm)
        ksp.setOptionsPrefix(self._prefix)
        return ksp

    def ignored(self) -> list[str]:
        """The user's options that PETSc has not looked at."""
        database = PETSc.Options()
        return [name for name in self._given if not database.used(self._prefix + name)]

    def destroy(self) -> None:
        """Free PETSc's objects and take the options out of its database."""
        self._ksp.destroy()
        database = PETSc.Options()
        for name in self._options:
            database.delValue(self._prefix + name)
        self._modes.destroy()


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
