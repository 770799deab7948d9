"""``fibertwin verify``: known answers, measured again here, each judged by a band."""

from pathlib import Path
from typing import TYPE_CHECKING

from .entry import Entry, Finding, OutOfBandError, Row, at_least, at_most, entry, near, told, within

if TYPE_CHECKING:
    from mpi4py import MPI

__all__ = [
    "Entry",
    "Finding",
    "OutOfBandError",
    "Row",
    "at_least",
    "at_most",
    "command",
    "entry",
    "near",
    "told",
    "within",
]


def command(
    comm: "MPI.Comm",
    *,
    quick: bool = False,
    only: str = "",
    listed: bool = False,
    output: Path | None = None,
    fresh: bool = False,
    json: bool = False,
    html: Path | None = None,
) -> None:
    """What the verb does: run the entries that are asked for and print the table on rank 0. Collective.

    Args:
        comm: the ranks.
        quick: only what takes little time.
        only: part of an entry's name, or a pattern.
        listed: print the entries' names instead of running them.
        output: folder that keeps the rows as they come; entries that it holds already are not run again.
        fresh: run those too.
        json: print a JSON list instead of a table.
        html: file for the page.

    Raises:
        InputError: no entry is asked for, or something cannot be written.
        OutOfBandError: a figure is out of its band or could not be measured.
    """
    from fibertwin.parallel import on_root

    from .page import page
    from .problems import every_entry
    from .run import chosen, run
    from .store import Store, stamp, write
    from .table import as_json, sentence, text

    entries = chosen(every_entry(), quick=quick, only=only)
    if listed:
        on_root(comm, lambda: print("\n".join(f"{e.name:<44} {e.problem}" for e in entries)))
        return
    made = stamp(comm.size)
    rows = run(entries, comm, None if output is None else Store(output, made), fresh=fresh)

    def show() -> None:
        files = [] if html is None else [html]
        if output is not None:
            files.append(output / "verify.html")
            write(output / "verify.json", as_json(rows) + "\n")
        for file in files:
            write(file, page(rows, made))
        print(as_json(rows) if json else text(rows), flush=True)

    on_root(comm, show)
    if any(row.finding.verdict in ("missed", "failed") for row in rows):
        raise OutOfBandError(sentence(rows))
