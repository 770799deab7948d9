"""One member of a sweep after another on the same ranks: one mesh, one set of fibers, starts from neighbors."""

import json
import tempfile
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fibertwin import stages, summary
from fibertwin.case import Case
from fibertwin.derivable import NUMBERS, hindrances, of_the_path
from fibertwin.errors import FibertwinError, InputError, Problem
from fibertwin.parallel import on_root
from fibertwin.slopes import Numbered, Tangents
from fibertwin.solver import Fields, Solution, fields, require, solve, unload
from fibertwin.solver.stencil import stencil_of

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.meshes import Anatomy, FiberField

type Matrix = NDArray[np.float64]

BODY = ("plugins", "diffusion", "fibers", "anatomy", "surfaces", "regions")
"""Sections of a case that mesh, regions and fibers rest on."""

KEPT = 64
"""Solved states that are kept to start from; the oldest go first."""

DIFFERENCE = 1e-3
"""Step of a difference of whole solves over the size of the number."""


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


@dataclass(frozen=True)
class Slopes:
    """How a member's observables change along directions.

    Attributes:
        slopes: for each direction the derivative of each observable.
        seconds: wall time.
        newton: Newton iterations of whole solves.
        solves: whole solves; none where all derivatives are by tangents and the state was known.
    """

    slopes: list[list[float]]
    seconds: float
    newton: int
    solves: int


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
        self._tangents: tuple[str, Anatomy, Tangents] | None = None
        self._cold = bool(of_the_path(observables))

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
        observed = dict(zip(self._observables, self._told(case, require(solution)), strict=True))
        outcome, seconds = solution.outcome, time.perf_counter() - begun
        return Answer(observed, outcome.sentence, round(seconds, 3), outcome.newton, warm)

    def slopes(
        self, sample: Mapping[str, Any], directions: Sequence[Sequence[float]], key: str = "", near: str = ""
    ) -> Slopes:
        """Derivatives of the observables along directions of a sample of numbers. Collective.

        They are by tangents, one linear solve for each direction, but along those that move what ``hindrances`` tells:
        there they are differences of whole solves.

        Args:
            sample: numbers, with units, by their place in the case file.
            directions: directions (k, p), in the sample's units.
            key: the sample's own, under which its state is kept and looked for.
            near: a member to start from where the state is not known.

        Raises:
            FibertwinError: on every rank, the case is wrong there or a small step away, or full load was not reached.
        """
        begun = time.perf_counter()
        numbered, ways = Numbered(self._case, dict(sample)), np.array(directions, dtype=float)
        hindered = hindrances(self._case, self._observables, sample)
        rough = ways[:, [name in hindered for name in sample]].any(axis=1)
        smooth = ways.any(axis=1) & ~rough
        slopes, spent = np.zeros((len(ways), len(self._observables))), list[int]()
        if smooth.any():
            slopes[smooth], more = self._by_tangents(numbered, ways[smooth], key, near)
            spent += more
        for number in np.flatnonzero(rough):
            slopes[number], more = self._by_differences(numbered, ways[number], key)
            spent += more
        return Slopes(slopes.tolist(), round(time.perf_counter() - begun, 3), sum(spent), len(spent))

    def close(self) -> None:
        """Remove what was written on the way, and free what PETSc holds. Collective."""
        self._forget_tangents()
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
        form = _form(body, case)
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

    def _by_tangents(self, numbered: Numbered, ways: Matrix, key: str, near: str) -> tuple[Matrix, list[int]]:
        """Derivatives (k, m) along directions (k, p), and the Newton iterations of each solve that it took."""
        case, spent = numbered.at(numbered.theta, self._comm), []
        if key in self._states:
            state = self._states[key][1]
        else:
            solution = require(self._solved(case, key, near)[0])
            state, spent = solution.state, [solution.outcome.newton]
        return self._tangents_of(case, numbered).along(numbered.theta, state, list(ways)), spent

    def _by_differences(self, numbered: Numbered, way: Matrix, key: str) -> tuple[Matrix, list[int]]:
        """Derivatives (m) along a direction (p), and the Newton iterations of each solve."""
        total, spent = np.zeros(len(self._observables)), []
        ends = stencil_of(lambda theta: numbered.at(theta, self._comm), numbered.theta, way, numbered.theta, DIFFERENCE)
        for k, weight in ends.weights.items():
            solution = require(self._solved(ends.made[k], "", key)[0])
            total += weight / ends.step * np.array(self._told(ends.made[k], solution))
            spent.append(solution.outcome.newton)
        return total, spent

    def _tangents_of(self, case: Case, numbered: Numbered) -> Tangents:
        """What derives about states of cases that differ in these numbers; the last one's where it fits."""
        _, anatomy, fibers = self._bodied(case)
        document = on_root(self._comm, case.to_dict)
        rest = {name: section for name, section in document.items() if name not in NUMBERS}
        like = json.dumps([rest, numbered.keys, numbered.units], sort_keys=True)
        if self._tangents is None or self._tangents[0] != like or self._tangents[1] is not anatomy:
            self._forget_tangents()
            tangents = Tangents(
                lambda theta: stages.problem(numbered.at(theta, self._comm), anatomy, fibers),
                numbered.theta,
                lambda solution: self._told(case, solution),
                case,
                f"{case.solve.petsc} {self._petsc}",
            )
            self._tangents = like, anatomy, tangents
        return self._tangents[2]

    def _forget_tangents(self) -> None:
        if self._tangents is not None:
            self._tangents[2].close()
            self._tangents = None

    def _told(self, case: Case, solution: Solution) -> list[float]:
        """The observables of a solution."""
        measured = fields(solution.problem, solution.unknowns)
        asked = {name: one for name, one in measured.measures.items() if self._names(name)}
        found = self._measured(case, solution, replace(measured, measures=asked))
        if not numbers(found).keys() >= {short(tuple(name.split("."))) for name in self._observables}:
            found = self._measured(case, solution, measured)  # so that the message tells all there are
        return [observable(found, name) for name in self._observables]

    def _names(self, field: str) -> bool:
        """Whether an observable looks at a field; statistics of all would cost as much as a small solve."""
        kinds = (field, field.replace(" ", "_"))
        return any(part.startswith(kinds) for name in self._observables for part in name.split("."))

    def _measured(self, case: Case, solution: Solution, measured: Fields) -> dict[str, Any]:
        """What summary.json would tell of the solution."""
        found = summary.solution_summary(solution, measured)
        if "fiber strain" in measured.measures:
            thresholds = case.output.strain_thresholds
            anatomy = solution.problem.anatomy
            found["fiber_strain_exceedance"] = summary.exceedance(anatomy, measured, None, thresholds)
        return found


