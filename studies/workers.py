"""Persistent workers on this machine, each a process or an mpirun that takes members one after the other."""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fibertwin.errors import InputError, Problem

LAUNCHERS = ("PMI_", "PMIX_", "HYDI_", "HYDRA_", "MPI_LOCAL", "OMPI_")
"""Beginnings of variables by which a launcher speaks to its own ranks: a child that inherits them joins in and dies."""

GRACE = 5.0
"""Seconds that mpirun gets to take its ranks down before it is killed."""

TAIL = 600
"""Characters of a dead worker's last words that its failure tells."""


def clean_environment() -> dict[str, str]:
    """The environment for a program of its own: one thread for each rank, and nothing of a launcher around us."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LAUNCHERS)}
    return kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def launcher(ranks: int) -> list[str]:
    """The words before a program that give it its ranks.

    Raises:
        InputError: mpirun is not there.
    """
    if ranks == 1:
        return []
    beside = Path(sys.executable).with_name("mpirun")
    found = str(beside) if beside.is_file() else shutil.which("mpirun")
    if found is None:
        raise InputError(Problem("ranks", "needs mpirun, which is not to be found", str(ranks), "1, or mpirun on PATH"))
    return [found, "-n", str(ranks)]


def places(ranks: int) -> int:
    """How many members fit on the processors that this process may use."""
    return max(1, len(os.sched_getaffinity(0)) // ranks)


@dataclass
class Worker:
    """One worker.

    Attributes:
        name: for its log.
        base: what it is told first: case, folder, observables, PETSc options.
        ranks: of MPI.
        logs: folder for what it says.
        task: number of the member that it is at; None while it waits.
        since: when it began that (seconds of the monotonic clock).
        solved: numbers of the members whose states it may still hold.
        ready: whether it has started.
    """

    name: str
    base: Mapping[str, Any]
    ranks: int
    logs: Path
    task: int | None = None
    since: float = 0.0
    solved: list[int] = field(default_factory=list)
    ready: bool = False

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start the program, anew where it has ended."""
        self.task, self.ready, self.solved, self._rest = None, False, [], b""
        self.log = self.logs / f"worker-{self.name}.log"
        command = [*launcher(self.ranks), sys.executable, "-m", "fibertwin.worker", str(self.ranks)]
        with self.log.open("ab") as errors:
            self._start_of_log = errors.tell()
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=clean_environment(),
                start_new_session=True,
            )
        self._say(self.base)

    def give(self, number: int, task: Mapping[str, Any]) -> None:
        """Hand a member over."""
        self.task, self.since = number, time.monotonic()
        self._say(task)

    def heard(self) -> Iterator[dict[str, Any]]:
        """The answers that have come; a death is one of them."""
        assert self.process.stdout is not None
        new = os.read(self.process.stdout.fileno(), 1 << 20)
        if not new:
            yield {"outcome": "died", "sentence": self._obituary()}
            return
        *lines, self._rest = (self._rest + new).split(b"\n")
        for line in lines:
            yield json.loads(line)

    def end(self, *, kindly: bool) -> None:
        """End the program: by the end of its input, or at once with all its ranks."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):  # it may be gone already
            self.process.stdin.close()
        if kindly:
            try:
                self.process.wait(GRACE)
            except subprocess.TimeoutExpired:
                stop(self.process)
        else:
            stop(self.process)
        self.process.stdout.close()

    def _say(self, document: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # its death is heard of where answers are
            self.process.stdin.write(json.dumps(document).encode() + b"\n")
            self.process.stdin.flush()

    def _obituary(self) -> str:
        code = self.process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        with self.log.open("rb") as file:
            file.seek(self._start_of_log)
            words = file.read().decode(errors="replace").strip()
        return f"The worker died {how}." + (f" Its last words: {words[-TAIL:]}" if words else "")


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a program of its own session with all that it started: asked first, killed where it does not listen."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):  # it may be gone already
            os.killpg(process.pid, number)
        try:
            process.wait(GRACE)
            return
        except subprocess.TimeoutExpired:
            continue


def listen(workers: list[Worker], timeout: float) -> Iterator[tuple[Worker, dict[str, Any]]]:
    """Answers of any worker, and of those over their time the answer ``timeout``, as they come; waits for a while.

    Args:
        workers: all of them.
        timeout: seconds that a member may take; 0 for any.
    """
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            assert worker.process.stdout is not None
            selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        for key, _ in selector.select(timeout=0.5):
            for answer in key.data.heard():
                yield key.data, answer
    for worker in workers:
        over = timeout and worker.task is not None and time.monotonic() - worker.since > timeout
        if over:
            yield (
                worker,
                {"outcome": "timeout", "sentence": f"The member took more than {timeout:g} s.", "seconds": timeout},
            )
