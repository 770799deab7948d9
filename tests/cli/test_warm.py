"""Compiling ahead: a run that follows compiles nothing, and a second time there is nothing to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from fibertwin import cli, jit
from fibertwin.case.toml import dump

CASE = {
    "anatomy": {"type": "block", "size": ["2 mm", "1 mm", "1 mm"], "cells": [2, 1, 1]},
    "materials": {"tissue": {"bulk_modulus": "10 kPa", "energies": [{"law": "neo-hookean", "mu": "1 kPa"}]}},
    "supports": {"base": {"type": "clamp", "surface": "left"}},
    "loads": {"push": {"type": "follower-pressure", "surface": "right", "pressure": "0.1 kPa"}},
    "solve": {"quadrature_degree": 1, "formulation": {"type": "displacement", "degree": 1}},
    "output": {"report": False},
}


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(jit.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv(jit.FLAGS_VARIABLE, "-O0")
    (tmp_path / "case.toml").write_text(dump(CASE), encoding="utf-8")
    return tmp_path / "case.toml"


def fibertwin(*words: str) -> str:
    """What the command prints, in a process of its own as on a cluster."""
    program = "import sys; from fibertwin.cli import main; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_run_after_it_compiles_nothing(case: Path) -> None:
    said = fibertwin("warm", str(case))
    ready = sorted(path.name for path in jit.cache_folder().glob("*.so"))
    assert said.startswith(f"compiled {len(ready)} of {len(ready)} modules")
    assert f"cache: {jit.cache_folder()} (-O0)" in said
    assert any("kernels" in name for name in ready)

    said = fibertwin("warm", str(case))
    assert said.startswith(f"all {len(ready)} modules were compiled already: nothing was left to do")
    fibertwin("run", str(case), "-o", str(case.parent / "out"))
    assert sorted(path.name for path in jit.cache_folder().glob("*.so")) == ready
    assert [path.name for path in jit.cache_root().iterdir()] == ["jit"]


def test_bad_input_is_told(case: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["warm", str(case), "--set", "supports.base.surface=lid"]) == 2
    assert "supports.base" in capsys.readouterr().err
