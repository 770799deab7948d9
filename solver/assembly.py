"""Residual and tangent as PETSc objects, assembled from the kernels of the tissue and the forms of what acts on it."""

from collections.abc import Sequence

from dolfinx import fem
from dolfinx.fem import petsc
from petsc4py import PETSc

from .aggregates import Aggregates
from .coarse import Coarse, damp, fill, linear_space
from .equations import Forms, Unknowns
from .kernels import pattern


class Assembly:
    """The tangent, its coarse level, and what fills them and the residual. Everything on it is collective.

    Args:
        forms: forms of the problem.
        state: its unknowns.
        conditions: Dirichlet conditions.
        coarse: linear displacements of the coarse level, or None for none.
        scalar: the displacement's block is stored by entries, for those who cannot do with 3 × 3 blocks.

    Attributes:
        matrix: the tangent; with a pressure a nest of four blocks, the lower left one the transpose of the upper right.
        coarse: the levels below the tangent; None where multigrid makes its own of a scalar matrix.
    """

    def __init__(
        self,
        forms: Forms,
        state: Unknowns,
        conditions: Sequence[fem.DirichletBC],
        coarse: fem.FunctionSpace | None,
        *,
        scalar: bool = False,
    ) -> None:
        self._forms, self._state, self._conditions = forms, state, list(conditions)
        spaces = [f.function_space for f in state.functions]
        linear = spaces[0].element.basix_element.degree == 1
        blocks = coarse is not None or (linear and not scalar)
        kind = "baij" if blocks else "aij"
        self._blocks = [petsc.create_matrix(pattern(spaces[0], spaces[0]), kind)]
        self.matrix: PETSc.Mat = self._blocks[0]
        if len(spaces) > 1:
            u, p = spaces
            self._blocks += [petsc.create_matrix(pattern(u, p)), petsc.create_matrix(pattern(p, p))]
            transposed = PETSc.Mat().createTranspose(self._blocks[1])
            rows = [[self._blocks[0], self._blocks[1]], [transposed, self._blocks[2]]]
            self.matrix = PETSc.Mat().createNest(rows, comm=u.mesh.comm)
        self.coarse: Coarse | Aggregates | None = None
        if coarse is not None:
            self.coarse = self._coarse_level(spaces[0], coarse)
        elif blocks:
            self.coarse = Aggregates(spaces[0], self._blocks[0])

    def _coarse_level(self, V: fem.FunctionSpace, V1: fem.FunctionSpace) -> Coarse:
        parts = [*(part.coarse for part in self._forms.tissue), self._forms.coarse]
        tangents = [part for part in parts if part is not None]
        return Coarse(V, V1, self._conditions, tangents, pattern(V1, V1))

    def residual(self, b: PETSc.Vec, *, lifted: bool = False) -> None:
        """Assemble the residual into a nest of vectors.

        Args:
            b: receives it.
            lifted: what supports have still to move enters through the tangent.
        """
        parts = b.getNestSubVecs()
        for number, part in enumerate(parts):
            with part.localForm() as local:
                local.set(0.0)
            for tissue in self._forms.tissue:
                petsc.assemble_vector(part, tissue.residual[number])
                if lifted:
                    self._lift(part, tissue.tangent[number][0])
        if self._forms.outside is not None:
            petsc.assemble_vector(parts[0], self._forms.outside)
        if lifted and self._forms.stiffness is not None:
            self._lift(parts[0], self._forms.stiffness)
        for part in parts:
            part.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)

    def _lift(self, part: PETSc.Vec, tangent: fem.Form) -> None:
        place = self._state.displacement.x.petsc_vec
        petsc.apply_lifting(part, [tangent], bcs=[self._conditions], x0=[place], alpha=-1.0)

    def drag(self, b: PETSc.Vec) -> None:
        """Add what the conditions' values, taken for changes of the unknowns, change in the residual."""
        for number, part in enumerate(b.getNestSubVecs()):
            tangents = [tissue.tangent[number][0] for tissue in self._forms.tissue]
            stiffness = [self._forms.stiffness] if number == 0 and self._forms.stiffness is not None else []
            for form in (*tangents, *stiffness):
                petsc.apply_lifting(part, [form], bcs=[self._conditions], alpha=-1.0)
            part.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)

    def tangent(self, damping: float = 0.0) -> None:
        """Bring the tangent to the present state, its displacement block's diagonal raised by a part of itself."""
        places = [(0, 0)] if len(self._blocks) == 1 else [(0, 0), (0, 1), (1, 1)]
        for block, (i, j) in zip(self._blocks, places, strict=True):
            stiffness = [self._forms.stiffness] if i == j == 0 and self._forms.stiffness is not None else []
            forms = [*(tissue.tangent[i][j] for tissue in self._forms.tissue), *stiffness]
            fill(block, forms, self._conditions if i == 0 else [])
        damp(self._blocks[0], damping)
        if self.coarse is not None:
            self.coarse.damping = damping
        if len(self._blocks) > 1:
            self.matrix.assemble()

    def destroy(self) -> None:
        """Free PETSc's objects."""
        for item in (self.matrix, *self._blocks[len(self._blocks) == 1 :], self.coarse):
            if item is not None:
                item.destroy()


def coarse_space(state: Unknowns, *, oblique: bool) -> fem.FunctionSpace | None:
    """The space of the coarse level: none below linear displacements, nor where supports are projected."""
    V = state.displacement.function_space
    return linear_space(V) if V.element.basix_element.degree > 1 and not oblique else None
