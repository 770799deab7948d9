"""Where a solve stands, on disk: written so that a kill leaves the last one whole, read on any number of ranks.

A checkpoint is one ``.npz`` file: arrays in the order of ``numbering`` and a JSON document. Rank 0 writes it, as a
fine brain's million unknowns are 10 MB. Parallel HDF5 would write into the file in place, so that a kill at that moment
leaves a torn one, and asks for an MPI build of h5py that no wheel has.
"""

import json
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem, StoppedError
from fibertwin.parallel import on_root
from fibertwin.units import Time
from fibertwin.whole import whole

from .layout import Layout
from .position import fresh, position, put

if TYPE_CHECKING:
    from mpi4py import MPI

    from .path import Path, Place
    from .solution import Step
    from .system import System

FORMAT = 2
"""Of the file; what another number stands for is not known here."""

type Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Checkpointing:
    """When a solve is written down to be taken up again; it always is when it ends, well, badly or by a signal.

    Attributes:
        every: increments after which it is; 0 leaves it to ``interval``.
        interval: time after which it is, at the end of an increment.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    every: Annotated[int, Ge(0)] = 0
    interval: Annotated[Time, Gt(0)] = 300.0


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """Where a solve stood.

    Attributes:
        file: where it was read.
        document: what is known of it, on every rank.
        arrays: its fields, on rank 0; empty elsewhere.
        exact: whether it is of the very problem that is to be solved; else its state is brought to equilibrium first.
    """

    file: File
    document: Mapping[str, Any]
    arrays: Arrays = field(repr=False)
    exact: bool = True

    @property
    def level(self) -> float:
        """Load level reached."""
        return float(self._here["level"])

    @property
    def steps(self) -> "tuple[Step, ...]":
        """Increments up to there; forces and energies are left out where they are of another problem."""
        from .position import steps

        return steps(self._here, balanced=self.exact)

    @property
    def _here(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["places"][self.document["path"]["here"]]
        return found

    def differences(self, about: Mapping[str, Any]) -> list[Problem]:
        """Every value of ``about`` that is not what the checkpoint was written with, by its place.

        Args:
            about: as given to ``Keeper``.
        """
        was, now = _leaves(self.document["about"]), _leaves(json.loads(json.dumps(about)))
        what = f"is not as in the checkpoint {self.file}"
        return [
            Problem(place, what, got=_said(now, place), wanted=_said(was, place))
            for place in sorted(was.keys() | now.keys())
            if was.get(place, ABSENT) != now.get(place, ABSENT)
        ]


ABSENT = object()


def _said(values: Mapping[str, Any], place: str) -> str:
    return json.dumps(values[place], ensure_ascii=False) if place in values else "nothing"


def _leaves(node: object, place: str = "") -> dict[str, Any]:
    """Every value in a document by its place."""
    if isinstance(node, dict) and node:
        below = [_leaves(value, f"{place}.{key}" if place else str(key)) for key, value in node.items()]
    elif isinstance(node, list) and node:
        below = [_leaves(value, f"{place}[{i}]") for i, value in enumerate(node)]
    else:
        return {place: node}
    return {key: value for leaves in below for key, value in leaves.items()}


def _never() -> str:
    """Nothing asks for an end."""
    return ""


class Keeper:
    """Writes a solve's checkpoint as it goes on and as it ends. Everything on it but making it is collective.

    Args:
        file: the checkpoint, in a folder that exists; each replaces the last.
        about: what the solve rests on, as a document: with it a solve that goes on knows whether it is the same.
        when: how often to write.
        stop: asked after every increment on every rank; what it says, if anything, names who wants the solve to end.
    """

    def __init__(
        self,
        file: File | str,
        about: Mapping[str, Any] | None = None,
        when: Checkpointing | None = None,
        stop: Callable[[], str] = _never,
    ) -> None:
        self.file, self.about = File(file), dict(about or {})
        self._when, self._stop = when or Checkpointing(), stop
        self._since, self._last = 0, time.monotonic()
        self._written: Place | None = None

    def begin(self, system: "System", layout: Layout) -> None:
        """Get ready to keep a system's path.

        Raises:
            InputError: on every rank, there is no folder for the file.
        """
        self._comm, self._layout = system.comm, layout
        self._last = time.monotonic()
        on_root(system.comm, self._require_folder)

    def _require_folder(self) -> None:
        if not self.file.parent.is_dir():
            raise InputError(Problem(str(self.file), "has no folder to be written in"))

    def __call__(self, path: "Path") -> None:
        """Write the path if it is due or an end is asked for.

        Raises:
            StoppedError: on every rank, an end was asked for on one.
            SolveError: on every rank, the file cannot be written.
        """
        self._since += 1
        due = self._since == self._when.every or time.monotonic() - self._last >= self._when.interval
        told = self._comm.allgather((self._stop(), due))
        who = next((who for who, _ in told if who), "")
        if who or told[0][1]:  # rank 0's clock counts
            self._write(path, position(path))
        if who:
            hint = f"{self.file} holds where it stood, and --resume goes on from there"
            raise StoppedError(f"The solve was ended by {who} at {path.level:.3g} of the load; {hint}.")
        if self._written is path.here:
            path.system.forget()  # as will have whoever goes on from here, so that both take the same way

    def end(self, path: "Path", failure: str) -> None:
        """Write the path as a solve ended, for whoever goes on from there.

        Raises:
            SolveError: on every rank, the file cannot be written.
        """
        if failure:
            path.go_back(path.rest)
            self._write(path, fresh(path))
        elif self._written is not path.here:
            self._write(path, position(path))

    def _write(self, path: "Path", stands: tuple[dict[str, Any], Arrays]) -> None:
        document = {"format": FORMAT, "about": self.about, **self._layout.document(), **stands[0]}
        arrays = {**self._layout.points(), **self._layout.gathered(stands[1])}
        on_root(self._comm, lambda: _save(self.file, document, arrays))
        self._since, self._last, self._written = 0, time.monotonic(), path.here


def _save(file: File, document: Mapping[str, Any], arrays: Arrays) -> None:
    text = np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)
    with whole(file) as stream:
        np.savez(stream, allow_pickle=False, **({"document": text} | arrays))


def read_checkpoint(file: File | str, comm: "MPI.Comm") -> Checkpoint:
    """Read a checkpoint, wherever it was written and on however many ranks. Collective.

    Args:
        file: as given to ``Keeper``.
        comm: the ranks that will go on.

    Raises:
        InputError: on every rank, there is none, or it is damaged or of another format.
    """
    arrays: Arrays = {}

    def read() -> dict[str, Any]:
        arrays.update(_load(File(file)))
        found: dict[str, Any] = json.loads(arrays.pop("document").tobytes())
        if found.get("format") != FORMAT:
            got = str(found.get("format"))
            raise InputError(Problem(str(file), "is a checkpoint of another format", got, str(FORMAT)))
        return found

    return Checkpoint(File(file), on_root(comm, read), arrays)


def _load(file: File) -> Arrays:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
            json.loads(found["document"].tobytes())
            return found
    except FileNotFoundError as error:
        raise InputError(Problem(str(file), "does not exist")) from error
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(Problem(str(file), "is not a checkpoint, or is damaged", got=str(error))) from error


def take_up(path: "Path", checkpoint: Checkpoint, layout: Layout) -> None:
    """Put a path to where a checkpoint stood. Collective.

    Raises:
        InputError: on every rank, it is of another mesh or other unknowns, which is named.
    """
    layout.require_same(checkpoint.file, checkpoint.document, checkpoint.arrays.get("points"))
    put(path, checkpoint.document, layout.spread(checkpoint.arrays), exact=checkpoint.exact)
