"""How a body is held and moved: supports name a surface and say in which directions its points are where, and when."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Gt, Len
from numpy.typing import NDArray

from fibertwin.curve import Curve, Moment, factor, read_table
from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Angle, Length, StiffnessPerArea

if TYPE_CHECKING:
    from dolfinx import fem

    from fibertwin.meshes import Anatomy

type Array = NDArray[np.float64]

AXES = "xyz"
FLAT = 1e-6
"""Largest sine of the angle between the normals of a flat surface's facets and their mean."""


@dataclass(frozen=True, eq=False)
class Place:
    """The nodes of a named surface on this rank, in the reference configuration.

    Attributes:
        anatomy: the body.
        surface: name of the surface.
        space: displacement space.
        nodes: indices (n,) of the surface's nodes, owned and ghosts.
    """

    anatomy: "Anatomy"
    surface: str
    space: "fem.FunctionSpace"
    nodes: NDArray[np.int32]

    @cached_property
    def points(self) -> Array:
        """Positions (n, 3) of the nodes (mm)."""
        return np.asarray(self.space.tabulate_dof_coordinates()[self.nodes])

    @cached_property
    def normals(self) -> Array:
        """Outward unit normals (n, 3) at the nodes, averaged over the facets around by area. Collective."""
        from dolfinx import fem
        from dolfinx.la import InsertMode

        from fibertwin.meshes.boundary import boundary_of

        boundary, V = boundary_of(self.anatomy, self.surface), self.space
        function = fem.Function(V)
        rows = function.x.array.reshape(-1, 3)
        topology = V.mesh.topology
        topology.create_connectivity(3, 2)
        to_cell, to_facet = topology.connectivity(2, 3), topology.connectivity(3, 2)
        for facet, vector in zip(boundary.facets, boundary.area_vectors, strict=True):
            cell = to_cell.links(facet)[0]
            local = int(np.flatnonzero(to_facet.links(cell) == facet)[0])
            rows[V.dofmap.cell_dofs(cell)[V.dofmap.dof_layout.entity_closure_dofs(2, local)]] += vector
        function.x.scatter_reverse(InsertMode.add)
        function.x.scatter_forward()
        found = rows[self.nodes]
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.where(lengths > 0, lengths, 1.0))

    @cached_property
    def mean_normal(self) -> Array:
        """Outward unit normal (3,) of the whole surface, averaged by area. Collective."""
        from fibertwin.meshes import mean_normal

        return mean_normal(self.anatomy, self.surface)

    @cached_property
    def center(self) -> Array:
        """Center (3,) of the whole surface (mm), averaged by area. Collective."""
        from fibertwin.meshes.boundary import centroid

        return centroid(self.anatomy, self.surface)


@dataclass(frozen=True, eq=False)
class Row:
    """One direction in which the points of a surface are held.

    Attributes:
        direction: unit vectors, (3,) for all points or (n, 3).
        distance: displacement along it (mm) at a moment, one number or (n,).
    """

    direction: Array
    distance: Callable[[Moment], Array | float]


@dataclass(frozen=True)
class Support(Declared):
    """A surface whose points are held or moved, in all or some directions, or rest on springs.

    Attributes:
        surface: name of a surface of the anatomy.
    """

    surface: str

    @abstractmethod
    def rows(self, place: Place) -> list[Row]:
        """The directions held; none where the surface rests on springs. Collective."""

    @property
    def knots(self) -> tuple[float, ...]:
        """Times (s) at which the motion changes its course."""
        curve: Curve | None = getattr(self, "curve", None)
        return () if curve is None else curve.times


def _still(moment: Moment) -> float:
    return 0.0


def _vector(distance: Array, curve: Curve | None, components: str = AXES) -> list[Row]:
    """One row per component of a displacement (3,) that grows as a curve says."""

    def row(axis: int) -> Row:
        return Row(np.eye(3)[axis], lambda moment: float(distance[axis] * factor(curve, moment)))

    return [row(AXES.index(c)) for c in sorted(components)]


@dataclass(frozen=True)
class Clamp(Support):
    """The surface does not move.

    Attributes:
        surface: name of a surface of the anatomy.
        components: which of the world components are held (x right-left, y anterior, z superior).
    """

    components: Annotated[str, Len(1, 3)] = AXES

    def __post_init__(self) -> None:
        _check_components(self.components)

    def rows(self, place: Place) -> list[Row]:
        """Zero in each component held."""
        return [Row(np.eye(3)[AXES.index(c)], _still) for c in sorted(self.components)]


@dataclass(frozen=True)
class SymmetryPlane(Support):
    """The points of a flat surface stay in its plane and slide in it freely (a roller), whatever way the plane faces.

    Attributes:
        surface: name of a surface of the anatomy; flat.
    """

    def rows(self, place: Place) -> list[Row]:
        """Zero along the plane's normal.

        Raises:
            InputError: on every rank, if the surface is not flat.
        """
        from fibertwin.meshes.boundary import boundary_of

        normal = place.mean_normal
        normals = boundary_of(place.anatomy, self.surface).normals
        bend = float(np.linalg.norm(np.cross(normals, normal), axis=1).max(initial=0.0))
        worst = max(place.anatomy.mesh.comm.allgather(bend))
        if worst > FLAT or not normal.any():
            got = f"normals up to {np.degrees(np.arcsin(min(worst, 1))):.2g}° off their mean"
            hint = 'for a curved surface: type = "normal-displacement", distance = "0 mm", slide = true'
            raise InputError(Problem(f"surface {self.surface}", "is not flat", got, "a plane", hint))
        nearest = np.round(normal)
        return [Row(np.abs(nearest) if np.abs(normal - nearest).max() < 1e-12 else normal, _still)]


