"""The verification's machinery: verdicts, errors, rows kept and taken up again, the table, the page, exit codes."""

import json
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mpi4py import MPI

from fibertwin import cli, verify
from fibertwin.errors import InputError, SolveError
from fibertwin.verify import problems, table
from fibertwin.verify.entry import Entry, Finding, at_least, at_most, near, told, within
from fibertwin.verify.page import page
from fibertwin.verify.run import chosen, run
from fibertwin.verify.store import Store, stamp

WORLD, SELF = MPI.COMM_WORLD, MPI.COMM_SELF
MADE = {"fibertwin": "1", "sources": "a", "dolfinx": "0.11", "ranks": 1}


def good(comm: MPI.Comm) -> Iterator[Finding]:
    yield near("width, mm", 2.0, 2.001, relative=1e-3)
    yield told("effort", "3 steps")


def bad(comm: MPI.Comm) -> Iterator[Finding]:
    yield near("height <&>, mm", 2.0, 2.1, relative=1e-3)


def broken(comm: MPI.Comm) -> Iterator[Finding]:
    yield at_most("first", 1.0, 0.5)
    raise SolveError("The solve stopped at 0.3 of the full load.")


def entry(measure, name: str = "group/one", **more) -> Entry:
    return Entry(name, f"Problem {name}", "Someone 1999", measure, **more)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (near("", 2.0, 2.001, relative=1e-3), "met"),
        (near("", -2.0, -2.003, relative=1e-3), "missed"),
        (near("", 0.0, 1e-9, absolute=1e-8), "met"),
        (near("", 1.0, float("nan"), relative=1.0), "missed"),
        (within("", 4.0, 4.2, 4.2), "met"),
        (within("", 4.0, 4.2, 4.21, target=4.17), "missed"),
        (at_most("", 1e-10, 1e-11), "met"),
        (at_most("", 1e-10, float("inf")), "missed"),
        (at_least("", 2.9, 2.95), "met"),
        (at_least("", 2.9, 2.85), "missed"),
        (told("", 3.0), "info"),
    ],
)
def test_a_band_judges(found: Finding, verdict: str):
    assert found.verdict == verdict


def test_the_deviation_is_ours_less_the_target():
    assert near("", 2.0, 2.5, absolute=1.0).deviation == 0.5
    assert at_most("", 1.0, 0.5).deviation is None


@pytest.mark.mpi
def test_every_rank_gets_the_same_rows_and_an_error_is_one_of_them():
    rows = run([entry(good), entry(broken, "group/two"), entry(bad, "group/three")], WORLD)
    assert [row.finding.verdict for row in rows] == ["met", "info", "met", "failed", "missed"]
    assert "0.3 of the full load" in str(rows[3].finding.ours)
    assert all(row.source == "Someone 1999" and row.cost >= 0 for row in rows)
    assert len(set(map(str, WORLD.allgather(rows)))) == 1


def test_an_unforeseen_error_is_a_row_too(capsys):
    def divides(comm: MPI.Comm) -> Iterator[Finding]:
        yield near("quotient", 1.0, 1 / 0, relative=1.0)

    (row,) = run([entry(divides)], SELF)
    assert row.finding.verdict == "failed"
    assert "division by zero" in str(row.finding.ours)


@pytest.mark.mpi
def test_what_is_done_is_not_done_again(shared_path: Path):
    calls: list[str] = []

    def counted(comm: MPI.Comm) -> Iterator[Finding]:
        calls.append("counted")
        yield near("width, mm", 1.0, 1.0, relative=1e-3)

    def fails(comm: MPI.Comm) -> Iterator[Finding]:
        calls.append("fails")
        raise SolveError("no")
        yield

    entries = [entry(counted), entry(fails, "group/two")]
    store = Store(shared_path, MADE)
    first = run(entries, WORLD, store)
    assert run(entries, WORLD, store)[0] == first[0]
    assert calls == ["counted", "fails", "fails"]
    run(entries, WORLD, store, fresh=True)
    run(entries, WORLD, replace(store, stamp={**MADE, "sources": "b"}))
    assert calls.count("counted") == 3
    WORLD.Barrier()
    assert not list(shared_path.rglob("*.part"))


