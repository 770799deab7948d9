"""Global sensitivity indices from a sweep's members: Sobol's indices, Morris's effects (SALib)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEVELS = 4
"""Levels of Morris's grid."""


@dataclass(frozen=True)
class Indices:
    """Indices of one observable.

    Attributes:
        observable: its name.
        design: ``sobol-indices`` or ``morris``.
        inputs: places in the case file.
        first: Sobol's first-order index of each input; Morris's mean of absolute effects μ*.
        first_error: half-width of its 95 % confidence interval, by bootstrap.
        total: Sobol's total index; Morris's standard deviation σ of the effects.
        total_error: half-width likewise; for σ there is none (zeros).
        used: members that counted.
        dropped: members left out, because they or others of their block had failed.
    """

    observable: str
    design: str
    inputs: tuple[str, ...]
    first: tuple[float, ...]
    first_error: tuple[float, ...]
    total: tuple[float, ...]
    total_error: tuple[float, ...]
    used: int
    dropped: int

    @property
    def names(self) -> tuple[str, str]:
        """What ``first`` and ``total`` are called."""
        return ("first order", "total") if self.design == "sobol-indices" else ("μ*", "σ")


def unit_samples(dimensions: int, design: str, members: int, seed: int) -> "NDArray[np.float64]":
    """Points (samples, dimensions) of a design in the unit cube.

    Sobol indices: Saltelli et al. 2010, doi 10.1016/j.cpc.2009.09.018, N (D + 2) samples. Morris: 1991,
    doi 10.1080/00401706.1991.10484804, N trajectories of D + 1 samples.
    """
    problem = _problem(dimensions)
    if design == "morris":
        from SALib.sample import morris

        return np.asarray(morris.sample(problem, members, num_levels=LEVELS, seed=seed))
    from SALib.sample import sobol

    return np.asarray(sobol.sample(problem, members, calc_second_order=False, seed=seed))


def indices(
    observable: str, inputs: Sequence[str], design: str, shares: "NDArray[np.float64]", values: "NDArray[np.float64]"
) -> Indices:
    """Indices of one observable; blocks of samples with a value that is NaN are left out.

    Args:
        observable: its name.
        inputs: places in the case file, in the order of the samples' columns.
        design: ``sobol-indices`` or ``morris``.
        shares: the design (samples, inputs) in the unit cube.
        values: the observable (samples,), NaN where the member has none.

    Raises:
        InputError: too few blocks are whole.
    """
    block = len(inputs) + (2 if design == "sobol-indices" else 1)
    whole = np.isfinite(values.reshape(-1, block)).all(axis=1)
    if whole.sum() < 2:
        what, wanted = "too few members have ended well for indices", "two whole blocks of the design"
        raise InputError(Problem(observable, what, f"{int(whole.sum())} blocks", wanted))
    kept = np.repeat(whole, block)
    problem, x, y = _problem(len(inputs)), shares[kept], values[kept]
    if np.ptp(y) == 0:
        found: Any = {name: np.zeros(len(inputs)) for name in ("S1", "S1_conf", "ST", "ST_conf")}
        found |= {"mu_star": found["S1"], "mu_star_conf": found["S1"], "sigma": found["S1"]}
    elif design == "morris":
        from SALib.analyze import morris

        found = morris.analyze(problem, x, y, num_levels=LEVELS, seed=0)
    else:
        from SALib.analyze import sobol

        found = sobol.analyze(problem, y, calc_second_order=False, seed=0)
    if design == "morris":
        columns = (found["mu_star"], found["mu_star_conf"], found["sigma"], np.zeros(len(inputs)))
    else:
        columns = (found["S1"], found["S1_conf"], found["ST"], found["ST_conf"])
    first, first_error, total, total_error = (tuple(float(v) for v in column) for column in columns)
    used, dropped = int(kept.sum()), int((~kept).sum())
    return Indices(observable, design, tuple(inputs), first, first_error, total, total_error, used, dropped)


def _problem(dimensions: int) -> dict[str, Any]:
    names = [f"x{i}" for i in range(dimensions)]
    return {"num_vars": dimensions, "names": names, "bounds": [[0.0, 1.0]] * dimensions}
