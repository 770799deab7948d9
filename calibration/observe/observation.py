"""What every observation is: numbers of a body in equilibrium, with names and units."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from fibertwin.solver.family import Slope
    from fibertwin.solver.system import System

type Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Seen:
    """An observation bound to one body.

    Attributes:
        names: of its numbers (m).
        unit: of all of them.
        value: the numbers that the present state of a system shows, the same on every rank. Collective.
        pull: for weights (m,), what gives the derivatives of the weighted sum by the unknowns; None where the
            observation has no such derivatives.
    """

    names: tuple[str, ...]
    unit: str
    value: "Callable[[System], Vector]"
    pull: "Callable[[Vector], Slope] | None" = None


class Observation(ABC):
    """A kind of measurement."""

    @abstractmethod
    def on(self, system: "System") -> Seen:
        """Bind to the body of a system. Collective.

        Raises:
            InputError: on every rank, where the body has no such place.
        """


def linear_pull(matrix: "csr_array") -> "Callable[[Vector], Slope]":
    """The transpose of an observation A u, for A (m, local degrees of freedom, ghosts included).

    Args:
        matrix: this rank's part of A, whose sum over ranks makes the whole.
    """

    def pull(weights: Vector) -> "Slope":
        def slope(system: "System") -> list[Vector]:
            from dolfinx import fem, la

            u = system.state.displacement
            gathered = fem.Function(u.function_space)
            gathered.x.array[:] = matrix.T @ weights
            gathered.x.scatter_reverse(la.InsertMode.add)
            owned = 3 * u.function_space.dofmap.index_map.size_local
            others = [np.zeros(f.function_space.dofmap.index_map.size_local) for f in system.state.functions[1:]]
            return [np.array(gathered.x.array[:owned]), *others]

        return slope

    return pull
