"""Patients through one pipeline: a bad one fails alone, and done ones are left."""

import csv
from pathlib import Path

import pytest

from fibertwin import cli, cohort
from fibertwin.errors import InputError

TINY = (Path(__file__).parent / "test_running.py").read_text("utf-8").split('"""')[3]
COHORT = """
case = "case.toml"
patients = "study"
folders = "*"
observables = ["reactions.pull.force_mN.0"]
[set]
"anatomy.size" = ["10 mm", "10 mm", "{patient} mm"]
"title" = "patient {patient}"
"output.report" = false
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "case.toml").write_text(TINY)
    (tmp_path / "cohort.toml").write_text(COHORT)
    for name in ("10", "-5"):
        (tmp_path / "study" / name).mkdir(parents=True)
    return tmp_path


def test_a_bad_patient_fails_alone_and_a_done_one_is_left(study: Path) -> None:
    words = ["cohort", str(study / "cohort.toml"), "-o", str(study / "out"), "--at-once", "1"]
    assert cli.main(words) == 3
    lines = list(csv.DictReader((study / "out" / "table.csv").read_text("utf-8").splitlines()))
    assert [line["outcome"] for line in lines] == ["failed", "done"]
    assert float(lines[1]["reactions.pull.force_mN.0"]) > 0
    assert "anatomy.size" in lines[0]["sentence"]
    summary = study / "out" / "10" / "summary.json"
    assert "patient 10" in summary.read_text("utf-8")
    before = summary.stat().st_mtime_ns
    cli.main(words)
    assert summary.stat().st_mtime_ns == before


def test_everything_wrong_with_the_file_is_told_at_once(study: Path) -> None:
    path = study / "cohort.toml"
    path.write_text('case = 1\npatient = "study"\nranks = 0\ntimeout = "x"\n')
    with pytest.raises(InputError) as told:
        cohort.read(path)
    assert {p.where for p in told.value.problems} == {"case", "patient", "patients", "set", "ranks", "timeout"}
    path.write_text('case = "no.toml"\npatients = "nowhere"\n[set]\na = "{sbject}"\nb = "{"\n')
    with pytest.raises(InputError) as told:
        cohort.read(path)
    assert len(told.value.problems) == 4
