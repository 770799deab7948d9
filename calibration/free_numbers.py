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
    ``supports.retractor.depth``; or ``fibers.exponent``. With a minus before it, it takes the opposite value, as the
    second of a pair of angles does.

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
            found = [one for place in mine if (one := _looked_at(problem, _plain(place), wrong)) is not None]
            values.append(_sign(mine[0]) * found[0].value if found else np.nan)
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
        given = zip(self._places, np.asarray(theta, dtype=float), strict=True)
        changes = {_plain(place): _sign(place) * float(value) for mine, value in given for place in mine}
        for place, value in changes.items():
            wrong += _out_of_bounds(problem, place, value)
        if wrong:
            raise InputError(wrong)
        exponent = changes.pop(EXPONENT, None)
        if exponent is not None and problem.fibers is not None:
            from fibertwin.meshes.sharpening import sharpened

            problem = replace(problem, fibers=sharpened(problem.fibers, exponent))
        try:
            changed: Problem = _with(problem, {tuple(place.split(".")): value for place, value in changes.items()})
        except ValueError as error:
            told = ", ".join(f"{place} = {value:.6g}" for place, value in changes.items())
            raise InputError(Wrong("parameters", f"do not go together: {error}", told)) from error
        return changed


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


def _with(node: Any, changes: Mapping[tuple[str, ...], float]) -> Any:
    """A copy with other numbers at places below a node."""
    by_member: dict[str, dict[tuple[str, ...], float]] = {}
    for (first, *rest), value in changes.items():
        by_member.setdefault(first, {})[tuple(rest)] = value
    members = dict(_members(node)) if by_member else {}
    new = {name: rest[()] if () in rest else _with(members[name], rest) for name, rest in by_member.items()}
    if isinstance(node, Mapping):
        return {**node, **new}
    if isinstance(node, tuple):
        return tuple(new.get(str(position), value) for position, value in enumerate(node))
    return replace(node, **new) if new else node


def _plain(place: str) -> str:
    return place.removeprefix("-")


def _sign(place: str) -> float:
    return -1.0 if place.startswith("-") else 1.0
