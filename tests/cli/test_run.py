"""The command from a case to results: exit codes, what is written, and the same answer on every rank count."""

import json
from pathlib import Path
from typing import Any

import pytest

from fibertwin import cli
from fibertwin.case import Case
from fibertwin.case.toml import dump

from .small import CASE, write_scan
from .test_bad_input import launched

CRUSH = ("--set", 'supports.pull.displacement=["-5.9 mm", "0 mm", "0 mm"]', "--set", "solve.stepping.smallest=0.2")


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_scan(folder)
    (folder / "case.toml").write_text(dump(CASE), encoding="utf-8")
    return folder / "case.toml"


def summary(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return found


def test_a_good_case_runs(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "out"
    assert cli.main(["run", str(case), "-o", str(out), "--set", "title=another", "-v"]) == 0
    said = capsys.readouterr()
    assert "assumed: b-vectors are taken as FSL's" in said.err
    assert said.out.strip()
    assert {"summary.json", "report.html", "fields.pvd"} <= {path.name for path in out.iterdir()}
    assert summary(out)["title"] == "another"
    assert cli.main(["report", str(out)]) == 0


def test_the_summary_says_the_case_with_units(case: Path, tmp_path: Path) -> None:
    assert cli.main(["run", str(case), "-o", str(tmp_path)]) == 0
    resolved = summary(tmp_path)["provenance"]["case"]
    assert resolved["materials"]["white"]["energies"][1]["k1"] == "2 kPa"
    (tmp_path / "again.toml").write_text(dump(resolved), encoding="utf-8")
    assert Case.read(tmp_path / "again.toml").to_dict() == resolved


def test_check_tells_what_would_be_run(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(case.parent.iterdir())
    assert cli.main(["check", str(case)]) == 0
    said = capsys.readouterr().out
    for word in ("48", "displacement", "memory", "b-vectors"):  # 8 cubes of 6 tetrahedra
        assert word in said
    assert sorted(case.parent.iterdir()) == before


def test_two_ranks_run_a_good_case(case: Path, tmp_path: Path) -> None:
    done = launched(2, "run", str(case), "-o", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("assumed: b-vectors") == 1
    assert len(done.stdout.strip().splitlines()) == 1
    assert summary(tmp_path)["provenance"]["ranks"] == 2


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_failing_solve_exits_3_with_its_reason(ranks: int, case: Path, tmp_path: Path) -> None:
    done = launched(ranks, "run", str(case), "-o", str(tmp_path), *CRUSH)
    assert done.returncode == 3, done.stderr
    last = done.stderr[done.stderr.index("fibertwin: ") :]
    assert done.stderr.count("fibertwin: ") == 1
    for word in ("load", "cell", "mm", "J = "):
        assert word in last
    assert "Traceback" not in done.stderr
    assert "Abort" not in done.stderr
    assert (tmp_path / "fields.pvd").is_file()
    assert (tmp_path / "summary.json").is_file()


@pytest.mark.parametrize(("ranks", "options", "words"), [(1, "-ksp_rtol abc", "abc"), (2, "-ksp_type foo", "foo")])
def test_an_option_that_petsc_refuses_is_bad_input(
    ranks: int, options: str, words: str, case: Path, tmp_path: Path
) -> None:
    done = launched(ranks, "run", str(case), "-o", str(tmp_path), "--petsc", options)
    assert done.returncode == 2, done.stderr
    told = done.stderr[done.stderr.index("fibertwin: ") :]
    assert done.stderr.count("fibertwin: ") == 1
    assert "--petsc" in told
    assert words in told
    assert "Traceback" not in done.stderr


def test_an_option_that_petsc_does_not_use_is_named(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["run", str(case), "-o", str(tmp_path), "--petsc", "-ksp_tpye gmres"]) == 0
    assert "ksp_tpye" in capsys.readouterr().out
