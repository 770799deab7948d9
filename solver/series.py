"""States on a load path on disk, for ParaView to follow and to animate: a ``.pvd`` file that opens at any instant."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar
from xml.etree import ElementTree as ET

from annotated_types import Ge, Interval
from dolfinx import fem, io

from fibertwin.errors import InputError, Problem, SolveError
from fibertwin.parallel import on_root, together
from fibertwin.whole import sync, whole

from .solution import Step

if TYPE_CHECKING:
    from mpi4py import MPI

CLOSE = 1e-9
"""Of the load history, within which two levels are one."""

STATE = "state"
"""The files of a state, in a folder of its own: ``state000000.pvtu`` with a ``.vtu`` of each rank."""

OWN = re.compile(r"\d{6,}|\.\d{6,}\.part")
"""Names of the folders of states, and of one that is being written."""


@dataclass(frozen=True)
class Series:
    """When the fields are written on the way; they always are at the end. ParaView follows and animates them.

    Attributes:
        every: they are written after every so many increments in equilibrium; 0 for none.
        frames: they are written this many times, evenly over the load history, where the body is brought to
            equilibrium; 0 for none.
        levels: parts of the load history at which they are written, likewise in equilibrium.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    every: Annotated[int, Ge(0)] = 0
    frames: Annotated[int, Ge(0)] = 0
    levels: tuple[Annotated[float, Interval(gt=0, le=1)], ...] = ()

    @property
    def wanted(self) -> bool:
        """Whether anything but the end is to be written."""
        return bool(self.every or self.stops)

    @property
    def stops(self) -> tuple[float, ...]:
        """Levels (0, 1) at which the body must be in equilibrium."""
        parts = (i / self.frames for i in range(1, self.frames))
        return tuple(sorted({level for level in (*self.levels, *parts) if level < 1}))

    def due(self, steps: Sequence[Step]) -> bool:
        """Whether the state after these increments is to be written."""
        reached = sum(step.balance is not None for step in steps)
        on_time = any(abs(level - steps[-1].level) < CLOSE for level in self.stops)
        return on_time or (self.every > 0 and reached % self.every == 0)


