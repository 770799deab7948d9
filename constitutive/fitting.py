"""Parameters of a law from measured curves, by least squares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import annotated_types
import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, SolveError

from .energy import StrainEnergy
from .experiments import Experiment
from .material import Material
from .parameters import annotation
from .point import Fabric
from .study import as_material
from .varying import Varying

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

Array = NDArray[np.float64]

STARTS = 8
"""First guesses: the parameters as they are, and others spread around them."""

SHORT, LONG = 15, 200
"""Steps from every first guess, and steps from those that came furthest."""

KEPT = 2
"""How many of those are followed to the end."""

SPREAD = 0.8
"""Standard deviation of the logarithm of a guess over the parameter as it is."""

HOPELESS = 1e3
"""Residual, relative to the measured stress, where a law cannot be computed or is not allowed."""


@dataclass(frozen=True)
class FittedLaw:
    """What a fit gives.

    Attributes:
        material: the material with the parameters that fit best.
        parameters: these, by name.
        covariance: of the parameters (k, k), in the order of ``parameters``, from the curvature at the best fit and
            the residuals' variance; infinite where the data do not tell them.
        r_squared: 1 − residual over total sum of squares of the nominal stress of each experiment, by its name.
        residuals: predicted minus measured nominal stress (kPa) of each experiment, by its name.
        starts: number of first guesses.
        at_bounds: parameters that ended at a bound.
    """

    material: Material
    parameters: dict[str, float]
    covariance: Array
    r_squared: dict[str, float]
    residuals: dict[str, Array]
    starts: int
    at_bounds: tuple[str, ...]

    @property
    def standard_errors(self) -> dict[str, float]:
        """Standard error of each parameter."""
        return dict(zip(self.parameters, map(float, np.sqrt(np.diag(self.covariance))), strict=True))


def fit(
    subject: StrainEnergy | Material,
    data: Sequence[Experiment],
    free: Sequence[str] | None = None,
    fabric: Fabric | None = None,
    *,
    starts: int = STARTS,
    seed: int = 0,
) -> FittedLaw:
    """The parameters that fit measured curves best.

    The sum of squares of (predicted − measured)/r over all points, every experiment's r being the root mean square of
    its measured stress times the root of its number of points, so that each counts alike, times its weight.

    Args:
        subject: a law by itself (incompressible) or a material; its parameters are the first guess.
        data: the curves.
        free: the parameters that may change, all if left out: names as in ``Material.parameters``, with the place of
            the energy before them where there are several (``"1.k1"``).
        fabric: the fabric of the specimens; aligned fibers along x and sheets along y if left out.
        starts: number of first guesses.
        seed: of the random guesses.

    Raises:
        InputError: a name is unknown, there are fewer points than parameters, or no guess can be computed.
    """
    problem = _Problem.of(as_material(subject), tuple(data), free, fabric)
    tried = [problem.solved(guess, SHORT) for guess in problem.guesses(starts, seed)]
    possible = sorted((t for t in tried if t.cost < 0.5 * HOPELESS**2), key=lambda result: float(result.cost))
    if not possible:
        raise InputError(Problem("fit", "the law cannot be computed at any first guess", hint="start from others"))
    followed = [problem.solved(result.x, LONG) for result in possible[:KEPT]]
    return problem.told(min(followed, key=lambda result: float(result.cost)), len(tried))


@dataclass(frozen=True)
class _Problem:
    """A fit, ready to be computed."""

    material: Material
    data: tuple[Experiment, ...]
    names: tuple[str, ...]
    first: Array
    low: Array
    high: Array
    fabric: Fabric | None

    @classmethod
    def of(
        cls, material: Material, data: tuple[Experiment, ...], free: Sequence[str] | None, fabric: Fabric | None
    ) -> "_Problem":
        """Check names and numbers, and look the bounds up."""
        known = _named(material)
        names = tuple(known if free is None else free)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InputError(Problem("free", "is no parameter", got=unknown[0], wanted=f"one of {', '.join(known)}"))
        varying = [name for name in names if isinstance(known[name], Varying)]
        if varying:
            raise InputError(Problem(varying[0], "varies in space, and cannot be fitted"))
        points = sum(experiment.amounts.size for experiment in data)
        if not names or points < len(names):
            raise InputError(Problem("data", "are too few", got=f"{points} points for {len(names)} parameters"))
        repeated = len({experiment.name for experiment in data}) != len(data)
        if repeated:
            raise InputError(Problem("data", "have two experiments of one name"))
        bounds = np.array([_bounds(material, name) for name in names])
        first = np.array([value for value in (known[name] for name in names) if not isinstance(value, Varying)])
        return cls(material, data, names, first, bounds[:, 0], bounds[:, 1], fabric)

    def guesses(self, count: int, seed: int) -> list[Array]:
        """The parameters as they are, then others: scaled at random, now and then with the other sign."""
        random = np.random.default_rng(seed)
        typical = np.where(self.first == 0, 1.0, self.first)
        found = [self._inside(self.first)]
        for _ in range(count - 1):
            factor = np.exp(SPREAD * random.normal(size=self.first.size))
            sign = np.where((self.low < 0) & (random.uniform(size=self.first.size) < 0.3), -1.0, 1.0)
            found.append(self._inside(typical * factor * sign))
        return found

    def _inside(self, values: Array) -> Array:
        """The values a little within their bounds."""
        span = np.where(np.isfinite(self.high - self.low), self.high - self.low, np.abs(values) + 1e-6)
        return np.clip(values, self.low + 1e-6 * span, self.high - 1e-6 * span)

    def solved(self, guess: Array, steps: int) -> "OptimizeResult":
        """The nearest least of the sum of squares, or what is reached of it in so many steps."""
        from scipy.optimize import least_squares

        bounds = (self.low, self.high)
        return least_squares(self.residuals, self._inside(guess), bounds=bounds, x_scale="jac", max_nfev=steps)

    def residuals(self, values: Array) -> Array:
        """Weighted residuals of all points."""
        hopeless = np.full(sum(e.amounts.size for e in self.data), HOPELESS)
        try:
            material = self.with_values(values)
        except ValueError:  # numbers that the law itself refuses, such as Ogden moduli that do not sum up
            return hopeless
        try:
            parts = [
                (e.response(material, self.fabric).nominal_stress - e.measured) * (e.weight / _size(e))
                for e in self.data
            ]
        except SolveError:
            return hopeless
        together = np.concatenate(parts)
        return np.clip(np.nan_to_num(together, nan=HOPELESS, posinf=HOPELESS, neginf=-HOPELESS), -HOPELESS, HOPELESS)

    def with_values(self, values: Array) -> Material:
        """The material with other numbers; the laws' own checks are run."""
        return with_parameters(self.material, dict(zip(self.names, map(float, values), strict=True)))

    def told(self, best: "OptimizeResult", starts: int) -> FittedLaw:
        """The fit in full."""
        material = self.with_values(best.x)
        predicted = {e.name: e.response(material, self.fabric).nominal_stress for e in self.data}
        residuals = {e.name: predicted[e.name] - e.measured for e in self.data}
        r_squared = {
            e.name: 1 - float((residuals[e.name] ** 2).sum() / ((e.measured - e.measured.mean()) ** 2).sum())
            for e in self.data
        }
        parameters = dict(zip(self.names, map(float, best.x), strict=True))
        at_bounds = tuple(n for n, active in zip(self.names, best.active_mask, strict=True) if active)
        covariance = _covariance(best.jac, best.fun)
        return FittedLaw(material, parameters, covariance, r_squared, residuals, starts, at_bounds)


