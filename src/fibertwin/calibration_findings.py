"""What is looked at once a posterior is found: profile likelihoods, and what further measurements would teach."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import SolveError

if TYPE_CHECKING:
    from fibertwin.calibration import ForwardModel, Lesson, Posterior, Profile
    from fibertwin.calibration_candidates import Possible
    from fibertwin.calibration_sources import Source

type Vector = NDArray[np.float64]
type Matrix = NDArray[np.float64]

BEYOND = 30
"""Solves that profiles may take where they leave the emulator."""

TOLD = 12
"""Further measurements that are told of."""

NOTHING = 0.01
"""Information (nats) below which a measurement teaches nothing."""


@dataclass(frozen=True)
class Findings:
    """What is looked at beside the posterior itself.

    Attributes:
        profiles: profile likelihoods, by parameter.
        lessons: what further measurements would teach, the most instructive first.
        advice: which measurement would teach what is not known, a sentence each.
        notes: what could not be had, and what it took.
    """

    profiles: tuple["Profile", ...] = ()
    lessons: tuple["Lesson", ...] = ()
    advice: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def findings(posterior: "Posterior", model: "ForwardModel", source: "Source", wanted: "Sequence[Possible]") -> Findings:
    """Profiles by the emulator, and lessons by further linearised solves at the mode. Collective.

    Args:
        posterior: what was found.
        model: predicts where the emulator does not reach.
        source: shows what else there is to see.
        wanted: what could be measured next.
    """
    found, notes = _profiles(posterior, model)
    taught, more = _lessons(posterior, source, wanted)
    from fibertwin.calibration.identify import remedies

    advice = remedies(posterior.names, posterior.contraction(), taught)
    return Findings(found, taught[:TOLD], advice, (*notes, *more))


def _profiles(posterior: "Posterior", model: "ForwardModel") -> "tuple[tuple[Profile, ...], tuple[str, ...]]":
    from fibertwin.calibration import Target, profile

    if posterior.emulator is None:
        return (), ("No emulator was trained, so that no profile likelihoods were followed.",)
    beyond = Allowed(model, BEYOND)
    target = Target(posterior.stand_in(beyond), posterior.space, posterior.measurement)
    found, notes = [], []
    for name in posterior.names:
        try:
            found.append(profile(target, name, posterior.modes[0].z))
        except SolveError as error:
            notes.append(f"The profile of {name} was not found. {error}")
    if beyond.left < BEYOND:
        notes.append(f"Profile likelihoods left the emulator and took {BEYOND - beyond.left} solves.")
    return tuple(found), tuple(notes)


def _lessons(
    posterior: "Posterior", source: "Source", wanted: "Sequence[Possible]"
) -> "tuple[tuple[Lesson, ...], tuple[str, ...]]":
    from fibertwin.calibration import lessons
    from fibertwin.calibration_candidates import candidates

    try:
        seen = source.shown(wanted, posterior.mode)
    except SolveError as error:
        return (), (f"What further measurements would teach is not known. {error}",)
    mode = posterior.modes[0]
    taught = lessons(posterior.space, mode, candidates(wanted, seen, posterior.space, mode.z))
    some = tuple(one for one in taught if one.gain > NOTHING)
    return some, ("What to measure next was judged by further linearised solves at the mode.",)


@dataclass
class Allowed:
    """A model that may be solved so many times.

    Attributes:
        model: the model.
        left: solves that are left.
    """

    model: "ForwardModel"
    left: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p)."""
        return self.model.names

    def solve(self, theta: Vector) -> Vector:
        """Predictions (m,).

        Raises:
            SolveError: there are none, or no solve is left.
        """
        self._take()
        return self.model.solve(theta)

    def linearise(self, theta: Vector) -> tuple[Vector, Matrix]:
        """Predictions (m,) and derivatives (m, p).

        Raises:
            SolveError: there are none, or no solve is left.
        """
        self._take()
        return self.model.linearise(theta)

    def _take(self) -> None:
        if self.left < 1:
            raise SolveError("No more solves are allowed beyond the emulator.")
        self.left -= 1