class Collection:
    """A ``.pvd`` file, and beside it a folder with the states that it lists. Everything on it is collective.

    What the file lists is whole on the disk, and what is to go is taken off the list first, so that it opens at any
    instant, also after a kill. States are known by the number of increments that led to them: one is listed only while
    these are on the path, so that none is twice where a path went back, or a run was taken up again.

    Args:
        file: the ``.pvd`` file; its states go into a folder of that name without the suffix.
        comm: the ranks.
        end: time (s) at which the load level is 1; the file tells a state's time.
        former: increments of the solve that is gone on with: what they led to stays listed. All else that lies there
            is removed when the first state is added.

    Raises:
        InputError: on every rank, there is such a file, and it cannot be read.
    """

    def __init__(self, file: Path, comm: "MPI.Comm", end: float = 1.0, former: Sequence[Step] = ()) -> None:
        self._file, self._folder, self._comm, self._end = file, file.with_suffix(""), comm, end
        self._listed = self._followed(on_root(comm, self._found), former) if former else {}
        self._tidied = False

    def holds(self, steps: Sequence[Step]) -> bool:
        """Whether the state after these increments is listed."""
        return len(steps) in self._followed(self._listed, steps)

    def add(self, steps: Sequence[Step], written: Sequence[fem.Function]) -> None:
        """Write a state.

        Args:
            steps: the increments that led to it.
            written: its fields.

        Raises:
            SolveError: on every rank, it cannot be written.
        """
        number, time = len(steps), self._time(steps)
        kept = self._followed(self._listed, steps)
        kept.pop(number, None)
        if kept.keys() != self._listed.keys() or not self._tidied:
            self._listed, self._tidied = kept, True
            on_root(self._comm, self._tidy)
        part = self._folder / f".{self._name(number)}.part"
        on_root(self._comm, lambda: _made(part))
        try:
            together(self._comm, lambda: self._pieces(part / f"{STATE}.pvd", written, time))
            together(self._comm, lambda: _require_whole(part / f"{STATE}_p{self._comm.rank}_000000.vtu"))
        except SolveError:
            on_root(self._comm, lambda: shutil.rmtree(part, ignore_errors=True))  # others may want the room
            raise
        self._listed = dict(sorted((kept | {number: time}).items()))
        on_root(self._comm, lambda: self._list(part, number))

    def _pieces(self, file: Path, written: Sequence[fem.Function], time: float) -> None:
        """Write the piece of each rank; VTK's object must be gone after that, as it then makes its folder once more.

        The list of its own, which rank 0 writes when all else is done, is where it tells that it could not write.
        """
        try:
            with io.VTKFile(self._comm, file, "w") as pieces:
                pieces.write_function(list(written), time)
        except RuntimeError as error:
            raise SolveError(f"{file.parent} cannot be written to: {error}") from error

    def _time(self, steps: Sequence[Step]) -> float:
        return steps[-1].level * self._end if steps else 0.0

    def _followed(self, listed: dict[int, float], steps: Sequence[Step]) -> dict[int, float]:
        """Those of the states that lie on the way of these increments."""

        def on_the_way(number: int, time: float) -> bool:
            led = steps[:number]
            known = 0 < number == len(led) and led[-1].balance is not None
            return known and abs(self._time(led) - time) < CLOSE * self._end

        return {number: time for number, time in listed.items() if on_the_way(number, time)}

    # -- on rank 0 -----------------------------------------------------------------------------
    @staticmethod
    def _name(number: int) -> str:
        return f"{number:06d}"

    def _found(self) -> dict[int, float]:
        """States that the file lists and the folder holds."""
        if not self._file.is_file():
            return {}
        try:
            rows = list(ET.parse(self._file).iter("DataSet"))
            found = [(Path(row.attrib["file"]), float(row.attrib["timestep"])) for row in rows]
        except (OSError, ET.ParseError, KeyError, ValueError) as error:
            hint = "move it away, and the series begins anew"
            raise InputError(Problem(str(self._file), "is no list of states", str(error), hint=hint)) from error
        names = [(path.parent.name, path, time) for path, time in found if OWN.fullmatch(path.parent.name)]
        own = [(name, time) for name, path, time in names if path == self._state(name)]
        return {int(name): time for name, time in own if (self._file.parent / self._state(name)).is_file()}

    def _state(self, name: str) -> Path:
        """A state's file, as seen from the list."""
        return Path(self._folder.name, name, f"{STATE}000000.pvtu")

    def _list(self, part: Path, number: int) -> None:
        """Put a state that is written to its place, and on the list."""
        _require_whole(part / f"{STATE}000000.pvtu")
        (part / f"{STATE}.pvd").unlink()
        sync(part)
        part.replace(self._folder / self._name(number))
        sync(self._folder)
        self._write()

    def _tidy(self) -> None:
        """Take off the list what is to go, then remove it."""
        self._write()
        if not self._folder.is_dir():
            return
        keep = {self._name(number) for number in self._listed}
        try:
            for path in self._folder.iterdir():
                if path.name not in keep and OWN.fullmatch(path.name):
                    shutil.rmtree(path)
        except OSError as error:
            raise SolveError(f"{self._folder} cannot be tidied: {error.strerror or error}.") from error

    def _write(self) -> None:
        """Write the list; none where nothing is on it."""
        if not self._listed:
            self._file.unlink(missing_ok=True)
            return
        rows = "".join(
            f'    <DataSet timestep="{time:.12g}" part="0" file="{self._state(self._name(number)).as_posix()}"/>\n'
            for number, time in self._listed.items()
        )
        text = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="1.0">\n  <Collection>\n'
        with whole(self._file) as stream:
            stream.write(f"{text}{rows}  </Collection>\n</VTKFile>\n".encode())


def _made(part: Path) -> None:
    """Make an empty folder for a state that is being written."""
    try:
        if part.is_dir():
            shutil.rmtree(part)
        part.mkdir(parents=True)
    except OSError as error:
        raise SolveError(f"{part} cannot be made a folder: {error.strerror or error}.") from error


def _require_whole(file: Path) -> None:
    """Bring a file that VTK wrote to the disk: a disk that is full leaves a part of it without a word.

    Raises:
        SolveError: the file is not whole.
    """
    try:
        with file.open("rb") as stream:
            stream.seek(-min(64, file.stat().st_size), 2)
            ended = stream.read().rstrip().endswith(b"</VTKFile>")
        sync(file)
    except OSError as error:
        raise SolveError(f"{file} cannot be written: {error.strerror or error}.") from error
    if not ended:
        raise SolveError(f"{file} cannot be written whole: is the disk full?")
