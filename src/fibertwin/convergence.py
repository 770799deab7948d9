"""How far a quantity is from what an infinitely fine mesh would give: Richardson, order, grid convergence index."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fibertwin.errors import InputError, Problem

SAFETY = 1.25
"""Factor of safety for three grids or more (Roache 1994)."""
LOWEST, HIGHEST = 1e-4, 30.0
"""Orders that are looked for."""

Behavior = Literal["monotone", "oscillating", "diverging", "exact"]


@dataclass(frozen=True)
class GridConvergence:
    """What three meshes tell of a quantity.

    Attributes:
        sizes: mean edge lengths, finest first (mm).
        values: the quantity on them.
        behavior: ``monotone``: differences shrink and keep their sign; ``oscillating``: they change sign;
            ``diverging``: they grow, so that nothing can be extrapolated; ``exact``: all are the same.
        order: the observed order of convergence; NaN where diverging or exact.
        extrapolated: the value at edge length zero by Richardson's extrapolation; NaN where diverging.
        index: grid convergence index of the finest mesh, a part of its value (0.02 is 2 %): with a factor of safety
            how far the value may be from the extrapolated one; NaN where diverging.
        asymptotic: index of the middle mesh over that of the finest over the ratio of sizes to the order; near 1 where
            the meshes are fine enough for the order to be trusted.
    """

    sizes: tuple[float, float, float]
    values: tuple[float, float, float]
    behavior: Behavior
    order: float
    extrapolated: float
    index: float
    asymptotic: float

    def __str__(self) -> str:
        sizes = ", ".join(f"{h:.3g}" for h in self.sizes)
        if self.behavior == "diverging":
            return f"edges {sizes} mm: differences grow, no order can be observed; refine, or look for a singularity"
        if self.behavior == "exact":
            return f"edges {sizes} mm: the same value {self.values[0]:.6g} on all"
        told = "; it oscillates, so the order is of its envelope" if self.behavior == "oscillating" else ""
        return (
            f"edges {sizes} mm: observed order {self.order:.2f}, extrapolated {self.extrapolated:.6g}, "
            f"grid convergence index {100 * self.index:.2g} %{told}"
        )


def grid_convergence(values: Sequence[float], sizes: Sequence[float]) -> GridConvergence:
    """Order, extrapolated value and grid convergence index from a quantity on the three finest of several meshes.

    Roache 1994, doi 10.1115/1.2910291; the order for any ratio of sizes as in Celik et al. 2008,
    doi 10.1115/1.2960953.

    Args:
        values: the quantity on each mesh, at least three.
        sizes: a typical edge length of each (mm), all different, in any order.

    Raises:
        InputError: fewer than three, not finite, or sizes that are the same or not positive.
    """
    _require(values, sizes)
    (h1, f1), (h2, f2), (h3, f3) = sorted(zip(sizes, values, strict=True))[:3]
    near, far = f2 - f1, f3 - f2
    three, all_values = (h1, h2, h3), (f1, f2, f3)
    if near == 0.0:
        same = far == 0.0
        nothing = f1 if same else math.nan
        return GridConvergence(
            three, all_values, "exact" if same else "diverging", math.nan, nothing, 0.0 if same else math.nan, math.nan
        )
    order = _order(near, far, h2 / h1, h3 / h2)
    if not order > 0:
        return GridConvergence(three, all_values, "diverging", math.nan, math.nan, math.nan, math.nan)
    behavior: Behavior = "monotone" if far / near > 0 else "oscillating"
    grown, grown_before = (h2 / h1) ** order - 1, (h3 / h2) ** order - 1
    error, error_before = near / grown, far / grown_before
    index = SAFETY * abs(error / f1) if f1 else math.inf
    index_before = SAFETY * abs(error_before / f2) if f2 else math.inf
    asymptotic = index_before / (index * (h2 / h1) ** order) if index and math.isfinite(index_before) else math.nan
    return GridConvergence(three, all_values, behavior, order, f1 - error, index, asymptotic)


def _order(near: float, far: float, ratio: float, ratio_before: float) -> float:
    """The p of |far/near| = r21^p (r32^p − s) / (r21^p − s), s the sign of far/near; NaN where none is positive.

    Celik's equation without the absolute value around its logarithms: where differences shrink more slowly than those
    of any positive order, there is none. Solved by bracketing, as the paper's fixed-point iteration diverges for
    uneven ratios of sizes.
    """
    from scipy.optimize import brentq

    if far == 0.0:
        return math.nan
    sign = math.copysign(1.0, far / near)

    def excess(order: float) -> float:
        rest = (ratio_before**order - sign) / (ratio**order - sign)
        return order * math.log(ratio) + math.log(rest) - math.log(abs(far / near))

    if excess(LOWEST) >= 0 or excess(HIGHEST) <= 0:
        return math.nan
    return float(brentq(excess, LOWEST, HIGHEST, xtol=1e-12))


def _require(values: Sequence[float], sizes: Sequence[float]) -> None:
    problems = []
    if len(values) != len(sizes) or len(values) < 3:
        problems.append(
            Problem("convergence", "needs three meshes", f"{len(values)} values, {len(sizes)} sizes", "three or more")
        )
    if not all(math.isfinite(v) for v in (*values, *sizes)):
        problems.append(Problem("convergence", "a number is not finite", f"{list(values)} at {list(sizes)}"))
    elif len(set(sizes)) < len(sizes) or min(sizes, default=1.0) <= 0:
        problems.append(Problem("convergence", "sizes must differ and be positive", f"{list(sizes)}"))
    if problems:
        raise InputError(problems)
