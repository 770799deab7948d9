"""What a run keeps in its folder on the way: checkpoints, a line for every increment; and how it goes on from them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin import provenance, stages, summary
from fibertwin.case import Case
from fibertwin.errors import InputError, SolveError, StoppedError
from fibertwin.log import logger
from fibertwin.parallel import on_root
from fibertwin.solver import Checkpoint, Keeper, Step, read_checkpoint

if TYPE_CHECKING:
    from mpi4py import MPI


@dataclass(frozen=True)
class Files:
    """Names of the files of a solve: where it stands, a line for each increment, curves, fields (without suffix)."""

    checkpoint: str
    steps: str
    history: str
    fields: str


FILES = {
    "load": Files("checkpoint.npz", "steps.jsonl", "history.csv", "fields"),
    "isotropic": Files("isotropic-checkpoint.npz", "isotropic-steps.jsonl", "isotropic-history.csv", "isotropic"),
}
"""Of each solve of a run."""

VERSIONS = ("fibertwin", "dolfinx", "petsc")
"""Programs of which another version may take another way."""

ANYWAY = "--resume-anyway takes its state for a first guess; without --resume the run begins anew"


@dataclass(frozen=True)
class Resume:
    """How a run begins.

    Attributes:
        wanted: to go on from the checkpoint in its folder, if there is one.
        anyway: also from one of another case or version, whose state is then brought to equilibrium first.
    """

    wanted: bool = False
    anyway: bool = False


def never() -> str:
    """Nobody asks for an end."""
    return ""


@dataclass(frozen=True)
class Kept:
    """What a run keeps, and what it found to go on from.

    Attributes:
        case: what is run.
        out: its folder.
        about: what its answer rests on: case, checksums of files, versions.
        comm: the ranks.
        stop: who asks for an end, if anybody.
        found: checkpoints to go on from, by the solve's name.
    """

    case: Case
    out: Path
    about: dict[str, Any]
    comm: "MPI.Comm"
    stop: Callable[[], str] = never
    found: dict[str, Checkpoint] = field(default_factory=dict)

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of every file that the case names, by its path."""
        return dict(self.about["files"])

    def keeper(self, solve: str) -> Keeper:
        """What writes the checkpoints of a solve."""
        return Keeper(self.out / FILES[solve].checkpoint, self.about, self.case.solve.checkpoint, self.stop)

    def former(self, solve: str) -> tuple[Step, ...]:
        """Increments of a solve that it goes on from."""
        return self.found[solve].steps if solve in self.found else ()

    def halt(self, before: str) -> None:
        """End the run between two stages if that is asked for. Collective.

        Raises:
            StoppedError: on every rank, if any was asked.
        """
        who = next((who for who in self.comm.allgather(self.stop()) if who), "")
        if who:
            raise StoppedError(f"The run was ended by {who} before {before}; --resume goes on from what it has solved.")

    @contextmanager
    def history(self, solve: str) -> Iterator[Callable[[float, Step | None, str], None]]:
        """Write a line of JSON for every increment, those before a checkpoint first; rank 0 only.

        Raises:
            SolveError: on rank 0, they cannot be written.
        """
        if self.comm.rank != 0:
            yield lambda level, step, sentence: None
            return
        path, begun = self.out / FILES[solve].steps, time.perf_counter()
        with path.open("wb", buffering=0) as file:
            for step in self.former(solve):
                _add_line(file, summary.step(step))

            def heard(level: float, step: Step | None, sentence: str) -> None:
                said = {"load": level, "failed": sentence} if step is None else summary.step(step)
                _add_line(file, said | {"seconds": round(time.perf_counter() - begun, 3)})

            yield heard


def _add_line(file: FileIO, said: dict[str, Any]) -> None:
    """Write a line of JSON, at once: nothing is left to be written where that fails."""
    line = (json.dumps(said) + "\n").encode()
    try:
        whole = file.write(line) == len(line)
    except OSError as error:
        raise SolveError(f"{file.name} cannot be written: {error.strerror}.") from error
    if not whole:
        raise SolveError(f"{file.name} cannot be written whole: is the disk full?")


def keep(case: Case, out: Path, comm: "MPI.Comm", petsc: str, resume: Resume, stop: Callable[[], str] = never) -> Kept:
    """Get ready to keep a run, and find what it goes on from, before anything is computed. Collective.

    Raises:
        InputError: on every rank, the checkpoint in the folder is of another case or version, each difference named.
    """
    about = on_root(comm, lambda: _about(case, petsc))
    kept = Kept(case, out, about, comm, stop)
    if not (resume.wanted or resume.anyway):
        return kept
    file = out / FILES["load"].checkpoint
    if not on_root(comm, file.is_file):
        logger.info("%s holds no checkpoint: the run begins anew", out)
        return kept
    checkpoint = read_checkpoint(file, comm)
    differences = checkpoint.differences(about)
    if differences and not resume.anyway:
        raise InputError([*differences[:-1], replace(differences[-1], hint=ANYWAY)])
    found = {"load": replace(checkpoint, exact=not differences)}
    count = len(checkpoint.steps)
    logger.info("resumed from %s: %.3g of the load, increment %d", file, checkpoint.level, count)
    for problem in differences:
        logger.warning("taken up anyway: %s is %s, and was %s", problem.where, problem.got, problem.wanted)
    other = out / FILES["isotropic"].checkpoint
    if on_root(comm, other.is_file):
        isotropic = read_checkpoint(other, comm)
        if not isotropic.differences(about):
            found["isotropic"] = isotropic
    return replace(kept, found=found)


def _about(case: Case, petsc: str) -> dict[str, Any]:
    """Everything that the answer rests on. Rank 0 only."""
    said = case.to_dict()
    for name in ("title", "output"):
        said.pop(name, None)
    said["solve"] = {name: value for name, value in said["solve"].items() if name != "checkpoint"}
    versions = provenance.versions()
    return {
        **said,
        "--petsc": petsc,
        "files": provenance.checksums(stages.inputs(case)),
        "versions": {name: versions[name] for name in VERSIONS if name in versions},
    }
