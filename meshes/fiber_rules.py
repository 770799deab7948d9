"""Fibers where there is no scan: rules that a case file names under [fibers]."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Interval
from numpy.typing import NDArray

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.parallel import together
from fibertwin.units import Angle, Length, Unit

from .anatomy import Anatomy
from .ellipsoid import TruncatedEllipsoid, ellipsoid_fibers
from .fibers import FiberField, fibers_from_axes, uniform_fibers
from .heart.coordinates import Depth, HeartSurfaces
from .heart.rule import Blending, laplace_dirichlet_fibers
from .laplace import Potentials, sampled
from .rule import Direction, unit

Array = NDArray[np.float64]
PositiveLength = Annotated[Length, Gt(0)]
Anisotropy = Annotated[float, Unit(""), Interval(ge=0, le=1)]

STILL = 1e-8
"""Part of a potential's mean gradient below which it has no direction."""


@dataclass(frozen=True, kw_only=True)
class FiberRule(Declared):
    """Fibers where there is no scan; in place of [diffusion].

    Attributes:
        fa: fractional anisotropy that laws read: 1 where all fibers of a point are parallel.
    """

    key: ClassVar[str] = "rule"
    surfaces: ClassVar[tuple[str, ...]] = ()
    """Fields that name surfaces."""

    fa: Anisotropy = 1.0

    @abstractmethod
    def fibers(self, anatomy: Anatomy, degree: int) -> FiberField:
        """Fibers at the quadrature points of a degree. Collective.

        Raises:
            InputError: on every rank, where the rule does not suit the body.
            SolveError: a potential was not found.
        """


@dataclass(frozen=True, kw_only=True)
class LaplaceDirichlet(FiberRule):
    """A heart's fibers by rule (Bayer et al. 2012, doi 10.1007/s10439-012-0593-5), of one ventricle or both.

    Attributes:
        lv: endocardium of the left ventricle, or of the only one.
        rv: endocardium of the right ventricle; left out where there is none.
        epicardium: the outside.
        base: the cut at the valves. The apex is found.
        helix: angle of the fibers from the circumference toward the base, at the endocardium and at the epicardium.
        sheet: angle of the sheets from the wall's normal, about the fiber, at both.
        depth: in what the angles are linear: ``distance``, the part of the way through the wall, or ``laplace``, the
            potential between endocardium and epicardium, as in the paper.
        blending: ``walls``, which takes any angles, or ``published`` as in the paper, whose fibers jump amid walls
            through which the helix turns by more than 90°.
    """

    surfaces: ClassVar[tuple[str, ...]] = ("lv", "rv", "epicardium", "base")

    lv: str = "endocardium"
    rv: str | None = None
    epicardium: str = "epicardium"
    base: str = "base"
    helix: tuple[Angle, Angle] = (np.pi / 3, -np.pi / 3)
    sheet: tuple[Angle, Angle] = (0.0, 0.0)
    depth: Depth = "distance"
    blending: Blending = "walls"

    def fibers(self, anatomy: Anatomy, degree: int) -> FiberField:
        """Solve for the heart's coordinates and turn the fibers through its walls. Collective."""
        names = HeartSurfaces(self.lv, self.rv, self.epicardium, self.base)
        return laplace_dirichlet_fibers(
            anatomy,
            degree,
            names,
            helix=self.helix,
            sheet=self.sheet,
            depth=self.depth,
            blending=self.blending,
            fa=self.fa,
        )


@dataclass(frozen=True, kw_only=True)
class LaplaceAlong(FiberRule):
    """Fibers of a muscle or a tendon, along the flow from its origin to its insertion.

    The flow is the gradient of a potential that has no flux through the other surfaces, so fibers keep along them
    (Choi & Blemker 2013, doi 10.1371/journal.pone.0077576).

    Attributes:
        origin: surface where the fibers begin.
        insertion: surface where they end.
    """

    surfaces: ClassVar[tuple[str, ...]] = ("origin", "insertion")

    origin: str = "origin"
    insertion: str = "insertion"

    def fibers(self, anatomy: Anatomy, degree: int) -> FiberField:
        """Solve for the potential. Collective."""
        potentials = Potentials(anatomy)
        begin, end = potentials.on(self.origin), potentials.on(self.insertion)
        comm = anatomy.mesh.comm
        if comm.allreduce(int(np.isin(begin, end).sum())):
            raise InputError(
                Problem(
                    "fibers", "origin and insertion touch", f'"{self.origin}", "{self.insertion}"', "surfaces apart"
                )
            )
        flow = sampled(potentials.solve({0.0: begin, 1.0: end}), degree).gradients.reshape(-1, 3)
        lengths = np.linalg.norm(flow, axis=1)
        mean = comm.allreduce(float(lengths.sum())) / comm.allreduce(len(lengths))

        def axes(points: Array) -> tuple[Array, Array]:
            if (lengths <= STILL * mean).any():
                place = points[int(np.argmin(lengths))].round(1).tolist()
                what = "a part of the body is connected to neither origin nor insertion, or to one of them alone"
                raise InputError(Problem("fibers", what, f"no flow at {place} mm"))
            return flow, np.eye(3)[np.argmin(np.abs(flow), axis=1)]

        return together(comm, lambda: fibers_from_axes(anatomy.mesh, degree, axes, self.fa))


