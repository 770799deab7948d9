"""From a case to its results, on one page: read this first."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin import provenance, report, stages, summary
from fibertwin.case import Case
from fibertwin.kept import Kept, Resume, keep, never
from fibertwin.log import logger, progress
from fibertwin.parallel import on_root
from fibertwin.solver import Fields, Problem, Solution, Step, Unload, Unloaded, fields, require, solve, unload
from fibertwin.watched import Watched

if TYPE_CHECKING:
    from mpi4py import MPI


def run(
    case: Case,
    out: Path,
    comm: "MPI.Comm",
    *,
    petsc: str = "",
    resume: Resume | None = None,
    stop: Callable[[], str] = never,
) -> Solution:
    """Run a case and write ``summary.json``, ``fields.pvd`` and ``report.html`` into a folder. Collective.

    Args:
        case: what to run.
        out: folder for the results, which exists.
        comm: the ranks to run on.
        petsc: PETSc options that go before those of the case.
        resume: whether to go on from a checkpoint in the folder; from the beginning if left out.
        stop: asked between increments and stages, on every rank; what it says, if anything, names who wants the run to
            end.

    Returns:
        the solution at full load.

    Raises:
        InputError: something is wrong with the input; nothing was solved.
        SolveError: full load was not reached; the last state in equilibrium is in the folder.
        StoppedError: ``stop`` asked for an end; a checkpoint is in the folder if the solve had begun.
    """
    clock = Clock()
    kept = keep(case, out, comm, petsc, resume or Resume(), stop)
    with clock("tensors"):
        scan = stages.tensors(case, out, comm)
    kept.halt("the body was built")
    with clock("anatomy and fibers"):
        anatomy, fibers = stages.body(case, scan, comm)
    patient, unloaded = stages.problem(case, anatomy, fibers), None
    if case.unload is not None:
        with clock("stress-free shape"):
            unloaded = _unload(case, case.unload, patient, petsc, kept)
        patient, fibers = unloaded.problem, unloaded.problem.fibers
    kept.halt("the solve")
    watched = Watched(case, patient, fibers, kept, "load")
    with clock("solve"):
        solution = _solve(case, patient, petsc, watched, kept)
    with clock("strain and stress"):
        measured = fields(patient, solution.unknowns)
        watched.end(solution, measured)
    compared = None
    if case.output.compare_isotropic and fibers is not None and solution.outcome.converged:
        with clock("isotropic model"):
            compared = _isotropic(case, patient, petsc, kept)
    with clock("summary"):
        found = _summary(case, solution, measured, compared, scan)
        found["unload"] = None if unloaded is None else summary.unloading(unloaded)
    on_root(comm, lambda: _finish(case, found, out, clock, kept))
    return require(solution)


def _solve(case: Case, problem: Problem, petsc: str, watched: Watched, kept: Kept) -> Solution:
    comm, options, title = problem.anatomy.mesh.comm, f"{case.solve.petsc} {petsc}", watched.solve
    with progress(title, 1.0, comm.rank) as bar, kept.history(title) as history:

        def heard(level: float, step: Step | None, sentence: str) -> None:
            history(level, step, sentence)
            if step is not None:
                sentence = f"{len(step.residuals)} Newton, {sum(step.krylov)} Krylov iterations"
            bar.reached(level, sentence)

        return solve(
            problem,
            case.solve.stepping,
            petsc=options,
            progress=heard,
            watch=watched,
            through=case.output.series.stops,
            keep=kept.keeper(title),
            resume=kept.found.get(title),
        )


def _unload(case: Case, request: Unload, imaged: Problem, petsc: str, kept: Kept) -> Unloaded:
    """Find the stress-free shape that the image's loads bring to the image."""
    comm = imaged.anatomy.mesh.comm
    with progress("unload", 1.0, comm.rank) as bar:

        def heard(number: int, error: float) -> None:
            bar.reached(number / request.most, f"correction {number}: {error:.2g} mm from the image")
            kept.halt("the stress-free shape was found")

        found = unload(imaged, request, case.solve.stepping, petsc=f"{case.solve.petsc} {petsc}", progress=heard)
    logger.info("%s", found.sentence)
    return found


def _isotropic(case: Case, patient: Problem, petsc: str, kept: Kept) -> tuple[Solution, Fields]:
    """Solve with isotropic tissue, and measure along the patient's fibers."""
    problem = stages.isotropic(patient)
    watched = Watched(case, problem, patient.fibers, kept, "isotropic")
    solution = _solve(case, problem, petsc, watched, kept)
    measured = fields(problem, solution.unknowns, patient.fibers)
    watched.end(solution, measured)
    return solution, measured


def _summary(
    case: Case, solution: Solution, measured: Fields, compared: tuple[Solution, Fields] | None, scan: Any
) -> dict[str, Any]:
    """Everything in summary.json but what rank 0 alone adds at the end. Collective."""
    anatomy = solution.problem.anatomy
    found = {"title": case.title, **summary.solution_summary(solution, measured), "isotropic": None}
    if compared is not None:
        found["isotropic"] = summary.solution_summary(*compared)
    if "fiber strain" in measured.measures:
        other = None if compared is None else compared[1]
        found["fiber_strain_exceedance"] = summary.exceedance(anatomy, measured, other, case.output.strain_thresholds)
    found["mesh_quality"] = summary.mesh_quality(anatomy)
    found["tensor_quality"] = None if scan is None else scan.quality | summary.filling(solution.problem.fibers)
    found["memory_MB"] = provenance.peak_memory(anatomy.mesh.comm)
    return found


def _finish(case: Case, found: dict[str, Any], out: Path, clock: "Clock", kept: Kept) -> None:
    """Write summary and report. Rank 0 only."""
    with clock("provenance"):
        found["provenance"] = provenance.provenance(case.to_dict(), kept.checksums, kept.comm.size)
    found["timings_s"] = clock.seconds
    summary.write(found, out / "summary.json")
    if case.output.report:
        with clock("report"):
            logger.info("wrote %s", report.write_report(out))
        found["timings_s"] = clock.seconds
        summary.write(found, out / "summary.json")


@dataclass(frozen=True)
class Clock:
    """Wall seconds by stage, as this rank sees them."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a stage, and say so."""
        start = time.perf_counter()
        logger.debug("%s …", stage)
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 3)
        logger.debug("%s took %.1f s", stage, self.seconds[stage])
