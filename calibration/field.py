"""A stiffness in every cell as parameters of an equilibrium, derived by adjoints."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong
from fibertwin.solver.field_gradient import FieldGradient
from fibertwin.solver.parameters import known_at_points

from .equilibrium import EquilibriumModel
from .observe import Observation

if TYPE_CHECKING:
    from fibertwin.meshes import Anatomy
    from fibertwin.solver import Problem, Stepping

type Vector = NDArray[np.float64]


class FieldModel:
    """A positive parameter of a law with a value of its own in every cell of a region.

    The parameters z (n,) are logarithms over the value that the problem gives: θ = θ₀ exp z. Cells are counted as they
    came, on any number of ranks alike; ``cells_of`` tells which. Derivatives take one adjoint solve for each number
    that is seen.

    Args:
        problem: the problem, with one positive number where the field is to be.
        region: name of the region.
        term: position of the energy in the region's material.
        name: name of the parameter, such as ``mu``.
        observations: pairs of a level (0, 1] of the load history and displacements, strains or images there.
        stepping: how loads are brought on.
        petsc: PETSc options.
        rtol: tolerance of the linear solves for derivatives.

    Attributes:
        names: of the parameters (n).
        value: θ₀.
        model: the equilibria.

    Raises:
        InputError: there is no such parameter, it is not one positive number, or an observation sees nothing.
    """

    def __init__(
        self,
        problem: "Problem",
        region: str,
        term: int,
        name: str,
        observations: Sequence[tuple[float, Observation]],
        stepping: "Stepping | None" = None,
        *,
        petsc: str = "",
        rtol: float = 1e-5,
    ) -> None:
        self._problem, self._place = problem, (region, term, name)
        self.value = self._present()
        self._cells = cells_of(problem.anatomy, region)
        anatomy = problem.anatomy
        owned = anatomy.mesh.topology.index_map(3).size_local
        mine = anatomy.mesh.topology.original_cell_index
        self._where = np.searchsorted(self._cells, mine)
        self._inside = np.isin(mine, self._cells)
        self._own = np.flatnonzero(self._inside[:owned])
        self.names = tuple(f"{name} of cell {cell}" for cell in self._cells.tolist())
        self.model = EquilibriumModel(
            self.names, self._problem_at, np.zeros(len(self._cells)), observations, stepping, petsc=petsc, rtol=rtol
        )
        self._field = FieldGradient(self.model.equilibria.system, region, term, name)

    def solve(self, z: Vector) -> Vector:
        """What is seen (m,).

        Raises:
            SolveError: there is no equilibrium.
        """
        return self.model.solve(z)

    def linearise(self, z: Vector) -> tuple[Vector, NDArray[np.float64]]:
        """What is seen (m,) and its derivatives (m, n).

        Raises:
            SolveError: there is no equilibrium.
        """
        z = np.asarray(z, dtype=float)
        seen = self.model.solve(z)
        rows = self.model.rows(z, self._field)
        comm = self._problem.anatomy.mesh.comm
        slopes = np.empty((len(seen), len(z)))
        for where, part in comm.allgather((self._where[self._own], rows[:, self._own])):
            slopes[:, where] = part
        return seen, slopes * self.value * np.exp(z)

    def _present(self) -> float:
        region, term, name = self._place
        place = f"materials.{region}.energies.{term}.{name}"
        material = self._problem.materials.get(region)
        energies = material.energies if material is not None else ()
        value = getattr(energies[term], name, None) if 0 <= term < len(energies) else None
        if not isinstance(value, int | float) or not value > 0:
            raise InputError(Wrong(place, "is not one positive number", "" if value is None else str(value)))
        return float(value)

    def _problem_at(self, z: Vector) -> "Problem":
        region, term, name = self._place
        problem, material = self._problem, self._problem.materials[self._place[0]]
        from fibertwin.meshes import quadrature_points

        points = len(quadrature_points(problem.anatomy.mesh, problem.quadrature_degree)[1])
        values = np.full(len(self._where), np.nan)
        values[self._inside] = self.value * np.exp(z[self._where[self._inside]])
        varying = known_at_points(np.repeat(values[:, None], points, axis=1))
        energies = list(material.energies)
        energies[term] = replace(energies[term], **{name: varying})
        return replace(problem, materials={**problem.materials, region: replace(material, energies=tuple(energies))})


def cells_of(anatomy: "Anatomy", region: str) -> NDArray[np.int64]:
    """Numbers (n,), rising, of the cells of a region as they came before they were spread. Collective.

    Raises:
        InputError: there is no such region.
    """
    if region not in anatomy.regions:
        raise InputError(Wrong("region", "no such region", region, f"one of {', '.join(sorted(anatomy.regions))}"))
    mesh, tags = anatomy.mesh, anatomy.cell_tags
    owned = mesh.topology.index_map(3).size_local
    mine = tags.indices[tags.values == anatomy.regions[region]]
    numbers = mesh.topology.original_cell_index[mine[mine < owned]]
    return np.unique(np.concatenate(mesh.comm.allgather(numbers)))