def test_the_stamp_tells_ranks_and_sources():
    assert stamp(1) != stamp(2)
    assert len(stamp(1)["sources"]) == 12


def test_choosing_entries():
    entries = [entry(good, "land/beam/1", quick=True), entry(good, "land/beam/2"), entry(good, "cook/tip")]
    assert chosen(entries) == tuple(entries)
    assert chosen(entries, quick=True) == (entries[0],)
    assert chosen(entries, only="land/*") == tuple(entries[:2])
    assert chosen(entries, only="tip") == (entries[2],)
    with pytest.raises(InputError, match="matches no entry"):
        chosen(entries, only="nothing")


class _Balanced(HTMLParser):
    """Checks that every tag is closed where it should be, and collects what is referred to."""

    VOID = frozenset({"meta", "col", "br", "img"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_is_whole_and_stands_alone():
    rows = run([entry(good, "laws/a"), entry(bad, "laws/b"), entry(broken, "cube/c")], SELF)
    parser = _Balanced()
    parser.feed(page(rows, MADE))
    parser.close()
    assert parser.open == []
    assert all(link.startswith("#") for link in parser.links)
    for word in ("height <&>, mm", "Someone 1999", "2.1", "+5 %", "missed", "0.3 of the full load", "2 of 4"):
        assert word in parser.text


def test_the_table_names_problem_source_and_what_is_wrong():
    text = table.text(run([entry(good), entry(bad, "group/bad")], SELF))
    for word in ("Problem group/one", "Someone 1999", "effort: 3 steps", "+5 %", "± 0.1 %", "missed"):
        assert word in text
    assert text.endswith("CPU s): group/bad.")
    assert "All 1 figures are within their bands" in table.text(run([entry(good)], SELF))


def test_json_is_a_list_of_flat_rows():
    def not_a_number(comm: MPI.Comm) -> Iterator[Finding]:
        yield near("width, mm", 1.0, float("nan"), relative=0.1)

    row, other = json.loads(table.as_json(run([entry(bad), entry(not_a_number, "group/two")], SELF)))
    assert row["problem"] == "Problem group/one"
    assert row["target"] == 2.0
    assert row["ours"] == 2.1
    assert row["deviation"] == pytest.approx(0.1)
    assert row["band"] == pytest.approx([1.998, 2.002])
    assert row["verdict"] == "missed"
    assert row["source"] == "Someone 1999"
    assert isinstance(row["cost"], float)
    assert other["ours"] == "nan"


@pytest.mark.parametrize(("measure", "code"), [(good, 0), (bad, 1), (broken, 1)])
def test_the_exit_code_tells_whether_all_is_within(measure, code, monkeypatch, capsys):
    monkeypatch.setattr(problems, "every_entry", lambda: (entry(measure),))
    assert cli.main(["verify"]) == code
    assert ("group/one" in capsys.readouterr().err) == bool(code) or code == 0


def test_the_folder_holds_rows_list_and_page(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr(problems, "every_entry", lambda: (entry(good),))
    out = tmp_path / "out"
    assert cli.main(["verify", "-o", str(out), "--json", "--html", str(tmp_path / "page.html")]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == json.loads((out / "verify.json").read_text())
    assert (tmp_path / "page.html").read_text() == (out / "verify.html").read_text()
    assert [path.name for path in (out / "entries").iterdir()] == ["group.one.json"]


def test_no_such_entry_is_bad_input(capsys):
    assert cli.main(["verify", "--only", "no-such-thing"]) == 2
    assert "groups are" in capsys.readouterr().err


def test_a_case_s_name_is_fit_for_a_shell():
    assert all(set(" '\"()*?<>") & set(e.name) == set() for e in problems.every_entry())
    names = [e.name.replace("/", ".") for e in problems.every_entry()]
    assert len(set(names)) == len(names)


def test_two_entries_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two entries"):
        verify.entry("Again", "", cases={"4": 4, "4 ": 4})(lambda comm, case: iter(()))
