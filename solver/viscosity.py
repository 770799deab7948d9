"""What tissue that relaxes remembers of the last equilibrium: the stress of its energies and of each Maxwell branch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin import jit
from fibertwin.constitutive.relaxation import PAIRS, Relaxation, carried, relaxed
from fibertwin.curve import Moment

from .deformation import gradient, quadrature
from .equations import Unknowns
from .problem import Problem
from .remembering import Remembering, Values
from .tissue import Carried, Group, cells_of, kinematics

type Array = NDArray[np.float64]

NAME = "cells.viscous"
"""Name of the memory: (own cells, points, 1 + branches, 6) (kPa), the energies' stress first; zero where elastic."""


@dataclass(frozen=True, eq=False)
class _Region:
    """A region that relaxes: its place in its group, and its own cells."""

    name: str
    position: int
    carried: Carried
    cells: NDArray[np.int32]


class Viscosity(Remembering):
    """The tissue of a problem that relaxes, at rest so far. Everything on it is collective.

    Args:
        problem: the problem.
        state: its unknowns.
    """

    def __init__(self, problem: Problem, state: Unknowns) -> None:
        self._mesh, self._dt = problem.anatomy.mesh, 0.0
        own = self._mesh.topology.index_map(3).size_local
        points, weights = quadrature(problem)
        self._groups: list[tuple[NDArray[np.int32], fem.Expression]] = []
        self._regions: list[_Region] = []
        for group in state.tissue:
            if group.carried is None:
                continue
            mine = [cells_of(problem, tag) for tag in group.tags]
            mine = [cells[cells < own] for cells in mine]
            self._regions += [
                _Region(name, position, group.carried, cells)
                for position, (name, cells) in enumerate(zip(group.regions, mine, strict=True))
            ]
            stress = _stress(problem, state.displacement, group)
            together = np.sort(np.concatenate(mine)).astype(np.int32)
            self._groups.append((together, fem.Expression(stress, points, jit_options=jit.options())))
            self._function = group.carried.stress
        self._rows = self._function.function_space.dofmap.list[:own]
        self._branches = [problem.materials[region.name].relaxation for region in self._regions]
        self._shape = (own, len(weights), 1 + max(len(one) for one in self._branches), 6)
        self.begin()

    def begin(self) -> None:
        """Take the present state for the first equilibrium: all branches are relaxed."""
        self._memory = np.zeros(self._shape)
        self._memory[:, :, 0] = self._energetic()

    def memory(self) -> Values:
        """Stresses at the last equilibrium."""
        return {NAME: self._memory}

    def recall(self, memory: Values) -> None:
        """Take back what ``memory`` gave."""
        self._memory = memory[NAME]

    def adopt(self, problem: Problem) -> None:
        """Take shares and times of another problem.

        Raises:
            ValueError: a region has other branches.
        """
        found = [problem.materials[region.name].relaxation for region in self._regions]
        if [len(one) for one in found] != [len(one) for one in self._branches]:
            raise ValueError("problems of one family have as many branches of relaxation")
        self._branches = found

    def move(self, last: Moment, now: Moment) -> None:
        """Let the increment take the time between two moments."""
        self._dt = now.time - last.time
        for region, branches in zip(self._regions, self._branches, strict=True):
            stress, overstress = self._parts(region, branches)
            factor, held = carried(branches, self._dt, overstress, stress)
            self._put(region, factor, held)

    def settle(self) -> None:
        """Take the present state for the last equilibrium."""
        now = self._energetic()
        memory = np.zeros(self._shape)
        memory[:, :, 0] = now
        for region, branches in zip(self._regions, self._branches, strict=True):
            stress, overstress = self._parts(region, branches)
            change = now[region.cells] - stress
            memory[region.cells, :, 1 : 1 + len(branches)] = relaxed(branches, self._dt, overstress, change)
        self._memory = memory

    def slacken(self) -> None:
        """Leave the energies alone, until the next ``move``."""
        for region in self._regions:
            self._put(region, 1.0, np.zeros(6))

    def _parts(self, region: _Region, branches: Sequence[Relaxation]) -> tuple[Array, Array]:
        """The energies' stress (cells, points, 6) and that of the branches (cells, points, branches, 6) of a region."""
        known = self._memory[region.cells]
        return known[:, :, 0], known[:, :, 1 : 1 + len(branches)]

    def _put(self, region: _Region, factor: float, stress: Array) -> None:
        region.carried.assign(region.position, factor)
        self._function.x.array.reshape(-1, 6)[self._rows[region.cells]] = stress

    def _energetic(self) -> Array:
        """The lasting energies' stress (own cells, points, 6) (kPa) at the present state."""
        count = self._rows.shape
        found = np.zeros((*count, 6))
        for cells, expression in self._groups:
            found[cells] = expression.eval(self._mesh, cells).reshape(len(cells), count[1], 6)
        return found


def viscosity(problem: Problem, state: Unknowns) -> Viscosity | None:
    """The memory of a problem's tissue; None where it is elastic. Collective (compiles)."""
    return None if all(group.carried is None for group in state.tissue) else Viscosity(problem, state)


def _stress(problem: Problem, displacement: fem.Function, group: Group) -> ufl.core.expr.Expr:
    """The second Piola–Kirchhoff stress (6,) (kPa) of the lasting energies."""
    F = gradient(displacement)
    S = ufl.inv(F) * ufl.diff(group.material.lasting_psi(kinematics(problem, F)), F)
    return ufl.as_vector([S[pair] for pair in PAIRS])
