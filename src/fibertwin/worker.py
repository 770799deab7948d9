"""The program that sweeps and calibrations start for each worker: members come as JSON lines, and so do their answers.

    [mpirun -n K] python -m fibertwin.worker RANKS

The first line tells the base case, and of what kind the members are. Whatever else prints goes to standard error. The
worker ends with its input, so that none outlives a study that was killed.
"""

import json
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import fibertwin.stack  # noqa: F401 (before MPI is loaded)
from fibertwin import log
from fibertwin.parallel import on_root

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.case import Case
    from fibertwin.member import Runner


def main(ranks: int) -> int:
    """Serve members until the input ends."""
    from fibertwin.stack import world

    comm = world()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between two answers
    log.configure(comm.rank)

    def tell(answer: dict[str, Any]) -> None:
        if comm.rank == 0:
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

    if comm.size != ranks:
        sentence = f"started with {comm.size} ranks in place of {ranks}: the launcher does not fit this MPI"
        tell({"outcome": "unfit", "sentence": sentence})
        return 2
    serve(comm, tell)
    return 0


def serve(comm: "MPI.Comm", tell: Any) -> None:
    """Answer tasks as they come. Collective."""
    base = _next(comm)
    if base is None:
        return
    if base.get("predicts"):
        from fibertwin import calibration_worker

        calibration_worker.serve(base, comm, partial(_next, comm), tell)
        return
    from fibertwin.member import attempt

    runner = runner_of(base, comm)
    tell({"outcome": "ready"})
    try:
        while (task := _next(comm)) is not None:
            tell(attempt(runner, task))
    finally:
        runner.close()


def runner_of(base: dict[str, Any], comm: "MPI.Comm") -> "Runner":
    """The runner for a base case as a sweep tells of it. Collective."""
    from fibertwin.member import Runner

    return Runner(case_of(base, comm), base["observables"], comm, base["petsc"])


def case_of(base: dict[str, Any], comm: "MPI.Comm") -> "Case":
    """The case that a worker is told first. Collective."""
    from pathlib import Path

    from fibertwin.case.plugins import load, sources
    from fibertwin.case.reading import validated

    folder = Path(base["folder"])
    load(sources(base["case"], folder))  # every rank must know the classes of the case that it is sent
    return on_root(comm, lambda: validated(base["case"], folder))


_RUNNERS: dict[str, "Runner"] = {}
"""Of this process, by what they were made from: another program's workers call a function again and again."""


def on_these_ranks(base: dict[str, Any], ranks: int, task: dict[str, Any]) -> dict[str, Any]:
    """Run a member on every rank of this process's world; for engines that call functions. Collective."""
    import atexit

    from fibertwin.member import attempt
    from fibertwin.stack import world

    comm = world()
    if comm.size != ranks:
        sentence = f"started with {comm.size} ranks in place of {ranks}: the launcher does not fit this MPI"
        return {"outcome": "unfit", "sentence": sentence}
    known = json.dumps(base, sort_keys=True)
    if known not in _RUNNERS:
        log.configure(comm.rank)
        _RUNNERS[known] = runner_of(base, comm)
        atexit.register(_RUNNERS[known].close)
    return attempt(_RUNNERS[known], task)


def _next(comm: "MPI.Comm") -> dict[str, Any] | None:
    """The next line of standard input, on every rank; None at its end. The other ranks wait asleep. Collective."""
    line: str = on_root(comm, sys.stdin.readline)
    return json.loads(line) if line else None


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
