"""How a twin's posterior is found anew: solves that are known are used again, and what changes is followed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import SolveError

from .change import Change, Fading, Moved, Stop, Walking, in_plain_space, moments, walked
from .correction import solved
from .counted import Cost, Counted
from .emulator import Sample, train
from .escalation import calibrate
from .members import Members
from .posterior import Posterior
from .predictors import Predictor, RecordedMembers, Recorder
from .readings import Reading, measured, ordered
from .space import Space
from .surprise import Surprise, surprise
from .target import Target

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]
type Solve = tuple[Vector, Vector, Matrix | None]
"""Parameters (p,), all predictions (m,) and derivatives (m, p), where there are any."""

DRAWN = 400
"""Draws whose predictions new data are compared with, where they cost no solve."""

SOLVED = 100
"""The same where each is a solve, of a model that is cheap."""


@dataclass(frozen=True)
class Learner:
    """What does not change while a twin learns.

    Attributes:
        predictor: gives models of readings.
        space: what is believed of the parameters before anything is read.
        change: whether the patient changes.
        seed: of all numbers at random.
        budget: true solves that one posterior may take.
        checks: true solves that check an emulator's draws at first.
    """

    predictor: Predictor
    space: Space
    change: Change
    seed: int
    budget: int
    checks: int

    def posterior(
        self,
        readings: Sequence[Reading],
        old: Posterior | None,
        solves: Sequence[Solve],
        members: Members | None,
        told: Callable[[str], None] | None,
    ) -> tuple[Posterior, tuple[Solve, ...]]:
        """The posterior of all readings, and all solves that may be used again."""
        rows = ordered(readings)
        shares = self.change.shares([reading.time for reading in rows]) if isinstance(self.change, Fading) else None
        recorder = self._recorder(rows, solves)
        found = calibrate(
            Target(recorder, self.space, measured(rows, shares)),
            seed=self.seed,
            budget=self.budget,
            starts=3 if old is None else 1,
            first=None if old is None else old.mode,
            known=recorder.known(),
            region=None if old is None or old.emulator is None else old.emulator.chart,
            checks=self.checks,
            members=None if members is None else RecordedMembers(recorder, members),
            told=told,
        )
        return found, tuple(recorder.solves) if self.predictor.lasting else ()

    def walk(
        self,
        readings: Sequence[Reading],
        stops: tuple[Stop, ...],
        solves: Sequence[Solve],
        told: Callable[[str], None] | None,
    ) -> tuple[Posterior, tuple[Stop, ...], tuple[Solve, ...], Cost]:
        """The latest posterior of parameters that walk, and each stop, begun where ``stops`` end."""
        if not isinstance(self.change, Walking):
            raise TypeError("parameters that stay as they are do not walk")
        rows = sorted(ordered(readings), key=lambda reading: reading.time)
        known, cost, found = list(solves), Cost(), None
        for time, group in groupby(rows, key=lambda reading: reading.time):
            if stops and time <= stops[-1].time:
                continue
            now = ordered(group)
            belief = walked(self.space, self.change, stops[-1] if stops else None, time)
            recorder = self._recorder(now, known)
            found = calibrate(
                Target(recorder, Moved.of(self.space, belief), measured(now)),
                "auto" if self.change.exact else "laplace",
                seed=self.seed,
                budget=self.budget,
                starts=1 if stops else 3,
                known=recorder.known(),
                checks=self.checks,
                told=told,
            )
            stops = (*stops, Stop(time, belief, moments(found), found.log_evidence))
            cost += found.cost
            known = recorder.solves if self.predictor.lasting else []
        if found is None:
            raise ValueError("nothing was read after the last stop")
        return in_plain_space(found), stops, tuple(known), cost

    def surprise(
        self, new: Sequence[Reading], old: Posterior, solves: Sequence[Solve], stop: Stop | None
    ) -> tuple[Surprise, Cost, tuple[Solve, ...]]:
        """How far new readings are from what was expected, the solves that it took to know, and all known now."""
        rows = ordered(new)
        recorder = self._recorder(rows, solves)
        model = Counted(recorder)
        for solve in recorder.known():
            model.learn(*solve)
        random = np.random.default_rng([self.seed, 5, len(solves)])
        target = Target(model, self.space, measured(rows))
        if stop is not None and isinstance(self.change, Walking):
            belief = walked(self.space, self.change, stop, max(reading.time for reading in rows))
            center, z = belief.mean, random.multivariate_normal(belief.mean, belief.covariance, DRAWN)
        else:
            center, z = old.modes[0].z, old.z[random.choice(len(old.z), DRAWN, p=old.weights)]
        expected = self._predicted(target, model, center, z, old)
        found = surprise(target.measurement, expected, random)
        return found, model.cost, tuple(recorder.solves) if self.predictor.lasting else ()

    def _predicted(self, target: Target, model: Counted, center: Vector, z: Matrix, old: Posterior) -> Matrix:
        """Predictions (k, m) at some of the draws (n, p): of what is known already, or by true solves."""
        if not self.predictor.lasting:
            return solved(target, model, z[:SOLVED]).predictions
        if old.emulator is not None and not isinstance(self.change, Walking):
            samples = [
                Sample(target.space.z(t), y, None if s is None else s @ target.space.slopes(target.space.z(t)))
                for t, y, s in model.known()
            ]
            here = model.solve(old.mode)  # known already
            sd = target.measurement.precision(here) ** -0.5
            try:
                emulator = train(target.space, old.emulator.chart, samples, sd)
            except SolveError:
                emulator = None  # too few solves are known there
            if emulator is not None and emulator.error < 0.5:
                return emulator.at(z)
        local = target.about(center)
        return np.asarray(local.prediction + (z - center) @ local.slopes.T)

    def _recorder(self, readings: Sequence[Reading], solves: Sequence[Solve]) -> Recorder:
        model, rows = self.predictor.observing(readings)
        return Recorder(model, rows, list(solves) if self.predictor.lasting else [])
