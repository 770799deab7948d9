"""The engine for allocations: members as tasks of executorlib, whose workers persist and have k ranks each."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, as_completed
from typing import TYPE_CHECKING, Any

from fibertwin.errors import FibertwinError, InputError, Problem

from .dispatch import refusal
from .embedded import Ended, base_of, task_of
from .workers import LAUNCHERS, places

if TYPE_CHECKING:
    from .plan import Member, Sweep

OPTIONS = ("backend", "slurm_cmd_args")


def run(sweep: "Sweep", members: Sequence["Member"], at_once: int = 0) -> Iterator[Ended]:
    """Run members and yield each as it ends. Any worker may get any member, so each brings its load on from nothing.

    Args:
        sweep: what they belong to; ``options`` may name the ``backend``, ``local`` or ``slurm`` (where the sweep itself
            runs in a Slurm job: its allocation), and ``slurm_cmd_args``, such as ``["--mpi=pmi2"]``.
        members: those still to run.
        at_once: how many to run at a time; 0 for as many as the machine or allocation holds.

    Raises:
        InputError: options that it does not know, a timeout, or an observable that does not exist.
        FibertwinError: a worker has other ranks than were asked for.
    """
    backend = _backend(sweep)
    count = at_once or _places(backend, sweep.ranks)
    resources = {"cores": sweep.ranks, "threads_per_core": 1}
    with _executor(backend, min(count, len(members)), resources, sweep) as pool:
        base = base_of(sweep)
        first = pool.submit(_on_these_ranks, base, sweep.ranks, task_of(members[0]))
        yield members[0], _answer(first)  # alone: it compiles what all need
        futures = {pool.submit(_on_these_ranks, base, sweep.ranks, task_of(one)): one for one in members[1:]}
        for future in as_completed(futures):
            yield futures[future], _answer(future)


def _backend(sweep: "Sweep") -> str:
    problems = [
        Problem(f"options.{name}", "is unknown", wanted=", ".join(OPTIONS))
        for name in sweep.options
        if name not in OPTIONS
    ]
    backend = str(sweep.options.get("backend", "slurm" if "SLURM_JOB_ID" in os.environ else "local"))
    if backend not in ("local", "slurm"):
        problems.append(Problem("options.backend", "is unknown", backend, "local or slurm"))
    if sweep.timeout:
        problems.append(Problem("timeout", "cannot be kept by executorlib", hint="the embedded engine keeps it"))
    if problems:
        raise InputError(problems)
    return backend


def _places(backend: str, ranks: int) -> int:
    told = os.environ.get("SLURM_NTASKS", "") if backend == "slurm" else ""
    return max(1, int(told) // ranks) if told.isdigit() else places(ranks)


def _executor(backend: str, workers: int, resources: dict[str, Any], sweep: "Sweep") -> Any:
    try:
        from executorlib import SingleNodeExecutor, SlurmJobExecutor
    except ImportError as error:
        raise InputError(Problem("engine", "needs executorlib", hint="pip install 'fibertwin[studies]'")) from error
    for name in [name for name in os.environ if name.startswith(LAUNCHERS)]:
        del os.environ[name]  # workers inherit it, and would take themselves for ranks of this process
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if backend == "slurm":
        resources = resources | {"slurm_cmd_args": list(sweep.options.get("slurm_cmd_args", []))}
    kind = SlurmJobExecutor if backend == "slurm" else SingleNodeExecutor
    return kind(max_workers=workers, resource_dict=resources, block_allocation=True)


def _on_these_ranks(base: dict[str, Any], ranks: int, task: dict[str, Any]) -> dict[str, Any]:
    """Run a member. PETSc starts here, on all ranks at once: rank 0 unpickles a function before the others have it."""
    from fibertwin.worker import on_these_ranks

    return on_these_ranks(base, ranks, task)


def _answer(future: "Future[Any]") -> dict[str, Any]:
    """What rank 0 of a worker told."""
    found = future.result()
    answer: dict[str, Any] = found[0] if isinstance(found, list) else found
    if answer["outcome"] in ("unfit", "observable"):
        raise refusal(answer)
    if "sentence" not in answer:
        raise FibertwinError(f"a worker gave no sentence: {answer}")
    return answer
