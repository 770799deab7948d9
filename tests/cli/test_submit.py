"""Batch scripts: what they say, what they refuse, and that they really hand signals on and queue themselves again."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from fibertwin import cli, jit
from fibertwin.case.toml import dump
from fibertwin.submit import _seconds

CASE = {
    "anatomy": {"type": "block", "size": ["2 mm", "1 mm", "1 mm"], "cells": [2, 1, 1]},
    "materials": {"tissue": {"bulk_modulus": "10 kPa", "energies": [{"law": "neo-hookean", "mu": "1 kPa"}]}},
    "supports": {"base": {"type": "clamp", "surface": "left"}},
}

ASKED = ("--nodes", "2", "--ntasks", "4", "--time", "2:00:00")

LAUNCHER = """#!/bin/bash
# stands for srun and its ranks: ends with a code, or when it is told to
echo "$@" >>"$0.calls"
trap 'sleep 0.2; exit 75' USR1
touch "$0.ready"
case "$ENDS" in
    "") while :; do sleep 0.05; done ;;
    *) exit "$ENDS" ;;
esac
"""


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(jit.FLAGS_VARIABLE, raising=False)
    (tmp_path / "case.toml").write_text(dump(CASE), encoding="utf-8")
    return tmp_path / "case.toml"


def written(case: Path, *words: str) -> str:
    assert cli.main(["submit", str(case), *words]) == 0
    (script,) = case.with_suffix("").glob("job.*.sh")
    return script.read_text(encoding="utf-8")


def test_a_slurm_script_says_what_was_asked(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = written(case, *ASKED, "--directive=--partition=long", "--set", "title=a heart", "--petsc", "-snes_monitor")
    for line in (
        "#SBATCH --nodes=2",
        "#SBATCH --ntasks=4",
        "#SBATCH --time=2:00:00",
        "#SBATCH --signal=B:USR1@300",
        "#SBATCH --requeue",
        "#SBATCH --partition=long",
        f"export FIBERTWIN_CACHE={jit.cache_root()}",
    ):
        assert line in text.splitlines()
    assert f"run {case} -o {case.with_suffix('')} --resume --set 'title=a heart' --petsc=-snes_monitor &" in text
    assert "srun --mpi=pmi2 " in text
    said = capsys.readouterr().out
    assert f"sbatch {case.with_suffix('')}/job.slurm.sh" in said
    assert "fibertwin" in said.splitlines()[-1]
    assert "warm" in said.splitlines()[-1]


def test_the_other_schedulers_scripts_say_it_in_their_words(case: Path) -> None:
    text = written(case, *ASKED, "--scheduler", "pbs", "-o", str(case.with_suffix("")))
    assert "#PBS -l select=2:ncpus=2:mpiprocs=2" in text
    assert "sleep 6900; kill -USR1 $$;" in text
    (case.with_suffix("") / "job.pbs.sh").unlink()
    text = written(case, *ASKED, "--scheduler", "lsf")
    assert "#BSUB -W 2:00" in text
    assert "#BSUB -wa USR1 -wt 5" in text
    assert '#BSUB -Q "75"' in text


def test_a_container_sees_the_folders_of_its_files(case: Path, tmp_path: Path) -> None:
    image = tmp_path / "fibertwin.sif"
    image.touch()
    (tmp_path / "data").mkdir()
    text = written(case, *ASKED, "--container", str(image))
    cache = tmp_path / "cache" / "container-fibertwin"
    assert f"srun --mpi=pmi2 apptainer exec --bind {tmp_path} " in text
    assert f"--bind {cache} " in text
    assert f"--env FIBERTWIN_CACHE={cache},OMP_NUM_THREADS=1" in text
    assert f"{image} fibertwin run {case}" in text


@pytest.mark.parametrize("scheduler", ["slurm", "pbs", "lsf"])
def test_scripts_are_sound_shell(case: Path, scheduler: str) -> None:
    text = written(case, *ASKED, "--scheduler", scheduler)
    assert "@" not in text.replace("USR1@", "")
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ntasks", "4", "--time", "2:00"), "--time: is no time limit"),
        (("--ntasks", "4", "--time", "0:00:00"), "--time: is no time limit"),
        (("--ntasks", "0", "--time", "2:00:00"), "--ntasks: is too small"),
        (("--ntasks", "2", "--nodes", "3", "--time", "2:00:00"), "--ntasks: leaves nodes idle"),
        (("--ntasks", "3", "--nodes", "2", "--time", "2:00:00", "--scheduler", "pbs"), "does not fit the nodes"),
        (("--ntasks", "4", "--time", "0:01:00", "--grace", "60"), "--grace: must end before"),
        (("--ntasks", "4", "--time", "2:00:00", "--container", "no.sif"), "--container: there is no such image"),
        (("--ntasks", "4", "--time", "2:00:00", "--directive", "long"), "--directive: is no option"),
        (("--ntasks", "4", "--time", "2:00:00", "-o", "a folder"), "--output: can't be told"),
        (("--ntasks", "4", "--time", "2:00:00", "--set", "supports.base.surfac=left"), "is an unknown key"),
    ],
)
def test_what_cannot_be_is_refused(
    case: Path, words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["submit", str(case), *words]) == 2
    assert told in capsys.readouterr().err
    assert not case.with_suffix("").exists()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2:00:00", 7200), ("1-02:03:04", 93784), ("100:00:00", 360000), ("2:60:00", None), ("", None), ("60", None)],
)
def test_time_limits(text: str, seconds: int | None) -> None:
    assert _seconds(text) == seconds


def test_go_hands_the_script_over(
    case: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs = case.parent / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    program(programs / "sbatch", 'test -f "$1" && echo "Submitted batch job 7"')
    assert cli.main(["submit", str(case), *ASKED, "--go"]) == 0
    assert "Submitted batch job 7" in capsys.readouterr().out
    program(programs / "sbatch", "echo 'invalid account' >&2; exit 1")
    assert cli.main(["submit", str(case), *ASKED, "--go"]) == 2
    assert "invalid account" in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(case.parent))
    assert cli.main(["submit", str(case), *ASKED, "--go"]) == 2
    assert "there is no sbatch here" in capsys.readouterr().err


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


class Batch:
    """A script as its scheduler would run it, with stand-ins for the launcher and for what queues a job again."""

    def __init__(self, case: Path, scheduler: str, time_limit: str = "2:00:00", restarts: int = 50) -> None:
        self.folder = case.parent / "stand-ins"
        self.folder.mkdir()
        self.launcher = self.folder / "launcher"
        self.launcher.write_text(LAUNCHER, encoding="utf-8")
        self.launcher.chmod(0o755)
        for name in ("scontrol", "qsub"):
            program(self.folder / name, f'echo "$@" >>"{self.folder}/again"')
        self.text = written(
            case,
            *("--nodes", "2", "--ntasks", "4", "--time", time_limit, "--grace", "1", "--scheduler", scheduler),
            *("--launcher", str(self.launcher), "--restarts", str(restarts)),
        )
        self.script = case.with_suffix("") / f"job.{scheduler}.sh"

    def start(self, ends: str = "", **more: str) -> "subprocess.Popen[str]":
        variables = {"PATH": f"{self.folder}:/usr/bin:/bin", "ENDS": ends}
        variables |= {"SLURM_JOB_ID": "7", "PBS_NODEFILE": os.devnull, **more}
        return subprocess.Popen([str(self.script)], env=os.environ | variables, stdout=subprocess.PIPE, text=True)

    def ready(self) -> None:
        end = time.monotonic() + 20
        while not (self.folder / "launcher.ready").exists():
            assert time.monotonic() < end
            time.sleep(0.02)

    @property
    def again(self) -> str:
        file = self.folder / "again"
        return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def test_an_announced_end_reaches_the_run_which_is_queued_again(case: Path) -> None:
    batch = Batch(case, "slurm")
    shell = batch.start()
    batch.ready()
    shell.send_signal(signal.SIGUSR1)
    said, _ = shell.communicate(timeout=20)
    assert shell.returncode == 75
    assert "queued again" in said
    assert batch.again == "requeue 7"


def test_what_never_ends_is_given_up(case: Path) -> None:
    batch = Batch(case, "slurm", restarts=2)
    shell = batch.start(SLURM_RESTART_COUNT="2")
    batch.ready()
    shell.send_signal(signal.SIGUSR1)
    said, _ = shell.communicate(timeout=20)
    assert (shell.returncode, batch.again) == (75, "")
    assert "given up" in said


@pytest.mark.parametrize("ends", ["0", "2", "3", "75"])
def test_a_run_that_ends_by_itself_is_not_queued_again(case: Path, ends: str) -> None:
    """75 among them: nobody announced the end of the limit, so the job was cancelled."""
    batch = Batch(case, "slurm")
    shell = batch.start(ends)
    shell.communicate(timeout=20)
    assert (shell.returncode, batch.again) == (int(ends), "")


def test_pbs_announces_the_end_to_itself(case: Path) -> None:
    batch = Batch(case, "pbs", time_limit="0:00:02")
    shell = batch.start(ROUND="3")
    shell.communicate(timeout=20)
    assert shell.returncode == 75
    assert batch.again == f"-v ROUND=4 {batch.script}"
