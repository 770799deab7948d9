"""The numbers of a law by name, read from the fields of its dataclass, and put back."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Self, get_args, get_origin, get_type_hints

from ufl.core.expr import Expr

from fibertwin.curve import Moment
from fibertwin.units import Unit

from .varying import Value, Varying


@dataclass(frozen=True)
class Parametric:
    """A frozen dataclass whose number-valued fields are parameters; each may also be a ``Varying``.

    Where a field holds several numbers (a tuple), the parameters are called ``name.0``, ``name.1``, …
    """

    varies: ClassVar[type[Varying]] = Varying
    changes: ClassVar[bool] = False
    """Whether parameters change with time."""

    @property
    def parameters(self) -> dict[str, Value]:
        """The numbers: what can change without compiling anything again."""
        found: dict[str, Value] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if _is_value(value):
                found[field.name] = value if isinstance(value, Varying) else float(value)
            elif _is_values(value):
                found |= {f"{field.name}.{i}": v if isinstance(v, Varying) else float(v) for i, v in enumerate(value)}
        return found

    @property
    def structure(self) -> tuple[object, ...]:
        """What decides the form of the energy: two laws of equal structure share compiled code."""
        values = (getattr(self, field.name) for field in fields(self))
        rest = tuple(value for value in values if not _is_value(value) and not _is_values(value))
        return (type(self), tuple(self.parameters), rest)

    def at(self, moment: Moment, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters at a moment of the load history, where they change with time.

        Args:
            moment: where the history stands.
            values: the parameters as given, numbers or arrays of one shape, by name.
        """
        return values

    def bind(self, values: Mapping[str, Expr]) -> Self:
        """A copy whose named parameters are UFL expressions (a ``fem.Constant``, a field per region)."""
        copied = copy.copy(self)
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in values:
                object.__setattr__(copied, field.name, values[field.name])
            elif _is_values(value):
                replaced = tuple(values.get(f"{field.name}.{i}", v) for i, v in enumerate(value))
                object.__setattr__(copied, field.name, replaced)
        return copied


def annotation(law: type[Any], parameter: str) -> tuple[Unit, tuple[Any, ...]]:
    """Unit and bounds (``annotated_types``) that a law declares for a parameter.

    Raises:
        KeyError: the law has no such parameter.
    """
    hints = get_type_hints(law, include_extras=True)
    for metadata in _metadata(hints[parameter.partition(".")[0]]):
        units = [item for item in metadata if isinstance(item, Unit)]
        if units:
            return units[0], tuple(item for item in metadata if not isinstance(item, Unit))
    return Unit(""), ()


def _metadata(hint: Any) -> list[tuple[Any, ...]]:
    """The annotations of a hint and of all that it is made of, outermost first."""
    if get_origin(hint) is Annotated:
        return [get_args(hint)[1:], *_metadata(get_args(hint)[0])]
    return [found for part in get_args(hint) for found in _metadata(part)]


def _is_value(value: object) -> bool:
    return isinstance(value, Varying) or (isinstance(value, int | float) and not isinstance(value, bool))


def _is_values(value: object) -> bool:
    return isinstance(value, tuple) and len(value) > 0 and all(_is_value(v) for v in value)
