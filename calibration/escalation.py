"""From what was measured to what is known of the parameters: stages that escalate where a certificate fails."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fibertwin.errors import SolveError

from .correction import ALIKE, Proposal, Solved, Weighted, certified, solved, weighted
from .counted import Counted, Journal
from .emulator import Chart
from .laplace import Bell, Laplace
from .members import Members
from .optimum import Modes, search
from .posterior import Certificate, Posterior
from .surrogate import Particles, Surrogate
from .target import Target
from .training import Trained, emulated, fitted, needed, recharted

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

Method = Literal["auto", "laplace", "emulator", "importance", "nuts", "ensemble"]

DRAWS = 8000
"""Draws where they cost no solve."""

SHOWN = 400
"""Draws whose predictions are kept, where they would take more than this many megabytes."""

CHECKS = 120
"""True solves that check an emulator's draws first."""

FEWEST = 12
"""True solves that check an emulator which solves of before suffice for."""

LEAST = 40
"""True solves below which a check says nothing."""


def calibrate(
    target: Target,
    method: Method = "auto",
    *,
    seed: int = 0,
    budget: int = 250,
    starts: int = 3,
    draws: int = DRAWS,
    first: ArrayLike | None = None,
    known: Sequence[tuple[Vector, Vector, Matrix | None]] = (),
    region: Chart | None = None,
    checks: int = CHECKS,
    journal: Journal | None = None,
    members: Members | None = None,
    told: Callable[[str], None] | None = None,
) -> Posterior:
    """The posterior of a target.

    ``"auto"``: modes by Gauss-Newton steps from several starts, the normal distribution there, an emulator of the
    model, its draws checked by true solves; where the check fails the emulator learns from it, and after that draws
    of learning proposals are weighted by true solves. Each of the stages may be asked for by itself: ``"laplace"``
    goes no further than the normal distribution, ``"emulator"`` no further than the checked emulator,
    ``"importance"`` weights draws about the modes by true solves at once. ``"nuts"`` and ``"ensemble"`` (extra
    ``bayes``) sample by true solves alone, to verify the others; their budget is the draws that are kept.

    Everything is a function of the target and the seed. A target whose model runs on several ranks is calibrated on
    all of them alike.

    Args:
        target: a model, what is believed, what was measured.
        method: see above.
        seed: of all numbers at random.
        budget: solves that ``auto``, ``emulator`` and ``importance`` may take, those of an earlier run among them.
        starts: from how many points modes are looked for.
        draws: how many draws are made where they cost no solve.
        first: parameters (p,) to begin at; the prior's middle if left out.
        known: parameters (p,), predictions (m,) and derivatives (m, p), or None, of solves that were done before: they
            cost nothing, and where they suffice for an emulator nothing is solved for it.
        region: where an emulator of them was good.
        checks: true solves that check an emulator's draws at first; an eighth of them, at least 12,
            where nothing was solved for it.
        journal: where solves are kept, so that a calibration that was killed goes on.
        members: predicts at many parameters, in parallel maybe; the model, one after the other, if left out.
        told: called with a sentence about each stage when it is done.

    Raises:
        SolveError: the model predicts nothing, or no mode was found.
        ValueError: there is no such method, or the budget is not positive.
    """
    if method not in get_args(Method):
        raise ValueError(f"{method!r} is no method; there are {', '.join(get_args(Method))}")
    if budget < 1:
        raise ValueError("a calibration needs a budget of at least one solve")
    model = Counted(target.model, journal, members)
    for solve in known:
        model.learn(*solve)
    run = _Run(replace(target, model=model), model, seed, budget, draws, checks, region, told)
    begin = None if first is None else target.space.z(np.asarray(first, dtype=float))
    modes = run.modes(starts, begin)
    if method == "laplace":
        return run.laplace(modes, "The posterior is taken as normal about its mode, which no true solve has checked.")
    if method == "nuts" or method == "ensemble":
        from .verification import ensemble, nuts

        return (nuts if method == "nuts" else ensemble)(run.target, modes, budget, seed, tuple(run.sentences))
    model.about(target.space.theta(modes.best.z))
    if method == "importance":
        return run.weighted(modes, Proposal(Bell.over(modes.rivals(), wider=1.1)))
    return run.escalated(modes, further=method == "auto")


