"""The engine for campaigns over days: job arrays through submitit, which outlive the program that sent them.

A job takes some members and writes a line for each as it ends. Whoever runs the sweep next reads those lines, waits
for jobs that still run and sends what is left. A job that its time limit ends is sent again, and skips what it has.
"""

import itertools
import json
import math
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import FibertwinError, InputError, Problem

from . import embedded
from .embedded import Ended, base_of
from .plan import Member, Sweep
from .workers import clean_environment, places

if TYPE_CHECKING:
    from fibertwin.case import Case

OPTIONS = ("backend", "members_per_job", "parameters")
MEMBERS_PER_JOB = 10
"""Of a cluster's job, where nobody says; on one machine its processors share them."""

PAUSE = 1.0
"""Seconds between looks at what jobs have written; the scheduler is asked a tenth as often."""


@dataclass(frozen=True)
class Sent:
    """A job that was sent.

    Attributes:
        name: of its file of answers, in the sweep's folder ``jobs``.
        job: its number at the scheduler.
        backend: ``local`` or ``slurm``.
        keys: its members.
    """

    name: str
    job: str
    backend: str
    keys: tuple[str, ...]


@dataclass
class Job:
    """What runs in a job; submitit calls it, and sends it again where a time limit cut it short.

    Attributes:
        base: what workers are told first.
        told: timeout, warm starts and ranks of the sweep.
        members: what to run.
        answers: file of a line for each member that has ended.
        at_once: members at a time; 0 for as many as the job has processors for.
    """

    base: dict[str, Any]
    told: dict[str, Any]
    members: tuple[Member, ...]
    answers: Path
    at_once: int

    def __call__(self) -> int:
        """Run what has no answer; gives how many members that was."""
        self.answers.parent.mkdir(parents=True, exist_ok=True)
        with self.answers.open("a", encoding="utf-8") as file:
            known = {answer["key"] for answer in _lines(self.answers)}
            todo = [member for member in self.members if member.key not in known]
            try:
                for member, answer in embedded.run(self._sweep(), todo, self.answers.parent, self.at_once):
                    _append(file, {"key": member.key, "answer": answer})
            except FibertwinError as error:
                _append(file, {"key": "", "error": str(error)})
            return len(todo)

    def checkpoint(self, *_: Any) -> Any:
        """Itself, to be sent again: its answers are on the disk."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _sweep(self) -> Sweep:
        return Sweep(_case(self.base), self.members, (), tuple(self.base["observables"]), **self.told)


def _case(base: dict[str, Any]) -> "Case":
    from fibertwin.case.plugins import load, sources
    from fibertwin.case.reading import validated

    folder = Path(base["folder"])
    load(sources(base["case"], folder))
    return validated(base["case"], folder)


def run(sweep: Sweep, members: Sequence[Member], folder: Path, at_once: int = 0) -> Iterator[Ended]:
    """Run members in jobs and yield each as it ends, those first that earlier jobs of this folder have run.

    Args:
        sweep: what they belong to; ``options`` may name the ``backend``, ``slurm`` or ``local``, ``members_per_job``,
            and submitit's ``parameters`` of a job, such as ``{ timeout_min = 240, slurm_partition = "long" }``.
        members: those still to run.
        folder: the sweep's, which the cluster's nodes must see.
        at_once: jobs at a time; 0 for as many as the scheduler starts.

    Raises:
        InputError: options that it does not know, or a scheduler that is not there.
        FibertwinError: a job says what is wrong with all of its members.
    """
    options = _options(sweep)
    jobs = folder.resolve() / "jobs"
    jobs.mkdir(exist_ok=True)
    watch = Watch(jobs, {member.key: member for member in members})
    yield from watch.news()
    watch.take_up()
    busy = {key for sent in watch.sent for key in sent.keys}
    rest = [member for key, member in watch.todo.items() if key not in busy]
    handles = []
    for sent, handle in _send(sweep, rest, jobs, options, at_once):
        watch.add(sent)
        handles.append(handle)
    for looks in itertools.count():
        yield from watch.news()
        if looks % 10 == 9:
            yield from watch.lost()
        if not watch.todo:
            break
        time.sleep(PAUSE)
    if options["backend"] == "local":
        for handle in handles:  # they are children of ours
            handle.wait()


@dataclass
class Watch:
    """Jobs under way, and what of their answers is not told yet.

    Attributes:
        folder: of their answers.
        todo: members without an answer, by their key; shrinks as answers come.
        sent: jobs that may still write.
    """

    folder: Path
    todo: dict[str, Member]
    sent: list[Sent] = field(default_factory=list)

    @property
    def register(self) -> Path:
        """The file of jobs that were sent."""
        return self.folder / "sent.jsonl"

    def add(self, sent: Sent) -> None:
        """Remember a job, on the disk too."""
        with self.register.open("a", encoding="utf-8") as file:
            _append(file, asdict(sent))
        self.sent.append(sent)

    def take_up(self) -> None:
        """Wait for jobs of an earlier program that still run."""
        for line in _lines(self.register):
            sent = Sent(line["name"], line["job"], line["backend"], tuple(line["keys"]))
            if not self.todo.keys().isdisjoint(sent.keys) and alive([sent]):
                self.sent.append(sent)

    def news(self) -> Iterator[Ended]:
        """Members that have ended since the last look.

        Raises:
            FibertwinError: a job refuses its members.
        """
        for path in sorted(self.folder.glob("*.answers.jsonl")):
            current = any(sent.name == path.name for sent in self.sent)
            for line in _lines(path):
                if "error" in line and current:
                    raise FibertwinError(line["error"])
                member = self.todo.pop(line["key"], None)
                if member is not None:
                    yield member, line["answer"]

    def lost(self) -> Iterator[Ended]:
        """Members whose job has ended without them."""
        still = alive(self.sent)
        for sent in [sent for sent in self.sent if sent.job not in still]:
            yield from self.news()  # what it wrote last
            self.sent.remove(sent)
            for key in sent.keys:
                member = self.todo.pop(key, None)
                if member is not None:
                    sentence = f"Job {sent.job} ended before the member did; its log is in {self.folder / 'log'}."
                    yield member, {"outcome": "failed", "sentence": sentence}


def _lines(path: Path) -> list[dict[str, Any]]:
    """Whole lines of a file; the last may be cut short by a kill, or be under way."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        with suppress(json.JSONDecodeError):
            found.append(json.loads(line))
    return found


