"""What images and environments are made of: linted, of the same scripts, and complete."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"


def test_the_dockerfile_passes_its_linter() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint, which comes with the extra dev on Linux x86-64")
    done = subprocess.run([hadolint, str(DOCKER / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("script", ["docker/system.sh", "docker/install.sh", "docker/test.sh"])
def test_scripts_are_sound_shell(script: str) -> None:
    done = subprocess.run(["sh", "-n", str(ROOT / script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_both_images_are_made_alike() -> None:
    dockerfile, definition = ((DOCKER / name).read_text("utf-8") for name in ("Dockerfile", "fibertwin.def"))
    for line in ("system.sh python3-venv binutils", "docker/install.sh"):
        assert line in dockerfile
        assert line in definition
    copied = set(re.findall(r"^COPY (?!--from|docker)(.+) \S+$", dockerfile, re.MULTILINE))
    inside = {word for line in copied for word in line.split()}
    listed = set(re.findall(r"^    (\S+) /src/$", definition, re.MULTILINE))
    assert inside == listed - {"docker"}
    extras = re.search(r"^ARG EXTRAS=(\S+)$", dockerfile, re.MULTILINE)
    assert extras is not None
    assert f"extras={extras[1]}\n" in definition
    base = re.search(r"^ARG BASE=debian:\S+-slim@(sha256:[0-9a-f]{64})$", dockerfile, re.MULTILINE)
    assert base is not None
    assert re.findall(r"^    base=(\S+)$", definition, re.MULTILINE) == [f"debian@{base[1]}"] * 2


def test_images_hold_every_room() -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text("utf-8")
    rooms = [path.name for path in (ROOT / "src" / "fibertwin").iterdir() if path.is_symlink()]
    assert rooms
    for room in rooms:
        assert f"COPY {room} {room}\n" in dockerfile


def test_extras_that_are_named_exist() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for file in ("docker/Dockerfile", "docker/fibertwin.def", "environment.yml"):
        text = (ROOT / file).read_text("utf-8")
        named = re.findall(r"(?:EXTRAS=|extras=|\.\[)([a-z,]+)", text)
        assert named, file
        assert {extra for words in named for extra in words.split(",")} <= set(known)
    assert "wheel" not in re.findall(r"\.\[([a-z,]+)\]", (ROOT / "environment.yml").read_text("utf-8"))[0].split(",")
