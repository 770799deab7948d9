"""The verb ``calibrate``: from what was measured on a case's body to what its free numbers must be."""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.calibration import Posterior, Space
    from fibertwin.calibration.equilibrium import EquilibriumModel
    from fibertwin.calibration.observe import Observation
    from fibertwin.case import Case
    from fibertwin.case.calibrate import Calibrate

EXAMPLE = """examples:
  fibertwin calibrate case.toml -o out             with a table [calibrate] in the case
  mpirun -n 2 fibertwin calibrate case.toml -o out --set calibrate.method=laplace
a calibration that was stopped goes on where it was: no solve is done twice
"""

NOT_OF_THE_MODEL = ("title", "output", "calibrate")
"""Sections of a case that predictions do not depend on."""


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
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Calibrate, write posterior and report, and say what is known."""
    from fibertwin.cli import _on_every_rank, _read

    def work(comm: "MPI.Comm") -> None:
        case = _read(arguments, comm)
        if required(case).field is not None:
            from fibertwin.field_calibration import field_calibrated

            field = field_calibrated(case, arguments.output, comm, petsc=arguments.petsc)
            if comm.rank == 0:
                print("\n".join(field.sentences()))
                print(f"wrote {arguments.output / 'field.vtu'}, {arguments.output / 'field.json'}", flush=True)
            return
        found = calibrated(case, arguments.output, comm, petsc=arguments.petsc)
        if comm.rank == 0:
            print("\n".join(found.sentences()))
            print(found.cost.said())
            print(f"wrote {arguments.output / 'posterior.npz'}, {arguments.output / 'calibration.html'}", flush=True)

    return _on_every_rank(work, arguments.verbose)


def calibrated(case: "Case", out: Path, comm: "MPI.Comm", *, petsc: str = "") -> "Posterior":
    """Calibrate a case by its table ``[calibrate]``, and write ``posterior.npz`` and ``calibration.html``. Collective.

    Args:
        case: the case.
        out: folder for the results, and for the journal of solves, from which a calibration that was stopped goes on.
        comm: the ranks.
        petsc: PETSc options that go before those of the case.

    Raises:
        InputError: on every rank, with what is wrong.
        SolveError: the model predicts nothing.
    """
    from fibertwin.calibration import Journal, Target, calibrate
    from fibertwin.log import logger
    from fibertwin.parallel import on_root

    asked = required(case)

    def examined() -> None:
        asked.examine(case.to_dict())
        asked.measurement()  # all missing

    on_root(comm, examined)
    modeled = modeled_on(case, out, comm, petsc=petsc)
    model = modeled.model
    posterior = calibrate(
        Target(model, modeled.space, asked.measurement(model.numbers, model.units)),
        asked.method,
        seed=asked.seed,
        budget=asked.budget,
        journal=Journal(out, modeled.fingerprint, writes=comm.rank == 0),
        told=lambda sentence: logger.info("%s", sentence),
    )
    on_root(comm, lambda: _write(posterior, out, case))
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

    def prepared() -> Any:
        asked.examine(case.to_dict())
        space = asked.space(case.to_dict())
        out.mkdir(parents=True, exist_ok=True)
        seen = asked.seen()
        return space, seen, _fingerprint(case, asked.at(space.names), seen)

    space, observations, fingerprint = on_root(comm, prepared)
    anatomy, fibers = stages.body(case, stages.tensors(case, out, comm), comm)
    model = EquilibriumModel.of(
        stages.problem(case, anatomy, fibers),
        asked.at(space.names),
        observations,
        case.solve.stepping,
        petsc=f"{case.solve.petsc} {petsc}",
    )
    return Modeled(model, space, fingerprint)


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


def _write(posterior: "Posterior", out: Path, case: "Case") -> None:
    from fibertwin.calibration import save
    from fibertwin.calibration_page import write_calibration_report

    save(posterior, out / "posterior.npz")
    write_calibration_report(posterior, out / "calibration.html", title=case.title or "Calibration")
