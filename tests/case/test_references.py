"""What one place of a case says about another, and what a plan tells of it."""

import copy
from pathlib import Path
from typing import Any

import pytest
from mpi4py import MPI

from fibertwin import stages
from fibertwin.case import Case
from fibertwin.case.references import unresolved
from fibertwin.case.toml import dump
from fibertwin.constitutive import Formula, Material, NeoHookean
from fibertwin.errors import InputError
from fibertwin.meshes import Block, fibers_from
from fibertwin.plan import plan
from fibertwin.solver import Clamp, Problem
from fibertwin.solver.parameters import resolve

CASE: dict[str, Any] = {
    "anatomy": {"type": "block", "size": ["2 mm", "2 mm", "2 mm"], "cells": [2, 2, 2]},
    "materials": {"tissue": {"bulk_modulus": "100 kPa", "energies": [{"law": "neo-hookean", "mu": "2 kPa"}]}},
    "supports": {"base": {"type": "clamp", "surface": "left"}},
}


def changed(**sections: Any) -> dict[str, Any]:
    return copy.deepcopy(CASE) | sections


def material(*energies: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"tissue": {"bulk_modulus": "100 kPa", "energies": list(energies)} | more}


def told(document: dict[str, Any]) -> dict[str, str]:
    return {problem.where: str(problem) for problem in unresolved(document)}


def case_of(document: dict[str, Any], folder: Path) -> Case:
    (folder / "case.toml").write_text(dump(document), encoding="utf-8")
    return Case.read(folder / "case.toml")


def test_loads_in_volumes_need_no_surface() -> None:
    weight = {"type": "gravity", "acceleration": ["0 m/s^2", "-9.81 m/s^2", "0 m/s^2"]}
    assert told(changed(loads={"weight": weight})) == {}
    assert told(changed(loads={"weight": weight | {"region": "tissue"}})) == {}


def test_a_load_in_an_unknown_region_is_told() -> None:
    found = told(changed(loads={"weight": {"type": "body-force", "region": "tisue"}}))
    assert list(found) == ["loads.weight.region"]
    assert "did you mean tissue?" in found["loads.weight.region"]
    document = changed(anatomy={"type": "mesh-file"}, loads={"weight": {"type": "body-force", "region": "bone"}})
    assert told(document) == {}  # known when the file is read


@pytest.mark.parametrize(
    ("anatomy", "surface", "known"),
    [
        ("thick-tube", "inner", True),
        ("thick-tube", "left", False),
        ("truncated-ellipsoid", "endocardium", True),
        ("truncated-ellipsoid", "top", False),
        ("mesh-file", "anything", True),
        ("mask", "left", False),
        ("mask", "boundary", True),
    ],
)
def test_an_anatomy_knows_its_surfaces(anatomy: str, surface: str, known: bool) -> None:
    document = changed(anatomy={"type": anatomy, "file": "f"}, supports={"s": {"type": "clamp", "surface": surface}})
    assert ("supports.s.surface" not in told(document)) is known


@pytest.mark.parametrize(
    ("materials", "where"),
    [
        (material({"law": "neo-hookean", "mu": {"formula": "1 + FA"}}), "materials.tissue.energies[0].mu"),
        (material({"law": "ogden", "mu": ["1 kPa", {"formula": "1e3 * MD"}]}), "materials.tissue.energies[0].mu"),
        (material({"law": "standard-reinforcing", "k": "1 kPa"}), "materials.tissue.energies[0]"),
        (material({"law": "neo-hookean"}, active_strain={"shortening": -0.1}), "materials.tissue.active_strain"),
    ],
)
def test_what_looks_at_a_scan_needs_one(materials: dict[str, Any], where: str) -> None:
    found = told(changed(materials=materials))
    assert list(found) == [where]
    assert "there is no scan" in found[where]
    assert told(changed(materials=materials, diffusion={})) == {}


def test_a_formula_of_places_needs_no_scan() -> None:
    assert told(changed(materials=material({"law": "neo-hookean", "mu": {"formula": "1 + x"}}))) == {}
    assert told(changed(materials=material({"law": "neo-hookean", "mu": {"formula": "1 +"}}))) == {}  # told elsewhere


def test_a_plan_tells_loads_numbers_that_vary_and_the_stress_free_shape(tmp_path: Path) -> None:
    document = changed(
        anatomy=CASE["anatomy"] | {"cell": "hexahedra"},
        materials=material({"law": "neo-hookean", "mu": {"formula": "1 + x", "unit": "Pa"}}, volumetric_part="liu"),
        loads={
            "weight": {"type": "body-force", "force": ["0 kPa/mm", "0 kPa/mm", "1 Pa/mm"]},
            "push": {"type": "follower-pressure", "surface": "right", "pressure": "1 kPa"},
        },
        unload={"at": "0.5 s"},
    )
    said = plan(case_of(document, tmp_path), MPI.COMM_SELF)
    for words in (
        "about 8 hexahedra",
        "material of tissue: neo-hookean, bulk modulus 100.0 kPa (liu)",
        'mu from "1 + x"',
        "load weight: body-force in the whole body",
        "load push: follower-pressure on right",
        "under its loads at 0.5 s",
    ):
        assert words in said


def test_numbers_that_vary_are_told_at_their_place_before_anything_is_solved(tmp_path: Path) -> None:
    case = case_of(changed(materials=material({"law": "neo-hookean", "mu": {"formula": "x"}})), tmp_path)
    anatomy, fibers = stages.body(case, None, MPI.COMM_SELF)
    with pytest.raises(InputError, match=r"materials\.tissue\.energies\[0\]\.mu .*out of range"):
        stages.problem(case, anatomy, fibers)


def test_isotropic_tissue_keeps_the_numbers_of_the_patient() -> None:
    anatomy = Block((1.0, 1.0, 1.0), (1, 1, 1)).build(MPI.COMM_SELF)
    fibers = fibers_from(anatomy.mesh, 2, lambda at: at[:, :1] * 0 + [1.7e-3, 0, 0, 0.2e-3, 0, 0.2e-3])
    tissue = {"tissue": Material((NeoHookean(Formula("1 + FA")),), 10.0)}
    patient = Problem(anatomy, tissue, {"base": Clamp("left")}, fibers=fibers, quadrature_degree=2)
    model = stages.isotropic(patient)
    assert model.fibers is not None
    assert abs(model.fibers.fa.x.array).max() < 1e-7
    values = [
        resolve(Formula("FA + 1e3 * MD"), NeoHookean, "mu", fibers.points, field, MPI.COMM_SELF, "")
        for field in (fibers, model.fibers)
    ]
    assert values[0].min() > 0.8
    assert (values[0] == values[1]).all()


def test_an_image_taken_after_the_end_is_told(tmp_path: Path) -> None:
    late = changed(unload={"at": "2 s"})
    with pytest.raises(InputError, match="after the end of the load history") as caught:
        case_of(late, tmp_path)
    assert [problem.where for problem in caught.value.problems] == ["unload.at"]
    case = case_of(late | {"solve": {"stepping": {"end": "2 s"}}}, tmp_path)
    assert case.unload is not None
    assert case.unload.at == case.solve.stepping.end
