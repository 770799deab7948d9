"""Interventions compared under risk: candidates run over a posterior, what each would do, which to choose, how sure."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import SolveError

from .information import Estimate, gain, regressed

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]
type Results = Mapping[str, Vector]
"""What happens (n,) under each of n draws, by name."""

type Outcomes = Callable[[Matrix, Any, np.random.Generator], Mapping[str, ArrayLike]]
"""Results of a candidate over draws (n, p); NaN where one could not be computed. Numbers at random are the same for
every candidate."""

type Event = Callable[[Results], ArrayLike]
"""Whether something happens under each draw (n,)."""


class Drawn(Protocol):
    """Draws with weights: a posterior or a twin."""

    @property
    def theta(self) -> Matrix:
        """Draws (n, p)."""

    @property
    def weights(self) -> Vector:
        """Their weights (n,), which sum to one."""


@dataclass(frozen=True)
class Constraint:
    """How probable something may be, or must be.

    Attributes:
        name: what it is called.
        event: whether it happens.
        limit: its probability's bound.
        at_least: whether the probability must reach the bound instead of staying below it.
    """

    name: str
    event: Event
    limit: float
    at_least: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= 1:
            raise ValueError(f"the limit of {self.name} is a probability, between 0 and 1")

    def holds(self, probability: float) -> bool:
        """Whether a probability is allowed."""
        return probability >= self.limit if self.at_least else probability <= self.limit

    def said(self) -> str:
        """In words."""
        return f"P({self.name}) {'>=' if self.at_least else '<='} {self.limit:g}"


@dataclass(frozen=True)
class Judged:
    """What one candidate would do.

    Attributes:
        name: of the candidate.
        utility: expected utility.
        behind: by how much the chosen candidate's is greater, on the same draws, which is known better than either.
        success: probability of success.
        harm: probability of harm.
        best: probability of being the best of those that are allowed.
        probabilities: of what constraints speak of, in their order.
        allowed: whether it satisfies them.
        doubtful: whether that might change with other draws: a probability is within two errors of its limit.
        plug_in: utility, success, harm and whether constraints hold if the parameters were their mean for certain.
    """

    name: str
    utility: Estimate
    behind: Estimate
    success: Estimate | None
    harm: Estimate | None
    best: float
    probabilities: tuple[Estimate, ...]
    allowed: bool
    doubtful: bool
    plug_in: Mapping[str, float | bool]


@dataclass(frozen=True)
class Experiment:
    """Candidates compared.

    Attributes:
        judged: each candidate, as they were given.
        chosen: the allowed candidate of the greatest expected utility; None where none is allowed.
        naive: what would be chosen if the parameters were their mean for certain; None where nothing is allowed then.
        constraints: what had to hold.
        draws: parameters (n, p) that were used.
        utilities: of each candidate under each draw (candidates, n).
        worth: effective number of draws.
        failed: draws left out because a candidate could not be computed.
        value_of_knowing: expected gain in utility if the parameters were known before choosing.
        results: what happens under each draw, by candidate.
        certain: what happens if the parameters are their mean, by candidate.
    """

    judged: tuple[Judged, ...]
    chosen: str | None
    naive: str | None
    constraints: tuple[Constraint, ...]
    draws: Matrix
    utilities: Matrix
    weights: Vector
    worth: float
    failed: int
    value_of_knowing: Estimate
    results: Mapping[str, Results] = field(repr=False)
    certain: Mapping[str, Mapping[str, float]] = field(repr=False)

    def __getitem__(self, name: str) -> Judged:
        return next(one for one in self.judged if one.name == name)

    @property
    def open(self) -> NDArray[np.bool_]:
        """Candidates between which there is a choice: those that are allowed, or all where none is."""
        allowed = np.array([one.allowed for one in self.judged])
        return allowed if allowed.any() else np.ones_like(allowed)

    def value_of_measuring(
        self, simulate: Callable[[Matrix, np.random.Generator], ArrayLike], seed: int = 0
    ) -> Estimate:
        """Expected gain in utility if something were measured before choosing.

        Strong, Oakley, Brennan & Breeze 2015, Med. Decis. Making 35:570: utilities are regressed on measurements that
        are simulated for each draw; a polynomial in them stands for the posterior expectation. Only candidates that
        are allowed now are compared: probabilities that are bounded for every measurement apart would be another,
        stricter constraint, under which knowledge may have a negative value (Blau 1974, Manag. Sci. 21:271).

        Args:
            simulate: measurements (n, k), noise included, for draws (n, p).
            seed: of the noise.
        """
        random = np.random.default_rng([seed, 3])
        seen = np.asarray(simulate(self.draws, random), dtype=float).reshape(len(self.draws), -1)
        utilities = self.utilities[self.open]
        fits = regressed(seen, (utilities - utilities[0]).T, self.weights).T
        return gain(fits, self.weights, self.worth)

    def table(self) -> str:
        """Candidates, a line each."""
        lines = [["candidate", "utility", "behind", "P(success)", "P(harm)", "P(best)", "allowed", "if certain"]]
        for one in self.judged:
            certain = f"{one.plug_in['utility']:.4g}"
            if "success" in one.plug_in:
                certain += ", success" if one.plug_in["success"] else ", no success"
            if one.plug_in.get("harm"):
                certain += ", harm"
            shown = [
                str(value) if value is not None else "" for value in (one.utility, one.behind, one.success, one.harm)
            ]
            allowed = ("yes" if one.allowed else "no") + ("?" if one.doubtful else "")
            lines.append([one.name, *shown, f"{one.best:.3f}", allowed, certain])
        widths = [max(len(line[i]) for line in lines) for i in range(8)]
        return "\n".join("  ".join(w.ljust(n) for w, n in zip(line, widths, strict=True)).rstrip() for line in lines)

    def sentences(self) -> tuple[str, ...]:
        """What to choose and how sure that is."""
        told = []
        if self.chosen is None:
            rule = " and ".join(constraint.said() for constraint in self.constraints)
            nearest = min(self.judged, key=lambda one: self._violation(one))
            told.append(
                f"No candidate satisfies {rule}. {nearest.name} comes nearest:"
                f" {', '.join(f'{c.name} {p}' for c, p in zip(self.constraints, nearest.probabilities, strict=True))}."
            )
        else:
            best = self[self.chosen]
            told.append(
                f"Choose {best.name}: expected utility {best.utility}, the best with probability {best.best:.2f}."
            )
            if best.doubtful:
                told.append(f"Whether {best.name} is allowed hangs on the draws: use more of them.")
        if self.naive != self.chosen:
            would = self.naive if self.naive is not None else "nothing"
            told.append(f"At the parameters' mean, as if they were certain, {would} would be chosen.")
        told.append(f"To know the parameters before choosing would be worth {self.value_of_knowing}.")
        if self.failed:
            total = self.failed + len(self.draws)
            told.append(f"{self.failed} of {total} draws could not be computed for some candidate and are left out.")
        return tuple(told)

    def _violation(self, one: Judged) -> float:
        pairs = zip(self.constraints, one.probabilities, strict=True)
        return max((c.limit - p.value if c.at_least else p.value - c.limit for c, p in pairs), default=0.0)


def each(function: Callable[[Vector, Any], Mapping[str, float]]) -> Outcomes:
    """Outcomes of a function of one draw (p,) and a candidate; a solve that fails is NaN."""

    def all_of_them(draws: Matrix, candidate: Any, random: np.random.Generator) -> Mapping[str, ArrayLike]:
        rows: list[Mapping[str, float] | None] = []
        for theta in draws:
            try:
                rows.append(function(theta, candidate))
            except SolveError:
                rows.append(None)  # counted and told by the experiment
        names = next((tuple(row) for row in rows if row is not None), None)
        if names is None:
            raise SolveError(f"Candidate {candidate} could be computed for none of {len(draws)} draws.")
        return {name: np.array([math.nan if row is None else row[name] for row in rows]) for name in names}

    return all_of_them


def virtual_experiment(
    known: Drawn | ArrayLike,
    candidates: Mapping[str, Any],
    outcomes: Outcomes,
    utility: Callable[[Results], ArrayLike] | str,
    constraints: Sequence[Constraint] = (),
    *,
    success: Event | None = None,
    harm: Event | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Experiment:
    """Run candidates over a posterior with common random numbers, and compare them.

    Args:
        known: a posterior, a twin, or draws (n, p) of equal weight.
        candidates: what may be done, by name.
        outcomes: what a candidate does.
        utility: how good that is (n,), or the name of the result that says so.
        constraints: what must hold.
        success: when a candidate has succeeded.
        harm: when it has done harm.
        count: how many draws to use; all if left out.
        seed: of the choice of draws and of the numbers at random that outcomes use.

    Raises:
        SolveError: no draw could be computed for all candidates.
        ValueError: there are no candidates.
    """
    if not candidates:
        raise ValueError("there is nothing to choose between")
    draws, weights, worth = _drawn(known, count, seed)
    center = (weights @ draws)[None]
    found = {name: _run(outcomes, draws, what, seed) for name, what in candidates.items()}
    good = np.all([np.isfinite(np.array(list(run.values()))).all(axis=0) for run in found.values()], axis=0)
    if not good.any():
        raise SolveError(f"None of {len(draws)} draws could be computed for all of {len(candidates)} candidates.")
    worth *= float(weights[good].sum())
    weights = weights[good] / weights[good].sum()
    found = {name: {key: row[good] for key, row in run.items()} for name, run in found.items()}
    useful: Callable[[Results], ArrayLike] = (lambda run: run[utility]) if isinstance(utility, str) else utility
    utilities = np.array(
        [np.broadcast_to(np.asarray(useful(run), dtype=float), len(weights)) for run in found.values()]
    )
    judge = _Judge(tuple(constraints), success, harm, useful, weights, worth)
    chances = [[judge.chance(c.event, run) for c in constraints] for run in found.values()]
    allowed = np.array([all(c.holds(p.value) for c, p in zip(constraints, row, strict=True)) for row in chances])
    chosen = _best(utilities @ weights, allowed)
    open_ones = np.flatnonzero(allowed if allowed.any() else np.ones_like(allowed))
    best = np.zeros(len(utilities))
    best[open_ones] = _best_shares(utilities[open_ones], weights)
    at_mean = {name: _run(outcomes, center, what, seed) for name, what in candidates.items()}
    certain = [judge.certain(run) for run in at_mean.values()]
    naive = _best(np.array([float(c["utility"]) for c in certain]), np.array([bool(c["allowed"]) for c in certain]))
    reference = utilities[open_ones[np.argmax(utilities[open_ones] @ weights)]]
    names = list(candidates)
    judged = tuple(
        Judged(
            name,
            judge.mean(utilities[i]),
            judge.mean(reference - utilities[i]),
            None if success is None else judge.chance(success, found[name]),
            None if harm is None else judge.chance(harm, found[name]),
            float(best[i]),
            tuple(chances[i]),
            bool(allowed[i]),
            any(abs(p.value - c.limit) < 2 * p.error for c, p in zip(constraints, chances[i], strict=True)),
            certain[i],
        )
        for i, name in enumerate(names)
    )
    return Experiment(
        judged,
        None if chosen is None else names[chosen],
        None if naive is None else names[naive],
        tuple(constraints),
        draws[good],
        utilities,
        weights,
        worth,
        int((~good).sum()),
        gain(utilities[open_ones] - utilities[open_ones[0]], weights, worth),
        found,
        {name: {key: _one(row) for key, row in run.items()} for name, run in at_mean.items()},
    )


@dataclass(frozen=True)
class _Judge:
    """How results become figures."""

    constraints: tuple[Constraint, ...]
    success: Event | None
    harm: Event | None
    utility: Callable[[Results], ArrayLike]
    weights: Vector
    worth: float

    def mean(self, values: Vector) -> Estimate:
        mean = float(self.weights @ values)
        return Estimate(mean, math.sqrt(float(self.weights @ (values - mean) ** 2) / self.worth))

    def chance(self, event: Event, run: Results) -> Estimate:
        """A probability; its error is that of a Beta(k + 1, n - k + 1), which is never zero."""
        share = float(self.weights @ np.broadcast_to(np.asarray(event(run), dtype=float), self.weights.shape))
        held = (share * self.worth + 1) / (self.worth + 2)
        return Estimate(share, math.sqrt(held * (1 - held) / (self.worth + 3)))

    def certain(self, run: Results) -> Mapping[str, float | bool]:
        """What happens if the parameters are certain."""
        told: dict[str, float | bool] = {"utility": _one(self.utility(run))}
        told["allowed"] = all(c.holds(_one(c.event(run))) for c in self.constraints)
        for name, event in (("success", self.success), ("harm", self.harm)):
            if event is not None:
                told[name] = bool(_one(event(run)))
        return told


def _one(value: ArrayLike) -> float:
    return float(np.atleast_1d(np.asarray(value, dtype=float))[0])


def _run(outcomes: Outcomes, draws: Matrix, candidate: Any, seed: int) -> dict[str, Vector]:
    found = outcomes(draws, candidate, np.random.default_rng([seed, 2]))
    return {name: np.broadcast_to(np.asarray(row, dtype=float), (len(draws),)) for name, row in found.items()}


def _drawn(known: Drawn | ArrayLike, count: int | None, seed: int) -> tuple[Matrix, Vector, float]:
    """Draws (n, p), their weights and how many even ones they are worth."""
    random = np.random.default_rng([seed, 1])
    if hasattr(known, "theta") and hasattr(known, "weights"):
        draws, weights = np.asarray(known.theta), np.asarray(known.weights)
    else:
        draws = np.atleast_2d(np.asarray(known, dtype=float))
        weights = np.full(len(draws), 1 / len(draws))
    worth = float(1 / (weights**2).sum())
    if count is None or count >= len(draws):
        return draws, weights, worth
    even = bool(np.ptp(weights) < 1e-12)
    places = random.choice(len(draws), count, replace=not even, p=None if even else weights)
    return draws[places], np.full(count, 1 / count), min(float(count), worth)


def _best(values: Vector, allowed: NDArray[np.bool_]) -> int | None:
    return int(np.argmax(np.where(allowed, values, -np.inf))) if allowed.any() else None


def _best_shares(utilities: Matrix, weights: Vector) -> Vector:
    """Probability of each row to be the greatest; ties are shared."""
    first = utilities >= utilities.max(axis=0) - 1e-12 * np.abs(utilities).max(initial=1.0)
    return np.asarray(np.minimum((first / first.sum(axis=0)) @ weights, 1.0), dtype=float)
