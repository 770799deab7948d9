"""The command ``fibertwin``: its verbs, told apart and handed on.

Exit codes: 0 done, 1 a verification out of its band, 2 bad input, 3 the solve failed, 75 ended by a signal and to be
taken up again. Heavy libraries are loaded by the verbs that need them.
"""

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from fibertwin.errors import FibertwinError, InputError, Problem
from fibertwin.verbs import add_families

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.case import Case

GRACE = 20.0
"""Seconds that a rank with an error waits for the others to come to the same end before it stops them."""

FORWARDING = 1.0
"""Seconds that mpirun gets to forward a message before an abort makes it drop what it has not."""

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

UNREAD = 141
"""Exit code where the reader of a pipe (``| head``) has gone, as shells have it."""

RANKS = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK", "SLURM_PROCID")
"""Variables by which launchers tell a process its rank, before MPI is loaded."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    arguments = _parser().parse_args(_joined(sys.argv[1:] if argv is None else argv))
    try:
        verb: Callable[[argparse.Namespace], int] = arguments.verb
        code = verb(arguments)
        sys.stdout.flush()
        return code
    except FibertwinError as error:
        if _launched_rank() == 0:
            _tell(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("fibertwin: stopped", file=sys.stderr)
        return STOPPED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more as it ends
        return UNREAD


def _joined(argv: Sequence[str]) -> list[str]:
    """The arguments with ``--petsc -x`` as ``--petsc=-x``: argparse takes a lone word with a dash for an option."""
    words = list(argv)
    at = words.index("--petsc") if "--petsc" in words[:-1] else None
    return words if at is None else [*words[:at], f"--petsc={words[at + 1]}", *words[at + 2 :]]


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is printed by one rank only."""

    def error(self, message: str) -> NoReturn:
        if _launched_rank() == 0:
            super().error(message)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fibertwin", description="From a patient's diffusion MRI to tissue strain and stress.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and stop")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    init = verbs.add_parser("init", help="write a commented case file to start from")
    init.add_argument("file", type=Path, nargs="?", default=Path("case.toml"), metavar="FILE")
    init.set_defaults(verb=_init)

    schema = verbs.add_parser("schema", help="print the JSON Schema of the case file, for editors")
    schema.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to a file instead")
    schema.add_argument("--markdown", action="store_true", help="the reference page of the case file instead")
    schema.set_defaults(verb=_schema)

    check = verbs.add_parser("check", help="validate a case and print what would be run")
    _add_case(check)
    check.add_argument("--picture", type=Path, metavar="FILE", help="build the body too and draw its surfaces (.png)")
    check.set_defaults(verb=_check)

    run = verbs.add_parser("run", help="run a case, on any number of ranks: mpirun -n 4 fibertwin run case.toml -o out")
    _add_case(run)
    _add_run(run)
    run.add_argument("--resume", action="store_true", help="go on from the checkpoint in the folder, if there is one")
    run.add_argument(
        "--resume-anyway", action="store_true", help="also from one of another case or version, as a first guess"
    )
    run.set_defaults(verb=_run)

    report = verbs.add_parser("report", help="write report.html again from the results in a folder")
    report.add_argument("folder", type=Path, metavar="DIR")
    report.set_defaults(verb=_report)

    lines = verbs.add_parser(
        "streamlines", help="draw lines along the fibers of the results in a folder, and write them for VTK"
    )
    lines.add_argument("folder", type=Path, metavar="DIR")
    lines.add_argument("--seeds", type=int, default=1000, metavar="N", help="how many lines (1000)")
    lines.set_defaults(verb=_streamlines)

    demo = verbs.add_parser("demo", help="run the main job on a real whole-brain scan")
    _add_run(demo)
    demo.set_defaults(verb=_demo)

    add_families(verbs)

    verify = verbs.add_parser("verify", help="solve problems whose answers are known, and compare")
    verify.add_argument("--quick", action="store_true", help="only what takes little time: below two minutes in all")
    verify.add_argument("--only", default="", metavar="PATTERN", help="part of an entry's name, or a pattern: land/*")
    verify.add_argument("--list", action="store_true", dest="listed", help="print the entries' names and stop")
    verify.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="keep what is done; go on from there next time"
    )
    verify.add_argument("--fresh", action="store_true", help="with -o: start over")
    verify.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    verify.add_argument("--html", type=Path, metavar="FILE", help="write a page too")
    verify.set_defaults(verb=_verify)

    doctor = verbs.add_parser("doctor", help="check this machine: DOLFINx, MPI, compiler, rendering, versions")
    doctor.set_defaults(verb=_doctor)
    return parser