def _append(file: Any, document: dict[str, Any]) -> None:
    file.write("\n" * (file.tell() > 0 and not _ended(file.name)) + json.dumps(document) + "\n")
    file.flush()


def _ended(name: str) -> bool:
    """Whether a file's last line is whole."""
    with Path(name).open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"


def _options(sweep: Sweep) -> dict[str, Any]:
    problems = [
        Problem(f"options.{name}", "is unknown", wanted=", ".join(OPTIONS))
        for name in sweep.options
        if name not in OPTIONS
    ]
    options = {"backend": "slurm", "members_per_job": 0, "parameters": {}, **sweep.options}
    if options["backend"] not in ("local", "slurm"):
        problems.append(Problem("options.backend", "is unknown", str(options["backend"]), "slurm or local"))
    number = options["members_per_job"]
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        problems.append(Problem("options.members_per_job", "is no number of members", str(number), "such as 20"))
    if not isinstance(options["parameters"], dict):
        problems.append(Problem("options.parameters", "is no table", str(options["parameters"])))
    if problems:
        raise InputError(problems)
    return options


def _send(
    sweep: Sweep, members: Sequence[Member], jobs: Path, options: dict[str, Any], at_once: int
) -> Iterator[tuple[Sent, Any]]:
    """Send jobs for members, as one array, and give submitit's handle of each."""
    if not members:
        return
    local = options["backend"] == "local"
    count = (at_once or places(sweep.ranks)) if local else math.ceil(len(members) / MEMBERS_PER_JOB)
    each = options["members_per_job"] or math.ceil(len(members) / count)
    told = {"ranks": sweep.ranks, "timeout": sweep.timeout, "warm": sweep.warm, "petsc": sweep.petsc}
    begun = time.time_ns()
    parts = [tuple(members[i : i + each]) for i in range(0, len(members), each)]
    work = [
        Job(base_of(sweep), told, part, (jobs / f"{begun}-{number}.answers.jsonl").resolve(), 1 if local else 0)
        for number, part in enumerate(parts)
    ]
    executor = _executor(options, jobs / "log", sweep.ranks, at_once)
    for one, handle in zip(work, executor.submit_array(work), strict=True):
        keys = tuple(member.key for member in one.members)
        yield Sent(one.answers.name, handle.job_id, options["backend"], keys), handle