def _size(experiment: Experiment) -> float:
    measured = experiment.measured
    return float(np.sqrt((measured**2).mean() * measured.size))


def _named(material: Material) -> dict[str, float | Varying]:
    """The parameters of the energies by the names that a fit uses."""
    several = len(material.energies) > 1
    return {
        f"{place}.{name}" if several else name: value
        for place, energy in enumerate(material.energies)
        for name, value in energy.parameters.items()
    }


def _place(material: Material, name: str) -> tuple[int, str]:
    """Which energy a name belongs to, and its name there."""
    if len(material.energies) == 1:
        return 0, name
    place, _, own = name.partition(".")
    return int(place), own


def _bounds(material: Material, name: str) -> tuple[float, float]:
    """Bounds that the law declares for a parameter."""
    place, own = _place(material, name)
    _, constraints = annotation(type(material.energies[place]), own)
    low, high = [-np.inf], [np.inf]
    for constraint in constraints:
        for part in constraint if isinstance(constraint, annotated_types.GroupedMetadata) else [constraint]:
            low += [float(getattr(part, name)) for name in ("ge", "gt") if hasattr(part, name)]
            high += [float(getattr(part, name)) for name in ("le", "lt") if hasattr(part, name)]
    return max(low), min(high)


def with_parameters(material: Material, values: Mapping[str, float]) -> Material:
    """A material with other numbers, by the names that a fit uses.

    Raises:
        ValueError: a law refuses them.
    """
    given: dict[int, dict[str, float]] = {}
    for name, value in values.items():
        place, own = _place(material, name)
        given.setdefault(place, {})[own] = value
    energies = tuple(_law_with(energy, given.get(place, {})) for place, energy in enumerate(material.energies))
    return replace(material, energies=energies)


def _law_with(law: StrainEnergy, values: Mapping[str, float]) -> StrainEnergy:
    bound = law.bind(values)
    changed: dict[str, Any] = {f.name: getattr(bound, f.name) for f in fields(law) if f.init}
    return replace(law, **changed)


def _covariance(jacobian: Array, residuals: Array) -> Array:
    """Covariance (k, k) of the parameters, infinite for those that the data do not tell."""
    freedom = max(len(residuals) - jacobian.shape[1], 1)
    variance = float(residuals @ residuals) / freedom
    scale = np.linalg.norm(jacobian, axis=0)
    told = scale > 0
    found = np.full((len(scale), len(scale)), np.inf)
    part = jacobian[:, told] / scale[told]
    inverse = np.linalg.pinv(part.T @ part) / np.outer(scale[told], scale[told])
    found[np.ix_(told, told)] = variance * inverse
    return found
