"""Supports as conditions on the unknowns: along the axes by Dirichlet conditions, in other directions by projection."""

from dataclasses import dataclass

import numpy as np
from dolfinx import fem
from numpy.typing import NDArray

from fibertwin.curve import Moment
from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong

from .problem import Problem, free_rigid_modes
from .supports import AXES, Array, Place, Row, Springs

SAME = 1e-9
"""Relative difference up to which two supports move a shared point alike."""


@dataclass(frozen=True, eq=False)
class Held:
    """One row of one support on this rank.

    Attributes:
        support: name of the support.
        nodes: indices (n,) of the nodes held, owned and ghosts.
        directions: unit vectors (n, 3).
        row: distance along them.
        axis: 0 to 2 where the direction is that of an axis for all nodes, else None.
    """

    support: str
    nodes: NDArray[np.int32]
    directions: Array
    row: Row
    axis: int | None

    def distances(self, moment: Moment) -> Array:
        """Displacement (n,) along the directions (mm)."""
        return np.broadcast_to(np.asarray(self.row.distance(moment), dtype=float), (len(self.nodes),))


@dataclass(frozen=True, eq=False)
class Oblique:
    """Nodes that are held in directions other than the axes.

    Attributes:
        nodes: indices (m,), owned and ghosts.
        free: projectors (m, 3, 3) on the directions in which a node is free.
        solve: matrices (m, 3, r) from the distances along the rows that hold a node to its displacement.
        rows: which row (m, r) of ``Constraints.held`` holds the node, and which of its nodes (m, r); −1 for none.
    """

    nodes: NDArray[np.int32]
    free: Array
    solve: Array
    rows: tuple[NDArray[np.int64], NDArray[np.int64]]

    def target(self, held: tuple[Held, ...], moment: Moment) -> Array:
        """Displacement (m, 3) of the nodes in the directions in which they are held (mm)."""
        which, at = self.rows
        distances = np.zeros(which.shape)
        for number, one in enumerate(held):
            mine = which == number
            if mine.any():
                distances[mine] = one.distances(moment)[at[mine]]
        return np.asarray(np.einsum("mij,mj->mi", self.solve, distances))


@dataclass(frozen=True, eq=False)
class Constraints:
    """Every support of a problem that holds, as conditions.

    Attributes:
        held: rows of all supports.
        values: displacement along each axis at the present moment, bound into the conditions.
        conditions: Dirichlet conditions.
        oblique: the nodes that need projection, if any rank has some; else None.
        space: displacement space.
    """

    held: tuple[Held, ...]
    values: tuple[fem.Function, ...]
    conditions: list[fem.DirichletBC]
    oblique: Oblique | None
    space: fem.FunctionSpace

    def move(self, moment: Moment) -> None:
        """Move every support to its place at a moment."""
        for one in self.held:
            if one.axis is not None:
                self.values[one.axis].x.array[one.nodes] = one.distances(moment)


def constraints(problem: Problem, V: fem.FunctionSpace, moments: list[Moment]) -> Constraints:
    """Turn supports into conditions. Collective.

    Args:
        problem: the problem.
        V: displacement space.
        moments: when to look whether supports contradict each other.

    Raises:
        InputError: where two supports move the same point differently, or the body can still move rigidly.
    """
    held, resting = _held(problem, V)
    oblique = _oblique(held, V)
    scalar = [V.sub(axis).collapse()[0] for axis in range(3)]
    values = tuple(fem.Function(space) for space in scalar)
    conditions = []
    for one in held:
        if one.axis is not None:
            nodes = one.nodes if oblique is None else np.setdiff1d(one.nodes, oblique.nodes)
            dofs = [np.sort(3 * nodes + one.axis).astype(np.int32), np.sort(nodes).astype(np.int32)]
            conditions.append(fem.dirichletbc(values[one.axis], dofs, V.sub(one.axis)))
    found = Constraints(held, values, conditions, oblique, V)
    _check_conflicts(found, V, moments)
    _check_rigid(held, resting, V)
    return found


def _held(problem: Problem, V: fem.FunctionSpace) -> tuple[tuple[Held, ...], list[tuple[Array, Array]]]:
    """Rows of all supports, and points with directions (n, 3) in which springs resist."""
    from fibertwin.meshes.boundary import boundary_of

    V.mesh.topology.create_connectivity(2, 3)
    held, resting = [], []
    for name, support in problem.supports.items():
        nodes = fem.locate_dofs_topological(V, 2, problem.anatomy.surfaces[support.surface])
        for row in support.rows(Place(problem.anatomy, support.surface, V, nodes)):
            directions = np.broadcast_to(row.direction, (len(nodes), 3))
            held.append(Held(name, nodes, directions, row, _axis(row.direction)))
        if isinstance(support, Springs):
            boundary = boundary_of(problem.anatomy, support.surface)
            wanted = [boundary.normals] if support.direction == "normal" else list(np.eye(3))
            resting += [(boundary.midpoints, np.broadcast_to(way, boundary.midpoints.shape)) for way in wanted]
    return tuple(held), resting


