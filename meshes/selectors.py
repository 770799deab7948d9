"""Named surfaces from rules: which exterior facets a support or a load acts on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Gt, Interval, MinLen
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.units import Unit

from .anatomy import Anatomy
from .boundary import Boundary, area, boundary_of, facet_counts
from .rule import Axis, Direction, Position, SurfaceSelector, coordinate, point_of, unit, written

Radius = Annotated[float, Unit("mm"), Gt(0)]


@dataclass(frozen=True)
class Box(SurfaceSelector):
    """Facets whose midpoints lie in a box along the axes.

    Attributes:
        lower: corner with the least coordinates.
        upper: corner with the greatest coordinates.
    """

    lower: tuple[Position, Position, Position]
    upper: tuple[Position, Position, Position]

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets lie in the box."""
        low = point_of(self.lower, boundary) - boundary.slack
        high = point_of(self.upper, boundary) + boundary.slack
        x = boundary.midpoints
        inside: NDArray[np.bool_] = ((x >= low) & (x <= high)).all(axis=1)
        return inside


@dataclass(frozen=True)
class HalfSpace(SurfaceSelector):
    """Facets whose midpoints lie below or above a height along an axis: ``axis = "z"``, ``below = "30 %"``.

    With both bounds given it is a slab.

    Attributes:
        axis: axis along which the height is measured.
        below: facets up to here.
        above: facets from here.
    """

    axis: Axis
    below: Position | None = None
    above: Position | None = None

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets lie in the half-space."""
        axis = "xyz".index(self.axis)
        height = boundary.midpoints[:, axis]
        if self.below is None and self.above is None:
            raise InputError(Problem("half-space", "has no bound", wanted='below or above, such as below = "30 %"'))
        inside = np.ones(len(height), dtype=bool)
        if self.below is not None:
            inside &= height <= coordinate(self.below, boundary, axis) + boundary.slack
        if self.above is not None:
            inside &= height >= coordinate(self.above, boundary, axis) - boundary.slack
        return inside


@dataclass(frozen=True)
class Plane(SurfaceSelector):
    """Facets on the side of an oblique plane to which its normal points.

    Attributes:
        point: a point on the plane.
        normal: direction of the side that is picked.
    """

    point: tuple[Position, Position, Position]
    normal: Direction

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets lie on the picked side."""
        origin = point_of(self.point, boundary)
        side: NDArray[np.bool_] = (boundary.midpoints - origin) @ unit(self.normal, "plane.normal") >= -boundary.slack
        return side


@dataclass(frozen=True)
class Sphere(SurfaceSelector):
    """Facets whose midpoints lie in a ball.

    Attributes:
        center: its center.
        radius: its radius.
    """

    center: tuple[Position, Position, Position]
    radius: Radius

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets lie in the ball."""
        apart = np.linalg.norm(boundary.midpoints - point_of(self.center, boundary), axis=1)
        inside: NDArray[np.bool_] = apart <= self.radius + boundary.slack
        return inside


@dataclass(frozen=True)
class InCylinder(SurfaceSelector):
    """Facets whose midpoints lie in a round bar: infinite, or of a length about its center.

    Attributes:
        center: a point on the axis; the middle of a bar of finite length.
        direction: the axis.
        radius: its radius.
        length: its length; if left out, it has no ends.
    """

    center: tuple[Position, Position, Position]
    direction: Direction
    radius: Radius
    length: Annotated[float, Unit("mm"), Gt(0)] | None = None

    @classmethod
    def kind(cls) -> str:
        """``cylinder``, which as a class is the body of that shape."""
        return "cylinder"

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets lie in the bar."""
        axis = unit(self.direction, "cylinder.direction")
        x = boundary.midpoints - point_of(self.center, boundary)
        inside = np.linalg.norm(np.cross(x, axis), axis=1) <= self.radius + boundary.slack
        if self.length is not None:
            inside &= np.abs(x @ axis) <= self.length / 2 + boundary.slack
        picked: NDArray[np.bool_] = inside
        return picked


