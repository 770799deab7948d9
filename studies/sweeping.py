"""Running a sweep: what is finished stays, the rest goes to an engine, and journal and table grow with every member."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

from . import embedded, page
from .journal import Journal, Row
from .plan import Engine, Member, Sweep, plan
from .table import Table

if TYPE_CHECKING:
    from fibertwin.case import Case


def sweep(
    case: "Case",
    axes: Mapping[str, Any],
    *,
    observables: Sequence[str],
    out: Path | str,
    sample: str = "grid",
    members: int = 1,
    seed: int = 0,
    ranks: int = 1,
    at_once: int = 0,
    timeout: float = 0.0,
    warm: bool = True,
    engine: Engine = "embedded",
) -> Iterator[Row]:
    """Run a case at many samples and give each member's row, first those known already, then as they end.

    Args:
        case: the base case.
        axes: by place in the case file a list of values or ``{"from": "1 kPa", "to": "3 kPa", "steps": 5}``.
        observables: places in ``summary.json``, or such as ``fiber_strain.tissue.p95``.
        out: the sweep's folder; members that it knows are not run again.
        sample: grid, zip, latin-hypercube, sobol, sobol-indices or morris.
        members: samples, where the design needs to be told.
        seed: of the design.
        ranks: MPI ranks of each member.
        at_once: members at a time; 0 for as many as the machine holds.
        timeout: seconds that a member may take; 0 for any.
        warm: whether members start from solved neighbors.
        engine: what runs them.

    Raises:
        InputError: with everything that is wrong, before anything runs.
    """
    said: dict[str, Any] = {"axes": axes, "observables": list(observables), "sample": sample, "members": members}
    said |= {"seed": seed, "ranks": ranks, "timeout": timeout, "warm": warm, "engine": engine}
    if engine == "split":
        raise InputError(Problem("engine", "split runs inside mpirun: mpirun -n 4 fibertwin sweep sweep.toml"))
    return _rows(plan(case, said), Path(out), at_once)


def _rows(planned: Sweep, out: Path, at_once: int) -> Iterator[Row]:
    out.mkdir(parents=True, exist_ok=True)
    with Journal(out).opened() as journal:
        todo = unfinished(planned, journal)
        known = {member.key for member in todo}
        yield from (
            renumbered(journal.rows[member.key], member) for member in planned.members if member.key not in known
        )
        yield from recorded(planned, journal, table_of(planned, out), todo, at_once)
        page.write(planned, rows_of(planned, journal), out)


def table_of(planned: Sweep, out: Path) -> Table:
    """The sweep's table in its folder."""
    return Table(out, planned.inputs, planned.observables)


def unfinished(planned: Sweep, journal: Journal, *, retry: bool = False) -> list[Member]:
    """Members that the journal does not know; with ``retry`` those too that failed or took too long."""

    def known(member: Member) -> bool:
        row = journal.rows.get(member.key)
        return row is not None and (row.outcome == "done" or not retry)

    return [member for member in planned.members if not known(member)]


def recorded(planned: Sweep, journal: Journal, table: Table, todo: Sequence[Member], at_once: int = 0) -> Iterator[Row]:
    """Run members on the sweep's engine; each row is on disk before it is given."""
    table.write(rows_of(planned, journal))
    for member, answer in engine_of(planned, journal, todo, at_once) if todo else ():
        yield record(planned, journal, table, member, answer)
    table.write(rows_of(planned, journal))
    table.write_parquet(rows_of(planned, journal))


def engine_of(planned: Sweep, journal: Journal, todo: Sequence[Member], at_once: int) -> Iterator[embedded.Ended]:
    """The engine at work."""
    if planned.engine == "executorlib":
        from . import with_executorlib

        return with_executorlib.run(planned, todo, at_once)
    if planned.engine == "submitit":
        from . import with_submitit

        return with_submitit.run(planned, todo, journal.path.parent, at_once)
    return embedded.run(planned, todo, journal.path.parent, at_once)


def record(planned: Sweep, journal: Journal, table: Table, member: Member, answer: Mapping[str, Any]) -> Row:
    """Write down how a member ended."""
    row = Row(
        member.key,
        member.number,
        member.sample,
        answer["outcome"],
        answer.get("observables", {}),
        answer["sentence"],
        answer.get("seconds", 0.0),
        answer.get("newton", 0),
        answer.get("warm", False),
        planned.ranks,
    )
    journal.add(row)
    table.append(row)
    return row


def rows_of(planned: Sweep, journal: Journal) -> list[Row]:
    """What the journal knows of this sweep's members, in their order."""
    return [renumbered(journal.rows[m.key], m) for m in planned.members if m.key in journal.rows]


def renumbered(row: Row, member: Member) -> Row:
    """A row under the number and sample that its member has in this sweep: a folder may have served another one."""
    from dataclasses import replace

    return replace(row, number=member.number, sample=member.sample)
