"""Where a mesh shall be finer: near a region, near a point."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Unit

from .multi_region import RegionMesh

PositiveLength = Annotated[float, Unit("mm"), Gt(0)]


@dataclass(frozen=True)
class Finer(Declared):
    """A place where edges are shorter; from there they grow evenly until they are as long as elsewhere."""

    key: ClassVar[str] = "select"

    edge: PositiveLength
    within: PositiveLength

    def distance(self, mesh: RegionMesh) -> NDArray[np.float64]:
        """How far (n,) the mesh's points are from the place (mm)."""
        raise NotImplementedError


@dataclass(frozen=True)
class NearRegion(Finer):
    """In a region and near it.

    Attributes:
        edge: edge length there.
        within: distance from the region at which edges are as long as elsewhere.
        region: its name.
    """

    region: str

    def distance(self, mesh: RegionMesh) -> NDArray[np.float64]:
        """How far (n,) points are from the nearest point of a cell of the region."""
        from scipy.spatial import cKDTree

        if self.region not in mesh.regions:
            known = ", ".join(mesh.regions)
            raise InputError(Problem("anatomy.finer.region", "is no region", self.region, f"one of: {known}"))
        own = np.unique(mesh.cells[mesh.values == mesh.regions[self.region]])
        found, _ = cKDTree(mesh.points[own]).query(mesh.points)
        return np.asarray(found, dtype=np.float64)


@dataclass(frozen=True)
class NearPoint(Finer):
    """In a ball and around it.

    Attributes:
        edge: edge length there.
        within: distance from the ball at which edges are as long as elsewhere.
        point: center of the ball.
        radius: its radius.
    """

    point: tuple[Length, Length, Length]
    radius: Annotated[float, Unit("mm"), Gt(0)] = 1e-3

    def distance(self, mesh: RegionMesh) -> NDArray[np.float64]:
        """How far (n,) points are from the ball."""
        away = np.linalg.norm(mesh.points - np.array(self.point), axis=1)
        return np.asarray(np.maximum(away - self.radius, 0.0))


def edge_lengths(mesh: RegionMesh, edge: float, finer: Sequence[Finer]) -> NDArray[np.float64]:
    """The edge length wanted at each point (n,) in mm: the least that any place asks for.

    Args:
        mesh: whose points are asked about.
        edge: the length elsewhere (mm).
        finer: places where edges are shorter.
    """
    wanted: NDArray[np.float64] = np.full(len(mesh.points), edge)
    for place in finer:
        part = np.clip(place.distance(mesh) / place.within, 0.0, 1.0)
        wanted[:] = np.minimum(wanted, place.edge + part * max(edge - place.edge, 0.0))
    return wanted
