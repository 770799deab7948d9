"""A piece of work in processes of its own, so that their peak memory and processor time are its alone."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

ANSWER = "answer: "
"""Begins the line of standard output that holds what a child found; libraries may print others."""

Found = dict[str, Any]


class ChildError(Exception):
    """A child ended without an answer; the message is a sentence."""


def call(module: str, arguments: Mapping[str, Any], *, ranks: int = 1, limit: float = 600.0) -> Found:
    """Run ``module.run(comm, **arguments)`` of this folder on a number of ranks and give its answer.

    Args:
        module: name of a module of this folder.
        arguments: what JSON can carry.
        ranks: number of processes, each with one thread.
        limit: seconds of wall after which they are stopped.

    Raises:
        ChildError: they were stopped, or ended without an answer.
    """
    command = [sys.executable, str(Path(__file__)), module, json.dumps(dict(arguments))]
    if ranks > 1:
        command = [str(Path(sys.executable).parent / "mpirun"), "-n", str(ranks), *command]
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ | one_thread)
    try:
        out, err = child.communicate(timeout=limit)
    except subprocess.TimeoutExpired as stopped:
        raise ChildError(f"stopped after {limit:g} s") from stopped
    finally:
        _stop(child)
    answers = [line for line in out.splitlines() if line.startswith(ANSWER)]
    if child.returncode or not answers:
        said = [line for line in err.splitlines() if line.strip()]
        raise ChildError(f"ended with {child.returncode}: {said[-1] if said else 'it said nothing'}")
    found: Found = json.loads(answers[-1].removeprefix(ANSWER))
    return found


def _stop(child: subprocess.Popen[str]) -> None:
    """End a child that is still there; ``mpirun`` ends its ranks when it is asked to, not when it is killed."""
    if child.poll() is None:
        child.terminate()
        try:
            child.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def _main(module: str, arguments: str) -> None:
    run = import_module(module).run  # before MPI is asked for: rooms import it in the order that works
    from fibertwin import stack

    comm = stack.world()
    found = run(comm, **json.loads(arguments))
    if comm.rank == 0:
        print(ANSWER + json.dumps(found), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
