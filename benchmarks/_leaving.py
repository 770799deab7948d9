"""Solves that are left on the way and gone on with, in a child process on any number of ranks."""

import itertools
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from _bodies import ELEMENTS, OBLIQUE, cube, dispersed
from numpy.typing import NDArray

from fibertwin.errors import StoppedError
from fibertwin.meshes import uniform_fibers
from fibertwin.solver import (
    Checkpointing,
    Clamp,
    Collection,
    DeadTraction,
    FollowerPressure,
    Keeper,
    Problem,
    Solution,
    Stepping,
    fields,
    functions,
    read_checkpoint,
    require,
    solve,
)
from fibertwin.solver.numbering import of_nodes
from fibertwin.solver.system import System

if TYPE_CHECKING:
    from mpi4py import MPI

TIGHT = Stepping(first=0.2, growth=1.2, tolerance=1e-11)
LEFT = 2
"""Increments of four after which a solve is left."""


def bent(element: str, cells: int = 0) -> Problem:
    """The unit cube with oblique fibers, clamped on one face, pressed and pulled on others."""
    formulation, cell, usual = ELEMENTS[element]
    anatomy = cube(cells or usual, cell)
    loads = {"press": FollowerPressure("top", 0.3), "pull": DeadTraction("right", (0.1, 0.0, 0.05))}
    fibers = uniform_fibers(anatomy.mesh, 4, axis=OBLIQUE, fa=0.6)
    supports = {"fixed": Clamp("left")}
    return Problem(anatomy, {"tissue": dispersed(20.0)}, supports, loads, fibers, formulation=formulation)


def run(comm: "MPI.Comm", action: str, folder: str, **more: Any) -> dict[str, Any]:
    """Do one of the actions below. Collective."""
    actions = {"leave": leave, "go on": go_on, "cost": cost}
    return actions[action](comm, Path(folder), **more)


def leave(comm: "MPI.Comm", folder: Path, elements: list[str]) -> dict[str, Any]:
    """Solve without a break, and leave the same solve on the way."""
    for element in elements:
        problem = bent(element)
        whole = require(solve(problem, TIGHT))
        displacement, work = _answer(whole)
        if comm.rank == 0:
            np.savez(folder / f"whole-{element}-{comm.size}.npz", displacement=displacement, work=work)
        count = itertools.count(1)

        def stop(count: Any = count) -> str:
            return "the benchmark" if next(count) == LEFT else ""

        try:
            solve(problem, TIGHT, keep=Keeper(folder / f"left-{element}-{comm.size}.npz", stop=stop))
        except StoppedError:
            continue
        raise RuntimeError("the solve was not left")
    return {}


def go_on(comm: "MPI.Comm", folder: Path, elements: list[str], ranks: list[int]) -> dict[str, Any]:
    """Go on with solves that were left on other numbers of ranks; the largest difference to those without a break."""
    found: dict[str, Any] = {}
    for element, size in itertools.product(elements, ranks):
        stood = read_checkpoint(folder / f"left-{element}-{size}.npz", comm)
        again = require(solve(bent(element), TIGHT, resume=stood))
        displacement, work = _answer(again)
        if comm.rank == 0:
            assert displacement is not None
            with np.load(folder / f"whole-{element}-{size}.npz") as whole:
                apart = np.abs(displacement - whole["displacement"]).max() / np.abs(whole["displacement"]).max()
                found[f"{element} {size}"] = max(float(apart), abs(work / float(whole["work"]) - 1))
    return found


def cost(comm: "MPI.Comm", folder: Path, cells: int) -> dict[str, Any]:
    """Seconds of a solve of two increments without and with checkpoints, and of each checkpoint."""
    problem, stepping = bent("P2", cells), Stepping(first=0.5, growth=1.0)
    file = folder / "cost.npz"
    spans: list[float] = []

    class Timed(Keeper):
        def _write(self, *arguments: Any) -> None:
            begun = time.perf_counter()
            super()._write(*arguments)
            spans.append(time.perf_counter() - begun)

    def timed(keep: Keeper | None) -> tuple[float, Solution]:
        begun = time.process_time()
        solution = require(solve(problem, stepping, keep=keep))
        return time.process_time() - begun, solution

    timed(None)
    plain, _ = timed(None)
    kept, solution = timed(Timed(file, when=Checkpointing(every=1)))
    V = solution.unknowns.displacement.function_space
    states = Collection(folder / "fields.pvd", comm)
    for _ in range(2):  # the first compiles
        begun = time.process_time()
        written = functions(solution.unknowns, fields(problem, solution.unknowns), problem.fibers)
        states.add(solution.outcome.steps, written)
        state = time.process_time() - begun
    system = System(solution.problem)
    begun = time.process_time()
    system.reactions()
    system.energy()
    return {
        "state": state,
        "state_bytes": sum(path.stat().st_size for path in (folder / "fields").rglob("*.vtu")),
        "balance": time.process_time() - begun,
        "unknowns": 3 * V.dofmap.index_map.size_global,
        "plain": plain,
        "kept": kept,
        "first": spans[0],
        "next": spans[-1],
        "bytes": file.stat().st_size,
    }


def _answer(solution: Solution) -> tuple[NDArray[np.float64] | None, float]:
    """Displacement in the order of the nodes of the whole body, on rank 0, and the work of the loads."""
    u = solution.unknowns.displacement
    owned = u.function_space.dofmap.index_map.size_local
    return of_nodes(u.function_space).gather(u.x.array.reshape(-1, 3)[:owned]), solution.external_work
