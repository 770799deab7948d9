"""What data can tell of parameters, and what they cannot, from the derivatives of predictions."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .laplace import Laplace
from .noise import Noise
from .posterior import UNKNOWN, WEAK
from .space import Space
from .target import Local, Measurement

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

COLLINEAR = 15.0
"""Collinearity index from which parameters do each other's work (Brun, Reichert & Künsch 2001: 5 to 20)."""


LITTLE = 0.85
"""Share of its standard deviation that a measurement leaves a parameter, above which it is not worth naming."""


@dataclass(frozen=True)
class Identifiability:
    """What the data tell, in the prior's scale: a direction that they tell once tells as much as the prior.

    Attributes:
        names: of the parameters (p).
        information: eigenvalues (p,) of the Fisher information in the prior's standard normal coordinates, falling.
        directions: eigenvectors (p, p) in scores of the single priors, one a row.
        collinearity: Brun's index of each group of two or more parameters; 1 is independent, infinite the same.
        condition: greatest over least information.
    """

    names: tuple[str, ...]
    information: Vector
    directions: Matrix
    collinearity: Mapping[tuple[str, ...], float]
    condition: float

    @property
    def contractions(self) -> Vector:
        """Share (p,) of the prior's variance that the data take away along each direction."""
        return np.asarray(self.information / (1 + self.information))

    def sentences(self) -> tuple[str, ...]:
        """In words; empty where the data tell everything."""
        found = []
        for share, direction in zip(self.contractions, self.directions, strict=True):
            if share < 0.5:
                found.append(
                    f"The data take {100 * share:.2g} % of the prior's variance along {self._along(direction)}."
                )
        worst = [(group, index) for group, index in self.collinearity.items() if index > COLLINEAR and len(group) == 2]
        for group, index in sorted(worst, key=lambda pair: -pair[1])[:3]:
            told = "without bound" if math.isinf(index) else f"{index:.0f}"
            found.append(f"{group[0]} and {group[1]} do each other's work (collinearity {told}).")
        return tuple(found)

    def _along(self, direction: Vector) -> str:
        sign = -1.0 if direction[int(np.argmax(np.abs(direction)))] < 0 else 1.0
        parts = [
            f"{sign * value:+.2f} {name}"
            for name, value in sorted(zip(self.names, direction, strict=True), key=lambda pair: -abs(pair[1]))
            if abs(value) > 0.2
        ]
        return " ".join(parts).lstrip("+") + " (in prior standard deviations)"


def identifiability(space: Space, local: Local) -> Identifiability:
    """What the data tell about a point, such as a mode."""
    fisher = local.curvature - np.eye(len(local.z))
    values, vectors = np.linalg.eigh((fisher + fisher.T) / 2)
    falling = np.argsort(-values)
    information = np.maximum(values[falling], 0.0)
    by_score = space.scores(vectors[:, falling].T)
    directions = by_score / np.linalg.norm(by_score, axis=1, keepdims=True)
    factor = space.scores(np.eye(space.size))  # L', scores being L z
    inner = np.linalg.solve(factor, np.linalg.solve(factor, fisher).T)
    least = float(information[-1])
    condition = math.inf if least <= 1e-14 * information[0] else float(information[0] / least)
    return Identifiability(space.names, information, directions, collinearity(space.names, inner), condition)


def collinearity(names: tuple[str, ...], fisher: Matrix, largest: int = 4) -> dict[tuple[str, ...], float]:
    """Brun's index 1/√λ_min of each group of parameters, from a Fisher information (p, p).

    Brun, Reichert & Künsch 2001, Water Resour. Res. 37:1015 (doi 10.1029/2000WR900350). λ_min is the least eigenvalue
    of the information whose diagonal was scaled to one.
    """
    size = np.sqrt(np.maximum(np.diag(fisher), 0.0))
    found: dict[tuple[str, ...], float] = {}
    for count in range(2, min(len(names), largest) + 1):
        for group in combinations(range(len(names)), count):
            rows = list(group)
            if (size[rows] <= 0).any():
                index = math.inf
            else:
                scaled = fisher[np.ix_(rows, rows)] / np.outer(size[rows], size[rows])
                least = float(np.linalg.eigvalsh(scaled)[0])
                index = math.inf if least < 1e-12 else least**-0.5
            found[tuple(names[row] for row in rows)] = index
    return found


@dataclass(frozen=True)
class Candidate:
    """A measurement that could be made.

    Attributes:
        prediction: what it would measure (m,) at the mode.
        slopes: derivatives dy/dz (m, p) of that.
        noise: how that would scatter.
    """

    prediction: Vector
    slopes: Matrix
    noise: Noise


@dataclass(frozen=True)
class Lesson:
    """What a further measurement would teach.

    Attributes:
        name: of the measurement.
        gain: expected information, nats: half the log of the factor by which the posterior's volume shrinks, squared.
        sds: posterior standard deviation of each parameter's score afterwards over that now (p,).
    """

    name: str
    gain: float
    sds: Vector


def lessons(space: Space, now: Laplace, candidates: Mapping[str, Candidate]) -> tuple[Lesson, ...]:
    """What each of some measurements would teach, the most instructive first.

    Exact for linear predictions and normal noise; else at the mode (Chaloner & Verdinelli 1995, Stat. Sci. 10:273).
    """
    before = now.mode.curvature
    sds = _sds(space, before)
    found = []
    for name, candidate in candidates.items():
        seen = Measurement(tuple(candidate.prediction.tolist()), candidate.noise)
        after = before + seen.pull(candidate.prediction, candidate.slopes)[1]
        gain = 0.5 * float(np.linalg.slogdet(after)[1] - np.linalg.slogdet(before)[1])
        found.append(Lesson(name, gain, _sds(space, after) / sds))
    return tuple(sorted(found, key=lambda lesson: -lesson.gain))


def advice(space: Space, taught: tuple[Lesson, ...]) -> str:
    """Which measurement to make next, in words."""
    if not taught:
        return ""
    best = taught[0]
    which = int(np.argmin(best.sds))
    shrunk = 100 * (1 - best.sds[which])
    told = f"{best.name} would teach most ({best.gain:.2f} nats)"
    return f"{told}: the standard deviation of {space.names[which]} would shrink by {shrunk:.0f} %."


def remedies(names: tuple[str, ...], contraction: Vector, taught: tuple[Lesson, ...]) -> tuple[str, ...]:
    """For each parameter that is not known well, which measurement would teach it, in words.

    Args:
        names: of the parameters (p).
        contraction: share (p,) of the prior's variance that the data took away.
        taught: what further measurements would teach.
    """
    found = []
    for index, name in enumerate(names):
        if contraction[index] >= WEAK or not taught:
            continue
        how = "is not identified by these loads" if contraction[index] < UNKNOWN else "is known badly from these loads"
        best = min(taught, key=lambda lesson: float(lesson.sds[index]))
        left = float(best.sds[index])
        if left > LITTLE:
            looked = "the measurement" if len(taught) == 1 else f"any of the {len(taught)} measurements"
            found.append(
                f"{name} {how}, nor would {looked} that could be made next tell much of it: load it otherwise."
            )
            continue
        change = "halve its standard deviation" if abs(left - 0.5) < 0.05 else f"leave {100 * left:.0f} % of its"
        change += "" if "halve" in change else " standard deviation"
        found.append(f"{name} {how}; {best.name} would {change}.")
    return tuple(found)


def _sds(space: Space, curvature: Matrix) -> Vector:
    scores = space.scores(np.linalg.inv(np.linalg.cholesky(curvature)))
    return np.asarray(np.linalg.norm(scores, axis=0))
