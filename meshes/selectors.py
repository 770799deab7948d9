"""Named surfaces from rules: which exterior facets a support or a load acts on."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Interval, MinLen
from numpy.typing import ArrayLike, NDArray
from pydantic import StringConstraints

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Number, Unit

from .anatomy import BOUNDARY, Anatomy
from .boundary import Boundary, area, boundary_of, facet_counts

Share = Annotated[str, StringConstraints(pattern=r"^\s*-?\d+(\.\d*)?\s*%\s*$")]
Position = Length | Share
"""A coordinate: absolute (mm), or ``"30 %"`` of the way from the low to the high end of the body's bounding box."""

Axis = Literal["x", "y", "z"]
Direction = tuple[Number, Number, Number] | Literal["left", "right", "back", "front", "down", "up"]
"""A vector of any length in RAS+ axes, or the patient's own left (−x), right, back (−y), front, down (−z), up."""

_NAMED: dict[str, tuple[float, float, float]] = {
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "back": (0, -1, 0),
    "front": (0, 1, 0),
    "down": (0, 0, -1),
    "up": (0, 0, 1),
}


@dataclass(frozen=True)
class SurfaceSelector(Declared):
    """A rule that picks exterior facets by where their midpoints are, how they face or what a file called them."""

    key: ClassVar[str] = "select"

    @abstractmethod
    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which of this rank's exterior facets the rule picks (n,). Collective.

        Raises:
            InputError: on every rank, if the rule can't be applied to this body.
        """

    def nominal_area(self) -> float | None:
        """The area (mm²) that the rule means to pick, if it means one."""
        return None


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
        low = [_coordinate(value, boundary, axis) for axis, value in enumerate(self.lower)]
        high = [_coordinate(value, boundary, axis) for axis, value in enumerate(self.upper)]
        x = boundary.midpoints
        inside: NDArray[np.bool_] = (
            (x >= low - boundary.slack * np.ones(3)) & (x <= high + boundary.slack * np.ones(3))
        ).all(axis=1)
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
            inside &= height <= _coordinate(self.below, boundary, axis) + boundary.slack
        if self.above is not None:
            inside &= height >= _coordinate(self.above, boundary, axis) - boundary.slack
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
        origin = np.array([_coordinate(value, boundary, axis) for axis, value in enumerate(self.point)])
        side: NDArray[np.bool_] = (boundary.midpoints - origin) @ _unit(self.normal, "plane.normal") >= -boundary.slack
        return side


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
        toward = _unit(self.direction, "facing.direction")
        across = np.linalg.norm(np.cross(boundary.normals, toward), axis=1)
        facing: NDArray[np.bool_] = np.arctan2(across, boundary.normals @ toward) <= self.angle + 1e-9
        return facing


@dataclass(frozen=True)
class Patch(SurfaceSelector):
    """A rectangle laid on the outer surface: a retractor's blade, an indenter's or a sensor's face.

    Its center is where the ray from the body's center of mass in ``direction`` leaves the body, or the surface point
    nearest to ``near``. It lies in the tangent plane there; facets whose midpoints project into it are picked, if
    they face outward and are no deeper than half its longer side.

    Attributes:
        width: extent across ``up``.
        height: extent along ``up``.
        direction: from the center of mass to the patch; or give ``near``.
        near: a point near the patch's center; or give ``direction``.
        up: direction of the height, projected into the tangent plane.
    """

    width: Annotated[float, Unit("mm"), Gt(0)]
    height: Annotated[float, Unit("mm"), Gt(0)]
    direction: Direction | None = None
    near: tuple[Position, Position, Position] | None = None
    up: Direction = "up"

    def nominal_area(self) -> float:
        """Width times height (mm²)."""
        return self.width * self.height

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets lie under the patch."""
        center = self._center(boundary)
        outward = self._normal(boundary, center)
        up = _unit(self.up, "patch.up")
        if abs(up @ outward) > 1 - 1e-6:
            raise InputError(
                Problem(
                    "patch.up", "is along the surface's normal", _vector(up), f"a direction across {_vector(outward)}"
                )
            )
        up = up - (up @ outward) * outward
        up /= np.linalg.norm(up)
        from_center = boundary.midpoints - center
        inside = np.abs(from_center @ np.cross(up, outward)) <= self.width / 2 + boundary.slack
        inside &= np.abs(from_center @ up) <= self.height / 2 + boundary.slack
        inside &= np.abs(from_center @ outward) <= max(self.width, self.height) / 2 + boundary.slack
        picked: NDArray[np.bool_] = inside & (boundary.normals @ outward > 1e-9)
        return picked

    def _center(self, boundary: Boundary) -> NDArray[np.float64]:
        if (self.direction is None) == (self.near is None):
            raise InputError(Problem("patch", "needs either a direction or a point near it", wanted="one of the two"))
        if self.direction is not None:
            return _where_ray_leaves(boundary, boundary.centroid(), _unit(self.direction, "patch.direction"))
        assert self.near is not None
        seed = np.array([_coordinate(value, boundary, axis) for axis, value in enumerate(self.near)])
        return _nearest_midpoint(boundary, seed)

    def _normal(self, boundary: Boundary, center: NDArray[np.float64]) -> NDArray[np.float64]:
        """The surface's normal around the center: facets within half the patch's shorter side, at least the nearest."""
        distance = np.linalg.norm(boundary.midpoints - center, axis=1)
        nearest = min(boundary.comm.allgather(float(distance.min(initial=np.inf))))
        reach = max(min(self.width, self.height) / 2, nearest) + boundary.slack
        total = boundary.total(np.where((distance <= reach)[:, None], boundary.area_vectors, 0.0))
        normal: NDArray[np.float64] = total / np.linalg.norm(total)
        return normal


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
                f"the body reaches from {_vector(boundary.lower)} to {_vector(boundary.upper)} mm",
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


