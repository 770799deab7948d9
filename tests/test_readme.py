"""The documents' examples run as they stand."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    """A folder with the small real scan that dipy ships, named as in the README."""
    from dipy.data import get_fnames

    for source, name in zip(get_fnames(name="small_64D"), ("dwi.nii", "bvals", "bvecs"), strict=True):
        shutil.copy(source, tmp_path / name)
    return tmp_path


def test_the_example_in_the_readme(scan: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", program], cwd=scan, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "full load" in done.stdout
    assert (scan / "fields.pvd").is_file()


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))),
    ],
)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    missing = [link for link in links if not Path(os.path.normpath(ROOT / Path(page).parent / link)).exists()]
    assert not missing


def test_the_law_in_the_contributing_guide(tmp_path: Path) -> None:
    (law,) = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
    law = "\n".join(line.removeprefix("   ") for line in law.splitlines())
    head = """
from dataclasses import dataclass
from typing import Annotated
import numpy as np
import ufl
from annotated_types import Ge
from ufl.core.expr import Expr
from fibertwin.constitutive import Kinematics, Material, StrainEnergy
from fibertwin.constitutive.point import axisymmetric_fabric, energy
from fibertwin.units import Unit
"""
    # simple shear by 0.5: I1 = I2 = 3 + 0.25
    tail = """
F = np.eye(3)
F[0, 1] = 0.5
print(StrainEnergy.members()["mooney-rivlin"].__name__)
print(energy(Material((MooneyRivlin(2.0, 4.0),), 1e3), F, axisymmetric_fabric((1, 0, 0), 0.0)))
"""
    done = subprocess.run([sys.executable, "-c", head + law + tail], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    name, value = done.stdout.split()
    assert name == "MooneyRivlin"
    assert float(value) == pytest.approx((2.0 + 4.0) * 0.25, rel=1e-12)
