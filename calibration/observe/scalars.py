"""Single numbers of a body: mean strain of a region, volume and pressure of a cavity, force and torque of a support."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .direction import Direction, named
from .observation import Observation, Seen

if TYPE_CHECKING:
    from fibertwin.solver.family import Slope
    from fibertwin.solver.system import System

type Vector = NDArray[np.float64]

AXES = "xyz"


@dataclass(frozen=True)
class MeanStrain(Observation):
    """Mean Green–Lagrange strain n·E n of a region along a direction of its undeformed tissue.

    Attributes:
        region: name of the region.
        direction: ``fiber``, ``sheet``, a vector (3,), or ``Around`` an axis.
    """

    region: str
    direction: Direction = "fiber"

    def on(self, system: "System") -> Seen:
        """Find the region and its directions. Collective.

        Raises:
            InputError: there is no such region, or it has no fibers.
        """
        from .strain import Strain, directions, inside

        strain, comm = Strain(system), system.comm
        weights = inside(system, self.region, strain)
        n = directions(system, self.direction, strain)
        volume = comm.allreduce(float(weights.sum()))

        def value(system: "System") -> Vector:
            return np.array([comm.allreduce(float((weights * strain(n)).sum())) / volume])

        def pull(shares: Vector) -> "Slope":
            return lambda system: strain.slope(system, n, shares[0] * weights / volume)

        return Seen((f"strain of {self.region}, {named(self.direction)}",), "", value, pull)


@dataclass(frozen=True)
class StrainedShare(Observation):
    """Share of a region's volume whose Green–Lagrange strain n·E n exceeds a threshold.

    What becomes of the tissue, to decide by, and nothing to calibrate on: it counts points of the quadrature, so it
    moves in steps and has no derivatives.

    Attributes:
        region: name of the region.
        threshold: the strain.
        direction: ``fiber``, ``sheet``, a vector (3,), or ``Around`` an axis.
        center: middle of the ball to which the region is confined, in the reference configuration (mm); or None.
        radius: of the ball (mm).
    """

    region: str
    threshold: float
    direction: Direction = "fiber"
    center: tuple[float, float, float] | None = None
    radius: float = np.inf

    def __post_init__(self) -> None:
        if (self.center is None) != (self.radius == np.inf) or not self.radius > 0:
            raise ValueError("a ball has a center and a radius, which is a length")

    def on(self, system: "System") -> Seen:
        """Find the region and its directions. Collective.

        Raises:
            InputError: there is no such region, none of it lies in the ball, or it has no fibers.
        """
        from .strain import Strain, directions, inside

        strain, comm = Strain(system), system.comm
        weights, where = inside(system, self.region, strain), ""
        if self.center is not None:
            weights = weights * (np.linalg.norm(strain.points - np.array(self.center), axis=-1) <= self.radius)
            where = f" within {self.radius:g} mm of ({', '.join(f'{x:.0f}' for x in self.center)})"
        n = directions(system, self.direction, strain)
        volume = comm.allreduce(float(weights.sum()))
        if not volume:
            raise InputError(Problem("region", f"has no volume{where}", self.region))

        def value(system: "System") -> Vector:
            return np.array([comm.allreduce(float(weights[strain(n) > self.threshold].sum())) / volume])

        name = f"share of {self.region}{where} beyond {self.threshold:g}, {named(self.direction)}"
        return Seen((name,), "", value)


@dataclass(frozen=True)
class CavityVolume(Observation):
    """Volume (mm³) that a cavity encloses.

    Attributes:
        cavity: name of the cavity's load.
    """

    cavity: str

    def on(self, system: "System") -> Seen:
        """Find the cavity.

        Raises:
            InputError: there is no such cavity.
        """
        _require(system.cavities(), self.cavity, "cavity")
        return Seen(
            (f"volume of {self.cavity}",), "mm^3", lambda system: np.array([system.cavities()[self.cavity].volume])
        )


@dataclass(frozen=True)
class CavityPressure(Observation):
    """Pressure (kPa) in a cavity, an unknown where its volume is prescribed or it is joined to a circuit.

    Attributes:
        cavity: name of the cavity's load.
    """

    cavity: str

    def on(self, system: "System") -> Seen:
        """Find the cavity.

        Raises:
            InputError: there is no such cavity.
        """
        _require(system.cavities(), self.cavity, "cavity")
        return Seen(
            (f"pressure of {self.cavity}",), "kPa", lambda system: np.array([system.cavities()[self.cavity].pressure])
        )


@dataclass(frozen=True)
class Reaction(Observation):
    """Force (mN) that a support exerts on the body.

    Attributes:
        support: name of the support.
        components: which components are seen.
    """

    support: str
    components: str = "xyz"

    def on(self, system: "System") -> Seen:
        """Find the support.

        Raises:
            InputError: there is no such support.
        """
        _require(system.problem.supports, self.support, "support")
        chosen = [AXES.index(axis) for axis in self.components]
        names = tuple(f"force of {self.support} {axis}" for axis in self.components)
        return Seen(names, "mN", lambda system: system.reactions()[self.support][chosen])


@dataclass(frozen=True)
class Torque(Observation):
    """Torque (mN mm) that a support exerts on the body about a point, with arms to where its nodes are now.

    Attributes:
        support: name of the support.
        about: the point (mm).
        components: which components are seen.
    """

    support: str
    about: tuple[float, float, float]
    components: str = "xyz"

    def on(self, system: "System") -> Seen:
        """Find the support.

        Raises:
            InputError: there is no such support.
        """
        _require(system.problem.supports, self.support, "support")
        chosen = [AXES.index(axis) for axis in self.components]
        names = tuple(f"torque of {self.support} {axis}" for axis in self.components)
        return Seen(names, "mN*mm", lambda system: system.torques(self.about)[self.support][chosen])


def _require(members: Mapping[str, object], name: str, kind: str) -> None:
    if name not in members:
        wanted = f"one of {', '.join(sorted(members))}" if members else f"a case with a {kind}"
        raise InputError(Problem(kind, f"no such {kind}", name, wanted))
