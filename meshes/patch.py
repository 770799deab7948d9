"""A rectangle laid on the outer surface."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.units import Unit

from .boundary import Boundary
from .rule import Direction, Position, SurfaceSelector, point_of, unit, written


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
        center = place_on(boundary, self.direction, self.near, "patch")
        outward = self._normal(boundary, center)
        up = unit(self.up, "patch.up")
        if abs(up @ outward) > 1 - 1e-6:
            raise InputError(
                Problem(
                    "patch.up", "is along the surface's normal", written(up), f"a direction across {written(outward)}"
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

    def _normal(self, boundary: Boundary, center: NDArray[np.float64]) -> NDArray[np.float64]:
        """The normal there, averaged over facets within half the shorter side that face the same way to 60 degrees."""
        nearest = np.linalg.norm(_nearest_on_triangles(boundary, center) - center, axis=1)
        nearest = nearest.reshape(-1, boundary.corners.shape[1] - 2).min(axis=1)  # of each facet's triangles
        least = min(boundary.comm.allgather(float(nearest.min(initial=np.inf))))
        touching = boundary.total(np.where((nearest <= least + boundary.slack)[:, None], boundary.area_vectors, 0.0))
        touching /= np.linalg.norm(touching)
        around = np.linalg.norm(boundary.midpoints - center, axis=1) <= min(self.width, self.height) / 2
        around |= nearest <= least + boundary.slack
        around &= boundary.normals @ touching > 0.5
        total = boundary.total(np.where(around[:, None], boundary.area_vectors, 0.0))
        normal: NDArray[np.float64] = total / np.linalg.norm(total)
        return normal


def place_on(
    boundary: Boundary,
    direction: Direction | None,
    near: tuple[Position, Position, Position] | None,
    where: str,
) -> NDArray[np.float64]:
    """The point (3,) where the ray from the center of mass leaves the body, or the one nearest to a point. Collective.

    Args:
        boundary: the whole surface.
        direction: of the ray; or give ``near``.
        near: the point; or give ``direction``.
        where: the rule's name, for messages.

    Raises:
        InputError: on every rank, if both are given, or none, or the ray never meets the surface.
    """
    if direction is not None and near is None:
        return _where_ray_leaves(boundary, boundary.centroid(), unit(direction, f"{where}.direction"), where)
    if near is not None and direction is None:
        return _nearest_point(boundary, point_of(near, boundary))
    raise InputError(Problem(where, "needs either a direction or a point near it", wanted="one of the two"))


def facet_at(boundary: Boundary, point: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which facet (n,) is nearest to a point; of several the one with the first midpoint by coordinates. Collective."""
    apart = np.linalg.norm(_nearest_on_triangles(boundary, point) - point, axis=1)
    apart = apart.reshape(-1, boundary.corners.shape[1] - 2).min(axis=1)
    least = min(boundary.comm.allgather(float(apart.min(initial=np.inf))))
    near = np.flatnonzero(apart <= least + boundary.slack)
    here = [tuple(np.rint(boundary.midpoints[k] / max(boundary.slack, 1e-300)).tolist()) for k in near]
    first = min(place for places in boundary.comm.allgather(here) for place in places)
    picked = np.zeros(len(apart), dtype=bool)
    picked[[k for k, place in zip(near, here, strict=True) if place == first][:1]] = True
    return picked


def _where_ray_leaves(
    boundary: Boundary, origin: NDArray[np.float64], direction: NDArray[np.float64], where: str
) -> NDArray[np.float64]:
    """The outermost point of the surface on a ray (Möller & Trumbore 1997, doi 10.1080/10867651.1997.10487468)."""
    a = boundary.triangles[:, 0]
    first, second = boundary.triangles[:, 1] - a, boundary.triangles[:, 2] - a
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
            Problem(
                f"{where}.direction",
                "the ray from the body's center never meets its surface",
                written(direction),
                hint="give near",
            )
        )
    point: NDArray[np.float64] = origin + farthest * direction
    return point


def _nearest_point(boundary: Boundary, seed: NDArray[np.float64]) -> NDArray[np.float64]:
    """The surface point nearest to a point; of equally near ones the first by coordinates. Collective."""
    candidates = _nearest_on_triangles(boundary, seed)
    distance = np.linalg.norm(candidates - seed, axis=1)
    nearest = min(boundary.comm.allgather(float(distance.min(initial=np.inf))))
    tied = candidates[distance <= nearest + boundary.slack]
    return np.array(min(point for points in boundary.comm.allgather(tied.tolist()) for point in points))


def _nearest_on_triangles(boundary: Boundary, seed: NDArray[np.float64]) -> NDArray[np.float64]:
    """The point of each of the boundary's triangles (m, 3) nearest to a point: its foot, or a point of an edge."""
    corners = boundary.triangles
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    foot = seed - np.einsum("ni,ni->n", seed - corners[:, 0], normals)[:, None] * normals
    best, least = foot, np.full(len(foot), np.inf)
    inside = np.ones(len(foot), dtype=bool)
    for i in range(3):
        start, along = corners[:, i], corners[:, (i + 1) % 3] - corners[:, i]
        inside &= np.einsum("ni,ni->n", np.cross(along, foot - start), normals) >= 0
        share = np.einsum("ni,ni->n", seed - start, along) / np.einsum("ni,ni->n", along, along)
        point = start + np.clip(share, 0, 1)[:, None] * along
        distance = np.linalg.norm(point - seed, axis=1)
        best = np.where((distance < least)[:, None], point, best)
        least = np.minimum(least, distance)
    nearest: NDArray[np.float64] = np.where(inside[:, None], foot, best)
    return nearest