@dataclass(frozen=True)
class Facing(SurfaceSelector):
    """Facets whose outward normal is within an angle of a direction.

    Attributes:
        direction: where the facets look.
        angle: largest angle between normal and direction.
    """

    direction: Direction
    angle: Annotated[float, Unit("rad"), Interval(gt=0, le=np.pi)] = np.pi / 3

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets face that way."""
        # arctan2 instead of arccos: exact for facets that face the direction itself
        toward = unit(self.direction, "facing.direction")
        across = np.linalg.norm(np.cross(boundary.normals, toward), axis=1)
        facing: NDArray[np.bool_] = np.arctan2(across, boundary.normals @ toward) <= self.angle + 1e-9
        return facing


@dataclass(frozen=True)
class Tag(SurfaceSelector):
    """Facets to which the mesh file gave a number.

    Attributes:
        value: the number.
    """

    value: int

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets carry the number."""
        if boundary.values is None:
            hint = "pick the surface by where it is or how it faces"
            raise InputError(Problem("tag", "the mesh has no facet numbers", str(self.value), hint=hint))
        same: NDArray[np.bool_] = boundary.values == self.value
        return same


@dataclass(frozen=True)
class AllOf(SurfaceSelector):
    """Facets that every one of several rules picks.

    Attributes:
        of: the rules.
    """

    of: Annotated[tuple[SurfaceSelector, ...], MinLen(1)]

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets all rules pick."""
        picked: NDArray[np.bool_] = np.all([rule.picks(boundary) for rule in self.of], axis=0)
        return picked

    def nominal_area(self) -> float | None:
        """The area that the only patch among the rules means to pick."""
        areas = [rule.nominal_area() for rule in self.of]
        return areas[0] if len(areas) == 1 else None


@dataclass(frozen=True)
class AnyOf(SurfaceSelector):
    """Facets that at least one of several rules picks.

    Attributes:
        of: the rules.
    """

    of: Annotated[tuple[SurfaceSelector, ...], MinLen(1)]

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets any rule picks."""
        picked: NDArray[np.bool_] = np.any([rule.picks(boundary) for rule in self.of], axis=0)
        return picked


@dataclass(frozen=True)
class Except(SurfaceSelector):
    """Facets that a rule does not pick.

    Attributes:
        of: the rule.
    """

    of: SurfaceSelector

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets the rule leaves."""
        return ~self.of.picks(boundary)


def select(
    anatomy: Anatomy, selectors: SurfaceSelector | Sequence[SurfaceSelector], *, name: str = "surface"
) -> NDArray[np.int32]:
    """The exterior facets that every given rule picks. Collective.

    Args:
        anatomy: the body.
        selectors: one rule, or several that all must hold.
        name: what to call the surface in messages.

    Returns:
        Local indices of facets owned by this rank, sorted.

    Raises:
        InputError: on every rank, if no facet of the body is picked.
    """
    rules = (selectors,) if isinstance(selectors, SurfaceSelector) else tuple(selectors)
    boundary = boundary_of(anatomy)
    picked = AllOf(rules).picks(boundary)
    found, alone = boundary.comm.allreduce(int(picked.sum())), []
    if found == 0:
        for rule in rules:
            alone.append(f"{rule} alone: {boundary.comm.allreduce(int(rule.picks(boundary).sum()))}")
        raise InputError(
            Problem(
                name,
                "no facet of the body's surface is picked",
                "; ".join(alone),
                "at least one facet",
                f"the body reaches from {written(boundary.lower)} to {written(boundary.upper)} mm",
            )
        )
    return boundary.facets[picked]


def name_surfaces(
    anatomy: Anatomy, selectors: Mapping[str, SurfaceSelector | Sequence[SurfaceSelector]], *, where: str = "surfaces"
) -> Anatomy:
    """The same body with more named surfaces, their facets and areas noted. Collective.

    Args:
        anatomy: the body.
        selectors: rules by surface name; of several for one name all must hold.
        where: path of the table in the case file, for messages.

    Raises:
        InputError: on every rank, naming every surface that no facet belongs to.
    """
    found: dict[str, NDArray[np.int32]] = {}
    problems: list[Problem] = []
    for name, rules in selectors.items():
        try:
            found[name] = select(anatomy, rules, name=f"{where}.{name}")
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    named = replace(anatomy, surfaces=anatomy.surfaces | found)
    counts = facet_counts(named, found)
    notes = [f"surface {n}: {counts[n]} facets, {area(named, n):.4g} mm²{_asked(selectors[n])}" for n in found]
    return replace(named, notes=(*anatomy.notes, *notes))


def _asked(rules: SurfaceSelector | Sequence[SurfaceSelector]) -> str:
    wanted = AllOf((rules,) if isinstance(rules, SurfaceSelector) else tuple(rules)).nominal_area()
    return "" if wanted is None else f" ({wanted:.4g} mm² asked for)"
