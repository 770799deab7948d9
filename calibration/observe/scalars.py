"""Single numbers of a body: mean strain of a region, volume and pressure of a cavity, force and torque of a support."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .observation import Observation, Seen

if TYPE_CHECKING:
    from fibertwin.solver.system import System

type Vector = NDArray[np.float64]

AXES = "xyz"


@dataclass(frozen=True)
class MeanStrain(Observation):
    """Mean Green–Lagrange strain n·E n of a region along a direction of its undeformed tissue.

    Attributes:
        region: name of the region.
        direction: ``fiber``, ``sheet``, or a vector (3,).
    """

    region: str
    direction: str | tuple[float, float, float] = "fiber"

    def on(self, system: "System") -> Seen:
        """Find the region and its directions. Collective.

        Raises:
            InputError: there is no such region, or it has no fibers.
        """
        from .strain import directions, strain_along

        tag = _known(system.problem.anatomy.regions, self.region, "region")
        n, strain, comm = directions(system, self.direction), strain_along(system), system.comm
        tags = system.problem.anatomy.cell_tags
        inside = np.zeros(len(strain.weights), dtype=bool)
        cells = tags.indices[tags.values == tag]
        inside[cells[cells < len(inside)]] = True
        weights = strain.weights * inside[:, None]
        volume = comm.allreduce(float(weights.sum()))

        def value(system: "System") -> Vector:
            return np.array([comm.allreduce(float((weights * strain(n)).sum())) / volume])

        named = self.direction if isinstance(self.direction, str) else "given direction"
        return Seen((f"strain of {self.region}, {named}",), "", value)


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
        _known(system.cavities(), self.cavity, "cavity")
        return Seen(
            (f"volume of {self.cavity}",), "mm^3", lambda system: np.array([system.cavities()[self.cavity].volume])
        )


@dataclass(frozen=True)
class CavityPressure(Observation):
    """Pressure (kPa) in a cavity, an unknown where its volume is prescribed.

    Attributes:
        cavity: name of the cavity's load.
    """

    cavity: str

    def on(self, system: "System") -> Seen:
        """Find the cavity.

        Raises:
            InputError: there is no such cavity.
        """
        _known(system.cavities(), self.cavity, "cavity")
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
        _known(system.problem.supports, self.support, "support")
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
        _known(system.problem.supports, self.support, "support")
        chosen = [AXES.index(axis) for axis in self.components]
        names = tuple(f"torque of {self.support} {axis}" for axis in self.components)
        return Seen(names, "mN*mm", lambda system: system.torques(self.about)[self.support][chosen])


def _known[T](members: "dict[str, T] | object", name: str, kind: str) -> T:
    found: dict[str, T] = dict(members.items()) if hasattr(members, "items") else {}
    if name not in found:
        wanted = f"one of {', '.join(sorted(found))}" if found else f"a case with a {kind}"
        raise InputError(Problem(kind, f"no such {kind}", name, wanted))
    return found[name]
