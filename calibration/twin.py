"""A twin of one patient, which keeps learning: all that was read, what is known from it, how it came to be known."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .change import Change, Still, Stop, Walking, looked_back_on, said
from .counted import Cost
from .learning import Learner, Solve
from .members import Members
from .posterior import Posterior
from .predictors import Predictor
from .readings import Batch, Reading
from .space import Space
from .surprise import Surprise

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

CONTRARY = 5.0
"""Standard deviations between two readings of the same from which they contradict one another."""


@dataclass(frozen=True)
class Update:
    """What became of a batch.

    Attributes:
        batch: its fingerprint.
        new: readings that were new.
        known: readings that were known already, and left out.
        log_evidence: of all readings so far; NaN where readings fade.
        increment: of the log evidence: log density of the new readings given the old ones.
        surprise: how far the new readings were from what was expected; None for the first.
        cost: solves.
        told: what was done and what is noteworthy, a sentence each.
    """

    batch: str
    new: int
    known: int
    log_evidence: float
    increment: float
    surprise: Surprise | None
    cost: Cost
    told: tuple[str, ...]


@dataclass(frozen=True)
class Twin:
    """A patient as far as known. Learning gives another twin; the old one stays as it is.

    All readings are kept, and a posterior is always that of all of them, so that neither their order nor their
    division into batches matters; solves are kept too and used again, so that learning costs few.

    Attributes:
        predictor: gives models of readings.
        space: what is believed of the parameters before anything is read.
        change: whether the patient changes: ``Still``, ``Fading`` or ``Walking``.
        seed: of all numbers at random.
        budget: true solves that one posterior may take.
        checks: true solves that check an emulator's draws at first, fewer once it needs no training;
            more follow where these fail.
        batches: all that was read, as it came.
        updates: what became of each batch.
        posterior: what is known; of parameters that walk, at the time of the last reading. None before the first.
        stops: what was known of parameters that walk at the time of each reading.
        solves: what may be used again.
        rejected: readings that are kept but not believed.
    """

    predictor: Predictor
    space: Space
    change: Change = field(default_factory=Still)
    seed: int = 0
    budget: int = 250
    checks: int = 80
    batches: tuple[Batch, ...] = ()
    updates: tuple[Update, ...] = ()
    posterior: Posterior | None = None
    stops: tuple[Stop, ...] = ()
    solves: tuple[Solve, ...] = ()
    rejected: tuple[Reading, ...] = ()

    def __post_init__(self) -> None:
        if self.predictor.names != self.space.names:
            raise ValueError(f"the model has parameters {self.predictor.names}, the prior {self.space.names}")
        if isinstance(self.change, Walking):
            self.change.widths(self.space)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """All that was read and is believed, each once."""
        rejected = set(self.rejected)
        return tuple(reading for reading in self._read() if reading not in rejected)

    @property
    def known(self) -> Posterior:
        """What is known.

        Raises:
            ValueError: nothing was read yet.
        """
        if self.posterior is None:
            raise ValueError("a twin that has read nothing knows the prior only")
        return self.posterior

    @property
    def theta(self) -> Matrix:
        """Draws (n, p) of the parameters."""
        return self.known.theta

    @property
    def weights(self) -> Vector:
        """Their weights (n,)."""
        return self.known.weights

    @property
    def cost(self) -> Cost:
        """Solves so far."""
        return sum((update.cost for update in self.updates), Cost())

    def assimilate(
        self, batch: Batch, *, members: Members | None = None, told: Callable[[str], None] | None = None
    ) -> "Twin":
        """The twin that has read a batch.

        Readings that are known already (same name, value, standard deviation, time and circumstances) are left out,
        so that a file may come twice or grow; that is told, as are readings that contradict others of the same, data
        that nobody expected, and readings older than the last.

        Args:
            batch: what was read.
            members: predicts all numbers of the model at many parameters, in parallel maybe.
            told: called with a sentence about each stage when it is done.

        Raises:
            InputError: a reading is of nothing that can be predicted; nothing was solved then.
            SolveError: the model predicts nothing, or no mode was found.
        """
        held = set(self._read())
        new = tuple(reading for reading in dict.fromkeys(batch.readings) if reading not in held)
        again = len(batch.readings) - len(new)
        sentences = self._noted(new, again)
        if not new:
            return self._with(batch, Update(batch.fingerprint, 0, again, *self._evidence(), None, Cost(), sentences))
        learner = self._learner()
        learner.predictor.observing(new)
        odd, cost, solves = None, Cost(), self.solves
        if self.posterior is not None:
            odd, cost, solves = learner.surprise(new, self.posterior, self.solves, self._before(new))
            sentences = (*sentences, odd.said())
        if told is not None:
            for sentence in sentences:
                told(sentence)
        readings = (*self.readings, *new)
        learned = replace(self, solves=solves)._learned(learner, readings, new, members, told)
        evidence = learned._evidence()[0]
        before = self._evidence()[0] if self.posterior is not None else 0.0
        sentences = (*sentences, *(learned.known.told if not isinstance(self.change, Walking) else ()))
        spent = cost + learned.known.cost
        update = Update(batch.fingerprint, len(new), again, evidence, evidence - before, odd, spent, sentences)
        return learned._with(batch, update)

    def changing(self, change: Change) -> "Twin":
        """The twin of a patient who changes otherwise, from all that was read.

        Raises:
            SolveError: no mode was found.
        """
        return replace(self, change=change)._anew()

    def rejecting(self, *readings: Reading) -> "Twin":
        """The twin that does not believe some readings, such as those that contradict others.

        They stay in the file, with what became of them, and are not believed when they come again.

        Raises:
            SolveError: no mode was found.
            ValueError: one of them was never read.
        """
        strange = set(readings) - set(self._read())
        if strange:
            raise ValueError(f"{next(iter(strange)).said()} was never read")
        return replace(self, rejected=tuple(dict.fromkeys((*self.rejected, *readings))))._anew()

    def trajectory(self) -> tuple[Vector, Matrix, Matrix]:
        """Times (k,), medians (k, p) and 95 % bands (k, p, 2) of parameters that walk, from all readings.

        Raises:
            ValueError: they do not walk, or nothing was read.
        """
        if not isinstance(self.change, Walking) or not self.stops:
            raise ValueError("only parameters that walk, and have been seen, have a trajectory")
        beliefs = looked_back_on(self.space, self.change, self.stops)
        mapping = self.space.scores(np.eye(self.space.size)).T
        scores = np.array([mapping @ belief.mean for belief in beliefs])
        widths = np.array([np.sqrt(np.diag(mapping @ belief.covariance @ mapping.T)) for belief in beliefs])

        def values(rows: Matrix) -> Matrix:
            return np.stack([p.prior.value(rows[:, i]) for i, p in enumerate(self.space.parameters)], axis=-1)

        bands = np.stack([values(scores - 1.96 * widths), values(scores + 1.96 * widths)], axis=-1)
        return np.array([stop.time for stop in self.stops]), values(scores), bands

    def predict(self, readings: Sequence[Reading], count: int = 100) -> Matrix:
        """What is predicted of readings, whose values are not looked at, by draws (count, n), without noise.

        Raises:
            InputError: a reading is of nothing that can be predicted.
            SolveError: a prediction failed.
        """
        model, places = self.predictor.observing(readings)
        return np.array([model.solve(theta)[places] for theta in self.known.resample(count, self.seed)])

    def sentences(self) -> tuple[str, ...]:
        """What is known and what is noteworthy, in words."""
        last = self.updates[-1].told if self.updates else ("Nothing was read yet.",)
        state = () if self.posterior is None else self.posterior.sentences()
        return (*state, said(self.change), *last)

    def table(self) -> str:
        """What became of each batch, a line each."""
        lines = [["batch", "when", "who", "from", "new", "known", "log evidence", "increment", "chance", "solves"]]
        for batch, update in zip(self.batches, self.updates, strict=True):
            chance = "" if update.surprise is None else f"{update.surprise.chance:.2g}" + "!" * update.surprise.odd
            figures = [f"{update.log_evidence:.3f}", f"{update.increment:.3f}", chance, str(update.cost.total)]
            source = batch.source
            counts = [str(update.new), str(update.known)]
            lines.append([update.batch[:8], source.when, source.who, source.name, *counts, *figures])
        widths = [max(len(line[i]) for line in lines) for i in range(10)]
        return "\n".join("  ".join(w.ljust(n) for w, n in zip(line, widths, strict=True)).rstrip() for line in lines)

    def save(self, path: Path | str) -> Path:
        """Write all to one file, whole or not at all.

        Raises:
            InputError: a prior of one's own has no written form.
        """
        from .twin_file import save

        return save(self, path)

    @staticmethod
    def load(path: Path | str, predictor: Predictor) -> "Twin":
        """Read a twin that was saved; its model is not in the file.

        Raises:
            InputError: the file is not there, is no twin, is of another version, or has learned with another model.
        """
        from .twin_file import load

        return load(path, predictor)

    def _read(self) -> tuple[Reading, ...]:
        return tuple(dict.fromkeys(reading for batch in self.batches for reading in batch.readings))

    def _anew(self) -> "Twin":
        """From all readings, with the solves that are known."""
        other = replace(self, stops=(), posterior=None)
        if not other.readings:
            return other
        return other._learned(other._learner(), other.readings, other.readings, None, None)

    def _learner(self) -> Learner:
        return Learner(self.predictor, self.space, self.change, self.seed, self.budget, self.checks)

    def _learned(
        self,
        learner: Learner,
        readings: tuple[Reading, ...],
        new: tuple[Reading, ...],
        members: Members | None,
        told: Callable[[str], None] | None,
    ) -> "Twin":
        if not isinstance(self.change, Walking):
            found, solves = learner.posterior(readings, self.posterior, self.solves, members, told)
            return replace(self, posterior=found, solves=solves)
        first = min(reading.time for reading in new)
        kept = tuple(stop for stop in self.stops if stop.time < first)
        found, stops, solves, cost = learner.walk(readings, kept, self.solves, told)
        return replace(self, posterior=found.with_cost(cost), stops=stops, solves=solves)

    def _before(self, new: tuple[Reading, ...]) -> Stop | None:
        first = min(reading.time for reading in new)
        earlier = [stop for stop in self.stops if stop.time <= first]
        return earlier[-1] if earlier else None

    def _evidence(self) -> tuple[float, float]:
        """Log evidence so far, and no increment of it."""
        if self.stops:
            return sum(stop.log_evidence for stop in self.stops), 0.0
        if self.posterior is None:
            return 0.0, 0.0
        return (self.posterior.log_evidence if isinstance(self.change, Still) else math.nan), 0.0

    def _with(self, batch: Batch, update: Update) -> "Twin":
        return replace(self, batches=(*self.batches, batch), updates=(*self.updates, update))

    def _noted(self, new: tuple[Reading, ...], again: int) -> tuple[str, ...]:
        """What is noteworthy of a batch before anything is solved."""
        told = []
        if not new:
            return (f"All {again} readings are known already; nothing is learned from them.",)
        if again:
            told.append(f"{again} readings are known already and left out.")
        held = self.readings
        if held:
            latest = max(reading.time for reading in held)
            late = sum(reading.time < latest for reading in new)
            if late:
                told.append(
                    f"{late} readings are older than the last one known, at {latest:g}; they count all the same."
                )
        places: dict[object, list[Reading]] = {}
        for reading in held:
            places.setdefault(reading.place, []).append(reading)
        for reading in new:
            for other in places.get(reading.place, []):
                if reading.apart(other) > CONTRARY:
                    told.append(
                        f"{reading.said()} is {reading.value:g}, which contradicts {other.value:g}, read before:"
                        f" {reading.apart(other):.1f} standard deviations lie between them."
                    )
        return tuple(told)
