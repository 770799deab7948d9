"""What pushes on a body; a load's name tells whether it is dead or follows the deformation."""

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import ufl
from annotated_types import Gt
from ufl.core.expr import Expr

from fibertwin.constitutive import Kinematics
from fibertwin.curve import Curve
from fibertwin.declared import Declared
from fibertwin.units import Acceleration, Density, Force, Length, Number, Pressure, Unit, Volume

from .circuits import Circuit

if TYPE_CHECKING:
    from fibertwin.meshes import Anatomy

ForceDensity = Annotated[float, Unit("kPa/mm")]


@dataclass(frozen=True)
class Load(Declared):
    """A load on a surface or in a region.

    Attributes:
        curve: factor of the load over time; in proportion to the load's level where left out.
    """

    curve: Curve | None = field(default=None, kw_only=True)

    @property
    def remembers(self) -> bool:
        """Whether what it does depends on what was before; see ``remembering``."""
        return False

    @abstractmethod
    def magnitude(self, anatomy: "Anatomy") -> tuple[float, ...]:
        """The numbers that the solver binds to a Constant, at full load. Collective."""


@dataclass(frozen=True)
class SurfaceLoad(Load):
    """A load on a named surface.

    Attributes:
        surface: name of a surface of the anatomy.
    """

    surface: str

    @abstractmethod
    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """Force per reference area (3,) (kPa) on the body.

        Args:
            magnitude: ``magnitude`` at the present moment, as a vector Constant.
            kinematics: deformation of the body.
            normal: outward unit normal of the reference surface.
        """


@dataclass(frozen=True)
class VolumeLoad(Load):
    """A load in a region.

    Attributes:
        region: name of a region of the anatomy; the whole body where left out.
    """

    region: str = field(default="", kw_only=True)

    @abstractmethod
    def force_density(self, magnitude: Expr, position: Expr) -> Expr:
        """Force per reference volume (3,) (kPa/mm) on the body.

        Args:
            magnitude: ``magnitude`` at the present moment, as a vector Constant.
            position: reference position (3,) (mm).
        """


@dataclass(frozen=True)
class FollowerPressure(SurfaceLoad):
    """Pressure that stays normal to the deformed surface; a positive pressure pushes on the body.

    Nanson's formula: the force per reference area is −p J F^(-T) N.

    Attributes:
        surface: name of a surface of the anatomy.
        pressure: pressure at full load.
    """

    pressure: Pressure

    def magnitude(self, anatomy: "Anatomy") -> tuple[float, ...]:
        """The pressure (kPa)."""
        return (self.pressure,)

    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """Force per reference area."""
        return -magnitude[0] * ufl.cofac(kinematics.F) * normal


@dataclass(frozen=True)
class DeadTraction(SurfaceLoad):
    """Force per reference area that keeps its direction.

    Attributes:
        surface: name of a surface of the anatomy.
        traction_vector: traction in world axes (x, y, z) at full load.
    """

    traction_vector: tuple[Pressure, Pressure, Pressure]

    def magnitude(self, anatomy: "Anatomy") -> tuple[float, ...]:
        """The traction vector (kPa)."""
        return self.traction_vector

    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """The given vector."""
        return magnitude


@dataclass(frozen=True)
class ForceOnArea(SurfaceLoad):
    """A force that keeps its direction, spread evenly over the reference area of a surface.

    Attributes:
        surface: name of a surface of the anatomy.
        force: total force in world axes (x, y, z) at full load.
    """

    force: tuple[Force, Force, Force]

    def magnitude(self, anatomy: "Anatomy") -> tuple[float, ...]:
        """Force over area (kPa)."""
        from fibertwin.meshes import area

        whole = area(anatomy, self.surface)
        return tuple(part / whole for part in self.force)

    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """The force per area."""
        return magnitude


@dataclass(frozen=True)
class Cavity(SurfaceLoad):
    """A cavity under a pressure, filled to a volume, or joined to a circuit; of the last two the pressure is found.

    The pressure acts on the wall as ``FollowerPressure``. A surface that is not closed is closed by flat lids that are
    parallel to one another: the volume is right as long as each rim stays in a plane parallel to the one it began in.
    In a sector of a body planes of symmetry close the cavity too; then ``center`` is a point where they meet, and
    ``axis`` the normal of further ends. Under volume control the load passes limit points, at which the pressure falls
    while the cavity grows. Joined to a circuit it gains in every increment what flows in less what flows out.

    Attributes:
        surface: name of the wall's surface, whose outward normals point into the cavity.
        pressure: pressure at full load; excludes ``volume`` and ``circuit``.
        volume: enclosed volume at full load; it goes from its first value in proportion to ``curve``.
        circuit: what the cavity fills from and empties into as time goes by.
        center: a point in all planes that close a sector's cavity, in which the rim stays.
        axis: normal of the ends of a sector that do not pass through ``center``, such as those of a quarter of a tube.
        curve: factor over time of the pressure or of the way to the volume, in proportion to the load's level where
            left out; of a circuit's filling pressure, which is constant where left out.
    """

    pressure: Pressure | None = None
    volume: Annotated[Volume, Gt(0)] | None = None
    circuit: Circuit | None = None
    center: tuple[Length, Length, Length] | None = None
    axis: tuple[Number, Number, Number] | None = None

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.pressure, self.volume, self.circuit)) != 1:
            raise ValueError("a cavity has either a pressure, a volume or a circuit")
        if self.axis is not None and (self.center is None or not any(self.axis)):
            raise ValueError("axis is a direction, and goes with center")

    @property
    def finds_pressure(self) -> bool:
        """Whether the pressure is unknown."""
        return self.pressure is None

    @property
    def remembers(self) -> bool:
        """Whether it is joined to a circuit, in which time goes by."""
        return self.circuit is not None

    def magnitude(self, anatomy: "Anatomy") -> tuple[float, ...]:
        """The pressure (kPa); zero to begin with where it is found."""
        return (0.0 if self.pressure is None else self.pressure,)

    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """Force per reference area."""
        return -magnitude[0] * ufl.cofac(kinematics.F) * normal


@dataclass(frozen=True)
class BodyForce(VolumeLoad):
    """Force per reference volume that keeps its direction.

    Attributes:
        force: force per volume in world axes (x, y, z) at full load.
    """

    force: tuple[ForceDensity, ForceDensity, ForceDensity]

    def magnitude(self, anatomy: "Anatomy") -> tuple[float, ...]:
        """The force per volume (kPa/mm)."""
        return self.force

    def force_density(self, magnitude: Expr, position: Expr) -> Expr:
        """The given vector."""
        return magnitude


@dataclass(frozen=True)
class Gravity(VolumeLoad):
    """Weight of the tissue.

    Attributes:
        acceleration: gravity in world axes (x right, y anterior, z superior): supine is (0, −9810, 0) mm/s².
        density: mass per reference volume.
    """

    acceleration: tuple[Acceleration, Acceleration, Acceleration]
    density: Annotated[Density, Gt(0)] = 1.04e-6

    def magnitude(self, anatomy: "Anatomy") -> tuple[float, ...]:
        """Density times acceleration (kPa/mm)."""
        return tuple(self.density * part for part in self.acceleration)

    def force_density(self, magnitude: Expr, position: Expr) -> Expr:
        """The weight per volume."""
        return magnitude
