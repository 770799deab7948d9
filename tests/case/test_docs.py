"""The pages on laws and parameters can be followed as they are written."""

import json
import math
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fibertwin import cli
from fibertwin.case import Case
from fibertwin.case.toml import dump
from fibertwin.constitutive import ActiveStress, Formula, FromImage, FromMesh
from fibertwin.errors import InputError
from fibertwin.log import logger
from fibertwin.solver import Cavity, Windkessel

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
OWN_LAW = (HOW_TO / "your-own-law.md").read_text(encoding="utf-8")
RELAXATION = (HOW_TO / "relaxation.md").read_text(encoding="utf-8")
PARAMETERS = (HOW_TO / "parameters.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with the files of the page on laws."""
    (tmp_path / "gent.py").write_text(*blocks(OWN_LAW, "python"), encoding="utf-8")
    (tmp_path / "case.toml").write_text(*blocks(OWN_LAW, "toml"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = (logger.handlers, logger.level, logger.propagate)
    yield tmp_path
    logger.handlers, logger.propagate = before[0], before[2]
    logger.setLevel(before[1])


def test_a_law_of_ones_own_as_the_page_has_it(followed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [line.split() for block in blocks(OWN_LAW, "sh") for line in block.splitlines()]
    assert [words[-1] for words in said] == ["--check", "case.toml", "out"]
    assert cli.main(["check", "case.toml"]) == 0
    assert "material of tissue: gent, incompressible" in capsys.readouterr().out
    assert cli.main(["run", "case.toml", "-o", "out", "--set", "output.report=false"]) == 0
    summary = json.loads((followed / "out" / "summary.json").read_text(encoding="utf-8"))
    stretch, limit = 1.6, 2.3
    I1 = stretch**2 + 2 / stretch
    force = 100 * limit / (limit - I1 + 3) * (stretch - stretch**-2)  # mu = 1 kPa, area 100 mm²
    assert summary["reactions"]["grip"]["force_mN"][0] == pytest.approx(force, rel=1e-6)
    assert f"{force:.1f} mN" in OWN_LAW
    assert str(followed / "gent.py") in summary["provenance"]["inputs"]


def test_the_page_studies_the_law(followed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = [shlex.split(line) for block in blocks(OWN_LAW, "sh") for line in block.splitlines()]
    (words,) = (words[1:] for words in said if words[:2] == ["fibertwin", "law"])
    assert cli.main(words) == 0
    assert "ellipticity" in capsys.readouterr().out


def test_the_page_shows_the_message_that_is_given(followed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    law = (followed / "gent.py").read_text(encoding="utf-8")
    (followed / "gent.py").write_text(law.replace("3) / self.limit)", "3) / self.limits)"), encoding="utf-8")
    assert cli.main(["check", "case.toml"]) == 2
    (shown,) = re.findall(r"```\n(fibertwin: .*?)```", OWN_LAW, re.DOTALL)
    assert capsys.readouterr().err == shown.replace("gent.py", str(followed / "gent.py"))


def test_every_way_to_give_a_number(tmp_path: Path) -> None:
    for name in ("dwi.nii.gz", "dwi.bval", "dwi.bvec", "elastogram.nii.gz", "atlas.vtu"):
        (tmp_path / name).touch()
    (tmp_path / "case.toml").write_text(blocks(PARAMETERS, "toml")[0], encoding="utf-8")
    case = Case.read(tmp_path / "case.toml")
    matrix, fibers = case.materials["white"].energies
    assert matrix.parameters == {"mu": FromImage(tmp_path / "elastogram.nii.gz", "Pa")}
    assert fibers.parameters["k1"] == Formula("2 + 30 * FA**2")
    assert fibers.parameters["dispersion"] == Formula("kappa")
    (gray,) = case.materials["gray"].energies
    assert gray.parameters["mu"] == FromMesh("E", tmp_path / "atlas.vtu", "Pa", "m")
    (tmp_path / "again.toml").write_text(case.to_toml(), encoding="utf-8")
    assert Case.read(tmp_path / "again.toml").materials == case.materials


def test_numbers_in_time(tmp_path: Path) -> None:
    document = tomllib.loads(blocks(PARAMETERS, "toml")[1])
    for name in ("dwi.nii.gz", "dwi.bval", "dwi.bvec"):
        (tmp_path / name).touch()
    (tmp_path / "pressure.csv").write_text("time,factor\n0,0\n0.1,1\n", encoding="utf-8")
    document["diffusion"] = {"dwi": "dwi.nii.gz", "bvals": "dwi.bval", "bvecs": "dwi.bvec"}
    document["anatomy"] = {"type": "block", "size": ["1 cm"] * 3, "cells": [1, 1, 1]}
    (tmp_path / "case.toml").write_text(dump(document), encoding="utf-8")
    case = Case.read(tmp_path / "case.toml")
    active = case.materials["tissue"].energies[1]
    assert isinstance(active, ActiveStress)
    assert active.curve is not None
    assert active.curve.times == (0.0, 0.05, 0.2)
    assert active.onset == Formula("0.001 * z", "s")
    curve = case.loads["cavity"].curve
    assert curve is not None
    assert curve.values == (0.0, 1.0)
    assert case.to_dict()["loads"]["cavity"]["curve"] == [["0 s", 0.0], ["0.1 s", 1.0]]


def test_tissue_that_relaxes_as_the_page_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "case.toml").write_text(*blocks(RELAXATION, "toml"), encoding="utf-8")
    said = [line.split()[1:] for block in blocks(RELAXATION, "sh") for line in block.splitlines()]
    assert cli.main(said[0]) == 0
    (shown,) = re.findall(r"```\n(time steps .*?)```", RELAXATION, re.DOTALL)
    assert shown in capsys.readouterr().out
    assert cli.main([*said[0], "--set", "solve.stepping.largest=0.5"]) == 0
    assert "30 s; the shortest relaxation time is 9.7 s, which is shorter" in capsys.readouterr().out
    assert cli.main([*said[1], "--set", "output.report=false"]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out" / "steps.jsonl").read_text().splitlines()]
    forces = [line["reactions_mN"]["grip"][0] for line in lines]
    area, elastic = 25.0, 0.7 * (1.05 - 1.05**-2)
    for line, force in ((lines[0], forces[0]), (lines[-1], forces[-1])):
        left = 2.857 * math.exp(-(60 * line["load"] - 0.05) / 9.7)  # the step is a midpoint's, and exact from then on
        assert force == pytest.approx(area * elastic * (1 + left), rel=1e-5)
        assert f"{force:.2f} mN" in RELAXATION
    summary = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert summary["energy"]["not_stored_uJ"] > 0
    assert "imbalance" not in summary["energy"]
    assert [step["reactions_mN"] for step in summary["steps"]] == [line["reactions_mN"] for line in lines]


def test_the_page_names_presets_and_functions() -> None:
    from fibertwin.constitutive.presets import PRESETS
    from fibertwin.solver.formula import FUNCTIONS
    from fibertwin.solver.parameters import VARIABLES

    for word in (*FUNCTIONS, *VARIABLES):
        assert re.search(rf"\b{word}\b", PARAMETERS)
    assert set(re.findall(r"myocardium-[a-z]+", PARAMETERS)) <= set(PRESETS)


BEAT = Path(__file__).parents[2] / "examples/beat/case.toml"


def test_the_page_on_beats_shows_the_example() -> None:
    (shown,) = blocks((HOW_TO / "beat.md").read_text(encoding="utf-8"), "toml")
    written = tomllib.loads(BEAT.read_text(encoding="utf-8"))
    shown = tomllib.loads(shown)
    assert shown["loads"] == written["loads"]
    assert shown["solve"]["stepping"] == written["solve"]["stepping"]


def test_a_circuit_is_read_in_the_units_of_the_clinic() -> None:
    cavity = Case.read(BEAT).loads["ventricle"]
    assert isinstance(cavity, Cavity)
    circuit = cavity.circuit
    assert isinstance(circuit, Windkessel)
    mmHg, mL = 0.133322387415, 1e3
    found = [circuit.filling_pressure, circuit.resistance, circuit.compliance, circuit.inflow.resistance]
    assert found == pytest.approx([8 * mmHg, mmHg / mL, 1.5 * mL / mmHg, 0.01 * mmHg / mL], rel=1e-9)
    assert Case.read(BEAT).replace({}).loads == {"ventricle": cavity}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"loads.ventricle.circuit.outflow.closed": "0.001 mmHg*s/mL"}, "resists more"),
        ({"loads.ventricle.pressure": "1 kPa"}, "either a pressure, a volume or a circuit"),
        (
            {"loads.ventricle.circuit.resistance": "1 mmHg"},
            "is a pressure or modulus, but a resistance to flow is wanted",
        ),
        ({"loads.ventricle.circuit.theta": 0.4}, r"at least 0\.5"),
    ],
)
def test_what_is_wrong_with_a_circuit_is_told(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told) as caught:
        Case.read(BEAT).replace(changes)
    assert all(problem.where.startswith("loads.ventricle") for problem in caught.value.problems)
