"""The scripts behind `make`: what they refuse, and that a failure on one rank fails the run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BOOTSTRAP = ROOT / "tools" / "bootstrap"
TOOLS = ("sh", "dirname", "cat", "cksum", "id", "sed", "grep", "gcc", "as", "env")


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment with a shell and a compiler: no package manager, no uv, no Python, no home."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}


def bootstrap(environment: dict[str, str], venv: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(BOOTSTRAP), str(venv)], env=environment, capture_output=True, text=True, check=False)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("python", ["exit 127", "echo it is 3.11"])
def test_a_python_that_will_not_do_is_refused_in_one_line(shell: dict[str, str], tmp_path: Path, python: str) -> None:
    shell["PYTHON"] = str(script(tmp_path / "python3", python))
    done = bootstrap(shell, tmp_path / "venv")
    assert done.returncode == 1
    assert done.stderr.startswith("fibertwin: no Python 3.12-3.14 with headers and venv here")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "venv").exists()


def test_a_missing_compiler_is_named(shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "bin" / "gcc").unlink()
    done = bootstrap(shell | {"PYTHON": sys.executable}, tmp_path / "venv")
    assert done.returncode == 1
    assert done.stderr == "fibertwin: no C compiler here; install gcc with the C library's headers.\n"


def test_a_folder_that_is_no_environment_is_left_alone(shell: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "precious").touch()
    done = bootstrap(shell | {"PYTHON": sys.executable}, tmp_path / "venv")
    assert done.returncode == 1
    assert "is no virtual environment" in done.stderr
    assert (tmp_path / "venv" / "precious").exists()


def test_a_finished_environment_needs_nothing(shell: dict[str, str], tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    script(venv / "bin" / "python", "exit 1")  # never called
    parts = [ROOT / "pyproject.toml", ROOT / "constraints.txt", BOOTSTRAP]
    content = b"".join(part.read_bytes() for part in parts)
    checksum = subprocess.run(["cksum"], input=content, capture_output=True, check=True).stdout
    (venv / "fibertwin-stamp").write_bytes(checksum)
    done = bootstrap(shell | {"PYTHON": "/nowhere"}, venv)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_working_environment_is_brought_up_to_date_not_emptied(shell: dict[str, str], tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    (venv / "precious").touch()
    log = tmp_path / "log"
    script(
        venv / "bin" / "python", f'case "$1 $2" in "-m pip") echo pip >>{log};; *) exec {sys.executable} "$@";; esac'
    )
    script(venv / "bin" / "uv", f"echo uv >>{log}")
    done = bootstrap(shell | {"PYTHON": sys.executable}, venv)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"fibertwin: bringing {venv} up to date\n"
    assert (venv / "precious").exists()
    assert log.read_text().split() == ["pip", "uv"]
    assert (venv / "fibertwin-stamp").is_file()


RANKS = """
import pytest

@pytest.mark.mpi
def test_fine(comm, shared_path):
    assert len(set(comm.allgather(str(shared_path)))) == 1

@pytest.mark.mpi
def test_one_rank_fails(comm):
    assert comm.rank != 1, "only on one rank"

@pytest.mark.mpi
def test_the_others_wait(comm):
    assert comm.rank != 1, "the others wait for ever"
    comm.Barrier()
"""


def on_two_ranks(folder: Path, selected: str) -> "subprocess.CompletedProcess[str]":
    grace = "GRACE = 60.0"
    conftest = (ROOT / "tests" / "conftest.py").read_text("utf-8")
    assert grace in conftest
    (folder / "conftest.py").write_text(conftest.replace(grace, "GRACE = 2.0"))
    (folder / "test_ranks.py").write_text(RANKS)
    shutil.copy(ROOT / "pyproject.toml", folder)
    mpirun = Path(sys.executable).with_name("mpirun")
    launcher = str(mpirun) if mpirun.exists() else "mpirun"
    command = [launcher, "-n", "2", sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", selected, "."]
    return subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, check=False, timeout=120)


def test_a_failure_on_one_rank_fails_the_run_and_is_told_once(tmp_path: Path) -> None:
    done = on_two_ranks(tmp_path, "fine or fails")
    assert done.returncode != 0
    assert done.stdout.count("test session starts") == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "on rank 1:" in done.stdout
    assert "only on one rank" in done.stdout


def test_a_rank_that_fails_ends_the_run_of_those_that_wait(tmp_path: Path) -> None:
    done = on_two_ranks(tmp_path, "wait")
    assert done.returncode != 0
    assert "rank 1 failed in" in done.stderr
    assert "the others wait for ever" in done.stderr