def _add_case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", type=Path, metavar="CASE", help="the case file")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="changes",
        help='change a value of the case file: --set materials.tissue.energies.0.mu="3 kPa"',
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for the results")
    parser.add_argument("--petsc", default="", metavar="OPTIONS", help='PETSc options: --petsc "-snes_monitor"')
    if parser.prog.endswith("demo"):
        parser.add_argument("-v", "--verbose", action="store_true", help="say more")


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"fibertwin {version('fibertwin')}")
        parser.exit()


def _init(arguments: argparse.Namespace) -> int:
    from fibertwin.case.starter import STARTER

    path: Path = arguments.file
    if path.exists():
        raise InputError(Problem(str(path), "exists already, and is left as it is", hint="give another name"))
    _write(path, STARTER)
    print(f"wrote {path}; put your files' names in, then: fibertwin check {path}")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    import json

    if arguments.markdown:
        from fibertwin.case.reference import markdown

        text = markdown()
    else:
        from fibertwin.case.document import json_schema

        text = json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        _write(arguments.output, text)
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be written: {error.strerror}")) from error


def _check(arguments: argparse.Namespace) -> int:
    def work(comm: "MPI.Comm") -> None:
        case = _read(arguments, comm)
        from fibertwin.plan import plan

        sentences = plan(case, comm)
        if comm.rank == 0:
            print(sentences, flush=True)
        if arguments.picture is not None:
            from fibertwin import patches

            patches.require_picture(arguments.picture, comm)
            drawn = patches.draw(case, arguments.picture, comm)
            if comm.rank == 0:
                print(drawn)

    return _on_every_rank(work, arguments.verbose)


def _run(arguments: argparse.Namespace) -> int:
    from fibertwin.signals import heeded

    def work(comm: "MPI.Comm") -> None:
        with heeded() as stop:
            case = _read(arguments, comm)
            _make_folder(arguments.output, comm)
            from fibertwin import pipeline
            from fibertwin.kept import Resume

            resume = Resume(arguments.resume, arguments.resume_anyway)
            result = pipeline.run(case, arguments.output, comm, petsc=arguments.petsc, resume=resume, stop=stop)
        if comm.rank == 0:
            print(result.outcome.sentence)

    return _on_every_rank(work, arguments.verbose)


def _demo(arguments: argparse.Namespace) -> int:
    def work(comm: "MPI.Comm") -> None:
        _make_folder(arguments.output, comm)
        from fibertwin import demo

        result = demo.run(arguments.output, comm, petsc=arguments.petsc)
        if comm.rank == 0:
            print(result.outcome.sentence)

    return _on_every_rank(work, arguments.verbose)


def _report(arguments: argparse.Namespace) -> int:
    summary = arguments.folder / "summary.json"
    if not summary.is_file():
        hint = "give the folder that fibertwin run -o wrote"
        raise InputError(Problem(str(arguments.folder), "holds no results", wanted=str(summary), hint=hint))
    if _launched_rank() == 0:
        from fibertwin import report

        print(f"wrote {report.write_report(arguments.folder)}")
    return 0


def _streamlines(arguments: argparse.Namespace) -> int:
    if not (arguments.folder / "fields.pvd").is_file():
        hint = "give the folder that fibertwin run -o wrote, with pvd among its formats"
        raise InputError(Problem(str(arguments.folder), "holds no fields", wanted="fields.pvd", hint=hint))
    if _launched_rank() == 0:
        from fibertwin.report.lines import write_lines

        print("wrote " + ", ".join(str(path) for path in write_lines(arguments.folder, arguments.seeds)))
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from fibertwin import doctor

    return doctor.main()


