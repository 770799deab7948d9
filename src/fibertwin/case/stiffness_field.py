"""What a case file says of a stiffness that is to be found in every cell of a region."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from annotated_types import Gt

from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Number, Unit

from .beliefs import number_at
from .toml import parts_of

WHERE = "calibrate.field.number"


@dataclass(frozen=True)
class StiffnessField:
    """A positive number of a law with a value of its own in every cell of its region, smooth in space.

    Attributes:
        number: its place, such as ``materials.tissue.energies.0.mu``; its value there is the median of the belief.
        length: distance over which the correlation between cells falls to 1/e.
        sd: standard deviation of the natural logarithm in each cell.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    number: str
    length: Annotated[Length, Gt(0)]
    sd: Annotated[Number, Gt(0)] = 0.5

    def place(self) -> tuple[str, int, str]:
        """Region, position of the energy in its material, and name of the number.

        Raises:
            InputError: it is no such place.
        """
        parts = tuple(map(str, parts_of(self.number)))
        if len(parts) != 5 or (parts[0], parts[2]) != ("materials", "energies") or not parts[3].isdigit():
            wanted = "such as materials.tissue.energies.0.mu"
            raise InputError(Problem(WHERE, "is no number of a law", self.number, wanted))
        return parts[1], int(parts[3]), parts[4]

    def median(self, document: Mapping[str, Any]) -> tuple[float, Unit]:
        """The number as the case has it, and fibertwin's own unit of it.

        Args:
            document: the case, as ``Case.to_dict`` gives it.

        Raises:
            InputError: there is no such number, or it is not positive.
        """
        self.place()
        value, unit = number_at(document, self.number, WHERE)
        if not value > 0:
            raise InputError(Problem(WHERE, "is not positive in this case", str(unit.write(value))))
        return value, unit