def _form(body: str, case: Case) -> str:
    """What states and their derivatives must share."""
    return f"{body} {case.solve.formulation!r} {sorted(case.loads)}"


def observable(found: Mapping[str, Any], name: str) -> float:
    """A number of a summary by its place; ``fiber_strain.white.p95`` is short for the field of a region.

    Raises:
        InputError: there is no such number; the message tells which there are.
    """
    known = numbers(found)
    value = known.get(short(tuple(name.split("."))))
    if value is None:
        names = ", ".join(sorted(known))
        raise InputError(Problem("observables", "names no number of the summary", name, f"one of: {names}"))
    return value


def numbers(found: Mapping[str, Any]) -> dict[str, float]:
    """Every number of a summary by its short place."""
    return {short(place): value for place, value in places(found)}


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
        task: ``sample``, ``key`` and ``near``; with ``directions`` it asks for derivatives along them.
    """
    begun = time.perf_counter()
    answer: Answer | Slopes
    try:
        if "directions" in task:
            answer = runner.slopes(task["sample"], task["directions"], task["key"], task["near"])
        else:
            answer = runner.run(task["sample"], task["key"], task["near"])
    except FibertwinError as error:
        kind = "observable" if isinstance(error, InputError) and error.problems[0].where == "observables" else "failed"
        return {"outcome": kind, "sentence": str(error), "seconds": round(time.perf_counter() - begun, 3)}
    return {"outcome": "done", **vars(answer)}
