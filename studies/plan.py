"""The sweep file, checked whole before anything runs: base case, axes, design, observables, and how to run."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from fibertwin.case.toml import load
from fibertwin.errors import InputError, Problem

from .samples import DESIGNS, Axis, Design, Sample, axes_of, draw, from_csv, quantity

if TYPE_CHECKING:
    from fibertwin.case import Case

Engine = Literal["embedded", "split", "executorlib", "submitit"]
ENGINES: tuple[str, ...] = get_args(Engine)

MOST_PROBLEMS = 20
"""Problems of members that are told one by one; hundreds of members may be wrong in the same way."""


@dataclass(frozen=True)
class Member:
    """One run of a sweep.

    Attributes:
        number: its place in the sweep, from 0.
        key: content hash of model, sample and version.
        sample: values by their place in the case file.
    """

    number: int
    key: str
    sample: Sample


@dataclass(frozen=True)
class Sweep:
    """A sweep that can run.

    Attributes:
        case: the base case.
        members: what to run.
        keys: the member of each sample of the design, in order; a sample that is drawn twice is one member.
        observables: places in ``summary.json``, or such as ``fiber_strain.white.p95``.
        axes: where the samples were drawn from; empty where they come from a table.
        design: how.
        size: the number that the design was drawn with.
        seed: of its pseudo-random numbers.
        ranks: MPI ranks of a member.
        timeout: seconds that a member may take; 0 for any.
        engine: what runs the members.
        warm: whether members start from solved neighbors.
        petsc: PETSc options.
        options: of the engine.
    """

    case: "Case"
    members: tuple[Member, ...]
    keys: tuple[str, ...]
    observables: tuple[str, ...]
    axes: tuple[Axis, ...] = ()
    design: Design | Literal["table"] = "grid"
    size: int = 0
    seed: int = 0
    ranks: int = 1
    timeout: float = 0.0
    engine: Engine = "embedded"
    warm: bool = True
    petsc: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Places in the case file that the sweep changes."""
        return tuple(self.members[0].sample)


KEYS = (
    "case",
    "axes",
    "samples",
    "sample",
    "members",
    "seed",
    "observables",
    "ranks",
    "timeout",
    "engine",
    "warm",
    "petsc",
    "options",
)


def read_sweep(path: Path, changes: Mapping[str, Any] | None = None) -> Sweep:
    """Read and check a sweep file and, with it, every member's case.

    Args:
        path: the TOML file; paths in it start at its folder.
        changes: values that take the place of the file's.

    Raises:
        InputError: with everything that is wrong.
    """
    from fibertwin.case import Case

    document = {**load(path), **(changes or {})}
    folder = path.resolve().parent
    problems = [Problem(key, "is an unknown key", wanted=", ".join(KEYS)) for key in document if key not in KEYS]
    case: Case | None = None
    if not isinstance(document.get("case"), str):
        problems.append(Problem("case", "is missing", wanted="the base case's file"))
    else:
        try:
            case = Case.read(folder / document["case"])
        except InputError as error:
            problems += error.problems
    if isinstance(document.get("samples"), str):
        document["samples"] = folder / document["samples"]
    try:
        planned = plan(case, {key: value for key, value in document.items() if key in KEYS and key != "case"})
    except InputError as error:
        raise InputError([*problems, *error.problems]) from error
    if problems:
        raise InputError(problems)
    return planned


def plan(case: "Case | None", said: Mapping[str, Any]) -> Sweep:
    """Check what a sweep says beside its case, and draw and check its members.

    Args:
        case: the base case; None where it could not be read, so that the rest is checked all the same.
        said: the other keys of a sweep file.

    Raises:
        InputError: with everything that is wrong.
    """
    problems = list(_wrong(said))
    axes: list[Axis] = []
    samples: list[Sample] = []
    try:
        if "samples" in said:
            samples = from_csv(Path(said["samples"]))
        elif not any(problem.where in ("axes", "sample", "members", "seed") for problem in problems):
            axes = axes_of(said.get("axes", {}))
            samples = draw(axes, said.get("sample", "grid"), said.get("members", 0), said.get("seed", 0))
    except InputError as error:
        problems += error.problems
    members: tuple[Member, ...] = ()
    keys: tuple[str, ...] = ()
    if case is not None and samples and not problems:
        members, keys = _members(case, samples, tuple(said["observables"]))
    if problems or case is None:
        raise InputError(problems)
    return Sweep(
        case,
        members,
        keys,
        tuple(said["observables"]),
        tuple(axes),
        "table" if "samples" in said else said.get("sample", "grid"),
        said.get("members", 0),
        said.get("seed", 0),
        said.get("ranks", 1),
        seconds(said.get("timeout", 0)) or 0.0,
        said.get("engine", "embedded"),
        said.get("warm", True),
        said.get("petsc", ""),
        said.get("options", {}),
    )