@dataclass(frozen=True)
class PrescribedDisplacement(Support):
    """The surface moves by a given vector, as it would when glued to a rigid plate.

    Attributes:
        surface: name of a surface of the anatomy.
        displacement: displacement in world axes (x, y, z) at full load.
        components: which of the world components follow it; the others are free.
        curve: factor of the displacement over time; in proportion to the load's level where left out.
    """

    displacement: tuple[Length, Length, Length]
    components: Annotated[str, Len(1, 3)] = AXES
    curve: Curve | None = None

    def __post_init__(self) -> None:
        _check_components(self.components)

    def rows(self, place: Place) -> list[Row]:
        """The given vector, in the given components."""
        return _vector(np.array(self.displacement), self.curve, self.components)


@dataclass(frozen=True)
class NormalDisplacement(Support):
    """Each point of the surface moves along its own normal of the reference configuration.

    Attributes:
        surface: name of a surface of the anatomy.
        distance: how far, outward, at full load.
        slide: points are free across their normals.
        curve: factor of the distance over time; in proportion to the load's level where left out.
    """

    distance: Length
    slide: bool = False
    curve: Curve | None = None

    def rows(self, place: Place) -> list[Row]:
        """The distance along the normals."""

        def along(direction: Array) -> Callable[[Moment], Array]:
            return lambda moment: self.distance * factor(self.curve, moment) * direction

        if self.slide:
            return [Row(place.normals, along(np.ones(len(place.normals))))]
        return [Row(np.eye(3)[axis], along(place.normals[:, axis])) for axis in range(3)]


@dataclass(frozen=True)
class Retractor(Support):
    """A rigid blade, in full contact, pushes the surface along its mean inward normal.

    Attributes:
        surface: name of a surface of the anatomy.
        depth: how far the blade is pushed in.
        curve: factor of the depth over time; in proportion to the load's level where left out.
    """

    depth: Annotated[Length, Gt(0)]
    curve: Curve | None = None

    def rows(self, place: Place) -> list[Row]:
        """Depth along the area-weighted mean inward normal."""
        return _vector(-self.depth * place.mean_normal, self.curve)


@dataclass(frozen=True)
class RigidMotion(Support):
    """The surface moves as a rigid body, by finite rotations: each point to c + R (X − c) + translation.

    Attributes:
        surface: name of a surface of the anatomy.
        rotation: rotation vector (axis times angle) in world axes at full load.
        translation: displacement of the center at full load.
        center: point c that the rotation leaves where it is; the center of the surface where left out.
        curve: factor of rotation angle and translation over time; in proportion to the load's level where left out.
        history: CSV file instead of these: time (s), translation x, y, z (mm), rotation vector x, y, z (rad); linear
            between the lines, along the shortest rotation.
    """

    rotation: tuple[Angle, Angle, Angle] = (0.0, 0.0, 0.0)
    translation: tuple[Length, Length, Length] = (0.0, 0.0, 0.0)
    center: tuple[Length, Length, Length] | None = None
    curve: Curve | None = None
    history: Path | None = None

    def __post_init__(self) -> None:
        if self.history is not None:
            if any((*self.rotation, *self.translation)) or self.curve is not None:
                raise ValueError("history excludes rotation, translation and curve")
            if (np.diff(self._table[:, 0]) <= 0).any():
                raise ValueError(f"the times in {self.history} must rise")

    @cached_property
    def _table(self) -> Array:
        return read_table(self.history, 7) if self.history is not None else np.zeros((0, 7))

    @property
    def knots(self) -> tuple[float, ...]:
        """Times (s) of the history's lines, or of the curve's points."""
        return super().knots if self.history is None else tuple(float(t) for t in self._table[:, 0])

    def rows(self, place: Place) -> list[Row]:
        """The rigid motion of every point."""
        center = place.center if self.center is None else np.array(self.center)
        arms = place.points - center

        def component(axis: int) -> Row:
            def distance(moment: Moment) -> Array:
                matrix, shift = self._pose(moment)
                return np.asarray(arms @ (matrix[axis] - np.eye(3)[axis]) + shift[axis])

            return Row(np.eye(3)[axis], distance)

        return [component(axis) for axis in range(3)]

    def _pose(self, moment: Moment) -> tuple[Array, Array]:
        """Rotation matrix (3, 3) and translation (3,) at a moment."""
        from scipy.spatial.transform import Rotation, Slerp

        if self.history is None:
            part = float(factor(self.curve, moment))
            return Rotation.from_rotvec(part * np.array(self.rotation)).as_matrix(), part * np.array(self.translation)
        table = self._table
        time = float(np.clip(moment.time, table[0, 0], table[-1, 0]))
        shift = np.array([np.interp(time, table[:, 0], table[:, 1 + axis]) for axis in range(3)])
        turns = Rotation.from_rotvec(table[:, 4:])
        turn = turns[0] if len(table) == 1 else Slerp(table[:, 0], turns)(time)
        return turn.as_matrix(), shift


@dataclass(frozen=True)
class Springs(Support):
    """The surface rests on springs that stay as stiff however far they are stretched (Winkler foundation).

    The force per reference area is −k u, or −k (u·N) N; springs are a support, so they may be all that holds the body.

    Attributes:
        surface: name of a surface of the anatomy.
        stiffness: stiffness k per reference area.
        direction: ``normal`` (along the reference normal only, such as the pericardium) or ``full``.
    """

    stiffness: Annotated[StiffnessPerArea, Gt(0)]
    direction: Literal["normal", "full"] = field(default="normal")

    def rows(self, place: Place) -> list[Row]:
        """None: springs give way."""
        return []


def _check_components(components: str) -> None:
    if not set(components) <= set(AXES) or len(set(components)) != len(components):
        raise ValueError(f"components must be some of x, y, z, each once; got {components!r}")
