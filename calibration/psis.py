"""Whether importance weights can be trusted: Pareto smoothing and its shape k̂."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

type Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Smoothed:
    """Importance weights with a smoothed tail.

    Attributes:
        weights: (n,), which sum to one.
        khat: shape of the generalised Pareto distribution of the greatest weights; below 0.7 averages are reliable.
            Minus infinity where all weights are alike.
    """

    weights: Vector
    khat: float

    @property
    def ess(self) -> float:
        """Effective sample size, 1/Σw²."""
        return float(1 / (self.weights**2).sum())

    @property
    def efficiency(self) -> float:
        """Effective sample size over sample size."""
        return self.ess / len(self.weights)

    @property
    def largest(self) -> float:
        """The greatest weight, of all that sum to one."""
        return float(self.weights.max())


def smoothed(log_weights: ArrayLike) -> Smoothed:
    """Pareto smoothed importance weights of log weights (n,), known up to a constant.

    Vehtari, Simpson, Gelman, Yao & Gabry 2024, Journal of Machine Learning Research 25(72): the greatest
    min(n/5, 3√n) weights are replaced by the order statistics of the generalised Pareto distribution that is fitted
    to them (Zhang & Stephens 2009, Technometrics 51:316).
    """
    logs = np.array(log_weights, dtype=float)
    if logs.ndim != 1 or not logs.size or np.isnan(logs).any() or not np.isfinite(logs).any():
        raise ValueError("log weights are numbers, at least one of them finite")
    logs -= logs.max()
    tail = math.floor(min(0.2 * len(logs), 3 * math.sqrt(len(logs))))
    khat = math.inf
    if tail >= 5:
        order = np.argsort(logs, kind="stable")
        cut, places = logs[order[-tail - 1]], order[-tail:]
        excess = np.exp(logs[places]) - math.exp(cut)
        if excess[-1] <= 1e-13:
            khat = -math.inf
        else:
            khat, sigma = pareto_fit(excess[excess > 0])
            if math.isfinite(khat):
                probabilities = (np.arange(tail) + 0.5) / tail
                logs[places] = np.minimum(np.log(_quantile(probabilities, khat, sigma) + math.exp(cut)), 0.0)
    return Smoothed(np.asarray(np.exp(logs - logsumexp(logs))), khat)


def pareto_fit(excess: ArrayLike) -> tuple[float, float]:
    """Shape k and scale of a generalised Pareto distribution of excesses (n,), all positive.

    Zhang & Stephens' quasi-posterior mean; the shape is drawn to 1/2 by the weight of ten observations.
    """
    x = np.sort(np.asarray(excess, dtype=float))
    n = len(x)
    grid = 30 + int(math.sqrt(n))
    quarter = x[int(n / 4 + 0.5) - 1]
    theta = 1 / x[-1] + (1 - np.sqrt(grid / (np.arange(grid) + 0.5))) / (3 * quarter)
    shapes = np.log1p(-theta[:, None] * x).mean(axis=1)
    likelihood = n * (np.log(-theta / shapes) - shapes - 1)
    chances = np.exp(likelihood - logsumexp(likelihood))
    best = float((theta * chances).sum())
    shape = float(np.log1p(-best * x).mean())
    return (shape * n + 0.5 * 10) / (n + 10), -shape / best


def _quantile(share: Vector, k: float, sigma: float) -> Vector:
    return np.asarray(-sigma * np.log1p(-share) if abs(k) < 1e-12 else sigma * np.expm1(-k * np.log1p(-share)) / k)
