"""Where a point lies in a heart: from apex to base, through the wall, toward which ventricle; by Laplace's equation."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from dolfinx import fem
from mpi4py import MPI
from numpy.typing import NDArray

from fibertwin.meshes.anatomy import Anatomy
from fibertwin.meshes.laplace import Dofs, Potentials, Sampled, sampled

from .frames import wall_frame

Array = NDArray[np.float64]

Depth = Literal["laplace", "distance"]

SMALL = 1e-12
"""Added to potentials whose ratio is taken: far from both ventricles both vanish, and the ratio is of no weight."""


@dataclass(frozen=True)
class HeartSurfaces:
    """Names of a heart's surfaces.

    Attributes:
        lv: endocardium of the left ventricle, or of the only one.
        rv: endocardium of the right ventricle; ``None`` where there is one ventricle only.
        epicardium: outside.
        base: the cut.
    """

    lv: str = "endocardium"
    rv: str | None = None
    epicardium: str = "epicardium"
    base: str = "base"

    @property
    def names(self) -> tuple[str, ...]:
        """All that are named."""
        return tuple(name for name in (self.lv, self.rv, self.epicardium, self.base) if name is not None)


@dataclass(frozen=True, eq=False)
class HeartCoordinates:
    """Potentials of a heart at the quadrature points of this rank's cells.

    Attributes:
        apex: (3,) the epicardial point farthest from the base (mm).
        long: 0 at the apex, 1 at the base.
        lv: 1 at the left ventricle's endocardium, 0 at the right one's and at the epicardium.
        rv: 1 at the right ventricle's endocardium, 0 at the others; ``None`` where there is one ventricle.
        depth: (cells, q) 0 at the endocardium (in a septum: between the two), 1 at the epicardium.
    """

    apex: Array
    long: Sampled
    lv: Sampled
    rv: Sampled | None
    depth: Array

    @property
    def rightness(self) -> Array:
        """(cells, q) 0 in the left ventricle's free wall, 1 in the right one's, from 0 to 1 across the septum."""
        if self.rv is None:
            return np.zeros_like(self.lv.values)
        left, right = np.maximum(self.lv.values, SMALL), np.maximum(self.rv.values, SMALL)
        share: Array = right / (left + right)
        return share

    def frames(self, across: Array) -> Array:
        """Wall axes (cells · q, 3, 3), circumferential, longitudinal and along ``across`` (cells, q, 3)."""
        return wall_frame(self.long.gradients.reshape(-1, 3), across.reshape(-1, 3))

    @property
    def wall(self) -> Array:
        """Wall axes (cells, q, 3, 3) as the nearer ventricle sees them."""
        shape = (*self.lv.values.shape, 3, 3)
        left = self.frames(-self.lv.gradients).reshape(shape)
        if self.rv is None:
            return left
        right = self.frames(-self.rv.gradients).reshape(shape)
        return np.where((self.rightness > 0.5)[..., None, None], right, left)


def heart_coordinates(
    anatomy: Anatomy, degree: int, surfaces: HeartSurfaces | None = None, *, depth: Depth = "laplace", order: int = 2
) -> HeartCoordinates:
    """Solve for a heart's coordinates (Bayer et al. 2012, doi 10.1007/s10439-012-0593-5, algorithm 1). Collective.

    Args:
        anatomy: the heart, with its surfaces named.
        degree: quadrature degree at whose points they are wanted.
        surfaces: the names.
        depth: ``laplace``, the potential between endocardium and epicardium, or ``distance``, the part of the way
            along that potential's gradient.
        order: polynomial degree of the potentials.

    Raises:
        InputError: on every rank, where a surface is missing.
        SolveError: a potential was not found.
    """
    names = HeartSurfaces() if surfaces is None else surfaces
    potentials = Potentials(anatomy, order)
    on = {name: potentials.on(name) for name in names.names}
    inner = [name for name in (names.lv, names.rv) if name is not None]

    def only(one: str) -> fem.Function:
        others = np.concatenate([on[name] for name in (*inner, names.epicardium) if name != one])
        return potentials.solve({0.0: np.setdiff1d(others, on[one]).astype(np.int32), 1.0: on[one]})

    apex, place = _apex(potentials, on[names.base], on[names.epicardium])
    long = sampled(potentials.solve({0.0: apex, 1.0: on[names.base]}), degree)
    cavities = {name: only(name) for name in inner}
    outward = fem.Function(potentials.space)
    outward.x.array[:] = 1 - sum(cavity.x.array for cavity in cavities.values())
    if depth == "laplace":
        wall = sampled(outward, degree).values
    else:
        inside = sampled(potentials.length(outward, np.concatenate([on[name] for name in inner])), degree).values
        outward.x.array[:] *= -1
        outside = sampled(potentials.length(outward, on[names.epicardium]), degree).values
        inside, outside = np.maximum(inside, 0.0), np.maximum(outside, 0.0)
        wall = inside / (inside + outside + SMALL)
    found = {name: sampled(cavity, degree) for name, cavity in cavities.items()}
    rv = None if names.rv is None else found[names.rv]
    return HeartCoordinates(place, long, found[names.lv], rv, np.clip(wall, 0.0, 1.0))


def _apex(potentials: Potentials, base: Dofs, epicardium: Dofs) -> tuple[Dofs, Array]:
    """The epicardial unknown farthest from the base, on the ranks that have it, and its place (3,) in mm. Collective.

    Farthest in the sense of −Δu = 1 with u = 0 at the base, which goes through tissue and knows no axis.
    """
    far: fem.Function = potentials.solve({0.0: base}, source=1.0)
    comm: MPI.Comm = far.function_space.mesh.comm
    places = far.function_space.tabulate_dof_coordinates()[epicardium]
    heights = far.x.array[epicardium]
    highest = comm.allreduce(float(heights.max(initial=-np.inf)), MPI.MAX)
    # of unknowns that are equally far but for round-off the same one everywhere, by where it lies
    ties = places[heights > highest * (1 - 1e-6)]
    place = np.array(min(tuple(p) for part in comm.allgather(np.round(ties, 6).tolist()) for p in part))
    near = np.linalg.norm(places - place, axis=1) < 1e-5
    return epicardium[near], place
