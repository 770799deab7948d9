"""Solutions of like linear systems, of which the next one is guessed, so that little is left to solve for."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from petsc4py import PETSc

type Vector = NDArray[np.float64]

NEW = 1e-10
"""Part of an image that must be new for it to widen what is known."""


class Guesses:
    """The combination of known solutions that leaves the least residual.

    After Fischer 1998 (doi 10.1016/S0045-7825(98)00012-7). Solutions of an earlier tangent count too, with their images
    under the present one.

    Args:
        comm: communicator. Everything here is collective.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self._found: dict[float, list[Vector]] = {}
        self._here: list[Vector] = []
        self._solutions: list[Vector] = []
        self._images: list[Vector] = []

    def begin(self, operator: PETSc.Mat, level: float) -> None:
        """Take a new tangent, that of a load level; what was last found there comes first, else at the last level."""
        known = self._found.get(level) or self._here
        self._here = self._found[level] = []
        self._solutions, self._images = [], []
        if known:
            x, y = operator.createVecRight(), operator.createVecLeft()
            for solution in known:
                put(x, solution)
                operator.mult(x, y)
                self._learn(solution, taken(y))
            x.destroy()
            y.destroy()

    def guess(self, rhs: Vector) -> tuple[Vector, Vector]:
        """A guess of the solution, and the residual that it leaves; both of the owned unknowns."""
        solution, left = np.zeros_like(rhs), rhs.copy()
        for known, image in zip(self._solutions, self._images, strict=True):
            share = self.dot(image, left)
            solution += share * known
            left -= share * image
        return solution, left

    def keep(self, solution: Vector, image: Vector) -> None:
        """Take a solution, with its image under the present tangent."""
        self._here.append(solution)
        self._learn(solution, image)

    def dot(self, a: Vector, b: Vector) -> float:
        """Product of two vectors of the owned unknowns."""
        return float(self._comm.allreduce(float(a @ b)))

    def _learn(self, solution: Vector, image: Vector) -> None:
        """Add a pair, its image orthonormal to those known."""
        size = np.sqrt(self.dot(image, image))
        solution, image = solution.copy(), image.copy()
        for _ in range(2):
            for known, other in zip(self._solutions, self._images, strict=True):
                share = self.dot(other, image)
                solution -= share * known
                image -= share * other
        length = np.sqrt(self.dot(image, image))
        if length > NEW * size:
            self._solutions.append(solution / length)
            self._images.append(image / length)


def taken(vector: PETSc.Vec) -> Vector:
    """The owned entries of a vector, or of the blocks of a nest in turn."""
    parts = vector.getNestSubVecs() if vector.getType() == "nest" else [vector]
    return np.concatenate([np.asarray(part.array_r) for part in parts])


def put(vector: PETSc.Vec, array: Vector) -> None:
    """Give a vector, or a nest, its owned entries."""
    first = 0
    for part in vector.getNestSubVecs() if vector.getType() == "nest" else [vector]:
        size = part.getLocalSize()
        part.array_w[:] = array[first : first + size]
        first += size
