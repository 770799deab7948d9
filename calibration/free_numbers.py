"""Numbers of a problem by their place, set free: law parameters, loads, motions, springs, how much fibers count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.constitutive.parameters import annotation
from fibertwin.constitutive.varying import Varying
from fibertwin.errors import InputError
from fibertwin.errors import Problem as Wrong

if TYPE_CHECKING:
    from fibertwin.solver import Problem

type Vector = NDArray[np.float64]

EXPONENT = "fibers.exponent"
"""The place of the power n of H = Dⁿ / tr Dⁿ, 1 as the fibers are given."""


class FreeNumbers:
    """Problems that differ from one in some of its numbers: a family, ``fibertwin.solver.family.Equilibria``'s.

    A place is the number's in the case file: ``materials.white.energies.1.k1``, ``loads.gravity.acceleration.2``,
    ``supports.retractor.depth``; or ``fibers.exponent``.

    Args:
        problem: what is solved at the numbers as they are.
        places: place of each parameter, by the parameter's name; several places take the same value.

    Attributes:
        names: names of the parameters (p).
        theta: their values in the problem (p,).
        units: their units (p), fibertwin's own.

    Raises:
        InputError: with every place where there is no number.
    """

    def __init__(self, problem: "Problem", places: Mapping[str, str | tuple[str, ...]]) -> None:
        self._problem = problem
        self.names = tuple(places)
        self._places = [(given,) if isinstance(given, str) else tuple(given) for given in places.values()]
        wrong: list[Wrong] = []
        values, units = [], []
        for mine in self._places:
            found = [one for place in mine if (one := _looked_at(problem, place, wrong)) is not None]
            values.append(found[0].value if found else np.nan)
            units.append(found[0].unit if found else "")
        if wrong:
            raise InputError(wrong)
        self.theta = np.array(values)
        self.units = tuple(units)

    def __call__(self, theta: Vector) -> "Problem":
        """The problem at parameters (p,).

        Raises:
            InputError: with every one that is out of the bounds of what it is a number of.
        """
        problem, wrong = self._problem, list[Wrong]()
        for mine, value in zip(self._places, np.asarray(theta, dtype=float), strict=True):
            for place in mine:
                wrong += _out_of_bounds(self._problem, place, float(value))
        if wrong:
            raise InputError(wrong)
        for mine, value in zip(self._places, np.asarray(theta, dtype=float), strict=True):
            for place in mine:
                problem = _with(problem, place, float(value))
        return problem


@dataclass(frozen=True)
class _Number:
    """A number as it is found: its value, unit and bounds."""

    value: float
    unit: str
    bounds: tuple[Any, ...]


def _looked_at(problem: "Problem", place: str, wrong: list[Wrong]) -> _Number | None:
    """The number at a place; what is wrong is added to ``wrong``."""
    if place == EXPONENT:
        if problem.fibers is None:
            wrong.append(Wrong(place, "there are no fibers", hint="add [diffusion]"))
        return _Number(1.0, "", ())
    node: Any = problem
    owner, attribute = node, ""
    for part in place.split("."):
        members = dict(_members(node))
        if part not in members:
            wanted = f"one of {', '.join(members)}" if members else ""
            wrong.append(Wrong(place, f"there is no {part}", wanted=wanted))
            return None
        if is_dataclass(node):
            owner, attribute = node, part
        node = members[part]
    if isinstance(node, Varying):
        wrong.append(
            Wrong(place, "varies through the tissue", wanted="one number", hint="name a number, or use a field")
        )
        return None
    if isinstance(node, bool) or not isinstance(node, int | float):
        wrong.append(Wrong(place, "is no number", got=str(node) if isinstance(node, str) else ""))
        return None
    unit, bounds = annotation(type(owner), attribute)
    return _Number(float(node), unit.name, bounds)


def _members(node: Any) -> Iterator[tuple[str, Any]]:
    """What a part of a problem consists of, by the names that places use."""
    if isinstance(node, Mapping):
        yield from ((str(name), value) for name, value in node.items())
    elif isinstance(node, tuple):
        yield from ((str(position), value) for position, value in enumerate(node))
    elif is_dataclass(node) and not isinstance(node, Varying):
        yield from ((field.name, getattr(node, field.name)) for field in fields(node))


def _out_of_bounds(problem: "Problem", place: str, value: float) -> list[Wrong]:
    from fibertwin.solver.parameters import limits

    number = _looked_at(problem, place, [])
    bounds = () if number is None else number.bounds
    broken = [words for words, holds in limits(bounds) if not holds(value)]
    if np.isfinite(value) and not broken:
        return []
    unit = "" if number is None else number.unit
    return [Wrong(place, "is out of range", f"{value:.6g} {unit}".rstrip(), " and ".join(broken) or "a number")]


def _with(node: Any, place: str, value: float) -> Any:
    """A copy with another number at a place."""
    if place == EXPONENT:
        from fibertwin.meshes.sharpening import sharpened

        return replace(node, fibers=sharpened(node.fibers, value))
    first, _, rest = place.partition(".")
    if isinstance(node, Mapping):
        return {**node, first: _with(node[first], rest, value) if rest else value}
    if isinstance(node, tuple):
        at = int(first)
        return (*node[:at], _with(node[at], rest, value) if rest else value, *node[at + 1 :])
    return replace(node, **{first: _with(getattr(node, first), rest, value) if rest else value})
