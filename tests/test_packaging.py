"""The wheel, built through the source distribution as an installer would, holds the package and nothing else."""

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("imaging", "surfaces", "meshes", "constitutive", "solver", "studies")
FOLDERS = (*ROOMS, "src", "tests", "docs", "examples", "benchmarks", "tools")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both distributions, made from a copy so that the checkout stays clean."""
    source = tmp_path_factory.mktemp("source") / "fibertwin"
    source.mkdir()
    for folder in filter(lambda name: (ROOT / name).is_dir(), FOLDERS):
        skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=skip)
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy2(file, source)
    output = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return output


@pytest.fixture(scope="module")
def wheel(built: Path) -> set[str]:
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def sdist(built: Path) -> set[str]:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {"/".join(Path(member.name).parts[1:]) for member in archive.getmembers()}


def contents() -> set[str]:
    """Every file of the package, code or data, by its place in it."""
    top = ROOT / "src"
    rooms = [path for room in ROOMS for path in (top / "fibertwin" / room).rglob("*")]
    files = {path for path in [*(top / "fibertwin").rglob("*"), *rooms] if path.is_file()}
    return {path.relative_to(top).as_posix() for path in files if "__pycache__" not in path.parts}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: set[str]) -> None:
    inside = {name for name in wheel if ".dist-info/" not in name}
    assert {"fibertwin/py.typed", "fibertwin/solver/solve.py"} <= inside
    assert inside == contents()


def test_the_wheel_carries_its_licence(wheel: set[str]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


def test_the_sdist_holds_what_a_packager_needs(sdist: set[str]) -> None:
    wanted = {"pyproject.toml", "README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", "constraints.txt", "Makefile"}
    wanted |= {"tests/conftest.py", "tools/bootstrap", "docs/licences.md"}
    assert wanted <= sdist
    assert {f"src/{name}" for name in contents()} <= sdist


def test_the_sdist_holds_nothing_private_or_built(sdist: set[str]) -> None:
    unwanted = (".venv", ".git", ".ci", "out", "build", "dist", "__pycache__")
    assert not {name for name in sdist if set(Path(name).parts) & set(unwanted) or name.endswith((".so", ".pyc"))}


def test_dolfinx_comes_with_the_wheel_extra_only() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert not [name for name in project["dependencies"] if "dolfinx" in name or "gmsh" in name]
    assert [extra for extra, names in extras.items() if any(name.startswith("dolfinx") for name in names)] == ["wheel"]
    assert [extra for extra, names in extras.items() if any(name.startswith("gmsh") for name in names)] == ["meshing"]


def test_constraints_pin_everything_and_name_no_index() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert all("==" in line for line in lines)
    assert not [line for line in lines if "://" in line or line.startswith("-")]
    pinned = {line.split("==")[0] for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [*project["dependencies"], *(name for names in project["optional-dependencies"].values() for name in names)]
    direct = {name.split(";")[0].split(">")[0].split("=")[0].strip() for name in named}
    direct -= {name for name in direct if name.startswith("fibertwin[")}
    assert direct <= pinned


def test_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
