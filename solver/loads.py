"""What pushes on a body; a load's name tells whether it is dead or follows the deformation."""

from abc import abstractmethod
from dataclasses import dataclass

import ufl
from ufl.core.expr import Expr

from fibertwin.constitutive import Kinematics
from fibertwin.declared import Declared
from fibertwin.units import Pressure


@dataclass(frozen=True)
class Load(Declared):
    """A load on a named surface, growing in proportion to the load level.

    Attributes:
        surface: name of a surface of the anatomy.
    """

    surface: str

    @property
    @abstractmethod
    def magnitude(self) -> tuple[float, ...]:
        """The numbers that the solver binds to a Constant (kPa)."""

    @abstractmethod
    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """Force per reference area (3,) (kPa) on the body.

        Args:
            magnitude: ``magnitude`` at the present load level, as a vector Constant.
            kinematics: deformation of the body.
            normal: outward unit normal of the reference surface.
        """


@dataclass(frozen=True)
class FollowerPressure(Load):
    """Pressure that stays normal to the deformed surface; a positive pressure pushes on the body.

    Nanson's formula: the force per reference area is −p J F^(-T) N.

    Attributes:
        surface: name of a surface of the anatomy.
        pressure: pressure at full load.
    """

    pressure: Pressure

    @property
    def magnitude(self) -> tuple[float, ...]:
        """The pressure."""
        return (self.pressure,)

    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """Force per reference area."""
        return -magnitude[0] * ufl.cofac(kinematics.F) * normal


@dataclass(frozen=True)
class DeadTraction(Load):
    """Force per reference area that keeps its direction.

    Attributes:
        surface: name of a surface of the anatomy.
        traction_vector: traction in world axes (x, y, z) at full load.
    """

    traction_vector: tuple[Pressure, Pressure, Pressure]

    @property
    def magnitude(self) -> tuple[float, ...]:
        """The traction vector."""
        return self.traction_vector

    def traction(self, magnitude: Expr, kinematics: Kinematics, normal: Expr) -> Expr:
        """The given vector."""
        return magnitude
