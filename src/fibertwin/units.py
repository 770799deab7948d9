"""Units inside fibertwin, and the annotations that tell the case file what a number measures.

Inside: mm, s, kPa, hence mN, kg and µJ; diffusivities mm²/s; angles rad.
"""

import math
import re
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

if TYPE_CHECKING:
    from pint import UnitRegistry
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*")
_FACTOR = r"[A-Za-z_]+(?:(?:\^|\*\*)?-?\d+)?"
_UNIT = re.compile(rf"(?:1\s*/\s*)?{_FACTOR}(?:(?:\s*[*/]\s*|\s+){_FACTOR})*")
_SPELLINGS = str.maketrans({"µ": "u", "μ": "u", "²": "^2", "³": "^3", "·": "*", "×": "*", "°": "deg", "%": "percent"})
_ANGLES = {"radian", "degree", "arcminute", "arcsecond", "turn", "grade", "milliarcsecond"}

# What each unit measures, with a value that is typical of soft tissue for the messages.
_MEASURES = {
    "": ("a pure number", "0.5"),
    "mm": ("a length", "5 mm"),
    "mm^2": ("an area", "450 mm^2"),
    "mm^3": ("a volume", "2 cm^3"),
    "s": ("a time", "20 ms"),
    "mm/s": ("a speed", "1 m/s"),
    "mm/s^2": ("an acceleration", "9.81 m/s^2"),
    "rad": ("an angle", "30 deg"),
    "rad/s": ("an angular velocity", "20 rad/s"),
    "rad/s^2": ("an angular acceleration", "5000 rad/s^2"),
    "kg": ("a mass", "1.4 kg"),
    "kg/mm^3": ("a density", "1.04 g/cm^3"),
    "kPa": ("a pressure or modulus", "2.3 kPa"),
    "kPa/mm": ("a stiffness per area or force per volume", "10 kPa/mm"),
    "kPa*s": ("a viscosity", "1 Pa*s"),
    "kPa*s/mm": ("a damping per area", "1 kPa*s/mm"),
    "kPa*s/mm^3": ("a resistance to flow", "1 mmHg*s/mL"),
    "mm^3/kPa": ("a compliance", "1.5 mL/mmHg"),
    "mN": ("a force", "0.5 N"),
    "mN/mm": ("a force per length or stiffness", "20 N/m"),
    "uJ": ("an energy", "3 uJ"),
    "mN*mm": ("a torque", "2 N*mm"),
    "mm^2/s": ("a diffusivity", "0.7e-3 mm^2/s"),
    "s/mm^2": ("a diffusion weighting", "1000 s/mm^2"),
    "MB": ("a memory size", "500 MB"),
}


class UnitError(ValueError):
    """A quantity that cannot be taken: ``what`` is wrong, what is ``wanted``, what to try (``hint``)."""

    def __init__(self, what: str, wanted: str, hint: str = "") -> None:
        super().__init__(what)
        self.what, self.wanted, self.hint = what, wanted, hint


@dataclass(frozen=True)
class Unit:
    """The unit in which fibertwin holds a number; ``""`` for a pure number."""

    name: str

    @property
    def measures(self) -> str:
        """What the unit measures, with its article: ``a length``."""
        return _MEASURES.get(self.name, (f"a quantity in {self.name}", ""))[0]

    @property
    def example(self) -> str:
        """A quantity as a case file would write it."""
        return _MEASURES.get(self.name, ("", f"1 {self.name}"))[1]

    @property
    def wanted(self) -> str:
        """What the case file accepts, in words."""
        return f"{self.measures}, such as {self.example if self.name == '' else quoted(self.example)}"

    def parse(self, value: object) -> float:
        """Turn what a case file says into a number in this unit.

        Args:
            value: ``"2.3 kPa"``; for a pure number also a bare number or ``"20 %"``.

        Returns:
            The number in the unit ``name``.

        Raises:
            UnitError: no number, no unit, an unknown unit, another dimension, or not finite.
        """
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._bare(float(value))
        if not isinstance(value, str):
            raise UnitError(f"is not {self.measures}", self.wanted)
        match = _QUANTITY.fullmatch(value)
        if match is None:
            raise UnitError(f"is not {self.measures}", self.wanted)
        number, unit = float(match[1]), match[2].translate(_SPELLINGS)
        if not unit:
            return self._bare(number)
        return _finite(number if unit == self.name else number * self._factor(unit), self)

    def write(self, value: float) -> float | str:
        """Write a number held in this unit as a case file would: ``"2.3 kPa"``, or the bare pure number."""
        if not self.name:
            return value
        if self.name == "rad" and round(math.degrees(value), 9) * math.radians(1) == value:
            return f"{round(math.degrees(value), 9)!r}".removesuffix(".0") + " deg"
        return f"{float(value)!r}".removesuffix(".0") + f" {self.name}"

    def _bare(self, number: float) -> float:
        _finite(number, self)
        if self.name:
            shown = f"{number:g}"
            raise UnitError(
                f"has no unit, but is {self.measures}", self.wanted, f"write {quoted(f'{shown} {self.name}')}"
            )
        return number

    def _factor(self, unit: str) -> float:
        """How many of this unit make one of ``unit``."""
        from pint import DimensionalityError

        given = _known(unit, self)
        own = _registry().parse_units(self.name) if self.name else _registry().dimensionless
        if _angular(given) != _angular(own):
            raise self._other_dimension(unit)
        try:
            factor = float(_registry().convert(1.0, given, own))
        except DimensionalityError as error:
            raise self._other_dimension(unit) from error
        # pint multiplies prefixes one by one; a decimal factor should come out as that decimal
        decimal = float(f"{factor:.12g}")
        return decimal if math.isclose(decimal, factor, rel_tol=1e-14) else factor

    def _other_dimension(self, unit: str) -> UnitError:
        what = f"is {_measured_by(unit)}, but {self.measures} is wanted"
        return UnitError(what, self.wanted, "leave the unit out" if not self.name else f"give it in {self.name}")

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Let pydantic read a quantity, in every place of a tuple or list, and write it back with its unit."""
        from pydantic_core import PydanticCustomError, PydanticSerializationUnexpectedValue, core_schema

        if get_origin(source) in (tuple, list):
            inner = tuple(Annotated[part, self] if part is not Ellipsis else part for part in get_args(source))
            return handler.generate_schema(get_origin(source)[inner])

        def read(value: object) -> float:
            try:
                return self.parse(value)
            except UnitError as error:
                shape = isinstance(value, (dict, list, tuple))  # meant for another branch of a union, if there is one
                told = {"what": error.what, "wanted": error.wanted, "hint": error.hint, "shape": shape}
                raise PydanticCustomError("quantity", "{what}", told) from error

        def write(value: Any) -> Any:
            if not isinstance(value, (int, float)):
                raise PydanticSerializationUnexpectedValue("not a number")  # it belongs to another branch of a union
            return self.write(value)

        return core_schema.no_info_before_validator_function(
            read, handler(source), serialization=core_schema.plain_serializer_function_ser_schema(write)
        )

    def __get_pydantic_json_schema__(self, schema: "CoreSchema", handler: "GetJsonSchemaHandler") -> "JsonSchemaValue":
        """Describe the quantity to an editor: a text of a number and a unit; a bare number where there is none."""
        inner = handler(schema)
        if inner.get("type") not in ("number", "integer"):
            return inner
        text = {"type": "string", "pattern": rf"^\s*{_NUMBER}\s*\S.*$", "examples": [self.example]}
        if not self.name:
            percent = {"type": "string", "pattern": rf"^\s*{_NUMBER}\s*%\s*$", "examples": ["20 %"]}
            return {"anyOf": [inner, percent]}
        return text | {"description": f"{self.measures}, held in {self.name}"}


def quoted(text: str) -> str:
    """The text as a TOML string."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@cache
