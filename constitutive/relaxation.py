"""Tissue that relaxes: Maxwell branches beside its energies, and what they carry over from increment to increment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from ufl.core.expr import Expr

from fibertwin.units import Time, Unit

type Array = NDArray[np.float64]

PAIRS = ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2))
"""Components of a symmetric tensor in the order in which six numbers hold them."""


@dataclass(frozen=True)
class Relaxation:
    """One Maxwell branch: dQ/dt + Q/time = share dS/dt, Q the second Piola–Kirchhoff stress that it adds.

    S is that of the material's energies, which is left when all branches have relaxed; the volumetric part and what the
    tissue does by itself do not relax. After a step strain the whole stress is S (1 + Σ share e^(−t/time)). Simo 1987
    (doi 10.1016/0045-7825(87)90107-1); Holzapfel & Gasser 2001, where S is that of each constituent (doi
    10.1016/S0045-7825(00)00323-6).

    Attributes:
        share: stress of the branch right after a step strain, over that of the energies; may be above 1.
        time: relaxation time.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    share: Annotated[float, Unit(""), Ge(0)]
    time: Annotated[Time, Gt(0)]


def relaxed(branches: Sequence[Relaxation], dt: float, overstress: Array, change: Array) -> Array:
    """The overstresses (..., branches, 6) (kPa) at the end of an increment.

    Q' = e^(−dt/time) Q + share e^(−dt/(2 time)) ΔS, the midpoint rule for the hereditary integral (Simo 1987; Holzapfel
    & Gasser 2001): exact while the tissue is held, of second order in dt, stable for any.

    Args:
        branches: the branches.
        dt: duration of the increment (s).
        overstress: at its beginning (..., branches, 6) (kPa).
        change: of the energies' stress over it (..., 6) (kPa).
    """
    decay, rise = _factors(branches, dt)
    return np.asarray(decay[:, None] * overstress + rise[:, None] * change[..., None, :])


def carried(branches: Sequence[Relaxation], dt: float, overstress: Array, stress: Array) -> tuple[float, Array]:
    """The whole stress at the end of an increment as a function of the energies' stress S' there: factor S' + G.

    So it derives from the energy factor psi(C) + G : C / 2, which is all that a tangent needs.

    Args:
        branches: the branches.
        dt: duration of the increment (s).
        overstress: at its beginning (..., branches, 6) (kPa).
        stress: of the energies, at its beginning (..., 6) (kPa).

    Returns:
        the factor, and G (..., 6) (kPa).
    """
    decay, rise = _factors(branches, dt)
    held = np.einsum("a,...ai->...i", decay, overstress) - rise.sum() * stress
    return 1.0 + float(rise.sum()), np.asarray(held)


def _factors(branches: Sequence[Relaxation], dt: float) -> tuple[Array, Array]:
    """What an increment leaves of each overstress, and what it adds to it of a change of stress."""
    shares, times = np.array([[branch.share, branch.time] for branch in branches], dtype=float).reshape(-1, 2).T
    return np.exp(-dt / times), shares * np.exp(-0.5 * dt / times)


def work_of(stress: Expr, C: Expr) -> Expr:
    """G : C / 2 of a stress given by six numbers, whose derivative by F is F G."""
    return sum((0.5 if i == j else 1.0) * stress[k] * C[i, j] for k, (i, j) in enumerate(PAIRS))
