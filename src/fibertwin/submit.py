"""The verb ``submit``: a readable batch script for a case, which goes on by itself where its time limit stops it."""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from fibertwin import jit
from fibertwin.errors import InputError, Problem

EXAMPLE = """examples:
  fibertwin submit case.toml --nodes 2 --ntasks 64 --time 2:00:00
  fibertwin submit case.toml --ntasks 16 --time 1-00:00:00 --directive=--partition=long --go
  fibertwin submit case.toml --ntasks 16 --time 8:00:00 --container fibertwin.sif
  fibertwin submit case.toml --nodes 2 --ntasks 64 --time 2:00:00 --scheduler pbs
"""

SUBMITTING = {"slurm": "sbatch {}", "pbs": "qsub {}", "lsf": "bsub < {}"}
"""How a script is handed to its scheduler, by the scheduler's name."""

LAUNCHERS = {
    "slurm": "srun --mpi=pmi2",
    "pbs": '{mpirun} -n {ntasks} -hostfile "$PBS_NODEFILE"',
    "lsf": "{mpirun} -n {ntasks}",
}
"""What starts the ranks unless ``--launcher`` says otherwise: MPICH's ways, as the wheel and the image bring MPICH."""

GRACE = 300
"""Seconds before the end of the time limit at which the ranks are told, or a quarter of it where that is less."""

RESTARTS = 50
"""Times that a job is queued again, after which something else than its time limit must be wrong."""

REMOTE = ("docker://", "oras://", "library://", "shub://")
"""How names of images begin that Apptainer fetches itself."""


