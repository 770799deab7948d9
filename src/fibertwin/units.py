"""Units inside fibertwin, and the annotations that tell the case file what a number measures.

Inside: mm, s, kPa, hence mN, kg and µJ; diffusivities mm²/s; angles rad.
"""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Unit:
    """The unit in which fibertwin holds a number; ``""`` for a pure number."""

    name: str


Length = Annotated[float, Unit("mm")]
Pressure = Annotated[float, Unit("kPa")]
Force = Annotated[float, Unit("mN")]
Angle = Annotated[float, Unit("rad")]
Diffusivity = Annotated[float, Unit("mm^2/s")]
Density = Annotated[float, Unit("kg/mm^3")]
Acceleration = Annotated[float, Unit("mm/s^2")]
Volume = Annotated[float, Unit("mm^3")]
Number = Annotated[float, Unit("")]
