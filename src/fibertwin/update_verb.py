"""The verb ``update``: a patient's twin reads what was measured since."""

import argparse
import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.calibration import Batch, Twin
    from fibertwin.case import Case
    from fibertwin.case.calibrate import Calibrate
    from fibertwin.case.scatter import Scatter

EXAMPLE = """examples:
  fibertwin update case.toml patient.twin monday.csv      makes the twin where there is none, and has it read the table
  fibertwin update case.toml patient.twin                 makes it from what the case itself says was measured
"""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    from fibertwin.cli import _add_case

    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "update", help="have a patient's twin read what was measured since", epilog=EXAMPLE, formatter_class=plain
    )
    _add_case(verb)
    verb.add_argument("twin", type=Path, metavar="TWIN", help="the twin's file, written anew")
    described = "tables with columns name, value, sd, time: the time is the share of the load history"
    verb.add_argument("tables", type=Path, nargs="*", metavar="CSV", help=described)
    verb.add_argument("--petsc", default="", metavar="OPTIONS", help="PETSc options, after those of the case")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Read the tables one after the other, save the twin after each, and say what is known."""
    from fibertwin.cli import _on_every_rank, _read

    def work(comm: "MPI.Comm") -> None:
        twin = updated(_read(arguments, comm), arguments.twin, arguments.tables, comm, petsc=arguments.petsc)
        if comm.rank == 0:
            print("\n".join([*twin.sentences(), "", twin.table(), f"wrote {arguments.twin}"]), flush=True)

    return _on_every_rank(work, arguments.verbose)


def updated(case: "Case", path: Path, tables: list[Path], comm: "MPI.Comm", *, petsc: str = "") -> "Twin":
    """Have a twin read tables, and save it. Collective.

    A twin that is made here reads first what the case itself says was measured.

    Args:
        case: the case, with its table ``[calibrate]``.
        path: the twin's file; made where there is none.
        tables: CSV files.
        comm: the ranks.
        petsc: PETSc options that go before those of the case.

    Raises:
        InputError: on every rank, with what is wrong; a twin that has learned on another model is refused.
        SolveError: the model predicts nothing.
    """
    from fibertwin.calibrate_verb import modeled_on, required
    from fibertwin.calibration import Outputs, Twin, read_batch
    from fibertwin.log import logger
    from fibertwin.parallel import on_root

    asked = required(case)
    _require_readable(asked)
    batches: list[Batch] = on_root(comm, lambda: [read_batch(table) for table in tables])
    modeled = modeled_on(case, path.with_suffix(""), comm, petsc=petsc)
    identity = hashlib.sha256(modeled.fingerprint.encode()).hexdigest()
    model = modeled.model
    names = on_root(comm, lambda: asked.called(model.numbers))
    predictor = Outputs(model, names, model.levels, identity)
    if on_root(comm, path.is_file):
        twin = Twin.load(path, predictor)
    else:
        twin = Twin(predictor, modeled.space, seed=asked.seed, budget=asked.budget)
        first = on_root(comm, lambda: _first(asked, names, model.levels))
        batches = [*([] if first is None else [first]), *batches]
    if not batches and not twin.readings:
        known = ", ".join(f"{name} at {level:g}" for name, level in zip(names, model.levels, strict=True))
        raise InputError(Problem("CSV", "is missing: the twin has nothing to read", wanted=f"readings of {known}"))
    for batch in batches:
        twin = twin.assimilate(batch, told=lambda sentence: logger.info("%s", sentence))
        on_root(comm, partial(twin.save, path))
    return twin


def _first(asked: "Calibrate", names: tuple[str, ...], levels: tuple[float, ...]) -> "Batch | None":
    """What the case itself says was measured; None where all is missing. Not collective."""
    from fibertwin.calibration import Batch, Reading, Source

    scatter = [_scatter(one.noise) for one in asked.measured.values() for _ in one.sds()]
    numbers = [pair for one in asked.measured.values() for pair in zip(*one.numbers(), strict=True)]
    readings = [
        Reading(name, value, sd, level, noise or "normal")
        for name, level, noise, (value, sd) in zip(names, levels, scatter, numbers, strict=True)
        if value == value  # nan is missing
    ]
    return Batch(tuple(readings), Source("the case")) if readings else None


def _require_readable(asked: "Calibrate") -> None:
    """Refuse what a twin cannot keep as readings, each with its own noise."""
    problems = [
        Problem(f"calibrate.measured.{name}.noise", "is none that a twin reads", one.noise.kind(), _NOISES)
        for name, one in asked.measured.items()
        if _scatter(one.noise) is None
    ]
    if asked.field is not None:
        problems.append(Problem("calibrate.field", "is not for a twin", hint="fibertwin calibrate finds it"))
    if problems:
        raise InputError(problems)


def _scatter(noise: "Scatter") -> 'Literal["normal", "student"] | None':
    """A noise as readings have it; None where they cannot."""
    from fibertwin.case.scatter import Normal, Outliers

    if isinstance(noise, Normal):
        return "normal"
    return "student" if noise == Outliers() else None


_NOISES = '"normal", or "outliers" of 4 degrees of freedom'