@dataclass
class _Run:
    """A calibration under way."""

    target: Target
    model: Counted
    seed: int
    budget: int
    draws: int
    checks: int
    region: Chart | None
    told: Callable[[str], None] | None
    sentences: list[str] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Solves that may still be done; those that an earlier run did count too, so that the way is the same."""
        return self.budget - self.model.cost.total - self.model.recalled

    def say(self, sentence: str) -> None:
        """Tell what was done."""
        if sentence:
            self.sentences.append(sentence)
            if self.told is not None:
                self.told(sentence)

    def modes(self, starts: int, begin: Vector | None) -> Modes:
        """Look for modes."""
        found = search(self.target, starts, self.seed, begin)
        self.say(f"{found.said()} It took {self.model.cost.said()}.")
        return found

    def laplace(self, modes: Modes, sentence: str, certificate: Certificate | None = None) -> Posterior:
        """The normal distribution about the best mode."""
        self.say(sentence)
        z = modes.best.draws(self.draws, np.random.default_rng([self.seed, 1]))
        best, shown = modes.best, np.arange(min(SHOWN, len(z)))
        predictions = best.mode.prediction + (z[shown] - best.z) @ best.mode.slopes.T
        return self._posterior("laplace", z, best.log_evidence, modes, certificate, shown, predictions)

    def escalated(self, modes: Modes, further: bool) -> Posterior:
        """Emulator, check, emulator that learned from it, check, and weights if all that fails."""
        rivals = modes.rivals()
        defensive = Proposal(Bell.over(rivals, wider=1.2))
        if len(rivals) > 1 and further:
            self.say("With several modes no single emulator will do: draws are weighted by true solves.")
            return self.weighted(modes, defensive)
        if self.left < needed(self.target.space.size) + LEAST:
            self.say(f"The {max(self.left, 0)} solves that are left are too few for an emulator and its check.")
            if self.left < LEAST:
                return self.laplace(modes, "The posterior is taken as normal about its mode, unchecked.")
            return self.weighted(modes, defensive)
        exact = self._exact(modes.best)
        if exact is not None:
            return self.laplace(modes, "The posterior is normal: the log densities of true solves agree.", exact)
        try:
            trained = emulated(
                self.target, self.model, modes.best, self.seed, self.draws, self.left - LEAST, self.region
            )
        except SolveError as error:
            self.say(f"{error} Draws are weighted by true solves.")
            return self.weighted(modes, defensive)
        self.say(trained.said)
        return self._checked(modes, trained, further)

    def weighted(self, modes: Modes, first: Proposal) -> Posterior:
        """Draws weighted by true solves."""
        if self.left < LEAST:
            return self.laplace(modes, f"{max(self.left, 0)} solves are left, too few to weight draws by.")
        found = weighted(self.target, self.model, first, modes.rivals(), self.seed, self.left)
        return self._from_weights(modes, found)

    def _exact(self, mode: Laplace) -> Certificate | None:
        """Whether the posterior is normal to round-off, judged by a few linearised predictions far out."""
        p = self.target.space.size
        u = np.random.default_rng([self.seed, 2]).standard_normal((p + 2, p)) * 1.5
        apart = []
        for row in u:
            z = mode.z + mode.factor @ row
            try:
                density = self.target.about(z).log_density
            except SolveError:
                return None
            apart.append(abs(density - mode.mode.log_density + 0.5 * float(row @ row)))
            if apart[-1] > 1e-6:
                return None
        return Certificate(len(u), 0, -math.inf, float(len(u)), 1 / len(u), True)

    def _checked(self, modes: Modes, trained: Trained, further: bool) -> Posterior:
        """Check an emulator's draws; where they fail, let it learn, as long as there are solves left."""
        turn = 0
        while True:
            turn += 1
            tried = turn == 1 and trained.rounds == 0  # solves of before, left out one by one, have tested it
            count = min(max(self.checks // 8, FEWEST) if tried else self.checks, self.left, self.draws)
            random = np.random.default_rng([self.seed, 3, turn])
            places = random.choice(len(trained.particles.z), count, replace=False)
            try:
                found = solved(self.target, self.model, np.unique(trained.particles.z[places], axis=0))
            except SolveError as error:
                self.say(str(error))
                return self.laplace(modes, "The posterior is taken as normal about its mode: nothing could check it.")
            surrogate = Surrogate(trained.emulator, self.target.measurement)
            logs = found.log_density - surrogate.log_densities(found.z)
            weights, certificate = certified(logs, len(found.lost), enough=0.3 * len(logs))
            self.say(certificate.said())
            if certificate.passed and certificate.distance <= ALIKE:
                self.say(found.where_lost() and f"{found.where_lost()} The emulator stands in for them.")
                evidence = trained.particles.log_evidence + float(np.log(np.mean(np.exp(logs))))
                return self._from_emulator(modes, trained, certificate, evidence)
            if turn > 2 or self.left < LEAST:
                break
            self.say("The emulator's draws are not yet the posterior's; it learns from the solves that checked it.")
            trained = self._learned(modes.best, trained, weights, found)
        if not further or self.left < LEAST:
            return self._from_check(modes, trained, found, weights, certificate, logs)
        self.say("The emulator does not suffice: draws of learning proposals are weighted by true solves.")
        return self.weighted(modes, self._mixed(modes, trained))

    def _learned(self, mode: Laplace, trained: Trained, weights: Vector, found: Solved) -> Trained:
        """An emulator of all solves so far, where the weighted draws say that the posterior is."""
        random = np.random.default_rng([self.seed, 4, len(found.z)])
        chart = trained.emulator.chart
        if weights.max() < 0.1:
            chart = recharted(chart, found.z[random.choice(len(found.z), 10 * len(found.z), p=weights)])
        try:
            return fitted(self.target, self.model, chart, mode, random, self.draws)
        except SolveError as error:
            self.say(str(error))
            return trained

    def _mixed(self, modes: Modes, trained: Trained) -> Proposal:
        """The emulator's draws and, in defense, a wide bell."""
        particles: Particles = trained.particles
        surrogate = Surrogate(trained.emulator, self.target.measurement)
        return Proposal(
            Bell.over(modes.rivals(), wider=1.3),
            particles.z,
            lambda z: surrogate.log_densities(z) - particles.log_evidence,
            0.7,
        )

    def _from_emulator(self, modes: Modes, trained: Trained, certificate: Certificate, evidence: float) -> Posterior:
        z = trained.particles.z
        shown = _shown(len(z), len(trained.emulator.base))
        return replace(
            self._posterior("emulator", z, evidence, modes, certificate, shown, trained.emulator.at(z[shown])),
            emulator=trained.emulator,
        )

    def _from_check(
        self,
        modes: Modes,
        trained: Trained,
        found: Solved,
        weights: Vector,
        certificate: Certificate,
        logs: Vector,
    ) -> Posterior:
        """The checked draws with their weights."""
        self.say(found.where_lost())
        evidence = trained.particles.log_evidence + float(np.log(np.mean(np.exp(logs - logs.max())))) + logs.max()
        shown = np.arange(len(found.z))
        posterior = self._posterior("importance", found.z, evidence, modes, certificate, shown, found.predictions)
        return replace(posterior, weights=weights, emulator=trained.emulator)

    def _from_weights(self, modes: Modes, found: Weighted) -> Posterior:
        self.say(f"Weighted draws of {found.rounds} proposals. {found.certificate.said()}")
        self.say(found.sample.where_lost())
        if not found.certificate.passed:
            self.say(
                "The certificate fails: the posterior is not what these draws say. Allow more solves, measure more,"
                " or choose a prior that excludes what is impossible."
            )
        sample = found.sample
        shown = np.arange(len(sample.z))
        posterior = self._posterior(
            "importance", sample.z, found.log_evidence, modes, found.certificate, shown, sample.predictions
        )
        return replace(posterior, weights=found.weights)

    def _posterior(
        self,
        kind: str,
        z: Matrix,
        evidence: float,
        modes: Modes,
        certificate: Certificate | None,
        shown: NDArray[np.intp],
        predictions: Matrix,
    ) -> Posterior:
        self.say(f"In all {self.model.cost.said()}.")
        return Posterior(
            self.target.space,
            self.target.measurement,
            kind,
            z,
            np.full(len(z), 1 / len(z)),
            evidence,
            modes.found,
            certificate,
            self.model.cost,
            tuple(self.sentences),
            shown,
            predictions,
        )


def _shown(draws: int, numbers: int) -> NDArray[np.intp]:
    """Draws whose predictions are kept, spread over all."""
    count = min(draws, max(SHOWN, int(SHOWN * 1e6 / (8 * numbers) / 10)))
    return np.linspace(0, draws - 1, min(count, 2000)).astype(np.intp)
