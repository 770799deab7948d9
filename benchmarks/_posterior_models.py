"""What posterior.py calibrates: a specimen of the prototype's law, a made-up patient."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.calibration import Formula, ForwardModel, Gaussian, Measurement, Normal, Parameter, Space, Target
from fibertwin.errors import SolveError

type Array = NDArray[np.float64]

NAMES = ("ln a", "ln b", "ln af", "ln bf")
TRUTH = np.array([0.0, 0.5, 0.7, 0.7])
SPACE = Space(tuple(Parameter(name, Normal(mean, 0.5)) for name, mean in zip(NAMES, (0, 0.3, 0.5, 0.8), strict=True)))


def specimen(levels: int = 8) -> Formula:
    """Three components of stress of homogeneous tests of an incompressible specimen with oblique fibers.

    psi = a/2b exp b(I1 - 3) + af/2bf exp bf(I4 - 1)², sheared, and stretched along two axes, to 30 %.
    """
    axis = np.array([np.cos(0.5), np.sin(0.5), 0.0])
    structure = np.outer(axis, axis)
    gradients = []
    for amount in np.linspace(0.03, 0.3, levels):
        shear = np.eye(3)
        shear[0, 1] = amount
        side = (1 + amount) ** -0.5
        gradients += [shear, np.diag([1 + amount, side, side]), np.diag([side, 1 + amount, side])]
    F = np.array(gradients)
    C = F.transpose(0, 2, 1) @ F
    I1, I4 = np.trace(C, axis1=1, axis2=2), np.einsum("nij,ij->n", C, structure)
    inverse = np.linalg.inv(F).transpose(0, 2, 1)
    fiber = F @ structure

    def stress(theta: Array) -> Array:
        a, b, af, bf = np.exp(theta)
        matrix = a * np.exp(b * (I1 - 3))
        fibers = np.where(I4 > 1, 2 * af * (I4 - 1) * np.exp(bf * (I4 - 1) ** 2), 0)
        P = matrix[:, None, None] * F + fibers[:, None, None] * fiber
        P = P - (P[:, 2, 2] * F[:, 2, 2])[:, None, None] * inverse
        return np.concatenate([P[:, 0, 0], P[:, 0, 1], P[:, 1, 1]])

    return Formula(NAMES, stress)


def patient(seed: int, sd: float, truth: Array = TRUTH) -> Target:
    """Stresses of the specimen with noise."""
    model = specimen()
    exact = model.solve(truth)
    values = exact + sd * np.random.default_rng(seed).standard_normal(len(exact))
    return Target(model, SPACE, Measurement(tuple(values.tolist()), Gaussian(sd)))


@dataclass(frozen=True)
class Brittle:
    """A model that fails at a share of all parameters, always at the same ones."""

    model: ForwardModel
    share: float

    @property
    def names(self) -> tuple[str, ...]:
        return self.model.names

    def solve(self, theta: Array) -> Array:
        self._fail(theta)
        return self.model.solve(theta)

    def linearise(self, theta: Array) -> tuple[Array, Array]:
        self._fail(theta)
        return self.model.linearise(theta)

    def _fail(self, theta: Array) -> None:
        if np.random.default_rng(np.abs(theta * 1e9).astype(np.int64)).uniform() < self.share:
            raise SolveError("The member was made to fail.")
