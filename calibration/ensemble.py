"""States that change in time, known as an ensemble: for models that cannot be differentiated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .filters import StateModel

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Ensemble:
    """Members at each step.

    Attributes:
        updated: from what was seen up to the step (k, members, n).
        back: from all that was seen (k, members, n).
        ahead: at the step after the last (members, n).
    """

    updated: NDArray[np.float64]
    back: NDArray[np.float64]
    ahead: Matrix


def ensemble_filtered(
    model: StateModel,
    members: ArrayLike,
    seen: ArrayLike,
    random: np.random.Generator,
    first: int = 0,
    inflation: float = 1.0,
) -> Ensemble:
    """Ensemble Kalman filter with perturbed observations, and smoother.

    Burgers, van Leeuwen & Evensen 1998, Mon. Weather Rev. 126:1719; Evensen & van Leeuwen 2000, 128:1852. Covariances
    are those of the members, so that errors fall as one over the square root of their number. Each member moves by
    itself.

    Args:
        model: how the state moves and is seen; its slopes are not asked for.
        members: states (members, n) at the first step, before anything is seen there.
        seen: observations (steps, m); NaN where one is missing.
        random: numbers at random.
        first: number of the first step.
        inflation: factor of the members' distance from their mean after each move, against too few of them.
    """
    state = np.array(np.atleast_2d(members), dtype=float)
    rows = np.atleast_2d(np.asarray(seen, dtype=float))
    updated, back = [], np.zeros((0, *state.shape))
    for k, row in enumerate(rows, first):
        back = np.concatenate([back, state[None]])
        known = ~np.isnan(row)
        if known.any():
            back = _corrected(model, back, row, known, k, random)
        state = back[-1]
        updated.append(state)
        moved = np.array([np.atleast_1d(model.move(x, k)) for x in state], dtype=float)
        moved = moved.mean(axis=0) + inflation * (moved - moved.mean(axis=0))
        state = moved + _normal(len(moved), model.q(k), random)
    return Ensemble(np.array(updated), back, state)


def _corrected(
    model: StateModel,
    back: NDArray[np.float64],
    row: Vector,
    known: NDArray[np.bool_],
    k: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """All steps' members (k, members, n) after an observation at the last of them."""
    noise = model.r(k)[np.ix_(known, known)]
    images = np.array([np.atleast_1d(model.observe(x, k)) for x in back[-1]], dtype=float)[:, known]
    apart = images - images.mean(axis=0)
    wrong = _normal(len(images), noise, random)
    spread = apart.T @ apart / (len(images) - 1) + noise
    pull = np.linalg.solve(spread, (row[known] + wrong - images).T)  # (m, members)
    deviations = back - back.mean(axis=1, keepdims=True)
    cross = np.einsum("kin,im->knm", deviations, apart) / (len(images) - 1)
    return np.asarray(back + np.einsum("knm,mi->kin", cross, pull))


def _normal(count: int, covariance: Matrix, random: np.random.Generator) -> Matrix:
    """Draws (count, n) without a common part."""
    values, vectors = np.linalg.eigh(covariance)
    drawn = random.standard_normal((count, len(values))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    return np.asarray(drawn - drawn.mean(axis=0))