@dataclass(frozen=True)
class Job:
    """What a script is to run, and where.

    Attributes:
        case: the case file.
        out: folder for the results; the script and its log lie in it.
        scheduler: ``slurm``, ``pbs`` or ``lsf``.
        nodes: how many.
        ntasks: ranks on all of them.
        seconds: time limit (s).
        grace: how long before that the ranks are told to write a checkpoint (s).
        launcher: what starts the ranks, as a line of shell; empty for the scheduler's own.
        container: image in which the ranks run, or empty.
        inputs: files that the case names, which a container must see.
        options: words for ``fibertwin run`` after the folder.
        directives: further options of the scheduler, in its own words.
        restarts: times that the job is queued again.
    """

    case: Path
    out: Path
    scheduler: str
    nodes: int
    ntasks: int
    seconds: int
    grace: int
    launcher: str = ""
    container: str = ""
    inputs: tuple[Path, ...] = ()
    options: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    restarts: int = RESTARTS

    @property
    def script(self) -> Path:
        """The script's file."""
        return self.out / f"job.{self.scheduler}.sh"

    @property
    def name(self) -> str:
        """The job's name: the case's, of letters that every scheduler takes."""
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", self.case.stem)[:15].lstrip("-.0123456789") or "fibertwin"

    @property
    def cache(self) -> Path:
        """Where its compiled forms are; a container's C library is another one than the host's."""
        root = jit.cache_root()
        return root / f"container-{Path(self.container).stem}" if self.container else root


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    from fibertwin.cli import _add_case

    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser(
        "submit", help="write a batch script for a case, or submit it", epilog=EXAMPLE, formatter_class=plain
    )
    _add_case(verb)
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="folder for results (beside the case, its name)")
    verb.add_argument("--nodes", type=int, default=1, metavar="N", help="how many nodes (1)")
    verb.add_argument("--ntasks", type=int, required=True, metavar="N", help="ranks on all of them")
    verb.add_argument("--time", required=True, metavar="[D-]H:MM:SS", help="time limit of one round")
    verb.add_argument("--grace", type=int, metavar="S", help="tell the ranks so long before the limit (300)")
    verb.add_argument(
        "--restarts", type=int, default=RESTARTS, metavar="N", help=f"rounds after the first ({RESTARTS})"
    )
    verb.add_argument("--scheduler", choices=tuple(SUBMITTING), default="slurm", help="slurm unless given")
    verb.add_argument("--container", default="", metavar="IMAGE", help="run in this image by Apptainer")
    verb.add_argument("--launcher", default="", metavar="COMMAND", help="what starts the ranks (srun --mpi=pmi2)")
    verb.add_argument(
        "--directive",
        action="append",
        default=[],
        metavar="OPTION",
        dest="directives",
        help="a further option of the scheduler: --directive=--account=heart",
    )
    verb.add_argument("--petsc", default="", metavar="OPTIONS", help="PETSc options for the run")
    verb.add_argument("--go", action="store_true", help="submit it too")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Check the options and the case, write the script, and submit it where that was asked for.

    Raises:
        InputError: an option can't be, the case is wrong, or the scheduler refuses the script.
    """
    asked = job(arguments)
    text = script(asked)
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        asked.script.write_text(text, encoding="utf-8")
        asked.script.chmod(0o755)
    except OSError as error:
        raise InputError(Problem(str(asked.script), f"cannot be written: {error.strerror}")) from error
    print(f"wrote {asked.script}")
    if arguments.go:
        print(_submitted(asked))
    else:
        print(f"submit it with:     {SUBMITTING[asked.scheduler].format(shlex.quote(str(asked.script)))}")
        print(f"compile first with: {warming(asked)}")
    return 0


def job(arguments: argparse.Namespace) -> Job:
    """The job that a command line asks for.

    Raises:
        InputError: with everything that is wrong with its options, or else with the case.
    """
    wrong = []
    seconds = _seconds(arguments.time)
    if seconds is None:
        wanted = "hours, minutes and seconds, as in 2:00:00 or 1-12:00:00"
        wrong.append(Problem("--time", "is no time limit", arguments.time, wanted))
    for option, least in (("nodes", 1), ("ntasks", 1), ("restarts", 0)):
        if getattr(arguments, option) < least:
            wrong.append(Problem(f"--{option}", "is too small", str(getattr(arguments, option)), f"{least} or more"))
    if not wrong:
        wrong += _spread(arguments)
    grace = arguments.grace if arguments.grace is not None else min(GRACE, (seconds or 0) // 4)
    if seconds is not None and not 0 < grace < seconds:
        wrong.append(Problem("--grace", "must end before the time limit", f"{grace} s", f"between 0 and {seconds} s"))
    if arguments.container and not arguments.container.startswith(REMOTE) and not Path(arguments.container).exists():
        hint = "apptainer build fibertwin.sif docker/fibertwin.def"
        wrong.append(Problem("--container", "there is no such image", arguments.container, hint=hint))
    wrong += [
        Problem(
            "--directive", "is no option of a scheduler", text, "one line that begins with -", "--directive=--qos=low"
        )
        for text in arguments.directives
        if not text.startswith("-") or "\n" in text
    ]
    out = (arguments.output or arguments.case.with_suffix("")).resolve()
    if re.search(r"[\s%]", str(out)):
        wanted = "a path without blanks and %, which schedulers take for something else"
        wrong.append(Problem("--output", "can't be told to a scheduler", str(out), wanted))
    if wrong or seconds is None:
        raise InputError(wrong)
    remote = arguments.container.startswith(REMOTE)
    options = [word for change in arguments.changes for word in ("--set", change)]
    return Job(
        case=arguments.case.resolve(),
        out=out,
        scheduler=arguments.scheduler,
        nodes=arguments.nodes,
        ntasks=arguments.ntasks,
        seconds=seconds,
        grace=grace,
        launcher=arguments.launcher,
        container=arguments.container
        if remote or not arguments.container
        else str(Path(arguments.container).resolve()),
        inputs=_inputs(arguments),
        options=(*options, *([f"--petsc={arguments.petsc}"] if arguments.petsc else []), *["-v"] * arguments.verbose),
        directives=tuple(arguments.directives),
        restarts=arguments.restarts,
    )


def _seconds(text: str) -> int | None:
    """Seconds of ``[D-]H:MM:SS``, None where it is something else."""
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)", text)
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (0, 0, 0, 0)
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds or None


def _spread(arguments: argparse.Namespace) -> list[Problem]:
    """What is wrong with so many ranks on so many nodes."""
    nodes, ntasks = arguments.nodes, arguments.ntasks
    if ntasks < nodes:
        return [Problem("--ntasks", "leaves nodes idle", str(ntasks), f"at least {nodes}, one for each node")]
    if arguments.scheduler != "slurm" and ntasks % nodes:
        wanted = f"a multiple of {nodes}, as {arguments.scheduler} gives every node as many"
        return [Problem("--ntasks", "does not fit the nodes", str(ntasks), wanted)]
    return []


def _inputs(arguments: argparse.Namespace) -> tuple[Path, ...]:
    """The files that the case names; reading it tells what is wrong with it before it waits in a queue."""
    import fibertwin.stack  # noqa: F401 (before MPI is loaded)
    from fibertwin.case import Case
    from fibertwin.cli import _changes
    from fibertwin.stages import inputs

    case = Case.read(arguments.case, _changes(arguments.changes))
    return tuple(path.resolve() for path in inputs(case))


def script(job: Job) -> str:
    """The script as text."""
    flags = os.environ.get(jit.FLAGS_VARIABLE)
    prefix = {"slurm": "#SBATCH ", "pbs": "#PBS ", "lsf": "#BSUB "}[job.scheduler]
    body = _filled(
        _template("body"),
        {
            "CACHE": shlex.quote(str(job.cache)),
            "FLAGS": "" if flags is None else f" {jit.FLAGS_VARIABLE}={shlex.quote(flags)}",
            "FOLDER": shlex.quote(str(job.case.parent)),
            "COMMAND": command_line(job),
            "RESTARTS": str(job.restarts),
        },
    )
    head = {
        "TITLE": f"{job.case.name} on {job.ntasks} ranks, nodes: {job.nodes}, rounds of {_time(job)}",
        "SCRIPT": shlex.quote(str(job.script)),
        "NAME": job.name,
        "NODES": str(job.nodes),
        "NTASKS": str(job.ntasks),
        "PER_NODE": str(job.ntasks // job.nodes),
        "TIME": _time(job),
        "LOG": str(job.out / {"slurm": "job-%j.log", "pbs": "job.log", "lsf": "job-%J.log"}[job.scheduler]),
        "GRACE": str(-(-job.grace // 60) if job.scheduler == "lsf" else job.grace),
        "WORKING": str(job.seconds - job.grace),
        "DIRECTIVES": "".join(f"{prefix}{text}\n" for text in job.directives),
        "BODY": body,
    }
    return _filled(_template(job.scheduler), head)


def _template(name: str) -> str:
    return (files("fibertwin.schedulers") / f"{name}.sh").read_text(encoding="utf-8")


def _filled(template: str, values: dict[str, str]) -> str:
    """The template with every ``@NAME@`` replaced."""
    return re.sub(r"@([A-Z_]+)@", lambda found: values[found[1]], template)


def _time(job: Job) -> str:
    """The time limit as the scheduler writes it; LSF knows no seconds."""
    minutes = -(-job.seconds // 60)
    if job.scheduler == "lsf":
        return f"{minutes // 60}:{minutes % 60:02d}"
    return f"{job.seconds // 3600}:{job.seconds // 60 % 60:02d}:{job.seconds % 60:02d}"


def command_line(job: Job) -> str:
    """The line that starts the ranks."""
    mpirun = "mpirun" if job.container else _beside("mpirun") or "mpirun"
    launcher = job.launcher or LAUNCHERS[job.scheduler].format(mpirun=mpirun, ntasks=job.ntasks)
    run = ["run", str(job.case), "-o", str(job.out), "--resume", *job.options]
    return f"{launcher} {_program(job)} {shlex.join(run)}"


def warming(job: Job) -> str:
    """The line that compiles ahead, into the cache of the job."""
    pairs = [word for word in job.options if word != "-v"]
    return (
        f"FIBERTWIN_CACHE={shlex.quote(str(job.cache))} {_program(job)} {shlex.join(['warm', str(job.case), *pairs])}"
    )


def _program(job: Job) -> str:
    """How fibertwin is called: in the container, which sees the folders of its files, or as it was called now."""
    if not job.container:
        return _beside("fibertwin") or shlex.join([sys.executable, "-m", "fibertwin.cli"])
    folders = {job.case.parent, job.out, job.cache, *(path.parent for path in job.inputs)}
    seen = [word for folder in sorted(folders) for word in ("--bind", str(folder))]
    given = f"FIBERTWIN_CACHE={job.cache},OMP_NUM_THREADS=1,OPENBLAS_NUM_THREADS=1"
    return shlex.join(["apptainer", "exec", *seen, "--env", given, job.container, "fibertwin"])


def _beside(name: str) -> str:
    """A program of this Python's environment, for a shell; empty where there is none."""
    path = Path(sys.executable).with_name(name)
    return shlex.quote(str(path)) if path.exists() else ""


def _submitted(job: Job) -> str:
    """Hand the script to the scheduler and give its answer.

    Raises:
        InputError: the scheduler is not there or refuses.
    """
    line: Sequence[str] = shlex.split(SUBMITTING[job.scheduler].partition(" ")[0])
    job.cache.mkdir(parents=True, exist_ok=True)
    try:
        if job.scheduler == "lsf":
            done = subprocess.run(line, input=script(job), capture_output=True, text=True, check=False)
        else:
            done = subprocess.run([*line, str(job.script)], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        hint = "on a login node, or with another --scheduler"
        raise InputError(Problem("--go", f"there is no {line[0]} here", hint=hint)) from error
    if done.returncode:
        raise InputError(Problem("--go", f"{line[0]} refuses the script", done.stderr.strip(), hint=str(job.script)))
    return done.stdout.strip()
