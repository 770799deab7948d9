"""Ended by a signal, taken up again: exit codes, sentences, what lies in the folder, and the answer."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fibertwin import cli, log, signals
from fibertwin.case.toml import dump

from .small import CASE, write_scan

STEPS = {"first": 0.2, "growth": 1.0, "tolerance": 1e-11}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("case")
    write_scan(folder)
    solve = CASE["solve"] | {"formulation": "displacement", "stepping": STEPS}
    text = dump(CASE | {"solve": solve, "output": {"report": False, "formats": []}})
    (folder / "case.toml").write_text(text, encoding="utf-8")
    return folder / "case.toml"


@pytest.fixture
def told_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, signal.Signals], None]:
    """Lets a signal come while the n-th increment is told."""

    def arm(increment: int, number: signal.Signals) -> None:
        count, real = 0, log._Lines.reached

        def reached(lines: Any, done: float, text: str = "") -> None:
            nonlocal count
            real(lines, done, text)
            count += lines.title == "load"
            if count == increment:
                os.kill(os.getpid(), number)

        monkeypatch.setattr(log._Lines, "reached", reached)

    return arm


def numbers(node: Any) -> list[float]:
    """Every number below a part of a summary."""
    if isinstance(node, dict):
        return [number for value in node.values() for number in numbers(value)]
    if isinstance(node, list):
        return [number for value in node for number in numbers(value)]
    return [node] if isinstance(node, int | float) else []


def answer(folder: Path) -> list[float]:
    found = json.loads((folder / "summary.json").read_text("utf-8"))
    return numbers([found[part] for part in ("regions", "reactions", "energy")])


def forces(folder: Path) -> list[float]:
    return numbers(json.loads((folder / "summary.json").read_text("utf-8"))["reactions"])


def levels(folder: Path) -> list[float]:
    lines = (folder / "steps.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["load"] for line in lines]


def times(folder: Path) -> list[float]:
    """Of the states that fields.pvd lists, each of which is read."""
    pyvista = pytest.importorskip("pyvista")
    reader = pyvista.get_reader(folder / "fields.pvd")
    for moment in reader.time_values:
        reader.set_active_time_value(moment)
        assert "displacement" in reader.read()[0].point_data
    return list(reader.time_values)


@pytest.mark.parametrize("number", signals.HEEDED, ids=lambda number: number.name)
def test_a_run_ended_by_a_signal_goes_on_to_the_same_answer(
    number: signal.Signals,
    case: Path,
    tmp_path: Path,
    told_at: Callable[[int, signal.Signals], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert cli.main(["run", str(case), "-o", str(whole)]) == 0
    former = signal.getsignal(number)
    told_at(2, number)
    assert cli.main(["run", str(case), "-o", str(out), "--resume"]) == 75
    said = capsys.readouterr().err
    assert "holds no checkpoint: the run begins anew" in said
    assert f"fibertwin: The solve was ended by {number.name} at 0.4 of the load; {out}/checkpoint.npz" in said
    assert signal.getsignal(number) == former
    assert {path.name for path in out.iterdir()} >= {"checkpoint.npz", "steps.jsonl"}
    assert not (out / "summary.json").exists()
    assert levels(out) == pytest.approx([0.2, 0.4])
    monkeypatch.undo()
    assert cli.main(["run", str(case), "-o", str(out), "--resume"]) == 0
    assert f"resumed from {out}/checkpoint.npz: 0.4 of the load, increment 2" in capsys.readouterr().err
    assert levels(out) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert answer(out) == pytest.approx(answer(whole), rel=1e-10, abs=1e-12)


def test_a_signal_before_the_solve_ends_the_run_between_two_stages(
    case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fibertwin import stages

    real = stages.tensors

    def tensors(*arguments: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr(stages, "tensors", tensors)
    assert cli.main(["run", str(case), "-o", str(tmp_path)]) == 75
    assert "ended by SIGTERM before the body was built" in capsys.readouterr().err


@pytest.fixture(scope="module")
def done(case: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("done")
    assert cli.main(["run", str(case), "-o", str(out)]) == 0
    return out


@pytest.fixture
def finished(done: Path, tmp_path: Path) -> Path:
    """A finished run's folder, to be changed at will."""
    return Path(shutil.copytree(done, tmp_path / "finished"))


def test_what_output_says_may_change(finished: Path, case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = ("--set", 'output.formats=["pvd"]', "--set", "solve.checkpoint.every=1", "--set", "title=again")
    before = answer(finished)
    assert cli.main(["run", str(case), "-o", str(finished), "--resume", *more]) == 0
    assert "resumed from" in capsys.readouterr().err
    assert (finished / "fields.pvd").is_file()
    assert answer(finished) == before


def test_another_case_is_refused_unless_it_is_wanted_anyway(
    finished: Path, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    softer = ("--set", 'materials.white.energies.0.mu="0.9 kPa"')
    assert cli.main(["run", str(case), "-o", str(finished), "--resume", *softer]) == 2
    said = capsys.readouterr().err
    for words in ("materials.white.energies[0].mu: is not as in the checkpoint", '"0.9 kPa"', '"1 kPa"', "anyway"):
        assert words in said
    assert "fit tensors" not in said
    assert cli.main(["run", str(case), "-o", str(finished), "--resume-anyway", *softer]) == 0
    assert "taken up anyway: materials.white.energies[0].mu" in capsys.readouterr().err
    assert cli.main(["run", str(case), "-o", str(tmp_path / "anew"), *softer]) == 0
    assert forces(finished) == pytest.approx(forces(tmp_path / "anew"), rel=1e-7, abs=1e-9)


def test_a_file_with_other_contents_is_named(case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scan(tmp_path)
    copy = tmp_path / "case.toml"
    copy.write_text(case.read_text("utf-8"), "utf-8")
    assert cli.main(["run", str(copy), "-o", str(tmp_path / "out")]) == 0
    bvals = tmp_path / "dwi.bval"
    bvals.write_text(bvals.read_text("utf-8").replace("1000", "1001"), "utf-8")
    assert cli.main(["run", str(copy), "-o", str(tmp_path / "out"), "--resume"]) == 2
    assert f"files.{bvals}: is not as in the checkpoint" in capsys.readouterr().err


def test_a_kill_leaves_what_can_be_read_and_gone_on_from(case: Path, tmp_path: Path, done: Path) -> None:
    slow = ("--set", "solve.stepping.first=0.04", "--set", "solve.checkpoint.every=2")
    slow += ("--set", 'output.formats=["pvd"]', "--set", "output.series.every=1")
    command = [sys.executable, "-m", "fibertwin.cli", "run", str(case), "-o", str(tmp_path), "--resume", *slow]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not (tmp_path / "checkpoint.npz").exists() and run.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    run.kill()
    assert run.wait(timeout=60) == -signal.SIGKILL
    reached = levels(tmp_path)
    assert 0 < reached[-1] < 1
    assert times(tmp_path)[:2] == pytest.approx([0.04, 0.08])
    assert cli.main(["run", str(case), "-o", str(tmp_path), "--resume", *slow]) == 0
    assert levels(tmp_path) == pytest.approx([0.04 * step for step in range(1, 26)])
    assert times(tmp_path) == pytest.approx(levels(tmp_path))
    assert forces(tmp_path) == pytest.approx(forces(done), rel=1e-7, abs=1e-9)
