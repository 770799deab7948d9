"""The verb ``calibrate``: from what was measured on a case's body to what its free numbers must be."""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    import numpy as np
    from mpi4py import MPI
    from numpy.typing import NDArray

    from fibertwin.calibration import Posterior, Space
    from fibertwin.calibration.equilibrium import EquilibriumModel
    from fibertwin.calibration.observe import Observation
    from fibertwin.calibration_candidates import Possible
    from fibertwin.calibration_findings import Findings
    from fibertwin.calibration_sources import Crew, Source
    from fibertwin.case import Case
    from fibertwin.case.calibrate import Calibrate

EXAMPLE = """examples:
  fibertwin calibrate case.toml -o out             with a table [calibrate] in the case
  mpirun -n 2 fibertwin calibrate case.toml -o out --set calibrate.method=laplace
  fibertwin calibrate case.toml -o out --workers 4 -n 2      four models at once, each on two ranks
a calibration that was stopped goes on where it was: no solve is done twice
"""

NOT_OF_THE_MODEL = ("title", "output", "calibrate")
"""Sections of a case that predictions do not depend on."""

REPORT, SUMMARY = "calibration.html", "calibration.json"


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    from fibertwin.cli import _add_case

    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "calibrate", help="find numbers of a case from what was measured", epilog=EXAMPLE, formatter_class=plain
    )
    _add_case(verb)
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    verb.add_argument("--petsc", default="", metavar="OPTIONS", help="PETSc options, after those of the case")
    verb.add_argument("--workers", type=int, metavar="N", help="models that are solved at a time, without mpirun")
    verb.add_argument("-n", "--ranks", type=int, metavar="N", help="with --workers: ranks of each (1)")
    verb.add_argument("--timeout", type=float, metavar="S", help="with --workers: seconds that a solve may take (any)")
    verb.add_argument("--retry", action="store_true", help="try solves again that failed or took too long")
    verb.add_argument("--arviz", type=Path, metavar="FILE", help="write the posterior for ArviZ too (.nc)")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Calibrate, write posterior and report, and say what is known."""
    from fibertwin.cli import _on_every_rank, _read
    from fibertwin.parallel import on_root

    def work(comm: "MPI.Comm") -> None:
        crew = on_root(comm, lambda: _crew(arguments, comm.size))
        if arguments.arviz is not None:
            on_root(comm, lambda: _require_arviz(arguments.arviz))
        case, out = _read(arguments, comm), arguments.output
        if required(case).field is not None:
            _field(case, arguments, comm)
            return
        found = calibrated(case, out, comm, petsc=arguments.petsc, crew=crew, retry=arguments.retry)
        if comm.rank == 0:
            told = json.loads((out / SUMMARY).read_text("utf-8"))
            written = [out / "posterior.npz", out / REPORT, out / SUMMARY]
            if arguments.arviz is not None:
                found.to_arviz().to_netcdf(arguments.arviz, engine="h5netcdf")
                written.append(arguments.arviz)
            print("\n".join([*told["sentences"], *told["advice"], found.cost.said()]))
            print("wrote " + ", ".join(map(str, written)), flush=True)

    return _on_every_rank(work, arguments.verbose)


def _field(case: "Case", arguments: argparse.Namespace, comm: "MPI.Comm") -> None:
    """The same for a stiffness in every cell.

    Raises:
        InputError: options that are about a few numbers.
    """
    from fibertwin.field_calibration import field_calibrated

    astray = [name for name in ("workers", "retry", "arviz") if getattr(arguments, name)]
    if astray:
        what, hint = "does not go with calibrate.field", "mpirun -n N fibertwin calibrate"
        raise InputError(Problem(f"--{name}", what, hint=hint) for name in astray)
    field = field_calibrated(case, arguments.output, comm, petsc=arguments.petsc)
    if comm.rank == 0:
        print("\n".join(field.sentences()))
        print(f"wrote {arguments.output / 'field.vtu'}, {arguments.output / 'field.json'}", flush=True)


def _crew(arguments: argparse.Namespace, size: int) -> "Crew | None":
    """The workers that are asked for; None for the ranks of this program.

    Raises:
        InputError: options that do not go together.
    """
    from fibertwin.calibration_sources import Crew
    from fibertwin.studies.workers import launcher

    if arguments.workers is None:
        hint = "--workers N; or mpirun -n N fibertwin calibrate, for one model on many ranks"
        given = [name for name in ("ranks", "timeout") if getattr(arguments, name) is not None]
        if given:
            raise InputError(Problem(f"--{name}", "is about workers, and there are none", hint=hint) for name in given)
        return None
    if size > 1:
        hint = "without mpirun: each worker gets its own, of -n ranks"
        raise InputError(Problem("--workers", "does not go with mpirun", hint=hint))
    crew = Crew(arguments.workers, arguments.ranks or 1, arguments.timeout or 0.0)
    for name in ("workers", "ranks", "timeout"):
        given = getattr(arguments, name)
        if given is not None and not given > 0:
            raise InputError(Problem(f"--{name}", "is not positive", f"{given:g}"))
    launcher(crew.ranks)
    return crew


def _require_arviz(file: Path) -> None:
    """Refuse an export that cannot be written, before anything is solved.

    Raises:
        InputError: ArviZ or its file format is not installed, or there is no such folder.
    """
    missing = [name for name in ("arviz", "h5netcdf") if find_spec(name) is None]
    if missing:
        hint = "pip install 'fibertwin[bayes]'"
        raise InputError(Problem("--arviz", f"needs {' and '.join(missing)}, not installed here", hint=hint))
    if not file.absolute().parent.is_dir():
        raise InputError(Problem("--arviz", "there is no such folder", str(file.parent)))


def calibrated(
    case: "Case",
    out: Path,
    comm: "MPI.Comm",
    *,
    petsc: str = "",
    crew: "Crew | None" = None,
    retry: bool = False,
) -> "Posterior":
    """Calibrate a case by its table ``[calibrate]``. Collective.

    Writes ``posterior.npz``, ``calibration.html`` and ``calibration.json``.

    Args:
        case: the case.
        out: folder for the results, and for the journal of solves, from which a calibration that was stopped goes on.
        comm: the ranks.
        petsc: PETSc options that go before those of the case.
        crew: workers that solve at a time, where ``comm`` is one rank; the model is on ``comm`` if left out.
        retry: whether solves that failed before are tried again.

    Raises:
        InputError: on every rank, with what is wrong.
        SolveError: the model predicts nothing.
    """
    from fibertwin.calibration import Counted, Journal, Target, calibrate, save
    from fibertwin.calibration_candidates import possible
    from fibertwin.calibration_findings import findings
    from fibertwin.calibration_sources import Here, Team
    from fibertwin.log import logger
    from fibertwin.parallel import on_root
    from fibertwin.pipeline import Clock

    asked, clock = required(case), Clock()

    def begun() -> "tuple[Space, str, Sequence[Possible]]":
        space, _, fingerprint = prepared(case, out)
        asked.measurement()  # all missing
        return space, fingerprint, possible(case)

    space, fingerprint, wanted = on_root(comm, begun)
    journal = Journal(out, fingerprint, writes=comm.rank == 0, retry=retry)
    with clock("body"):
        if crew is None:
            source: Source = Here(modeled_on(case, out, comm, petsc=petsc), wanted)
        else:
            source = Team(case, space.names, out, crew, petsc)
    with source:
        measurement = on_root(comm, lambda: asked.measurement(source.numbers, source.units))
        with clock("posterior"):
            posterior = calibrate(
                Target(source.model, space, measurement),
                asked.method,
                seed=asked.seed,
                budget=asked.budget,
                journal=journal,
                members=source.members,
                told=lambda sentence: logger.info("%s", sentence),
            )
        lost = source.said()
        posterior = replace(posterior, told=(*posterior.told, lost)) if lost else posterior
        on_root(
            comm, lambda: save(posterior, out / "posterior.npz")
        )  # and the journal is whole before it is read again
        with clock("findings"):
            found = findings(posterior, Counted(source.model, replace(journal, retry=False)), source, wanted)
        triangles = source.triangles()
    more = {"ranks": comm.size, "crew": None if crew is None else asdict(crew), "timings_s": clock.seconds}
    on_root(comm, lambda: write(posterior, found, case, out, source.numbers, triangles, more))
    return posterior


@dataclass(frozen=True, eq=False)
class Modeled:
    """A case as a forward model.

    Attributes:
        model: predicts what the case says is measured.
        space: its parameters and what is believed of them.
        fingerprint: what predictions depend on besides the parameters.
    """

    model: "EquilibriumModel"
    space: "Space"
    fingerprint: str


def required(case: "Case") -> "Calibrate":
    """The case's table ``[calibrate]``.

    Raises:
        InputError: there is none, or the case cannot be calibrated.
    """
    if case.calibrate is None:
        raise InputError(Problem("calibrate", "is missing", hint="docs/how-to/calibrate.md shows the table"))
    if case.unload is not None:
        what, hint = "moves the mesh with every stiffness: no derivatives", "calibrate on the stress-free shape"
        raise InputError(Problem("unload", what, hint=hint))
    return case.calibrate


def modeled_on(case: "Case", out: Path, comm: "MPI.Comm", *, petsc: str = "") -> Modeled:
    """Build the body of a case and bind what is seen of it. Collective.

    Args:
        case: the case.
        out: folder for what is made on the way; made where it is not there.
        comm: the ranks.
        petsc: PETSc options that go before those of the case.

    Raises:
        InputError: on every rank, with what is wrong; all that the case itself says before the body is built.
    """
    from fibertwin import stages
    from fibertwin.calibration.equilibrium import EquilibriumModel
    from fibertwin.parallel import on_root

    asked = required(case)
    space, observations, fingerprint = on_root(comm, lambda: prepared(case, out))
    anatomy, fibers = stages.body(case, stages.tensors(case, out, comm), comm)
    model = EquilibriumModel.of(
        stages.problem(case, anatomy, fibers),
        asked.at(space.names),
        observations,
        case.solve.stepping,
        petsc=f"{case.solve.petsc} {petsc}",
    )
    return Modeled(model, space, fingerprint)


def prepared(case: "Case", out: Path) -> tuple["Space", "list[tuple[float, Observation]]", str]:
    """Parameters, what is seen at which level, and what predictions depend on besides; not collective.

    Raises:
        InputError: with all that the case itself says, before its body is built.
    """
    asked = required(case)
    asked.examine(case.to_dict())
    space, seen = asked.space(case.to_dict()), asked.seen()
    out.mkdir(parents=True, exist_ok=True)
    return space, seen, _fingerprint(case, asked.at(space.names), seen)


def _fingerprint(
    case: "Case", places: Mapping[str, tuple[str, ...]], seen: Sequence[tuple[float, "Observation"]]
) -> str:
    """What predictions depend on besides the free numbers: not what was measured. Not collective."""
    import numpy as np

    from fibertwin.provenance import checksums
    from fibertwin.stages import inputs

    document = {name: value for name, value in case.to_dict().items() if name not in NOT_OF_THE_MODEL}
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):  # voxels of an image to the last
        looked = hashlib.sha256(repr(seen).encode()).hexdigest()
    told = {"case": document, "files": checksums(inputs(replace(case, calibrate=None))), "seen": looked}
    told |= {"free": places, "version": version("fibertwin")}
    return json.dumps(told, sort_keys=True)


def write(
    posterior: "Posterior",
    found: "Findings",
    case: "Case",
    out: Path,
    numbers: Sequence[str],
    triangles: "NDArray[np.float64] | None",
    more: Mapping[str, Any],
) -> None:
    """Write summary and report; not collective.

    Args:
        posterior: what was found.
        found: what was looked at beside it.
        case: the case.
        out: the folder.
        numbers: what each measured number is of (m), as observations name it.
        triangles: the body's surface (n, 3, 3), if it is to be drawn.
        more: what else is told in the summary, the number of ranks among it.
    """
    from fibertwin import provenance, summary
    from fibertwin.calibration_curves import curves_of
    from fibertwin.calibration_map import missed, residual_map
    from fibertwin.calibration_page import write_calibration_report
    from fibertwin.calibration_summary import calibration_summary
    from fibertwin.stages import inputs

    asked = required(case)
    told = {"title": case.title, **calibration_summary(posterior, found), **more}
    told["provenance"] = provenance.provenance(case.to_dict(), provenance.checksums(inputs(case)), more["ranks"])
    summary.write(told, out / SUMMARY)
    drawn = None if triangles is None else residual_map(triangles, missed(asked.measured, posterior.residuals()))
    write_calibration_report(
        posterior,
        out / REPORT,
        title=case.title or "Calibration",
        curves=curves_of(asked.measured, posterior.measurement, numbers),
        found=found.profiles,
        lessons=found.lessons,
        advice=found.advice,
        notes=found.notes,
        more={} if drawn is None else {"Where the data are missed": drawn},
    )