def _registry() -> "UnitRegistry[Any]":
    import pint

    return pint.UnitRegistry(on_redefinition="ignore")


def _known(unit: str, wanted: Unit) -> Any:
    """The unit as pint holds it."""
    from pint import UndefinedUnitError

    try:
        if _UNIT.fullmatch(unit):
            return _registry().parse_units(unit)
    except UndefinedUnitError:
        pass  # told below, as any other text that is no unit
    folded = [name for name in _common_units() if name.lower() == unit.lower()]
    guess = (folded or get_close_matches(unit, _common_units(), n=1, cutoff=0.5))[:1]
    hint = f"did you mean {guess[0]}?" if guess else ""
    raise UnitError(f"has the unknown unit {quoted(unit)}", wanted.wanted, hint)


def _common_units() -> list[str]:
    """Units that people write, for guesses at misspelt ones."""
    plain = (
        "mm",
        "cm",
        "m",
        "um",
        "s",
        "ms",
        "us",
        "min",
        "rad",
        "deg",
        "kPa",
        "MPa",
        "Pa",
        "mmHg",
        "mN",
        "N",
        "kg",
        "g",
    )
    return (
        [*plain] + [name for name in _MEASURES if name] + ["um^2/ms", "g/cm^3", "kg/m^3", "m/s", "m/s^2", "N/m", "g_0"]
    )


def _angular(unit: Any) -> int:
    """The power of angle in a unit, which pint takes for a pure number."""
    return int(sum(power for name, power in unit._units.items() if name.removeprefix("milli") in _ANGLES))


def _measured_by(unit: str) -> str:
    """What an accepted unit measures, in words."""
    given = _registry().parse_units(unit)
    for name, (words, _) in _MEASURES.items():
        own = _registry().parse_units(name) if name else _registry().dimensionless
        if own.dimensionality == given.dimensionality and _angular(own) == _angular(given):
            return words
    return f"of the dimension {given.dimensionality}"


def _finite(number: float, unit: Unit) -> float:
    if not math.isfinite(number):
        raise UnitError("is not a finite number", unit.wanted)
    return number


Length = Annotated[float, Unit("mm")]
Area = Annotated[float, Unit("mm^2")]
Volume = Annotated[float, Unit("mm^3")]
Time = Annotated[float, Unit("s")]
Speed = Annotated[float, Unit("mm/s")]
Acceleration = Annotated[float, Unit("mm/s^2")]
Angle = Annotated[float, Unit("rad")]
Pressure = Annotated[float, Unit("kPa")]
Resistance = Annotated[float, Unit("kPa*s/mm^3")]
Compliance = Annotated[float, Unit("mm^3/kPa")]
StiffnessPerArea = Annotated[float, Unit("kPa/mm")]
Force = Annotated[float, Unit("mN")]
Torque = Annotated[float, Unit("mN*mm")]
Density = Annotated[float, Unit("kg/mm^3")]
Diffusivity = Annotated[float, Unit("mm^2/s")]
Number = Annotated[float, Unit("")]
