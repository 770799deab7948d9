"""The nonlinear system at a load level: residual, tangent, norm, energy, on any number of ranks."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from dolfinx import fem
from dolfinx.fem import petsc
from numpy.typing import NDArray
from petsc4py import PETSc

from .constraints import Constraints, constraints
from .equations import Forms, Unknowns, forms, unknowns
from .linear import LinearSolver
from .problem import Problem


@dataclass(frozen=True)
class Residual:
    """Size of the residual (mN) and of the internal and support forces it is judged against (mN)."""

    norm: float
    forces: float


class System:
    """Unknowns, forms, constraints and PETSc objects of one problem. Everything on it is collective."""

    def __init__(self, problem: Problem, petsc_options: Mapping[str, str] | None = None) -> None:
        self.problem = problem
        self.comm = problem.anatomy.mesh.comm
        self.state: Unknowns = unknowns(problem)
        self.constraints: Constraints = constraints(problem, self.state.displacement.function_space)
        self.forms: Forms = forms(problem, self.state)
        conditions = self.constraints.conditions
        self._rows = fem.bcs_by_block(fem.extract_function_spaces(self.forms.residual), conditions)
        self._columns = fem.bcs_by_block(fem.extract_function_spaces(self.forms.tangent, 1), conditions)
        self._conditions = conditions
        self._x = PETSc.Vec().createNest([f.x.petsc_vec for f in self.state.functions], comm=self.comm)
        self._b = self._nested_vector()
        self._dx = self._nested_vector()
        mixed = self.state.pressure is not None
        self._matrix = (
            petsc.create_matrix(self.forms.tangent, kind="nest")
            if mixed
            else petsc.create_matrix(self.forms.tangent[0][0])
        )
        self._schur = self._assemble_schur()
        V = self.state.displacement.function_space
        self._linear = LinearSolver(self._matrix, V, self._schur, petsc_options or {})
        self._pressure_scale = self._scale()
        self.set_level(0.0)

    # -- state ---------------------------------------------------------------------------------
    def set_level(self, level: float) -> None:
        """Move supports and loads to a load level, 0 to 1."""
        self.constraints.set_level(level)
        self.forms.level.value = level

    def copy_state(self) -> list[NDArray[np.float64]]:
        """The unknowns of this rank, ghosts included."""
        return [f.x.array.copy() for f in self.state.functions]

    def set_state(self, values: list[NDArray[np.float64]]) -> None:
        """Put back what ``copy_state`` gave."""
        for f, array in zip(self.state.functions, values, strict=True):
            f.x.array[:] = array

    def move(self, step: float) -> None:
        """Subtract ``step`` times the last Newton correction from the unknowns."""
        for f, d in zip(self.state.functions, self._dx.getNestSubVecs(), strict=True):
            f.x.petsc_vec.axpy(-step, d)
            f.x.scatter_forward()

    # -- equations -----------------------------------------------------------------------------
    def residual(self) -> Residual:
        """Assemble the residual; what the supports bear counts as force, not as residual."""
        self._assemble_residual()
        forces = self._b.getNestSubVecs()[0].norm()
        petsc.set_bc(self._b, self._rows, x0=self._x, alpha=0.0)
        parts = [part.norm() for part in self._b.getNestSubVecs()]
        weighted = [parts[0], *(self._pressure_scale * part for part in parts[1:])]
        return Residual(float(np.linalg.norm(weighted)), float(forces))

    def newton_correction(self, rtol: float, *, moving: bool) -> tuple[int, bool]:
        """Solve the tangent for a correction; prescribed motion enters through the tangent where ``moving``.

        Returns:
            Krylov iterations, and whether the solve succeeded.
        """
        self._assemble_tangent()
        self._assemble_residual(lifted=moving)
        petsc.set_bc(self._b, self._rows, x0=self._x, alpha=-1.0)
        single = self.state.pressure is None
        b, dx = (self._b.getNestSubVecs()[0], self._dx.getNestSubVecs()[0]) if single else (self._b, self._dx)
        result = self._linear.solve(b, dx, rtol)
        return result.iterations, result.reason > 0

    def energy(self) -> float:
        """Stored energy (µJ), volumetric part included."""
        return float(self.comm.allreduce(fem.assemble_scalar(self.forms.energy)))

    def internal_forces(self) -> NDArray[np.float64]:
        """Force (mN) of the tissue at every displacement degree of freedom owned here."""
        vector = petsc.assemble_vector(self.forms.internal)
        vector.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        forces = np.array(vector.array_r)
        vector.destroy()
        return forces

    def reactions(self) -> dict[str, NDArray[np.float64]]:
        """Force (3,) (mN) that each support exerts on the body: what is left of the residual where it holds."""
        self._assemble_residual()
        forces = self._b.getNestSubVecs()[0].array_r.reshape(-1, 3)
        total = {name: np.zeros(3) for name in self.problem.supports}
        for h in self.constraints.held:
            mine = h.dofs[h.dofs < len(forces)]
            total[h.support][h.component] += forces[mine, h.component].sum()
        return {name: np.asarray(self.comm.allreduce(force)) for name, force in total.items()}

    def ignored_options(self) -> list[str]:
        """The user's PETSc options that PETSc has not looked at."""
        return self._linear.ignored()

    def destroy(self) -> None:
        """Free PETSc's objects (collective); the unknowns stay."""
        self._linear.destroy()
        for item in (self._matrix, self._schur, self._b, self._dx, self._x):
            if item is not None:
                item.destroy()

    def _nested_vector(self) -> PETSc.Vec:
        parts = [petsc.create_vector(f.function_space) for f in self.state.functions]
        return PETSc.Vec().createNest(parts, comm=self.comm)

    # -- assembly ------------------------------------------------------------------------------
    def _assemble_residual(self, *, lifted: bool = False) -> None:
        for part in self._b.getNestSubVecs():
            with part.localForm() as local:
                local.set(0.0)
        petsc.assemble_vector(self._b, self.forms.residual)
        if lifted:
            petsc.apply_lifting(self._b, self.forms.tangent, self._columns, x0=self._x, alpha=-1.0)
        for part in self._b.getNestSubVecs():
            part.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)

    def _assemble_tangent(self) -> None:
        self._matrix.zeroEntries()
        form = self.forms.tangent if self.state.pressure is not None else self.forms.tangent[0][0]
        petsc.assemble_matrix(self._matrix, form, bcs=self._conditions)
        self._matrix.assemble()

    def _assemble_schur(self) -> PETSc.Mat | None:
        if self.forms.schur_mass is None:
            return None
        mass = petsc.assemble_matrix(self.forms.schur_mass)
        mass.assemble()
        mass.scale(-1.0)
        return mass

    def _scale(self) -> float:
        """Shear modulus over cell size (kPa/mm): turns a volume error (mm³) into a force (mN)."""
        domain = self.problem.anatomy.mesh
        cells = domain.topology.index_map(3)
        sizes = domain.h(3, np.arange(cells.size_local, dtype=np.int32))
        mean = self.comm.allreduce(float(sizes.sum())) / cells.size_global
        return float(max(m.shear_modulus for m in self.problem.materials.values()) / mean)