def _executor(options: dict[str, Any], log: Path, ranks: int, at_once: int) -> Any:
    try:
        import submitit
    except ImportError as error:
        raise InputError(Problem("engine", "needs submitit", hint="pip install 'fibertwin[studies]'")) from error
    clean = clean_environment()
    for name in [name for name in os.environ if name not in clean]:
        del os.environ[name]  # jobs inherit it, and would take themselves for ranks of this process
    if options["backend"] == "slurm":
        _require_slurm()
    executor = submitit.AutoExecutor(log, cluster=options["backend"])
    parameters = {"cpus_per_task": ranks, "name": "fibertwin", "timeout_min": 60, "slurm_use_srun": False}
    if at_once:
        parameters["slurm_array_parallelism"] = at_once
    try:
        executor.update_parameters(**parameters | options["parameters"])
    except (NameError, ValueError, TypeError) as error:
        raise InputError(Problem("options.parameters", f"are not submitit's: {error}")) from error
    return executor


def _require_slurm() -> None:
    """Srun on PATH is no Slurm: ask its controller.

    Raises:
        InputError: none answers.
    """
    hint = 'run the sweep on the cluster\'s login node, or take options = { backend = "local" }'
    try:
        answer = subprocess.run(["sinfo", "--noheader"], capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        raise InputError(Problem("options.backend", "finds no Slurm: sinfo is not there", hint=hint)) from error
    if answer.returncode:
        words = (answer.stderr.strip().splitlines() or [""])[-1]
        raise InputError(Problem("options.backend", "finds no Slurm that answers", words, hint=hint))


def alive(jobs: Sequence[Sent]) -> set[str]:
    """Numbers of the jobs that wait or run, by the scheduler, or by the processes of this machine."""
    found = {sent.job for sent in jobs if sent.backend == "local" and _runs(int(sent.job))}
    if any(sent.backend == "slurm" for sent in jobs):
        listed = subprocess.run(
            ["squeue", "--me", "--array", "--noheader", "--format=%i"], capture_output=True, text=True, check=False
        )
        if listed.returncode:  # a controller that is away for a while has lost nothing
            return {sent.job for sent in jobs}
        waiting = set(listed.stdout.split())
        found |= {sent.job for sent in jobs if sent.backend == "slurm" and _known_as(sent.job) & waiting}
    return found


def _runs(process: int) -> bool:
    """Whether a process of this machine is at work; one of our own that has ended is taken from the table."""
    with suppress(ChildProcessError):  # an earlier program's
        if os.waitpid(process, os.WNOHANG)[0]:
            return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, PermissionError):  # gone; its number may be another's by now
        return False
    return True


def _known_as(job: str) -> set[str]:
    """A job's names in the queue: an array of one job goes by its own number."""
    return {job, job.split("_")[0]} if job.endswith("_0") else {job}
