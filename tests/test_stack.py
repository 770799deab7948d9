"""What a user reads whose DOLFINx is missing or unfit. Each case runs in its own process with a made-up DOLFINx."""

import subprocess
import sys
from pathlib import Path

import pytest

SHOW = """
import importlib.util, sys
find = importlib.util.find_spec  # the wheel in this environment is hidden
importlib.util.find_spec = lambda name, *rest: None if name == "dolfinx_solver" else find(name, *rest)
sys.path.insert(0, {folder!r})
from fibertwin.errors import InputError
try:
    import fibertwin.stack
except InputError as error:
    print(len(error.problems), error)
else:
    print("loaded", fibertwin.stack.version)
"""


def load_with(folder: Path, dolfinx: str | None, petsc: str = "ScalarType = float") -> str:
    """Import the stack where ``dolfinx`` and ``petsc4py.PETSc`` hold the given source; what it said."""
    (folder / "petsc4py").mkdir()
    (folder / "petsc4py" / "__init__.py").touch()
    (folder / "petsc4py" / "PETSc.py").write_text(petsc)
    (folder / "dolfinx.py").write_text("raise ImportError('no such module')" if dolfinx is None else dolfinx)
    program = [sys.executable, "-c", SHOW.format(folder=str(folder))]
    return subprocess.run(program, capture_output=True, text=True, check=True).stdout


def test_names_every_way_to_get_it_when_missing(tmp_path: Path) -> None:
    said = load_with(tmp_path, None)
    assert said.startswith("1 DOLFINx: cannot be imported")
    for way in ("pip install 'fibertwin[wheel]'", "conda install", "spack install", "container"):
        assert way in said


@pytest.mark.parametrize("version", ["0.9.0", "0.10.0.post2"])
def test_says_what_is_too_old(tmp_path: Path, version: str) -> None:
    said = load_with(tmp_path, f"__version__ = {version!r}")
    assert "is too old" in said
    assert version in said
    assert ">= 0.11" in said


@pytest.mark.parametrize("version", ["0.11.0.post0", "0.12.0.dev0", "1.0.0"])
def test_takes_what_is_new_enough(tmp_path: Path, version: str) -> None:
    assert load_with(tmp_path, f"__version__ = {version!r}").split() == ["loaded", version]


def test_refuses_complex_numbers(tmp_path: Path) -> None:
    assert "complex numbers" in load_with(tmp_path, "__version__ = '0.11.0'", "ScalarType = complex")


def test_refuses_a_build_without_petsc(tmp_path: Path) -> None:
    assert "without petsc4py" in load_with(tmp_path, "__version__ = '0.11.0'", "raise ImportError('none')")
