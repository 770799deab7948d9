"""What can be calibrated: anything that predicts observations from parameters and can be linearised."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import SolveError

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


class ForwardModel(Protocol):
    """Predicts observations y = h(x, θ) of a state x that θ determines: a formula, an ODE, an equilibrium.

    A model on several ranks is collective and gives the same bits on each, so that everything that is built on it runs
    on every rank alike.

    Attributes:
        names: its parameters, in the order of θ.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""

    def solve(self, theta: Vector) -> Vector:
        """Predictions (m,) at parameters (p,) in the units they are declared in.

        Raises:
            SolveError: there is none.
        """

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (m,) and their derivatives (m, p).

        Raises:
            SolveError: there are none.
        """


@dataclass(frozen=True)
class Formula:
    """A model that is one function of its parameters.

    Attributes:
        names: names of the parameters (p).
        function: predictions (m,) of parameters (p,).
        derivative: their derivatives (m, p); without it they are taken by complex steps, which the function must bear.
    """

    names: tuple[str, ...]
    function: Callable[[NDArray[Any]], ArrayLike]
    derivative: Callable[[Vector], ArrayLike] | None = None

    def solve(self, theta: Vector) -> Vector:
        """Predictions (m,).

        Raises:
            SolveError: they are not finite.
        """
        found = np.atleast_1d(np.asarray(self.function(np.asarray(theta, dtype=float)), dtype=float))
        if not np.isfinite(found).all():
            raise SolveError(f"The formula is not finite at {_named(self.names, theta)}.")
        return found

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (m,) and derivatives (m, p).

        Raises:
            SolveError: they are not finite.
        """
        theta = np.asarray(theta, dtype=float)
        found = self.solve(theta)
        if self.derivative is not None:
            slopes = np.asarray(self.derivative(theta), dtype=float).reshape(len(found), len(theta))
        else:
            step = 1e-30
            columns = [np.atleast_1d(self.function(theta + 1j * step * axis)) for axis in np.eye(len(theta))]
            slopes = np.array([np.imag(column) / step for column in columns]).reshape(len(theta), len(found)).T
        if not np.isfinite(slopes).all():
            raise SolveError(f"The formula's derivatives are not finite at {_named(self.names, theta)}.")
        return found, slopes


def _named(names: tuple[str, ...], theta: Vector) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in zip(names, theta, strict=True))
