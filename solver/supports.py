"""How a body is held and moved: supports name a surface and say which components move where."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
from annotated_types import Gt, Len
from numpy.typing import NDArray

from fibertwin.declared import Declared
from fibertwin.units import Length

if TYPE_CHECKING:
    from fibertwin.meshes import Anatomy

AXES = "xyz"


@dataclass(frozen=True)
class Support(Declared):
    """A surface whose displacement is given, in some or all components, at full load.

    Attributes:
        surface: name of a surface of the anatomy.
    """

    surface: str

    @abstractmethod
    def motion(self, anatomy: "Anatomy") -> dict[int, float]:
        """Displacement (mm) of each component held, 0 to 2 for x to z, at full load. Collective."""


@dataclass(frozen=True)
class Clamp(Support):
    """The surface does not move.

    Attributes:
        surface: name of a surface of the anatomy.
        components: which of the world components are held (x right-left, y anterior, z superior).
    """

    components: Annotated[str, Len(1, 3)] = AXES

    def __post_init__(self) -> None:
        _check_components(self.components)

    def motion(self, anatomy: "Anatomy") -> dict[int, float]:
        """Zero in each component held."""
        return {AXES.index(c): 0.0 for c in self.components}


@dataclass(frozen=True)
class PrescribedDisplacement(Support):
    """The surface moves by a given vector, as it would when glued to a rigid plate.

    Attributes:
        surface: name of a surface of the anatomy.
        displacement: displacement in world axes (x, y, z) at full load.
        components: which of the world components follow it; the others are free.
    """

    displacement: tuple[Length, Length, Length]
    components: Annotated[str, Len(1, 3)] = AXES

    def __post_init__(self) -> None:
        _check_components(self.components)

    def motion(self, anatomy: "Anatomy") -> dict[int, float]:
        """The given vector, in the given components."""
        return {AXES.index(c): self.displacement[AXES.index(c)] for c in self.components}


@dataclass(frozen=True)
class Retractor(Support):
    """A rigid blade, in full contact, pushes the surface along its mean inward normal.

    Attributes:
        surface: name of a surface of the anatomy.
        depth: how far the blade is pushed in.
    """

    depth: Annotated[Length, Gt(0)]

    def motion(self, anatomy: "Anatomy") -> dict[int, float]:
        """Depth along the area-weighted mean inward normal."""
        from fibertwin.meshes import mean_normal

        inward: NDArray[np.float64] = -mean_normal(anatomy, self.surface)
        return {axis: float(self.depth * inward[axis]) for axis in range(3)}


def _check_components(components: str) -> None:
    if not set(components) <= set(AXES) or len(set(components)) != len(components):
        raise ValueError(f"components must be some of x, y, z, each once; got {components!r}")
