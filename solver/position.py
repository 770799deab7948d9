"""Where a load path stands as a document and fields, and back: all that its next increment rests on."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cavities import cavity_state
from .path import PATIENCE, Leg, Path, Place
from .remembering import Memory
from .solution import Balance, Step
from .system import State

type Arrays = dict[str, NDArray[Any]]

EFFORT = ("cuts", "newton", "krylov")
"""What counts of a path whoever goes on from it."""

CONTROL = ("increment", "dearest", "dear", "patience", "careful", "exhausted")
"""What its next increment depends on."""


def position(path: Path) -> tuple[dict[str, Any], Arrays]:
    """A path between two increments.

    Returns:
        the document; fields of this rank's own nodes and cells by name, as ``Layout`` knows them.
    """
    leg = path.leg
    wanted = [path.here, path.rest, *([leg.begun, leg.left] if leg is not None else [])]
    places = list({id(place): place for place in wanted if place is not None}.values())

    def number(place: Place | None) -> int | None:
        return next((i for i, other in enumerate(places) if other is place), None)

    said = {name: getattr(path, name) for name in (*EFFORT, *CONTROL)}
    said |= {"here": number(path.here), "rest": number(path.rest), "leg": None}
    if leg is not None:
        own = {"goal": leg.goal, "increment": leg.increment, "careful": leg.careful, "why": leg.why}
        said["leg"] = own | {"begun": number(leg.begun), "left": number(leg.left)}
    fields = {f"history.cells.{name}": values for name, values in path.system.history().items()}
    return _document(said, places), fields | _fields(path, places)


def fresh(path: Path) -> tuple[dict[str, Any], Arrays]:
    """A path at its last equilibrium, to be gone on from as from a new beginning; returns what ``position`` does."""
    said: dict[str, Any] = {name: getattr(path, name) for name in EFFORT}
    said |= dict.fromkeys(CONTROL, 0) | {"patience": PATIENCE, "careful": False}
    said |= {"increment": 0.0, "here": 0, "rest": 0, "leg": None}
    return _document(said, [path.rest]), _fields(path, [path.rest])


def _document(said: dict[str, Any], places: list[Place]) -> dict[str, Any]:
    found = [{"level": p.level, "work": p.work, "steps": [asdict(step) for step in p.steps]} for p in places]
    return {"path": said, "places": found}


def _fields(path: Path, places: list[Place]) -> Arrays:
    spaces = [f.function_space for f in path.system.state.functions]
    found: Arrays = {}
    for i, place in enumerate(places):
        for kind, (V, values) in enumerate(zip(spaces, place.state.functions, strict=True)):
            rows = values.reshape(-1, V.dofmap.index_map_bs)
            found[f"place{i}.{kind}.value"] = rows[: V.dofmap.index_map.size_local]
        found[f"place{i}.0.force"] = place.forces.reshape(-1, 3)
        found[f"place{i}.all.pressures"] = place.state.pressures
        found |= {f"memory{i}.{name}": values for name, values in place.state.memory.values.items()}
    return found


def put(path: Path, document: Mapping[str, Any], fields: Arrays, *, exact: bool) -> None:
    """Bring a path to a position. Collective.

    Args:
        path: the path, at its beginning.
        document: as ``position`` gave it.
        fields: likewise, of this rank's own nodes and cells.
        exact: whether to go on as if nothing had been; else only the place is taken.
    """
    said = document["path"]
    known = [steps(place, balanced=exact) for place in document["places"]]
    places = [_place(path, fields, i, place, known[i]) for i, place in enumerate(document["places"])]
    path.here = places[said["here"]]
    path.rest = places[said["rest"]] if exact else path.here
    for name in (*EFFORT, *(CONTROL if exact else ())):
        setattr(path, name, said[name])
    if exact and said["leg"] is not None:
        leg = dict(said["leg"])
        left = leg.pop("left")
        path.leg = Leg(begun=places[leg.pop("begun")], left=None if left is None else places[left], **leg)
    path.go_back()
    history = {name.split(".", 2)[2]: values for name, values in fields.items() if name.startswith("history.")}
    if exact:
        path.system.remember(history)


def _place(path: Path, fields: Arrays, number: int, said: Mapping[str, Any], known: tuple[Step, ...]) -> Place:
    arrays = []
    for kind, function in enumerate(path.system.state.functions):
        own = fields[f"place{number}.{kind}.value"].ravel()
        function.x.array[: len(own)] = own
        function.x.scatter_forward()
        arrays.append(function.x.array.copy())
    start = f"memory{number}."
    memory = {name.removeprefix(start): values for name, values in fields.items() if name.startswith(start)}
    pressures = np.asarray(fields[f"place{number}.all.pressures"])
    state = State(tuple(arrays), pressures, said["level"], Memory(said["level"], memory))
    return Place(said["level"], state, fields[f"place{number}.0.force"].ravel(), said["work"], known)


def steps(place: Mapping[str, Any], *, balanced: bool) -> tuple[Step, ...]:
    """The increments up to a place of a document, with their forces and energies where these are asked for."""
    return tuple(
        Step(
            step["level"],
            tuple(step["residuals"]),
            tuple(step["krylov"]),
            {name: cavity_state(state) for name, state in step["cavities"].items()},
            step["settled"],
            _balance(step["balance"]) if balanced else None,
        )
        for step in place["steps"]
    )


def _balance(said: Mapping[str, Any] | None) -> Balance | None:
    if said is None:
        return None
    reactions = {name: tuple(force) for name, force in said["reactions"].items()}
    return Balance(reactions, said["stored_energy"], said["external_work"])