def _verify(arguments: argparse.Namespace) -> int:
    words = ("quick", "only", "listed", "output", "fresh", "json", "html")
    options = {word: getattr(arguments, word) for word in words}

    def work(comm: "MPI.Comm") -> None:
        from fibertwin import verify

        verify.command(comm, **options)

    return _on_every_rank(work, verbose=False)


def _read(arguments: argparse.Namespace, comm: "MPI.Comm") -> "Case":
    """Read the case with what --set changes of it. Collective."""
    from fibertwin.case import Case
    from fibertwin.parallel import on_root

    return Case.read(arguments.case, on_root(comm, lambda: _changes(arguments.changes)), comm=comm)


def _changes(texts: Sequence[str]) -> dict[str, object]:
    from fibertwin.case.toml import parsed

    unclear = [text for text in texts if "=" not in text]
    if unclear:
        wanted = "KEY=VALUE, such as solve.stepping.first=0.5"
        raise InputError(Problem("--set", "is not KEY=VALUE", got=text, wanted=wanted) for text in unclear)
    return {key.strip(): parsed(value.strip()) for key, _, value in (text.partition("=") for text in texts)}


def _make_folder(path: Path, comm: "MPI.Comm") -> None:
    """Make the folder for the results, before anything is computed. Collective."""
    from fibertwin.parallel import on_root

    def make() -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(Problem(str(path), f"cannot be made a folder: {error.strerror}")) from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise InputError(Problem(str(path), "is a folder that cannot be written to"))

    on_root(comm, make)


def _on_every_rank(work: Callable[["MPI.Comm"], None], verbose: bool) -> int:
    """Run ``work`` on all ranks; an error on any ends all of them. Collective."""
    from fibertwin import log
    from fibertwin.launch import require_one_world
    from fibertwin.stack import world

    comm = world()
    require_one_world(comm.size)
    way_out = comm.Dup()  # so that leaving never meets a collective that another rank is still in
    log.configure(comm.rank, verbose=verbose)
    if comm.size > 1:
        sys.excepthook = _stopping_all(comm)
    try:
        work(comm)
    except FibertwinError as error:
        _leave(error, way_out)
        code = error.exit_code
    except KeyboardInterrupt:
        if comm.size > 1:
            comm.Abort(STOPPED)
        raise
    else:
        code = 0
    way_out.Free()  # collective: not on the way of an unexpected exception, which only this rank may be on
    return code


def _leave(error: FibertwinError, comm: "MPI.Comm") -> None:
    """Say what is wrong, once, and wait for the others; stop them where they do not come. Collective."""
    if comm.rank == 0:
        _tell(error)
    request = comm.Ibarrier()
    deadline = time.monotonic() + GRACE
    while not request.Test():
        if time.monotonic() > deadline:
            if comm.rank != 0:
                _tell(error)
            time.sleep(FORWARDING)
            comm.Abort(error.exit_code)
        time.sleep(0.005)


def _tell(error: FibertwinError) -> None:
    count = len(error.problems) if isinstance(error, InputError) else 1
    opening = f"fibertwin: {count} problems\n" if count > 1 else "fibertwin: "
    print(f"{opening}{error}", file=sys.stderr, flush=True)


def _stopping_all(comm: "MPI.Comm") -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """An exception hook that stops every rank, so that none waits for the one that failed."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        print(f"rank {comm.rank} of {comm.size}:", file=sys.stderr)
        traceback.print_exception(kind, error, trace)
        sys.stderr.flush()
        time.sleep(FORWARDING)
        comm.Abort(1)

    return hook


def _launched_rank() -> int:
    """This process's rank as its launcher tells it; 0 without one."""
    return next((int(os.environ[name]) for name in RANKS if os.environ.get(name, "").isdigit()), 0)


if __name__ == "__main__":
    sys.exit(main())