def _wrong(said: Mapping[str, Any]) -> Sequence[Problem]:
    problems = []
    observables = said.get("observables")
    if not isinstance(observables, list | tuple) or not observables or not all(isinstance(o, str) for o in observables):
        wanted = 'a list such as ["fiber_strain.tissue.p95", "reactions.plate.force_mN.2"]'
        problems.append(Problem("observables", "are missing or no list of names", str(observables or ""), wanted))
    elif len(set(observables)) < len(observables):
        problems.append(Problem("observables", "name one twice", ", ".join(observables)))
    if ("axes" in said) == ("samples" in said):
        problems.append(Problem("axes", "or samples must be given, and not both"))
    elif not isinstance(said.get("axes", {}), Mapping):
        problems.append(Problem("axes", "is no table", str(said["axes"])))
    choices: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("sample", DESIGNS, "grid"),
        ("engine", ENGINES, "embedded"),
    )
    for name, known, usual in choices:
        if said.get(name, usual) not in known:
            problems.append(Problem(name, "is unknown", str(said[name]), "one of " + ", ".join(known)))
    for name, least in (("ranks", 1), ("members", 1), ("seed", 0)):
        value = said.get(name, least)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            problems.append(Problem(name, "is no such number", str(value), f"a whole number from {least}"))
    if seconds(said.get("timeout", 0)) is None:
        problems.append(Problem("timeout", "is no time", str(said["timeout"]), 'such as "10 min"'))
    for name, kind in (("warm", bool), ("petsc", str), ("options", dict)):
        if not isinstance(said.get(name, kind()), kind):
            problems.append(Problem(name, f"is no {kind.__name__}", str(said[name])))
    if said.get("engine") == "split" and said.get("timeout"):
        hint = "a member that hangs holds its whole mpirun: leave timeout out, or take another engine"
        problems.append(Problem("timeout", "cannot be kept by the split engine", hint=hint))
    return problems


def seconds(value: object) -> float | None:
    """A time such as ``"10 min"`` in seconds; None where it is none."""
    found = quantity(value)
    factor = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}.get("" if found is None else found[1])
    return None if found is None or factor is None or found[0] < 0 else found[0] * factor


def _members(
    case: "Case", samples: Sequence[Sample], observables: Sequence[str]
) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """Every member, its case read and checked, and which of them each sample is.

    Raises:
        InputError: with what is wrong with any, each thing once.
    """
    members: dict[str, Member] = {}
    keys: list[str] = []
    problems: dict[tuple[str, str, str], Problem] = {}
    for number, sample in enumerate(samples):
        try:
            changed = case.replace(sample)
        except InputError as error:
            problems |= {(p.where, p.what, p.got): p for p in error.problems}
            continue
        key = content_hash(changed, observables)
        keys.append(key)
        members.setdefault(key, Member(number, key, sample))
    if problems:
        told = list(problems.values())[:MOST_PROBLEMS]
        rest = len(problems) - len(told)
        raise InputError([*told, Problem("axes", f"{rest} more members are wrong")] if rest else told)
    return tuple(members.values()), tuple(keys)


def content_hash(case: "Case", observables: Sequence[str]) -> str:
    """What a member's answer rests on, as one word: its case, the files that it reads, what is asked, the version."""
    document = {key: value for key, value in case.to_dict().items() if key not in ("title", "output")}
    files = {text: _checksum(text, *_stamp(text)) for text in sorted(_files(document))}
    content = {"case": document, "files": files, "observables": list(observables), "version": version("fibertwin")}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _files(node: object) -> set[str]:
    if isinstance(node, Mapping):
        return set().union(*(_files(value) for value in node.values())) if node else set()
    if isinstance(node, list | tuple):
        return set().union(*(_files(value) for value in node)) if node else set()
    return {node} if isinstance(node, str) and node.startswith("/") and Path(node).is_file() else set()


def _stamp(text: str) -> tuple[int, int]:
    found = Path(text).stat()
    return found.st_size, found.st_mtime_ns


@cache
def _checksum(text: str, size: int, changed: int) -> str:
    with Path(text).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
