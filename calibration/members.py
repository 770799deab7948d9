"""Predictions at many parameters: the place where members of an ensemble run in parallel."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, SolveError

from .model import ForwardModel

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


class Members(Protocol):
    """Predicts at many parameters, none of which waits for another's answer.

    Answers come in the order of the parameters; each is kept as soon as it is there.
    """

    def about(self, theta: Vector) -> None:
        """Told near which parameters (p,), a mode, all is that is asked from now on."""

    def solve(self, thetas: Matrix) -> Iterable[Vector | SolveError]:
        """Predictions (m,), or the error, for each row of parameters (n, p)."""

    def linearise(self, thetas: Matrix) -> Iterable[tuple[Vector, Matrix] | SolveError]:
        """Predictions (m,) and derivatives (m, p), or the error, for each row of parameters (n, p)."""


@dataclass(frozen=True)
class OneByOne:
    """Members on the model itself, one after the other.

    Attributes:
        model: what predicts.
        anchor: told the mode; None where the model does not ask for it.
    """

    model: ForwardModel
    anchor: Callable[[Vector], None] | None = None

    def about(self, theta: Vector) -> None:
        """Hand the mode (p,) on."""
        if self.anchor is not None:
            self.anchor(theta)

    def solve(self, thetas: Matrix) -> Iterator[Vector | SolveError]:
        """Predictions (m,), or the error, one after the other."""
        return (attempted(self.model.solve, theta) for theta in thetas)

    def linearise(self, thetas: Matrix) -> Iterator[tuple[Vector, Matrix] | SolveError]:
        """Predictions (m,) and derivatives (m, p), or the error, one after the other."""
        return (attempted(self.model.linearise, theta) for theta in thetas)


def attempted[T](predict: Callable[[Vector], T], theta: Vector) -> T | SolveError:
    """A prediction, or why there is none: parameters that a law refuses are a solve that failed."""
    try:
        return predict(theta)
    except SolveError as error:
        return error
    except InputError as error:
        return SolveError(str(error))
