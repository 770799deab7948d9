"""Supports as Dirichlet conditions whose values follow the load level."""

from dataclasses import dataclass

import numpy as np
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong

from .problem import Problem, free_rigid_modes
from .supports import AXES


@dataclass(frozen=True)
class Held:
    """One component of one support.

    Attributes:
        support: name of the support.
        component: 0 to 2.
        target: displacement at full load (mm).
        value: displacement at the present load level (mm), bound into ``condition``.
        dofs: block indices on this rank, owned and ghosts, of the displacement nodes held.
        condition: the Dirichlet condition.
    """

    support: str
    component: int
    target: float
    value: fem.Constant
    dofs: NDArray[np.int32]
    condition: fem.DirichletBC


@dataclass(frozen=True)
class Constraints:
    """Every support of a problem as Dirichlet conditions."""

    held: tuple[Held, ...]

    @property
    def conditions(self) -> list[fem.DirichletBC]:
        """The Dirichlet conditions."""
        return [h.condition for h in self.held]

    def set_level(self, level: float) -> None:
        """Move every support to its place at a load level."""
        for h in self.held:
            h.value.value = level * h.target


def constraints(problem: Problem, V: fem.FunctionSpace) -> Constraints:
    """Turn supports into Dirichlet conditions. Collective.

    Raises:
        InputError: where two supports move the same point differently, or the body can still move rigidly.
    """
    domain = problem.anatomy.mesh
    held = []
    for name, support in problem.supports.items():
        facets = problem.anatomy.surfaces[support.surface]
        domain.topology.create_connectivity(2, 3)
        nodes = fem.locate_dofs_topological(V, 2, facets)
        for component, target in sorted(support.motion(problem.anatomy).items()):
            value = fem.Constant(domain, 0.0)
            dofs = fem.locate_dofs_topological(V.sub(component), 2, facets)
            held.append(Held(name, component, target, value, nodes, fem.dirichletbc(value, dofs, V.sub(component))))
    found = Constraints(tuple(held))
    _check_conflicts(found, V)
    _check_rigid(found, V)
    return found


def _check_conflicts(found: Constraints, V: fem.FunctionSpace) -> None:
    comm = V.mesh.comm
    wrong = []
    for i, one in enumerate(found.held):
        for other in found.held[i + 1 :]:
            if one.component != other.component or one.target == other.target:
                continue
            shared = np.intersect1d(one.dofs, other.dofs)
            count = comm.allreduce(int((shared < V.dofmap.index_map.size_local).sum()))
            if count:
                wrong.append(
                    Wrong(
                        f"supports.{other.support}",
                        f"moves {count} points along {AXES[one.component]} that supports.{one.support} holds elsewhere",
                        got=f"{other.target:g} mm and {one.target:g} mm",
                        hint="make the two surfaces disjoint",
                    )
                )
    if wrong:
        raise InputError(wrong)


def _check_rigid(found: Constraints, V: fem.FunctionSpace) -> None:
    owned = V.dofmap.index_map.size_local
    nodes = V.tabulate_dof_coordinates()
    points, components = [np.zeros((0, 3))], [np.zeros(0, dtype=np.int64)]
    for h in found.held:
        mine = h.dofs[h.dofs < owned]
        points.append(nodes[mine])
        components.append(np.full(len(mine), h.component))
    free = free_rigid_modes(np.concatenate(points), np.concatenate(components), V.mesh.comm)
    if free:
        raise InputError(
            Wrong(
                "supports",
                "the body can still move freely",
                got="; ".join(free),
                wanted="supports that resist all six rigid motions",
                hint="clamp a surface",
            )
        )
