"""By which numbers of a case what it tells can be derived by the tangent of one equilibrium, and why not by others."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fibertwin.case import Case

NUMBERS = ("materials", "supports", "loads")
"""Sections of a case whose numbers change the equations alone: mesh, fibers and the way of the solve stay."""

OF_THE_PATH = ("steps", "newton_history", "krylov_history", "energy.external_work_uJ", "energy.imbalance", "outcome")
"""Observables that depend on how the load was brought on, not on the state in which it ends."""


JUMPING = ("fiber_strain_exceedance",)
"""Observables that count points: they jump from one to the next, and the derivative between is zero."""


def of_the_path(observables: Iterable[str]) -> list[str]:
    """Those that depend on how the load was brought on."""
    return [name for name in observables if name.startswith(OF_THE_PATH)]


def hindrances(case: "Case", observables: Sequence[str], inputs: Iterable[str]) -> dict[str, str]:
    """Why the tangent does not tell the derivatives of observables, by the inputs of which it does not."""
    if case.unload is not None:
        return dict.fromkeys(inputs, "unload moves the nodes")
    tissue, loads = case.materials.values(), case.loads.values()
    if any(one.remembers for one in tissue) or any(one.remembers for one in loads):
        return dict.fromkeys(inputs, "the way to this case's equilibrium counts")
    if path := of_the_path(observables):
        return dict.fromkeys(inputs, f"{path[0]} depends on the way that the load took")
    if jumps := [name for name in observables if name.startswith(JUMPING)]:
        return dict.fromkeys(inputs, f"{jumps[0]} jumps from point to point")
    why = f"only numbers of {', '.join(NUMBERS[:-1])} and {NUMBERS[-1]} leave body, fibers and solver as they are"
    return {key: why for key in inputs if key.split(".")[0] not in NUMBERS}
