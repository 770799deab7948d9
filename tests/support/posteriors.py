"""Posteriors that are known, and models that fail."""

import numpy as np
from scipy import stats

from fibertwin.calibration import Formula, Gaussian, Measurement, Normal, Parameter, Space, Target


def linear(seed=0, m=6, p=3):
    """A linear model with normal beliefs, and the posterior and evidence that algebra gives."""
    random = np.random.default_rng(seed)
    A, b = random.normal(size=(m, p)), random.normal(size=m)
    mean, sd, noise = random.normal(size=p), 0.5 + random.uniform(size=p), 0.1 + random.uniform(size=m)
    names = tuple("abcdefgh"[:p])
    space = Space(tuple(Parameter(n, Normal(a, s)) for n, a, s in zip(names, mean, sd, strict=True)))
    y = A @ (mean + sd * random.normal(size=p)) + b + noise * random.normal(size=m)
    target = Target(Formula(names, lambda theta: A @ theta + b), space, Measurement(tuple(y), Gaussian(tuple(noise))))
    precision = A.T @ (A / noise[:, None] ** 2) + np.diag(sd**-2)
    exact = np.linalg.solve(precision, A.T @ ((y - b) / noise**2) + mean / sd**2)
    evidence = stats.multivariate_normal(A @ mean + b, A @ np.diag(sd**2) @ A.T + np.diag(noise**2)).logpdf(y)
    return target, exact, np.linalg.inv(precision), evidence


def square() -> Target:
    space = Space((Parameter("x", Normal(0.3, 1.0)),))
    return Target(Formula(("x",), lambda theta: theta**2), space, Measurement((1.0,), Gaussian(0.1)))


def brittle(model: Formula, share: float) -> Formula:
    """A model that fails at a share of all parameters, always at the same ones."""

    def function(theta):
        number = np.random.default_rng(np.abs(np.asarray(theta).real * 1e9).astype(np.int64)).uniform()
        return np.asarray(model.function(theta)) * (np.nan if number < share else 1.0)

    return Formula(model.names, function, model.derivative or (lambda theta: model.linearise(theta)[1]))
