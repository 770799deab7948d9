"""A worker of a calibration: it builds a case's model once and predicts at parameters that come as JSON lines."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fibertwin.errors import FibertwinError, InputError
from fibertwin.parallel import on_root

if TYPE_CHECKING:
    from mpi4py import MPI

type Told = Callable[[dict[str, Any]], None]


def serve(base: dict[str, Any], comm: "MPI.Comm", following: Callable[[], dict[str, Any] | None], tell: Told) -> None:
    """Build the model and answer until the input ends. Collective.

    Args:
        base: what the worker was told first: ``case``, ``folder``, ``petsc``.
        comm: the ranks.
        following: the next task.
        tell: answers.
    """
    scratch = on_root(comm, lambda: tempfile.mkdtemp(prefix="fibertwin-calibration-"))
    try:
        try:
            asked = Asked(base, comm, Path(scratch))
        except InputError as error:
            tell({"outcome": "wrong", "problems": [asdict(problem) for problem in error.problems]})
            return
        tell({"outcome": "ready"})
        while (task := following()) is not None:
            tell(asked.answer(task))
    finally:
        if comm.rank == 0:
            shutil.rmtree(scratch, ignore_errors=True)


class Asked:
    """A case's model, asked for one thing after the other. Everything on it is collective.

    Args:
        base: what the worker was told first.
        comm: the ranks.
        scratch: folder for what is made on the way.

    Raises:
        InputError: on every rank, with what is wrong.
    """

    def __init__(self, base: dict[str, Any], comm: "MPI.Comm", scratch: Path) -> None:
        from fibertwin.calibrate_verb import modeled_on
        from fibertwin.calibration_candidates import possible, require
        from fibertwin.worker import case_of

        case, self._about = case_of(base, comm), ""
        self._modeled = modeled_on(case, scratch, comm, petsc=base["petsc"])
        self._wanted = on_root(comm, lambda: possible(case))
        require(self._modeled.model, self._wanted)
        self._can: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "describe": self._describe,
            "solve": self._solve,
            "linearise": self._linearise,
            "possible": self._possible,
            "paint": self._paint,
        }

    def answer(self, task: dict[str, Any]) -> dict[str, Any]:
        """Do what is asked, and tell of it; a failure is an answer too.

        Args:
            task: ``do``; with parameters ``theta``, and ``about`` once the mode is known.
        """
        try:
            return {"outcome": "done", **self._can[task["do"]](task)}
        except FibertwinError as error:
            return {"outcome": "failed", "sentence": str(error)}

    def _describe(self, _: dict[str, Any]) -> dict[str, Any]:
        model = self._modeled.model
        return {"numbers": model.numbers, "units": model.units, "levels": model.levels}

    def _solve(self, task: dict[str, Any]) -> dict[str, Any]:
        from fibertwin.calibration.coded import coded

        return {"y": coded(self._modeled.model.solve(self._theta(task)))}

    def _linearise(self, task: dict[str, Any]) -> dict[str, Any]:
        from fibertwin.calibration.coded import coded

        prediction, slopes = self._modeled.model.linearise(self._theta(task))
        return {"y": coded(prediction), "slopes": coded(slopes)}

    def _possible(self, task: dict[str, Any]) -> dict[str, Any]:
        from fibertwin.calibration.coded import coded
        from fibertwin.calibration_candidates import shown

        found = shown(self._modeled.model, self._wanted, self._theta(task))
        return {"shown": [[one.index, coded(one.prediction), coded(one.slopes)] for one in found]}

    def _paint(self, _: dict[str, Any]) -> dict[str, Any]:
        from fibertwin.calibration.coded import coded
        from fibertwin.patches import gather

        painted = gather(self._modeled.model.anatomy)
        return {} if painted is None else {"triangles": coded(painted.triangles)}

    def _theta(self, task: dict[str, Any]) -> "np.typing.NDArray[np.float64]":
        """The parameters, once the model is anchored where it is told to be."""
        from fibertwin.calibration.coded import decoded

        if task.get("about", "") != self._about:
            self._about = task["about"]
            self._modeled.model.anchor(decoded(self._about))
        return decoded(task["theta"])
