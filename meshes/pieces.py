"""Pieces of a surface that hang together, on any number of ranks: smooth patches, and components."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Interval
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem
from fibertwin.parallel import on_root
from fibertwin.units import Unit

from .boundary import Boundary
from .patch import facet_at, place_on
from .rule import Direction, Position, SurfaceSelector


@dataclass(frozen=True)
class Grown(SurfaceSelector):
    """The smooth patch around a place: it grows from facet to facet as long as the surface does not bend sharply.

    It starts where the ray from the body's center of mass in ``direction`` leaves the body, or at the surface point
    nearest to ``near``.

    Attributes:
        direction: from the center of mass to the start; or give ``near``.
        near: a point near the start; or give ``direction``.
        angle: largest angle between the normals of neighboring facets that is grown across.
    """

    direction: Direction | None = None
    near: tuple[Position, Position, Position] | None = None
    angle: Annotated[float, Unit("rad"), Interval(gt=0, le=np.pi)] = np.pi / 6

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets the patch has reached."""
        seed = facet_at(boundary, place_on(boundary, self.direction, self.near, "grown"))
        labels = joined(boundary, np.ones(len(seed), dtype=bool), self.angle)
        started = max(boundary.comm.allgather(int(labels[seed].max(initial=-1))))
        picked: NDArray[np.bool_] = labels == started
        return picked


@dataclass(frozen=True)
class Component(SurfaceSelector):
    """One of the pieces that a surface is in: the wall of a cavity, the larger of two patches.

    Pieces hang together by common edges. The surface is the whole boundary, or what another rule picks.

    Attributes:
        of: rule whose facets are looked at; if left out, all.
        number: which piece by area, 1 is the largest.
        near: a point: the piece that is nearest to it is picked instead.
        side: only inner pieces, which surround a cavity and look into it, or only outer ones, are counted.
    """

    of: SurfaceSelector | None = None
    number: Annotated[int, Ge(1)] = 1
    near: tuple[Position, Position, Position] | None = None
    side: Literal["inner", "outer"] | None = None

    def picks(self, boundary: Boundary) -> NDArray[np.bool_]:
        """Which facets belong to the piece."""
        looked_at = np.ones(len(boundary.facets), dtype=bool) if self.of is None else self.of.picks(boundary)
        labels = joined(boundary, looked_at)
        pieces = described(boundary, labels)
        kept = [piece for piece in pieces if self.side is None or piece.inner == (self.side == "inner")]
        if self.near is not None:
            return self._nearest(boundary, labels, kept)
        if self.number > len(kept):
            sort = f"{self.side} " if self.side else ""
            areas = ", ".join(f"{piece.area:.4g}" for piece in kept) or "none"
            got, wanted = f"number {self.number}", f"1 to {len(kept)} (their areas: {areas} mm²)"
            raise InputError(Problem("component", f"the surface has fewer {sort}pieces", got, wanted))
        picked: NDArray[np.bool_] = labels == kept[self.number - 1].label
        return picked

    def _nearest(self, boundary: Boundary, labels: NDArray[np.int64], kept: Sequence["Piece"]) -> NDArray[np.bool_]:
        assert self.near is not None
        allowed = np.isin(labels, [piece.label for piece in kept])
        if not any(boundary.comm.allgather(bool(allowed.any()))):
            raise InputError(Problem("component", "there is no piece to be near to", str(self)))
        part = Boundary(
            boundary.comm,
            boundary.facets[allowed],
            boundary.corners[allowed],
            boundary.midpoints[allowed],
            boundary.points[allowed],
            boundary.vectors[allowed],
            boundary.lower,
            boundary.upper,
        )
        place = place_on(part, None, self.near, "component")
        nearest = labels[allowed][facet_at(part, place)]
        chosen = max(boundary.comm.allgather(int(nearest.max(initial=-1))))
        picked: NDArray[np.bool_] = labels == chosen
        return picked


