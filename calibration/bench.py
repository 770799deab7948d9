"""Curves of bench tests as a model: any law's parameters against tension, compression and shear together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fibertwin.constitutive.energy import StrainEnergy
from fibertwin.constitutive.experiments import Experiment
from fibertwin.constitutive.fitting import with_parameters
from fibertwin.constitutive.material import Material
from fibertwin.constitutive.point import Fabric
from fibertwin.constitutive.study import as_material
from fibertwin.errors import SolveError

from .noise import Correlated

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

STEP = 1e-4
"""Relative step of central differences: the specimens' equilibria are solved to 1e-13, which leaves 1e-8."""


@dataclass(frozen=True)
class BenchTests:
    """Nominal stress of homogeneous tests, each curve over the root mean square of what was measured of it.

    So a number is a share of its own curve's size, and every curve counts alike.

    Attributes:
        subject: a law by itself (incompressible) or a material; gives the parameters that are not free.
        experiments: the curves.
        free: the parameters: names as in ``Material.parameters``, with the place of the energy before them where there
            are several (``"1.k1"``).
        fabric: of the specimens; aligned fibers along x if left out.
    """

    subject: StrainEnergy | Material
    experiments: tuple[Experiment, ...]
    free: tuple[str, ...]
    fabric: Fabric | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The free parameters."""
        return self.free

    def solve(self, theta: Vector) -> Vector:
        """Stresses (m,), one curve after the other.

        Raises:
            SolveError: the law refuses the parameters, or a specimen finds no equilibrium.
        """
        values = dict(zip(self.free, map(float, theta), strict=True))
        try:
            material = with_parameters(as_material(self.subject), values)
        except ValueError as error:
            told = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
            raise SolveError(f"The law refuses {told}: it {error}.") from error
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [e.response(material, self.fabric).nominal_stress / size(e) for e in self.experiments]
        return np.concatenate(parts)

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Stresses (m,) and their derivatives (m, p) by central differences.

        Raises:
            SolveError: see ``solve``.
        """
        theta = np.asarray(theta, dtype=float)
        columns = []
        for index, value in enumerate(theta):
            step = np.zeros(len(theta))
            step[index] = STEP * max(abs(value), 1e-8)
            columns.append((self.solve(theta + step) - self.solve(theta - step)) / (2 * step[index]))
        return self.solve(theta), np.array(columns).T

    def from_rest(self) -> list[Vector]:
        """How far from rest each curve's numbers were measured: stretch less one, shear."""
        return [e.amounts - (0.0 if "shear" in e.mode else 1.0) for e in self.experiments]

    def measured(self) -> tuple[float, ...]:
        """What was measured (m,), in the order and scale of ``solve``."""
        return tuple(float(v) for e in self.experiments for v in e.measured / size(e))


def size(experiment: Experiment) -> float:
    """Root mean square of a measured curve (kPa)."""
    return float(np.sqrt((experiment.measured**2).mean()))


def discrepant(curves: Sequence[NDArray[np.float64]], sd: float | Vector, misfit: float, length: float) -> Correlated:
    """Noise that a model's own error adds to: smooth along each curve, none at rest, independent between curves.

    Kennedy & O'Hagan 2001, J. R. Stat. Soc. B 63:425: covariance sd² δ + misfit² x x' exp(-(x - x')²/2 length²). It
    keeps the posterior from certainty that a wrong model does not deserve. That the error vanishes at rest, where no
    law is wrong, is what keeps it from taking the law's place (Brynjarsdóttir & O'Hagan 2014, Inverse Probl.
    30:114007).

    Args:
        curves: how far from rest each number of a curve was measured (n,): stretch less one, shear.
        sd: standard deviation of independent noise, one or one for each number (m,).
        misfit: standard deviation of the model's error farthest from rest.
        length: over which change of x that error stays alike, as a share of the farthest.
    """
    total = sum(len(x) for x in curves)
    covariance, start = np.zeros((total, total)), 0
    for x in curves:
        x = np.asarray(x, dtype=float) / max(float(np.abs(x).max()), 1e-300)
        rows = slice(start, start + len(x))
        covariance[rows, rows] = misfit**2 * np.outer(x, x) * np.exp(-0.5 * ((x[:, None] - x) / length) ** 2)
        start += len(x)
    return Correlated(tuple(map(tuple, (covariance + sd**2 * np.eye(total)).tolist())))
