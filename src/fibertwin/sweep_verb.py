"""The verb ``sweep``: one case at many samples, restartable, with a table and a report."""

import argparse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from mpi4py import MPI

    from fibertwin.studies import Journal, Row, Sweep

EXAMPLE = """examples:
  fibertwin sweep sweep.toml -o out
  fibertwin sweep sweep.toml -o out -n 2 --at-once 4
  mpirun -n 4 fibertwin sweep sweep.toml -o out       members on groups of this mpirun's ranks
a sweep that was stopped goes on where it was; members that are done are never run again
"""


def add_to(verbs: Any) -> None:
    """Put the verb among the others of the command line."""
    plain = argparse.RawDescriptionHelpFormatter
    verb = verbs.add_parser("sweep", help="run a case at many samples", epilog=EXAMPLE, formatter_class=plain)
    verb.add_argument("sweep", type=Path, metavar="SWEEP", help="the sweep file")
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="the sweep's folder (beside the file, its name)")
    verb.add_argument("-n", "--ranks", type=int, metavar="N", help="ranks of each member, over the file's")
    verb.add_argument("--at-once", type=int, default=0, metavar="N", help="members at a time (as the machine holds)")
    verb.add_argument("--retry", action="store_true", help="run members again that failed or took too long")
    verb.add_argument("--check", action="store_true", help="check the file and every member's case, and stop")
    verb.set_defaults(verb=command)


def command(arguments: argparse.Namespace) -> int:
    """Run what is not finished, then write table and report; exit code 3 where a member has no result."""
    from fibertwin import log
    from fibertwin.stack import world

    comm = world()
    log.configure(comm.rank)
    from fibertwin.parallel import on_root

    planned = on_root(comm, lambda: _planned(arguments, comm))
    out: Path = arguments.output or arguments.sweep.with_suffix("")
    if arguments.check:
        if comm.rank == 0:
            print(f"{len(planned.members)} members, {len(planned.observables)} observables; nothing is wrong")
        return 0
    if comm.size > 1:
        return _split(planned, out, comm, retry=arguments.retry)
    if planned.engine == "split":
        raise InputError(Problem("engine", "split runs inside mpirun", hint="mpirun -n 4 fibertwin sweep sweep.toml"))
    return _alone(planned, out, arguments)


def _planned(arguments: argparse.Namespace, comm: "MPI.Comm") -> "Sweep":
    from fibertwin.studies import read_sweep

    changes: dict[str, Any] = {} if arguments.ranks is None else {"ranks": arguments.ranks}
    if comm.size > 1:
        changes["engine"] = "split"
    return read_sweep(arguments.sweep, changes)


def _alone(planned: "Sweep", out: Path, arguments: argparse.Namespace) -> int:
    from fibertwin.studies import Journal
    from fibertwin.studies.sweeping import recorded, table_of, unfinished

    _make(out)
    with Journal(out).opened() as journal:
        todo = unfinished(planned, journal, retry=arguments.retry)
        rows = recorded(planned, journal, table_of(planned, out), todo, arguments.at_once)
        _followed(rows, planned, len(todo))
        return _told(planned, journal, out)


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(str(out), f"cannot be made a folder: {error.strerror}")) from error


def _followed(rows: Iterator["Row"], planned: "Sweep", count: int) -> None:
    """Show each member as it ends."""
    from fibertwin.log import logger, progress

    known = len(planned.members) - count
    if known:
        logger.info("%d of %d members are known already", known, len(planned.members))
    with progress("sweep", float(len(planned.members))) as bar:
        for ended, row in enumerate(rows, start=known + 1):
            bar.reached(float(ended), line(row))


def line(row: "Row") -> str:
    """A member's end in a line."""
    if row.outcome != "done":
        return f"member {row.number} {row.outcome}: {row.sentence.splitlines()[0]}"
    start = ", from a neighbor" if row.warm else ""
    return f"member {row.number}: {row.seconds:.2g} s, {row.newton} Newton iterations{start}"


def _told(planned: "Sweep", journal: "Journal", out: Path) -> int:
    """Write the report and say how the sweep stands."""
    from fibertwin.studies import page
    from fibertwin.studies.sweeping import rows_of

    rows = rows_of(planned, journal)
    print(page.sentence(planned, rows))
    files = [out / "table.csv", *out.glob("table.parquet"), page.write(planned, rows, out)]
    print(f"wrote {', '.join(map(str, files))}")
    return 0 if all(row.outcome == "done" for row in rows) else 3


def _split(planned: "Sweep", out: Path, comm: "MPI.Comm", *, retry: bool) -> int:
    """The sweep on groups of this mpirun's ranks; rank 0 keeps the journal. Collective."""
    from contextlib import ExitStack

    from fibertwin.case import Case
    from fibertwin.member import Runner, attempt
    from fibertwin.parallel import on_root
    from fibertwin.studies import Journal, split
    from fibertwin.studies.sweeping import record, rows_of, table_of, unfinished

    on_root(comm, lambda: _make(out))
    group = split.groups(comm, planned.ranks)
    journal, table = Journal(out), table_of(planned, out)
    with ExitStack() as held:

        def begin() -> Any:
            held.enter_context(journal.opened())
            table.write(rows_of(planned, journal))
            return unfinished(planned, journal, retry=retry)

        todo = on_root(comm, begin)
        assert isinstance(planned.case, Case)
        runner = Runner(planned.case, planned.observables, group, planned.petsc)

        def rows() -> Iterator["Row"]:
            for found in split.run(planned, todo, comm, lambda task: attempt(runner, task)):
                for one, how in found:
                    yield on_root(comm, partial(record, planned, journal, table, one, how))

        if todo:
            if comm.rank == 0:
                _followed(rows(), planned, len(todo))
            else:
                for _ in rows():
                    pass
        runner.close()

        def end() -> int:
            table.write(rows_of(planned, journal))
            table.write_parquet(rows_of(planned, journal))
            return _told(planned, journal, out)

        return on_root(comm, end)
