"""Numbers over time: load histories, motions, activation."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InputError, Problem
from .units import Unit

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

TIME = Unit("s")
WANTED = 'pairs of time and factor, such as [["0 s", 0], ["0.2 s", 1]], or the name of a CSV file with two columns'


@dataclass(frozen=True)
class Curve:
    """A factor over time, linear between its points and constant beyond them.

    In a case file: pairs of time and factor, or the name of a CSV file with the columns time (s) and factor.

    Attributes:
        times: times (n,) (s), rising.
        values: factors (n,).
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values) or not self.times:
            raise ValueError("a curve has as many times as factors, and at least one")
        if not np.isfinite([*self.times, *self.values]).all():
            raise ValueError("a curve's times and factors must be finite")
        if (np.diff(self.times) <= 0).any():
            raise ValueError("the times of a curve must rise")

    def __call__(self, time: ArrayLike) -> NDArray[np.float64]:
        """The factor at a time (s) of any shape."""
        return np.asarray(np.interp(np.asarray(time, dtype=float), self.times, self.values))

    @classmethod
    def read(cls, file: Path) -> "Curve":
        """Read a CSV file with the columns time (s) and factor; lines that start with # or letters are headings.

        Raises:
            InputError: it cannot be read, or is no curve.
        """
        rows = read_table(file, 2)
        try:
            return cls(tuple(rows[:, 0].tolist()), tuple(rows[:, 1].tolist()))
        except ValueError as error:
            raise InputError(Problem(str(file), str(error))) from error

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Read pairs or a file's name; write pairs."""
        from pydantic_core import core_schema

        def read(value: object, info: core_schema.ValidationInfo) -> "Curve":
            if isinstance(value, cls):
                return value
            if isinstance(value, str):
                return cls.read(Path((info.context or {}).get("folder", Path.cwd()), Path(value).expanduser()))
            return cls._of_pairs(value)

        def write(curve: Curve) -> list[list[float | str]]:
            return [[TIME.write(t), v] for t, v in zip(curve.times, curve.values, strict=True)]

        written = core_schema.plain_serializer_function_ser_schema(write)
        return core_schema.with_info_plain_validator_function(read, serialization=written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: "CoreSchema", handler: "GetJsonSchemaHandler") -> "JsonSchemaValue":
        """Describe what is read."""
        pair = {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "minItems": 2, "maxItems": 2}
        return {"anyOf": [{"type": "array", "items": pair}, {"type": "string"}], "description": WANTED}

    @classmethod
    def _of_pairs(cls, value: object) -> "Curve":
        if not isinstance(value, list | tuple) or not all(isinstance(p, list | tuple) and len(p) == 2 for p in value):
            raise ValueError(f"is not a curve; wanted {WANTED}")
        for _, factor in value:
            if isinstance(factor, bool) or not isinstance(factor, int | float):
                raise ValueError(f"has the factor {factor!r}; wanted {WANTED}")
        return cls(tuple(TIME.parse(time) for time, _ in value), tuple(float(factor) for _, factor in value))


def read_table(file: Path, columns: int) -> NDArray[np.float64]:
    """The numbers (rows, columns) of a CSV file whose headings start with # or a letter.

    Raises:
        InputError: the file is missing, or a line does not hold that many numbers.
    """
    wanted = f"{columns} numbers on a line, separated by commas"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem(str(file), f"cannot be read: {error}", wanted=wanted)) from error
    rows = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text[0] == "#" or text[0].isalpha():
            continue
        try:
            row = [float(word) for word in text.replace(";", ",").split(",")]
        except ValueError:
            row = []
        if len(row) != columns or not np.isfinite(row).all():
            raise InputError(Problem(f"{file}, line {number}", "is not a row of the table", got=text, wanted=wanted))
        rows.append(row)
    if not rows:
        raise InputError(Problem(str(file), "holds no numbers", wanted=wanted))
    return np.array(rows)


@dataclass(frozen=True)
class Moment:
    """Where a load history stands.

    Attributes:
        time: time (s).
        level: share of the history that is over, 0 to 1.
    """

    time: float
    level: float


def factor(curve: Curve | None, moment: Moment, delay: ArrayLike = 0.0) -> NDArray[np.float64]:
    """The factor of a history at a moment: its curve's, or the level of one that has none.

    Args:
        curve: factor over time.
        moment: where the history stands.
        delay: how much later (s) the curve begins here, any shape; needs a curve.
    """
    return np.asarray(moment.level) if curve is None else curve(moment.time - np.asarray(delay))
