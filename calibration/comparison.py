"""Which of several accounts of the same data is the most probable: laws, noise, discrepancies compared by evidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import logsumexp

from fibertwin.errors import SolveError

from .optimum import Modes, search
from .target import Target


@dataclass(frozen=True)
class Account:
    """One of several targets of the same data.

    Attributes:
        name: what it is called.
        modes: the modes that were found; None where none was.
        log_evidence: from the normal distribution at the best one; minus infinity without one.
        share: its probability among those compared, all being as probable beforehand.
        sentence: what failed; empty where nothing did.
    """

    name: str
    modes: Modes | None
    log_evidence: float
    share: float
    sentence: str = ""


def compare(
    targets: Mapping[str, Target], first: Mapping[str, ArrayLike] | None = None, starts: int = 3, seed: int = 0
) -> tuple[Account, ...]:
    """The accounts, the most probable first, by Laplace's approximation of their evidence (MacKay 2003, ch. 28).

    Args:
        targets: posteriors of the same measured numbers, in the same units.
        first: parameters (p,) to begin at, by name of the target.
        starts: from how many points modes are looked for.
        seed: of further starts.

    Raises:
        ValueError: the measured numbers differ.
    """
    values = [np.array(target.measurement.values) for target in targets.values()]
    if any(other.shape != values[0].shape or not np.array_equal(other, values[0], equal_nan=True) for other in values):
        raise ValueError("only accounts of the same measured numbers can be compared by evidence")
    found: list[tuple[str, Modes | None, float, str]] = []
    for name, target in targets.items():
        begin = None if first is None or name not in first else target.space.z(first[name])
        try:
            modes = search(target, starts, seed, begin)
            found.append((name, modes, modes.best.log_evidence, ""))
        except SolveError as error:
            found.append((name, None, -np.inf, str(error)))
    logs = np.array([evidence for _, _, evidence, _ in found])
    shares = np.exp(logs - logsumexp(logs)) if np.isfinite(logs).any() else np.zeros(len(logs))
    accounts = [Account(n, m, e, float(s), w) for (n, m, e, w), s in zip(found, shares, strict=True)]
    return tuple(sorted(accounts, key=lambda account: -account.log_evidence))
