"""What supports bear: the part of the residual that they hold, and what their springs do."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .system import System


def held_forces(system: "System") -> dict[str, tuple[NDArray[np.int32], NDArray[np.float64]]]:
    """Forces (n, 3) (mN) of each support on nodes (n,) that this rank owns. Collective."""
    system._assembly.residual(system._b)
    system._assembled = False
    forces = system._b.getNestSubVecs()[0].array_r.reshape(-1, 3)
    everywhere = np.arange(len(forces), dtype=np.int32)
    found = {name: [(everywhere[:0], np.zeros((0, 3)))] for name in system.problem.supports}
    for held in system.constraints.held:
        own = held.nodes < len(forces)
        along = np.einsum("ni,ni->n", forces[held.nodes[own]], held.directions[own])
        found[held.support].append((held.nodes[own], along[:, None] * held.directions[own]))
    for name, form in system.forms.springs.items():
        found[name].append((everywhere, -system._forces(form).reshape(-1, 3)))
    return {
        name: (np.concatenate([n for n, _ in parts]), np.concatenate([f for _, f in parts]))
        for name, parts in found.items()
    }
