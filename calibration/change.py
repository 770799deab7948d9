"""Patients who change: forgetting, and parameters that walk."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .filters import Belief
from .laplace import Laplace
from .posterior import Posterior
from .space import Space

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Still:
    """Parameters stay as they are: all readings count alike, whenever they were taken."""


@dataclass(frozen=True)
class Fading:
    """Old readings count for less: an age's share is e to the minus age over ``memory``, before the latest reading.

    Simple, and right about the present where a patient changes slowly; but what is left of old readings is no
    probability, so that there is no evidence.

    Attributes:
        memory: age at which a reading's log density counts for 1/e.
    """

    memory: float

    def __post_init__(self) -> None:
        if not self.memory > 0:
            raise ValueError("the time over which readings fade must be positive")

    def shares(self, times: ArrayLike) -> tuple[float, ...]:
        """How much readings of some times still count."""
        clock = np.asarray(times, dtype=float)
        return tuple(np.maximum(np.exp((clock - clock.max()) / self.memory), 1e-9).tolist())


@dataclass(frozen=True)
class Walking:
    """Parameters walk at random in their scores: a filter whose state they are.

    Between times of readings the scores' variance grows by sd² for each unit of time; the readings of each time are
    then a calibration of their own, whose prior is that belief, a normal distribution in scores.

    Attributes:
        sd: standard deviation of a score's walk in a unit of time, for all or by name; those not named stay still.
        exact: whether each time's posterior is sampled and checked by true solves instead of taken as normal.
    """

    sd: float | Mapping[str, float]
    exact: bool = False

    def __post_init__(self) -> None:
        widths = list(self.sd.values()) if isinstance(self.sd, Mapping) else [self.sd]
        if not all(width >= 0 for width in widths):
            raise ValueError("the standard deviation of a walk is not negative")

    def widths(self, space: Space) -> Vector:
        """Standard deviation (p,) of each score's walk in a unit of time.

        Raises:
            ValueError: a name is not that of a parameter.
        """
        if not isinstance(self.sd, Mapping):
            return np.full(space.size, float(self.sd))
        strange = set(self.sd) - set(space.names)
        if strange:
            raise ValueError(f"{', '.join(sorted(strange))} cannot walk; there are {', '.join(space.names)}")
        return np.array([float(self.sd.get(name, 0.0)) for name in space.names])


type Change = Still | Fading | Walking


@dataclass(frozen=True)
class Moved(Space):
    """A prior that is a normal distribution N(center, factor factor') of another one's coordinates.

    Attributes:
        center: mean (p,) of the coordinates z of the plain space.
        factor: rows (p, p): z = center + factor v with v standard normal.
    """

    center: tuple[float, ...] = ()
    factor: tuple[tuple[float, ...], ...] = field(default=())

    @classmethod
    def of(cls, space: Space, belief: Belief) -> "Moved":
        """A belief about a space's coordinates as a prior."""
        lower = np.linalg.cholesky(belief.covariance)
        return cls(space.parameters, space.correlation, tuple(belief.mean.tolist()), tuple(map(tuple, lower.tolist())))

    @property
    def plain(self) -> Space:
        """The space whose coordinates are z."""
        return Space(self.parameters, self.correlation)

    def outer(self, v: ArrayLike) -> Vector:
        """Coordinates z (..., p) of the plain space at coordinates v (..., p)."""
        return np.asarray(np.array(self.center) + np.asarray(v, dtype=float) @ np.array(self.factor).T)

    def slopes(self, z: ArrayLike) -> Matrix:
        """Derivatives dθ/dv (p, p) at coordinates v (p,)."""
        return np.asarray(self.plain.slopes(self.outer(z)) @ np.array(self.factor))

    def z(self, theta: ArrayLike) -> Vector:
        """Coordinates v (..., p) of parameters (..., p)."""
        apart = self.plain.z(theta) - np.array(self.center)
        return np.asarray(np.linalg.solve(np.array(self.factor), apart[..., None])[..., 0])

    def _scores(self, z: ArrayLike) -> Vector:
        return self.plain.scores(self.outer(z))


@dataclass(frozen=True)
class Stop:
    """What is known of walking parameters at a time, in the scores' coordinates.

    Attributes:
        time: when.
        predicted: from readings before.
        updated: from readings up to then.
        log_evidence: of the readings of the time, given those before.
    """

    time: float
    predicted: Belief
    updated: Belief
    log_evidence: float


def walked(space: Space, change: Walking, stop: Stop | None, time: float) -> Belief:
    """What is known of coordinates (p,) at a time from the stop before it; a standard normal where there is none."""
    if stop is None:
        return Belief(np.zeros(space.size), np.eye(space.size))
    grown = _steps(space, change) * max(time - stop.time, 0.0)
    return Belief(stop.updated.mean, stop.updated.covariance + grown)


def looked_back_on(space: Space, change: Walking, stops: tuple[Stop, ...]) -> tuple[Belief, ...]:
    """Beliefs at each stop from the readings of all (Rauch, Tung & Striebel 1965)."""
    beliefs = [stops[-1].updated]
    for here, after in zip(stops[-2::-1], stops[:0:-1], strict=True):
        gain = np.linalg.solve(after.predicted.covariance, here.updated.covariance).T
        mean = here.updated.mean + gain @ (beliefs[0].mean - after.predicted.mean)
        spread = here.updated.covariance + gain @ (beliefs[0].covariance - after.predicted.covariance) @ gain.T
        beliefs.insert(0, Belief(mean, 0.5 * (spread + spread.T)))
    return tuple(beliefs)


def moments(posterior: Posterior) -> Belief:
    """Mean and covariance of a posterior's coordinates in the plain space."""
    space = posterior.space
    z = space.outer(posterior.z) if isinstance(space, Moved) else posterior.z
    mean = posterior.weights @ z
    spread = (z - mean).T @ (posterior.weights[:, None] * (z - mean))
    return Belief(np.asarray(mean), np.asarray(spread))


def in_plain_space(posterior: Posterior) -> Posterior:
    """The same posterior in the coordinates of the plain space."""
    space = posterior.space
    if not isinstance(space, Moved):
        return posterior
    factor = np.array(space.factor)
    back = np.linalg.inv(factor)
    spread = float(np.log(np.abs(np.diag(factor))).sum())
    modes = tuple(
        Laplace(
            replace(
                laplace.mode,
                z=space.outer(laplace.z),
                slopes=laplace.mode.slopes @ back,
                log_density=laplace.mode.log_density - spread,
                gradient=back.T @ laplace.mode.gradient,
                curvature=back.T @ laplace.mode.curvature @ back,
            )
        )
        for laplace in posterior.modes
    )
    return replace(posterior, space=space.plain, z=space.outer(posterior.z), modes=modes, emulator=None)


def _steps(space: Space, change: Walking) -> Matrix:
    """Covariance (p, p) of a unit of time's walk, in coordinates: scores are L z."""
    back = np.linalg.inv(space.scores(np.eye(space.size)).T)
    return np.asarray(back @ np.diag(change.widths(space) ** 2) @ back.T)


def said(change: Change) -> str:
    """In words."""
    if isinstance(change, Fading):
        return f"Readings fade over {change.memory:g}."
    if isinstance(change, Walking):
        widths = change.sd.items() if isinstance(change.sd, Mapping) else [("every score", change.sd)]
        told = ", ".join(f"{name} by {width:g}/√time" for name, width in widths if not math.isclose(width, 0))
        return f"Parameters walk: {told}."
    return "Parameters stay as they are."
