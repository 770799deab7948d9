"""Parameters that vary through the tissue: values that say where the numbers come from; the solver looks them up."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fibertwin.declared import Declared


@dataclass(frozen=True)
class Varying(Declared):
    """A number of a law that is not the same everywhere, in place of the number itself."""

    key: ClassVar[str] = ""


@dataclass(frozen=True)
class FromImage(Varying):
    """The values of a voxel image, linear between voxel centers.

    Attributes:
        image: image in the mesh's space (RAS+ mm).
        unit: unit of its values; that of the parameter if left out.
    """

    image: Path
    unit: str = ""


@dataclass(frozen=True)
class FromMesh(Varying):
    """A point or cell field of a mesh file that covers the body.

    Attributes:
        field: name of the field.
        file: any format that meshio reads, in the mesh's space.
        unit: unit of its values; that of the parameter if left out.
        length_unit: unit of the file's coordinates.
    """

    field: str
    file: Path
    unit: str = ""
    length_unit: str = "mm"


@dataclass(frozen=True)
class Formula(Varying):
    """An expression of FA, MD (mm²/s), kappa (of FA), x, y and z (mm).

    Attributes:
        formula: such as ``"2 + 30 * FA**2"``; known functions are exp, log, sqrt, abs, minimum, maximum, where.
        unit: unit of its values; that of the parameter if left out.
    """

    formula: str
    unit: str = ""


type Value = float | Varying
"""What a parameter of a law may be."""
