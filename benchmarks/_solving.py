"""One solve in a child process: what it costs, how it goes, what comes out, where the time goes."""

import cProfile
import pstats
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _problems import build
from _table import Clock, clock
from petsc4py import PETSc

from fibertwin.solver import Solution, solve

if TYPE_CHECKING:
    from mpi4py import MPI

STAGES = {
    "tangent": ("solver/assembly.py", "tangent"),
    "residual": ("solver/assembly.py", "residual"),
    "coarse tangent": ("solver/coarse.py", "assemble"),
    "linear solves": ("solver/linear.py", "solve"),
}
"""Functions of the solver whose processor seconds are told apart; the coarse tangent is assembled in a linear solve."""

SET_UP = ("PCSetUp", "PCSetUpOnBlocks")
"""PETSc's events of a preconditioner's set-up; the first stands still within the second (field split)."""


def run(comm: "MPI.Comm", name: str, options: dict[str, Any], petsc: str = "", profile: bool = False) -> dict[str, Any]:
    """Build a problem, solve it, and tell what that took. Collective.

    Memory is the greatest resident size over the whole of the process, less that after all imports, summed over the
    ranks; processor seconds are those of ``solve`` alone, summed over the ranks, forms already compiled on disk.
    """
    imported = _peak()
    with clock() as building:
        asked = build(comm, name, **options)
    built = _peak()
    profiler = cProfile.Profile(time.process_time) if profile else None
    if profile:
        PETSc.Log.begin()
    comm.Barrier()
    with clock() as running:
        if profiler is not None:
            profiler.enable()
        solution = solve(asked.problem, asked.stepping, petsc=petsc)
        if profiler is not None:
            profiler.disable()
    return {
        **_effort(comm, solution, running),
        "build_cpu_s": comm.allreduce(building.cpu_seconds),
        "peak_mb": comm.allreduce(_peak() - imported),
        "built_mb": comm.allreduce(built - imported),
        "answers": asked.answers(solution),
        "parts": _parts(profiler, running) if profiler is not None else {},
    }


def _effort(comm: "MPI.Comm", solution: Solution, running: Clock) -> dict[str, Any]:
    outcome = solution.outcome
    spaces = [f.function_space for f in solution.unknowns.functions]
    return {
        "ranks": comm.size,
        "unknowns": sum(V.dofmap.index_map.size_global * V.dofmap.index_map_bs for V in spaces),
        "cells": spaces[0].mesh.topology.index_map(3).size_global,
        "converged": outcome.converged,
        "sentence": outcome.sentence,
        "level": outcome.level,
        "cuts": outcome.cuts,
        "newton": [len(step.residuals) for step in outcome.steps],
        "krylov": [list(step.krylov) for step in outcome.steps],
        "cpu_s": comm.allreduce(running.cpu_seconds),
        "wall_s": max(comm.allgather(running.seconds)),
    }


def _peak() -> float:
    """Greatest resident size of this program so far (MB).

    Linux hands ``ru_maxrss`` down from the process that started this one; the status file does not.
    """
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="ascii").splitlines() if status.is_file() else []
    own = [float(line.split()[1]) for line in lines if line.startswith("VmHWM:")]
    return (own[0] if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


def _parts(profiler: cProfile.Profile, running: Clock) -> dict[str, float]:
    """Processor seconds of this rank by what they went into; those of the multigrid's set-up are from PETSc's log."""
    taken: dict[str, float] = dict.fromkeys(("forms", *STAGES), 0.0)
    for (file, _, function), (_, _, _, cumulative, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        if file.endswith("dolfinx/fem/forms.py") and function == "form":
            taken["forms"] += cumulative
        for stage, (where, name) in STAGES.items():
            if file.endswith(where) and function == name:
                taken[stage] += cumulative
    busy = running.cpu_seconds / running.seconds  # PETSc's clock is on the wall
    setting_up = busy * sum(PETSc.Log.Event(name).getPerfInfo()["time"] for name in SET_UP)
    taken["linear set-up"], taken["Krylov"] = (
        setting_up,
        taken.pop("linear solves") - setting_up - taken["coarse tangent"],
    )
    return taken | {"rest": running.cpu_seconds - sum(taken.values())}
