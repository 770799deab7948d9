"""Volume-weighted statistics of point values that are spread over ranks, without gathering them."""

from dataclasses import dataclass

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

type Array = NDArray[np.float64]

PERCENTILES = (5, 50, 95, 99)
BISECTIONS = 60


@dataclass(frozen=True)
class Summary:
    """Volume-weighted distribution of a scalar.

    Attributes:
        percentiles: value below which that per cent of the volume lies.
        mean: volume average.
        minimum: smallest value.
        maximum: largest value.
        maximum_at: position (mm) of the largest value.
        edges: histogram edges (n + 1,).
        volume_fraction: share of the volume in each bin (n,); what lies beyond the edges is in the outer bins.
    """

    percentiles: dict[int, float]
    mean: float
    minimum: float
    maximum: float
    maximum_at: tuple[float, float, float]
    edges: Array
    volume_fraction: Array


def summarize(comm: MPI.Comm, values: Array, weights: Array, points: Array, bins: int = 40) -> Summary:
    """Distribution of ``values`` (n,) with ``weights`` (n,) at ``points`` (n, 3). Collective.

    Raises:
        ValueError: there is no value on any rank.
    """
    order = np.argsort(values)
    values, weights, points = values[order], weights[order], points[order]
    below = np.concatenate([[0.0], np.cumsum(weights)])
    total = comm.allreduce(float(below[-1]))
    if total <= 0:
        raise ValueError("no volume to summarize")
    low, _ = comm.allreduce((float(values[0]), 0) if len(values) else (np.inf, 0), op=MPI.MIN)
    high, at = _largest(comm, values, points)
    asked = (*PERCENTILES, 1)
    found = _percentiles(comm, values, below, np.array(asked) / 100 * total, low, high)
    percentiles = {q: float(value) for q, value in zip(asked, found, strict=True)}
    bottom = percentiles.pop(1)
    mean = comm.allreduce(float(values @ weights)) / total
    edges = np.linspace(bottom, percentiles[99], bins + 1)
    if edges[-1] <= edges[0]:
        edges = np.linspace(low - 0.5, low + 0.5, bins + 1)
    cumulative = np.asarray(comm.allreduce(below[np.searchsorted(values, edges[1:-1], side="right")]))
    fraction = np.diff(np.concatenate([[0.0], cumulative, [total]])) / total
    return Summary(percentiles, mean, low, high, at, edges, fraction)


def _largest(comm: MPI.Comm, values: Array, points: Array) -> tuple[float, tuple[float, float, float]]:
    here = (float(values[-1]), tuple(float(x) for x in points[-1])) if len(values) else (-np.inf, (0.0, 0.0, 0.0))
    value, (x, y, z) = max(comm.allgather(here))
    return value, (x, y, z)


def _percentiles(comm: MPI.Comm, values: Array, below: Array, wanted: Array, low: float, high: float) -> Array:
    """Smallest values with at least ``wanted`` volumes (n,) at or below them, by bisection on all values at once."""
    lower, upper = np.full(len(wanted), low), np.full(len(wanted), high)
    reached = np.empty(len(wanted))
    for _ in range(BISECTIONS):
        middle = 0.5 * (lower + upper)
        comm.Allreduce(below[np.searchsorted(values, middle, side="right")], reached)
        enough = reached >= wanted
        upper = np.where(enough, middle, upper)
        lower = np.where(enough, lower, middle)
    return upper
