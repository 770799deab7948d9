"""The journal loses nothing to a kill, and the table is made from it."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fibertwin.errors import InputError
from fibertwin.studies import Journal, Row
from fibertwin.studies.table import Table


def row(number: int) -> Row:
    return Row(f"key{number}", number, {"a": f"{number} kPa"}, "done", {"y": 0.5 * number}, "well", 1.0, 3, True, 2)


def written(folder: Path, count: int) -> Path:
    with Journal(folder).opened() as journal:
        for number in range(count):
            journal.add(row(number))
    return folder / "journal.jsonl"


def test_a_journal_cut_at_any_byte_keeps_every_whole_line_and_goes_on(tmp_path: Path) -> None:
    path = written(tmp_path, 3)
    whole = path.read_bytes()
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        with Journal(tmp_path).opened() as journal:
            lines = whole[:cut].count(b"\n")
            assert list(journal.rows.values()) == [row(i) for i in range(lines)]
            journal.add(row(7))
        with Journal(tmp_path).opened() as journal:
            assert len(journal.rows) == lines + 1


def test_a_line_that_is_none_is_told_with_its_number(tmp_path: Path) -> None:
    path = written(tmp_path, 2)
    path.write_bytes(path.read_bytes().replace(b'"key": "key1"', b'"kye": "key1"'))
    with pytest.raises(InputError, match="line 2: is no line"), Journal(tmp_path).opened():
        pass


def test_two_sweeps_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        Journal(tmp_path).opened(),
        pytest.raises(InputError, match="in use by another sweep"),
        Journal(tmp_path).opened(),
    ):
        pass


def test_what_was_told_is_on_disk_when_its_writer_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, itertools; from pathlib import Path; from fibertwin.studies import Journal, Row\n"
        "with Journal(Path(sys.argv[1])).opened() as journal:\n"
        "    for i in itertools.count():\n"
        "        journal.add(Row(f'k{i}', i, {}, 'done')); print(i, flush=True)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    while int(writer.stdout.readline()) < 20:
        time.sleep(0)
    os.kill(writer.pid, signal.SIGKILL)
    told = [int(word) for word in writer.stdout.read().split()]
    writer.wait()
    writer.stdout.close()
    with Journal(tmp_path).opened() as journal:
        numbers = [one.number for one in journal.rows.values()]
    assert numbers == list(range(len(numbers)))
    assert numbers[-1] >= (told[-1] if told else 20)


def test_the_table_grows_and_is_ordered_at_the_end(tmp_path: Path) -> None:
    table = Table(tmp_path, ["a"], ["y"])
    table.write([row(2)])
    table.append(row(0))
    read = list(csv.reader(table.path.read_text().splitlines()))
    assert [line[0] for line in read] == ["member", "2", "0"]
    table.write([row(2), row(0)])
    read = list(csv.reader(table.path.read_text().splitlines()))
    assert read[1] == ["0", "0 kPa", "0.0", "done", "1.0", "3", "True", "2", "well"]


def test_the_parquet_table_holds_numbers_with_their_unit_in_the_heading(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    failed = Row("k", 1, {"a": "1 kPa"}, "failed", {}, "no")
    path = Table(tmp_path, ["a"], ["y"]).write_parquet([row(2), failed])
    found = parquet.read_table(path).to_pydict()
    assert found["a [kPa]"] == [1.0, 2.0]
    assert found["y"] == [None, 1.0]
    assert found["outcome"] == ["failed", "done"]