@dataclass(frozen=True)
class Piece:
    """A piece of a surface.

    Attributes:
        label: its number among the labels.
        area: its area (mm²).
        center: its center by area (mm).
        inner: whether it looks toward its own center: the wall of a cavity, open or closed.
    """

    label: int
    area: float
    center: tuple[float, float, float]
    inner: bool


def joined(boundary: Boundary, chosen: NDArray[np.bool_], angle: float = np.pi) -> NDArray[np.int64]:
    """The piece that each facet belongs to, −1 for those not chosen. Collective.

    The facets of all ranks come together on rank 0: of a body with n cells they are about n^(2/3).

    Args:
        boundary: this rank's facets, with the names of their corners.
        chosen: (n,) which of them count.
        angle: two facets with a common edge are joined where the angle between their normals is not above this (rad).
    """
    comm = boundary.comm
    parts = comm.gather((boundary.nodes, boundary.normals, chosen))

    def label() -> list[NDArray[np.int64]]:
        assert parts is not None
        nodes, normals, counted = (np.concatenate([part[k] for part in parts]) for k in range(3))
        labels = np.full(len(nodes), -1, np.int64)
        labels[counted] = _labels(nodes[counted], normals[counted], angle)
        return np.split(labels, np.cumsum([len(part[0]) for part in parts])[:-1])

    shares = on_root(comm, label)
    mine: NDArray[np.int64] = shares[comm.rank]
    return mine


def _labels(nodes: NDArray[np.int64], normals: NDArray[np.float64], angle: float) -> NDArray[np.int64]:
    """Numbers of the pieces of facets (n, 3 or 4) that are joined across edges."""
    from scipy import sparse

    count, corners = nodes.shape
    if count == 0:
        return np.zeros(0, np.int64)
    ring = range(corners) if corners == 3 else (0, 1, 3, 2)  # DOLFINx numbers a quadrilateral's corners row by row
    around = nodes[:, list(ring)]
    edges = np.sort(np.stack([around, np.roll(around, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    same = (edges[order][1:] == edges[order][:-1]).all(axis=1)
    first, second = order[:-1][same] // corners, order[1:][same] // corners
    across = np.linalg.norm(np.cross(normals[first], normals[second]), axis=1)
    bend = np.arctan2(across, np.einsum("ni,ni->n", normals[first], normals[second]))
    smooth = bend <= angle + 1e-9
    pairs = (np.ones(int(smooth.sum()), dtype=bool), (first[smooth], second[smooth]))
    labels: NDArray[np.int64] = sparse.csgraph.connected_components(
        sparse.coo_matrix(pairs, shape=(count, count)), directed=False
    )[1].astype(np.int64)
    return labels


def described(boundary: Boundary, labels: NDArray[np.int64]) -> list[Piece]:
    """The pieces, the largest first; of equally large ones the one whose center comes first by coordinates. Collective.

    A piece is inner where ∮ (x − c)·n dA, with its center c, is negative: three times the volume that a closed piece
    surrounds, outward normals of the body looking into it.
    """
    count = max(boundary.comm.allgather(int(labels.max(initial=-1)))) + 1
    shares = np.linalg.norm(boundary.vectors, axis=2)
    sums = np.zeros((count, 8))
    seen = labels >= 0
    rows = np.column_stack(
        [
            boundary.areas,
            np.einsum("nq,nqi->ni", shares, boundary.points),
            np.einsum("nqi,nqi->n", boundary.points, boundary.vectors),
            boundary.area_vectors,
        ]
    )
    np.add.at(sums, labels[seen], rows[seen])
    total = boundary.total(sums[None])
    pieces = []
    for label, row in enumerate(total):
        center = row[1:4] / row[0]
        inner = row[4] - center @ row[5:8] < 0
        x, y, z = map(float, center)
        pieces.append(Piece(label, float(row[0]), (x, y, z), bool(inner)))
    size = 1e-9 * (sum(piece.area for piece in pieces) or 1.0)
    slack = boundary.slack * 100 or 1.0
    return sorted(pieces, key=lambda p: (-round(p.area / size), *(round(x / slack) for x in p.center)))