def _coordinate(position: float | str, boundary: Boundary, axis: int) -> float:
    """An absolute coordinate (mm), whichever way it was given."""
    if not isinstance(position, str):
        return float(position)
    try:
        share = float(position.strip().removesuffix("%")) / 100
    except ValueError:
        raise InputError(Problem("position", "can't be read", position, 'mm, or "30 %" of the bounding box')) from None
    return float(boundary.lower[axis] + share * (boundary.upper[axis] - boundary.lower[axis]))


def _unit(direction: ArrayLike | str, where: str) -> NDArray[np.float64]:
    """The direction with length one."""
    if isinstance(direction, str) and direction not in _NAMED:
        raise InputError(Problem(where, "is no direction", direction, "a vector, or one of " + ", ".join(_NAMED)))
    vector = np.array(_NAMED[direction] if isinstance(direction, str) else direction, dtype=float)
    length = float(np.linalg.norm(vector))
    if length == 0:
        raise InputError(Problem(where, "has no length", _vector(vector), "a direction"))
    return vector / length


def _vector(x: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in x) + ")"


def _where_ray_leaves(
    boundary: Boundary, origin: NDArray[np.float64], direction: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The outermost point of the surface on a ray (Möller & Trumbore 1997, doi 10.1080/10867651.1997.10487468)."""
    a = boundary.corners[:, 0]
    first, second = boundary.corners[:, 1] - a, boundary.corners[:, 2] - a
    p = np.cross(direction, second)
    determinant = np.einsum("ni,ni->n", first, p)
    safe = np.where(np.abs(determinant) > 0, determinant, np.inf)
    u = np.einsum("ni,ni->n", origin - a, p) / safe
    q = np.cross(origin - a, first)
    v = q @ direction / safe
    t = np.einsum("ni,ni->n", second, q) / safe
    hit = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (t > 0) & (np.abs(determinant) > 0)
    farthest = max(boundary.comm.allgather(float(t[hit].max(initial=-np.inf))))
    if not np.isfinite(farthest):
        raise InputError(
            Problem("patch.direction", "the ray from the body's center never meets its surface", _vector(direction))
        )
    point: NDArray[np.float64] = origin + farthest * direction
    return point


def _nearest_midpoint(boundary: Boundary, seed: NDArray[np.float64]) -> NDArray[np.float64]:
    """The facet midpoint nearest to a point; of equally near ones the first by coordinates. Collective."""
    distance = np.linalg.norm(boundary.midpoints - seed, axis=1)
    nearest = min(boundary.comm.allgather(float(distance.min(initial=np.inf))))
    tied = boundary.midpoints[distance <= nearest + boundary.slack]
    return np.array(min(point for points in boundary.comm.allgather(tied.tolist()) for point in points))


__all__ = [
    "BOUNDARY",
    "AllOf",
    "AnyOf",
    "Box",
    "Except",
    "Facing",
    "HalfSpace",
    "Patch",
    "Plane",
    "SurfaceSelector",
    "Tag",
    "name_surfaces",
    "select",
]
