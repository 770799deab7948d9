"""The verb ``cohort``: a folder of patients through the same pipeline, each its own folder and report, one table."""

import argparse
import csv
import json
import os
import string
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fibertwin.errors import InputError, Problem
from fibertwin.log import configure, logger

KEYS = ("case", "patients", "folders", "set", "observables", "ranks", "timeout")

EXAMPLE = """example of cohort.toml:
  case = "case.toml"                       # what all patients share
  patients = "study"                       # a folder with sub-01, sub-02, …
  observables = ["fiber_strain.tissue.p95"]
  [set]                                    # {patient} and {folder} are each patient's
  "diffusion.dwi" = "{folder}/dwi/{patient}_dwi.nii.gz"
"""


@dataclass(frozen=True)
class Cohort:
    """Patients and what they share.

    Attributes:
        case: the shared case file.
        patients: folder of each, by its name.
        settings: values by place in the case file, with ``{patient}`` and ``{folder}``.
        observables: places in ``summary.json``, as a sweep names them.
        ranks: MPI ranks of each patient's run.
        timeout: seconds that a patient may take; 0 for any.
    """

    case: Path
    patients: Mapping[str, Path]
    settings: Mapping[str, Any]
    observables: tuple[str, ...]
    ranks: int
    timeout: float


@dataclass(frozen=True)
class Ended:
    """How one patient's run ended: ``done``, ``failed`` or ``timeout``, with the sentence and the numbers asked for."""

    patient: str
    outcome: str
    sentence: str
    seconds: float
    observables: Mapping[str, float]


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser("cohort", help="run a folder of patients", epilog=EXAMPLE, formatter_class=plain)
    verb.add_argument("cohort", type=Path, metavar="COHORT", help="the cohort file")
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="a folder for each patient in it")
    verb.add_argument("--at-once", type=int, default=0, metavar="N", help="patients at a time (as the machine holds)")
    verb.add_argument("--fresh", action="store_true", help="run patients again that are done")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Run every patient; exit code 3 where one has no result."""
    configure(0)
    cohort = read(arguments.cohort)
    ended = []
    for one in run(cohort, arguments.output, arguments.at_once, fresh=arguments.fresh):
        ended.append(one)
        logger.info("%s %s in %.0f s: %s", one.patient, one.outcome, one.seconds, one.sentence.splitlines()[0])
        write_table(ended, cohort.observables, arguments.output / "table.csv")
    done = sum(one.outcome == "done" for one in ended)
    print(f"{done} of {len(ended)} patients are done; wrote {arguments.output / 'table.csv'}")
    return 0 if done == len(ended) else 3


def read(path: Path) -> Cohort:
    """Read and check a cohort file. A patient's own files are checked when it is run, so that it fails alone.

    Raises:
        InputError: with everything that is wrong.
    """
    from fibertwin.case.toml import load
    from fibertwin.studies.plan import seconds

    document, folder = load(path), path.resolve().parent
    problems = [Problem(key, "is an unknown key", wanted=", ".join(KEYS)) for key in document if key not in KEYS]
    for name, kind in (("case", str), ("patients", str), ("set", Mapping)):
        if not isinstance(document.get(name), kind):
            problems.append(Problem(name, "is missing" if name not in document else "is of another kind"))
    observables = document.get("observables", [])
    if not isinstance(observables, list) or not all(isinstance(name, str) for name in observables):
        problems.append(Problem("observables", "are no list of names", str(observables)))
    ranks, timeout = document.get("ranks", 1), seconds(document.get("timeout", 0))
    if isinstance(ranks, bool) or not isinstance(ranks, int) or ranks < 1:
        problems.append(Problem("ranks", "is no such number", str(ranks), "a whole number from 1"))
    if timeout is None:
        problems.append(Problem("timeout", "is no time", str(document["timeout"]), 'such as "2 h"'))
    if problems:
        raise InputError(problems)
    problems += _unfilled(document["set"])
    case, root = folder / document["case"], folder / document["patients"]
    if not case.is_file():
        problems.append(Problem("case", "does not exist", str(case)))
    pattern = document.get("folders", "sub-*")
    patients = {p.name: p for p in sorted(root.glob(pattern)) if p.is_dir()}
    if not patients:
        problems.append(Problem("patients", "holds no folders of patients", str(root), f"folders named {pattern}"))
    if problems:
        raise InputError(problems)
    return Cohort(case, patients, document["set"], tuple(observables), ranks, timeout or 0.0)


def _unfilled(settings: Mapping[str, Any]) -> Iterator[Problem]:
    """Names in braces that no patient can fill."""
    for key, value in settings.items():
        for text in filter(lambda part: isinstance(part, str), value if isinstance(value, list) else [value]):
            try:
                names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
            except ValueError as error:
                yield Problem(f'set."{key}"', f"has braces that do not close: {error}", text)
                continue
            if names - {"patient", "folder"}:
                yield Problem(f'set."{key}"', "names in braces what no patient has", text, "{patient} and {folder}")


def settings_of(cohort: Cohort, patient: str) -> dict[str, Any]:
    """What the case file says otherwise for one patient."""

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(part) for part in value]
        return value.format(patient=patient, folder=cohort.patients[patient]) if isinstance(value, str) else value

    return {key: filled(value) for key, value in cohort.settings.items()}


def run(cohort: Cohort, out: Path, at_once: int = 0, *, fresh: bool = False) -> Iterator[Ended]:
    """Run patients, each as a program of its own, so that whatever befalls one leaves the others alone.

    Args:
        cohort: whom.
        out: each gets a folder in it.
        at_once: how many at a time; 0 for as many as the machine holds.
        fresh: run those again too that are done with the same inputs and version.
    """
    from fibertwin.studies.workers import places

    out.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(at_once or places(cohort.ranks)) as pool:
        tasks = [pool.submit(_patient, cohort, patient, out / patient, fresh) for patient in cohort.patients]
        for task in as_completed(tasks):
            yield task.result()


def _patient(cohort: Cohort, patient: str, folder: Path, fresh: bool) -> Ended:
    """Run one patient, or read what an earlier run left."""
    from fibertwin.case import Case
    from fibertwin.studies.plan import content_hash

    begun = time.perf_counter()
    settings = settings_of(cohort, patient)
    try:
        key = content_hash(Case.read(cohort.case, settings), ("cohort",))
    except InputError as error:
        return Ended(patient, "failed", str(error), time.perf_counter() - begun, {})
    folder.mkdir(parents=True, exist_ok=True)
    mark = folder / "done"
    if not fresh and mark.is_file() and mark.read_text("utf-8") == key:
        return _observed(cohort, patient, folder, 0.0)
    mark.unlink(missing_ok=True)
    failure = _launched(cohort, settings, folder)
    seconds = time.perf_counter() - begun
    if failure is not None:
        return Ended(patient, *failure, seconds, {})
    mark.write_text(key, "utf-8")
    return _observed(cohort, patient, folder, seconds)


def _launched(cohort: Cohort, settings: Mapping[str, Any], folder: Path) -> tuple[str, str] | None:
    """Run the pipeline; outcome and sentence where it failed."""
    from fibertwin.case.toml import written
    from fibertwin.studies.workers import clean_environment, launcher, stop

    changes = [word for key, value in settings.items() for word in ("--set", f"{key}={written(value)}")]
    program = [sys.executable, "-m", "fibertwin.cli", "run", str(cohort.case), "-o", str(folder), *changes]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*launcher(cohort.ranks), *program],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=clean_environment(),
            start_new_session=True,
        )
        try:
            code = process.wait(cohort.timeout or None)
        except subprocess.TimeoutExpired:
            stop(process)
            return "timeout", f"The patient took more than {cohort.timeout:g} s."
    if code == 0:
        return None
    said = (folder / "log.txt").read_text("utf-8", errors="replace").strip()
    at = said.rfind("fibertwin: ")
    return "failed", (said[at + len("fibertwin: ") :] if at >= 0 else said[-600:]) or f"exit code {code}"


def _observed(cohort: Cohort, patient: str, folder: Path, seconds: float) -> Ended:
    from fibertwin.member import observable

    found = json.loads((folder / "summary.json").read_text("utf-8"))
    try:
        values = {name: observable(found, name) for name in cohort.observables}
    except InputError as error:
        return Ended(patient, "failed", str(error), seconds, {})
    return Ended(patient, "done", found["outcome"]["sentence"], seconds, values)


def write_table(ended: Sequence[Ended], observables: Sequence[str], path: Path) -> None:
    """Write a row for each patient that has ended; the old table stays until the new one is whole."""
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", *observables, "outcome", "seconds", "sentence"])
        for one in sorted(ended, key=lambda one: one.patient):
            values = [one.observables.get(name, "") for name in observables]
            writer.writerow([one.patient, *values, one.outcome, f"{one.seconds:.1f}", one.sentence])
    os.rename(new, path)  # noqa: PTH104 (atomic, and reads like text)
