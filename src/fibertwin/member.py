"""One member of a sweep after another on the same ranks: one mesh, one set of fibers, starts from neighbors."""

import json
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin import stages, summary
from fibertwin.case import Case
from fibertwin.errors import FibertwinError, InputError, Problem
from fibertwin.parallel import on_root
from fibertwin.solver import Solution, fields, require, solve, unload

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.meshes import Anatomy, FiberField

BODY = ("plugins", "diffusion", "fibers", "anatomy", "surfaces", "regions")
"""Sections of a case that mesh, regions and fibers rest on."""

KEPT = 64
"""Solved states that are kept to start from; the oldest go first."""

OF_THE_PATH = ("steps", "newton_history", "krylov_history", "energy.external_work_uJ", "energy.imbalance", "outcome")
"""Observables that depend on how the load was brought on, which a start from a neighbor leaves out."""


@dataclass(frozen=True)
class Answer:
    """What solving a member gave.

    Attributes:
        observables: numbers by their name.
        sentence: how the solve ended.
        seconds: wall time.
        newton: Newton iterations.
        warm: whether the solve began from a neighbor's state, and held.
    """

    observables: dict[str, float]
    sentence: str
    seconds: float
    newton: int
    warm: bool


class Runner:
    """Solves members of one base case on one communicator. Everything on it is collective.

    Args:
        case: the base case.
        observables: what to tell of each member.
        comm: the ranks.
        petsc: PETSc options.
    """

    def __init__(self, case: Case, observables: Sequence[str], comm: "MPI.Comm", petsc: str = "") -> None:
        self._case, self._observables, self._comm, self._petsc = case, tuple(observables), comm, petsc
        self._scratch = on_root(comm, lambda: tempfile.mkdtemp(prefix="fibertwin-sweep-"))
        self._body: tuple[str, Anatomy, FiberField | None] | None = None
        self._states: OrderedDict[str, tuple[str, Any]] = OrderedDict()
        self._cold = any(name.startswith(OF_THE_PATH) for name in observables)

    def run(self, sample: Mapping[str, Any], key: str = "", near: str = "") -> Answer:
        """Solve a member. Collective.

        Args:
            sample: values by their place in the case file.
            key: by which later members may name this one's state; empty keeps none.
            near: a member to start from; empty brings the load on from nothing.

        Raises:
            FibertwinError: on every rank, the case is wrong or full load was not reached.
        """
        begun = time.perf_counter()
        case = on_root(self._comm, lambda: self._case.replace(sample))
        solution, warm = self._solved(case, key, near)
        found = self._measured(case, require(solution))
        outcome, seconds = solution.outcome, time.perf_counter() - begun
        observed = {name: observable(found, name) for name in self._observables}
        return Answer(observed, outcome.sentence, round(seconds, 3), outcome.newton, warm)

    def close(self) -> None:
        """Remove what was written on the way. Rank 0 only does so."""
        if self._comm.rank == 0:
            import shutil

            shutil.rmtree(self._scratch, ignore_errors=True)

    def _solved(self, case: Case, key: str, near: str) -> tuple[Solution, bool]:
        """The solution, and whether it came from a neighbor's state."""
        options = f"{case.solve.petsc} {self._petsc}"
        body, anatomy, fibers = self._bodied(case)
        patient = stages.problem(case, anatomy, fibers)
        if case.unload is not None:  # moves the mesh: it is this member's alone
            self._body = None
            patient = unload(patient, case.unload, case.solve.stepping, petsc=options).problem
            return solve(patient, case.solve.stepping, petsc=options), False
        form = f"{body} {case.solve.formulation!r} {sorted(case.loads)}"
        known, state = self._states.get(near, ("", None))
        start = state if known == form and not (self._cold or patient.remembers) else None
        solution = solve(patient, case.solve.stepping, petsc=options, start=start)
        if key and solution.outcome.converged:
            self._states[key] = form, solution.state
            while len(self._states) > KEPT:
                self._states.popitem(last=False)
        return solution, start is not None and len(solution.outcome.steps) == 1 and solution.outcome.cuts == 0

    def _bodied(self, case: Case) -> tuple[str, "Anatomy", "FiberField | None"]:
        """Mesh, regions and fibers, made anew only where the case asks for others than the last one's."""
        document = on_root(self._comm, case.to_dict)
        named = {name: document.get(name) for name in BODY} | {"degree": case.solve.quadrature_degree}
        body = json.dumps(named, sort_keys=True)
        if self._body is None or self._body[0] != body:
            self._body = None
            scan = stages.tensors(case, Path(self._scratch), self._comm)
            self._body = (body, *stages.body(case, scan, self._comm))
        return self._body

    def _measured(self, case: Case, solution: Solution) -> dict[str, Any]:
        """What summary.json would tell of the solution."""
        measured = fields(solution.problem, solution.unknowns)
        found = summary.solution_summary(solution, measured)
        if "fiber strain" in measured.measures:
            thresholds = case.output.strain_thresholds
            anatomy = solution.problem.anatomy
            found["fiber_strain_exceedance"] = summary.exceedance(anatomy, measured, None, thresholds)
        return found


def observable(found: Mapping[str, Any], name: str) -> float:
    """A number of a summary by its place; ``fiber_strain.white.p95`` is short for the field of a region.

    Raises:
        InputError: there is no such number; the message tells which there are.
    """
    known = {short(place): value for place, value in places(found)}
    value = known.get(short(tuple(name.split("."))))
    if value is None:
        names = ", ".join(sorted(known))
        raise InputError(Problem("observables", "names no number of the summary", name, f"one of: {names}"))
    return value


def short(place: tuple[str, ...]) -> str:
    """A place as it is told: ``regions.white.fields.fiber strain.p95`` is ``fiber_strain.white.p95``."""
    if len(place) > 3 and place[0] == "regions" and place[2] == "fields":
        place = (place[3], place[1], *place[4:])
    return ".".join((place[0].replace(" ", "_"), *place[1:]))


def places(node: object, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float]]:
    """Every number of a summary but histograms and histories, with its place."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key not in ("histogram", "newton_history", "krylov_history", "steps"):
                yield from places(value, (*above, str(key)))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from places(value, (*above, str(i)))
    elif isinstance(node, int | float) and not isinstance(node, bool):
        yield above, float(node)


def attempt(runner: Runner, task: Mapping[str, Any]) -> dict[str, Any]:
    """Run a member and tell how it ended as a document, its failure among it. Collective.

    Args:
        runner: of this worker.
        task: ``sample``, ``key`` and ``near``.
    """
    begun = time.perf_counter()
    try:
        answer = runner.run(task["sample"], task["key"], task["near"])
    except FibertwinError as error:
        kind = "observable" if isinstance(error, InputError) and error.problems[0].where == "observables" else "failed"
        return {"outcome": kind, "sentence": str(error), "seconds": round(time.perf_counter() - begun, 3)}
    return {"outcome": "done", **vars(answer)}