@dataclass(frozen=True, kw_only=True)
class Helix(FiberRule):
    """Fibers that wind about a line, their angle linear in the distance from it: an artery, a tube.

    Attributes:
        axis: direction of the line.
        center: a point on it.
        inner: distance from the line at which ``helix`` is the first angle.
        outer: distance at which it is the second.
        helix: angle of the fibers from the circumference toward ``axis``, at both distances. A right-handed screw has
            a positive one.
    """

    axis: Direction = "up"
    center: tuple[Length, Length, Length] = (0.0, 0.0, 0.0)
    inner: PositiveLength
    outer: PositiveLength
    helix: tuple[Angle, Angle]

    def __post_init__(self) -> None:
        if not self.outer > self.inner:
            raise InputError(Problem("outer", "is not beyond inner", f"{self.outer:g} mm", f"above {self.inner:g} mm"))

    def fibers(self, anatomy: Anatomy, degree: int) -> FiberField:
        """Wind them about the line; sheets stand across the wall. Collective."""
        return together(anatomy.mesh.comm, lambda: fibers_from_axes(anatomy.mesh, degree, self._axes, self.fa))

    def _axes(self, points: Array) -> tuple[Array, Array]:
        up = unit(self.axis, "fibers.axis")
        spokes = points - np.asarray(self.center)
        spokes = spokes - (spokes @ up)[:, None] * up
        radius = np.linalg.norm(spokes, axis=1)
        if (radius < 1e-9 * self.inner).any():
            raise InputError(Problem("fibers", "the line goes through the tissue, where nothing winds about it"))
        around = np.cross(up, spokes / radius[:, None])
        first, second = self.helix
        angle = (first + (second - first) * (radius - self.inner) / (self.outer - self.inner))[:, None]
        return np.cos(angle) * around + np.sin(angle) * up, spokes


@dataclass(frozen=True, kw_only=True)
class EllipsoidHelix(FiberRule):
    """Fibers of a truncated ellipsoid about the z axis, apex down, their angle linear in depth (Land et al. 2015).

    Attributes:
        endocardium: short and long radius of the inner ellipsoid.
        epicardium: short and long radius of the outer one.
        helix: angle of the fibers from the circumference toward the base, at the two.
    """

    endocardium: tuple[PositiveLength, PositiveLength] = (7.0, 17.0)
    epicardium: tuple[PositiveLength, PositiveLength] = (10.0, 20.0)
    helix: tuple[Angle, Angle] = (np.pi / 2, -np.pi / 2)

    def fibers(self, anatomy: Anatomy, degree: int) -> FiberField:
        """Fibers by the ellipsoids through each point; sheets stand across the wall. Collective."""
        shape = TruncatedEllipsoid(edge=1.0, endocardium=self.endocardium, epicardium=self.epicardium, base=0.0)
        endo, epi = self.helix
        return together(anatomy.mesh.comm, lambda: ellipsoid_fibers(anatomy.mesh, degree, shape, endo, epi, self.fa))


@dataclass(frozen=True, kw_only=True)
class Straight(FiberRule):
    """Fibers of one direction: a strip of muscle, a specimen.

    Attributes:
        axis: their direction.
        sheet: direction of the sheets; its part across the fibers counts. Some normal if left out.
    """

    axis: Direction
    sheet: Direction | None = None

    def fibers(self, anatomy: Anatomy, degree: int) -> FiberField:
        """The same everywhere. Collective."""
        axis = unit(self.axis, "fibers.axis")
        sheet = None if self.sheet is None else unit(self.sheet, "fibers.sheet")
        return uniform_fibers(anatomy.mesh, degree, axis=axis, fa=self.fa, sheet=sheet)