def _axis(direction: Array) -> int | None:
    """The axis that a direction is, for all points alike."""
    if direction.ndim == 1:
        for axis in range(3):
            if np.array_equal(direction, np.eye(3)[axis]):
                return axis
    return None


def _oblique(held: tuple[Held, ...], V: fem.FunctionSpace) -> Oblique | None:
    """All rows of the nodes that a row in another direction than an axis holds. Collective."""
    bent = [one.nodes for one in held if one.axis is None]
    if not V.mesh.comm.allreduce(len(bent)):
        return None
    nodes = np.unique(np.concatenate(bent)).astype(np.int32) if bent else np.zeros(0, np.int32)
    most = max(len(held), 1)
    rows = np.zeros((len(nodes), most, 3))
    which, at = np.full((len(nodes), most), -1), np.full((len(nodes), most), -1)
    for number, one in enumerate(held):
        _, here, there = np.intersect1d(nodes, one.nodes, return_indices=True)
        rows[here, number] = one.directions[there]
        which[here, number], at[here, number] = number, there
    solve = np.linalg.pinv(rows, rcond=1e-8) if len(nodes) else np.zeros((0, 3, most))
    free = np.eye(3) - solve @ rows
    return Oblique(nodes, free, solve, (which, at))


def _check_conflicts(found: Constraints, V: fem.FunctionSpace, moments: list[Moment]) -> None:
    """Refuse supports that put a shared point in two places at any of the moments. Collective."""
    owned = V.dofmap.index_map.size_local
    place = np.zeros((owned, 3))
    wrong: dict[tuple[str, str], Wrong] = {}
    for moment in moments:
        for number, one in enumerate(found.held):
            for other in found.held[:number]:
                if one.axis is None or one.axis != other.axis or one.support == other.support:
                    continue
                shared, here, there = np.intersect1d(one.nodes, other.nodes, return_indices=True)
                mine, theirs = one.distances(moment)[here], other.distances(moment)[there]
                apart = (shared < owned) & (np.abs(mine - theirs) > SAME * (np.abs(mine) + np.abs(theirs)))
                _note_conflict(wrong, V, one, other, mine[apart], theirs[apart])
        if found.oblique is not None:
            _note_contradictions(wrong, found, V, moment, place)
    if wrong:
        raise InputError(list(wrong.values()))


def _note_conflict(
    wrong: dict[tuple[str, str], Wrong], V: fem.FunctionSpace, one: Held, other: Held, mine: Array, theirs: Array
) -> None:
    example = next((e for e in V.mesh.comm.allgather([*mine[:1], *theirs[:1]]) if e), None)
    count = V.mesh.comm.allreduce(len(mine))
    if count and example is not None and (one.support, other.support) not in wrong and one.axis is not None:
        wrong[one.support, other.support] = Wrong(
            f"supports.{one.support}",
            f"moves {count} points along {AXES[one.axis]} that supports.{other.support} holds elsewhere",
            got=f"{example[0]:g} mm and {example[1]:g} mm",
            hint="make the two surfaces disjoint",
        )


def _note_contradictions(
    wrong: dict[tuple[str, str], Wrong], found: Constraints, V: fem.FunctionSpace, moment: Moment, place: Array
) -> None:
    """Rows in several directions that no displacement of a node satisfies together."""
    oblique = found.oblique
    if oblique is None:
        return
    target = oblique.target(found.held, moment)
    which, at = oblique.rows
    for number, one in enumerate(found.held):
        mine = np.flatnonzero((which[:, number] >= 0) & (oblique.nodes < len(place)))
        wanted = one.distances(moment)[at[mine, number]]
        reached = np.einsum("mi,mi->m", one.directions[at[mine, number]], target[mine])
        apart = np.abs(wanted - reached) > 1e-8 * max(1e-8, np.abs(target).max(initial=0.0))
        count = V.mesh.comm.allreduce(int(apart.sum()))
        if count and (one.support, "") not in wrong:
            what = f"cannot hold {count} points where it wants them: other supports hold them in other directions"
            wrong[one.support, ""] = Wrong(f"supports.{one.support}", what, hint="make the surfaces disjoint")


def _check_rigid(held: tuple[Held, ...], resting: list[tuple[Array, Array]], V: fem.FunctionSpace) -> None:
    owned = V.dofmap.index_map.size_local
    nodes = V.tabulate_dof_coordinates()
    points, directions = [np.zeros((0, 3))], [np.zeros((0, 3))]
    for one in held:
        mine = one.nodes < owned
        points.append(nodes[one.nodes[mine]])
        directions.append(one.directions[mine])
    for where, ways in resting:
        points.append(where)
        directions.append(ways)
    free = free_rigid_modes(np.concatenate(points), np.concatenate(directions), V.mesh.comm)
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
