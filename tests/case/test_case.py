"""The case as values: from a file, changed, written, and described."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from fibertwin.case import Case, DiffusionScan, Eigenvectors, TensorVolume
from fibertwin.case.document import json_schema
from fibertwin.case.plugins import members
from fibertwin.case.reference import markdown
from fibertwin.case.starter import STARTER
from fibertwin.case.toml import dump
from fibertwin.constitutive import ActiveStress, GasserOgdenHolzapfel, Material, NeoHookean, StrainEnergy
from fibertwin.constitutive.presets import PRESETS
from fibertwin.errors import InputError
from fibertwin.meshes import AnatomySource, Facing, HalfSpace, Mask, Patch, RegionRule, SurfaceSelector
from fibertwin.solver import Clamp, Displacement, Formulation, Load, Retractor, Support, TaylorHood

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "case.toml").write_text(STARTER, encoding="utf-8")
    for name in ("dwi.nii.gz", "dwi.bval", "dwi.bvec"):
        (tmp_path / name).touch()
    return tmp_path


def test_the_starter_reads_as_what_it_says(folder: Path) -> None:
    case = Case.read(folder / "case.toml")
    scan = case.diffusion
    assert isinstance(scan, DiffusionScan)
    assert scan.dwi == folder / "dwi.nii.gz"
    assert (scan.bvec_frame, scan.radius, scan.mask) == ("fsl", 5.0, "brain")
    assert isinstance(case.anatomy, Mask)
    assert case.anatomy.edge == 7.0
    below, facing = case.surfaces["skull base"]
    assert below == HalfSpace("z", below="35 %")
    assert isinstance(facing, Facing)
    assert facing.angle == pytest.approx(1.0471975511965976)
    assert case.surfaces["blade"] == Patch(30.0, 15.0, direction="right")
    assert case.materials == {
        "tissue": Material((NeoHookean(1.0), GasserOgdenHolzapfel(5.0, 1.0, "tensor")), bulk_modulus=1000.0)
    }
    assert case.supports == {"skull base": Clamp("skull base"), "blade": Retractor("blade", depth=5.0)}
    assert case.loads == {}
    assert case.solve.formulation == TaylorHood()
    assert case.output.compare_isotropic is True
    assert case.folder == folder.resolve()


def test_what_is_written_reads_as_the_same_anywhere(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    case = Case.read(folder / "case.toml")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "again.toml").write_text(case.to_toml(), encoding="utf-8")
    again = Case.read(elsewhere / "again.toml")
    assert again.to_dict() == case.to_dict()
    assert again.materials == case.materials
    assert again.surfaces == case.surfaces
    assert again.diffusion == case.diffusion


def test_values_are_written_with_their_units(folder: Path) -> None:
    table = Case.read(folder / "case.toml").to_dict()
    assert table["materials"]["tissue"]["bulk_modulus"] == "1000 kPa"
    assert table["supports"]["blade"] == {"type": "retractor", "surface": "blade", "depth": "5 mm"}
    assert table["anatomy"]["closing"] == "4 mm"
    assert table["diffusion"]["dwi"] == str(folder.resolve() / "dwi.nii.gz")
    assert table["surfaces"]["skull base"][1]["angle"] == "60 deg"
    assert "folder" not in table


def test_replace_changes_what_is_named_and_nothing_else(folder: Path) -> None:
    case = Case.read(folder / "case.toml")
    stiff = case.replace({"materials.tissue.energies.1.k1": "8 kPa", "solve.formulation": "displacement"})
    assert stiff.materials["tissue"].energies[1] == GasserOgdenHolzapfel(8.0, 1.0, "tensor")
    assert stiff.solve.formulation == Displacement()
    assert stiff.folder == case.folder
    assert case.materials["tissue"].energies[1] == GasserOgdenHolzapfel(5.0, 1.0, "tensor")


def test_replace_is_checked_like_a_file(folder: Path) -> None:
    with pytest.raises(InputError, match=r"materials\.tissue\.energies\[1\]\.k1") as caught:
        Case.read(folder / "case.toml").replace({"materials.tissue.energies.1.k1": 8})
    assert caught.value.problems[0].hint == 'write "8 kPa"'


def test_a_series_needs_a_format_that_can_be_gone_on_with(folder: Path) -> None:
    case = Case.read(folder / "case.toml")
    assert case.replace({"output.series": {"every": 1}, "output.formats": ["pvd", "vtx"]}).output.series.wanted
    with pytest.raises(InputError, match=r"output\.series: asks for fields on the way, which only pvd can hold"):
        case.replace({"output.series": {"levels": [0.5]}, "output.formats": ["vtx"]})


def test_changes_come_before_checks(folder: Path) -> None:
    case = Case.read(folder / "case.toml", {"title": "other", "supports.blade.depth": "1 cm"})
    assert case.title == "other"
    assert case.supports["blade"] == Retractor("blade", depth=10.0)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ({"tensor": "dwi.nii.gz", "convention": "mrtrix"}, TensorVolume),
        ({"v1": "dwi.nii.gz", "fa": "dwi.bval"}, Eigenvectors),
    ],
)
def test_the_files_tell_the_kind_of_scan(section: dict[str, Any], kind: type, folder: Path) -> None:
    text = re.sub(r"\[diffusion\].*?(?=\[anatomy\])", "", STARTER, flags=re.DOTALL)
    (folder / "case.toml").write_text(text, encoding="utf-8")
    case = Case.read(folder / "case.toml", {"diffusion": section})
    assert isinstance(case.diffusion, kind)
    assert Case.read(folder / "case.toml", {"diffusion": case.to_dict()["diffusion"]}).diffusion == case.diffusion


@pytest.mark.mpi
def test_every_rank_reads_the_same(comm: Any, shared_path: Path) -> None:
    if comm.rank == 0:
        (shared_path / "case.toml").write_text(STARTER, encoding="utf-8")
        for name in ("dwi.nii.gz", "dwi.bval", "dwi.bvec"):
            (shared_path / name).touch()
    comm.Barrier()
    case = Case.read(shared_path / "case.toml", comm=comm)
    assert len(set(comm.allgather(case.to_toml()))) == 1


@pytest.mark.mpi
def test_every_rank_is_told_the_same(comm: Any, shared_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Case.read(shared_path / "case.toml", comm=comm)
    assert len(set(comm.allgather(str(caught.value)))) == 1


def test_every_member_of_every_family_is_in_schema_and_page() -> None:
    schema, page = str(json_schema()), markdown()
    for family in (StrainEnergy, Support, Load, AnatomySource, SurfaceSelector, RegionRule, Formulation):
        assert members(family)
        for name in members(family):
            assert f"'const': '{name}'" in schema
            assert f'`{family.key} = "{name}"`' in page


def test_the_starter_fits_the_schema() -> None:
    assert list(_misfits(tomllib.loads(STARTER), json_schema(), json_schema()["$defs"])) == []


def test_the_schema_refuses_what_the_reader_refuses() -> None:
    document = tomllib.loads(STARTER)
    document["materials"]["tissue"]["bulk_modulus"] = 5
    document["anatomy"]["edges"] = "1 mm"
    misfits = list(_misfits(document, json_schema(), json_schema()["$defs"]))
    assert [misfit.partition(":")[0] for misfit in misfits] == [".anatomy", ".materials.tissue"]


def test_the_reference_page_is_current() -> None:
    page = (ROOT / "docs" / "reference" / "case-file.md").read_text(encoding="utf-8")
    assert page == markdown(), "run: fibertwin schema --markdown -o docs/reference/case-file.md"


def _misfits(value: Any, schema: dict[str, Any], definitions: dict[str, Any], at: str = "") -> Any:
    """Where a value does not fit a JSON Schema, as far as the case file's schema goes."""
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **schema}
    options = schema.get("anyOf") or schema.get("oneOf")
    if options and all(list(_misfits(value, option, definitions, at)) for option in options):
        yield f"{at}: fits none of {len(options)}"
    if ("const" in schema and value != schema["const"]) or ("enum" in schema and value not in schema["enum"]):
        yield f"{at}: is not the word"
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        yield f"{at}: is no {schema['type']}"
        return
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{at}: does not match {schema['pattern']}"
    if isinstance(value, list):
        for index, part in enumerate(value):
            yield from _misfits(part, schema.get("items", {}) or {}, definitions, f"{at}[{index}]")
    if isinstance(value, dict) and ("properties" in schema or "additionalProperties" in schema):
        yield from _table_misfits(value, schema, definitions, at)


def _table_misfits(value: dict[str, Any], schema: dict[str, Any], definitions: dict[str, Any], at: str) -> Any:
    yield from (f"{at}.{name}: is missing" for name in schema.get("required", []) if name not in value)
    for name, part in value.items():
        inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", False))
        if inner is False:
            yield f"{at}.{name}: is unknown"
        else:
            yield from _misfits(part, inner if isinstance(inner, dict) else {}, definitions, f"{at}.{name}")


def with_material(folder: Path, value: Any) -> Case:
    document = tomllib.loads(STARTER) | {"materials": {"tissue": value}}
    del document["output"]  # not every material has an isotropic form to compare with
    (folder / "case.toml").write_text(dump(document), encoding="utf-8")
    return Case.read(folder / "case.toml")


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_named_and_written_out(name: str, folder: Path) -> None:
    case = with_material(folder, name)
    assert case.materials == {"tissue": PRESETS[name].material}
    table = case.to_dict()["materials"]["tissue"]
    assert "preset" not in table
    assert with_material(folder, table).materials == case.materials


def test_a_preset_is_changed_and_added_to(folder: Path) -> None:
    active = {"law": "active-stress", "tension": "60 kPa"}
    case = with_material(folder, {"preset": "myocardium-guccione", "bulk_modulus": "1 MPa", "energies": [active]})
    material = case.materials["tissue"]
    assert material.bulk_modulus == 1000.0
    assert material.energies == (*PRESETS["myocardium-guccione"].material.energies, ActiveStress(60.0))


def test_a_value_of_a_preset_is_set_by_its_place(folder: Path) -> None:
    with_material(folder, "myocardium-guccione")
    case = Case.read(folder / "case.toml", {"materials.tissue.energies.0.c": "3 kPa"})
    assert case.materials["tissue"].energies[0].parameters["c"] == 3.0
    assert Case.read(folder / "case.toml", {"materials.tissue": "skin"}).materials["tissue"] == PRESETS["skin"].material


@pytest.mark.parametrize(
    ("value", "where", "words"),
    [
        ("skinn", "materials.tissue", ("is no known preset", "did you mean skin?")),
        ({"preset": "skinn"}, "materials.tissue.preset", ("is no known preset", "did you mean skin?")),
        ({"preset": 3}, "materials.tissue.preset", ("is no known preset",)),
        ({"preset": "skin", "bulk": 3}, "materials.tissue.bulk", ("unknown key",)),
        ({"preset": "skin", "bulk_modulus": 3}, "materials.tissue.bulk_modulus", ("no unit",)),
        (3, "materials.tissue", ("is not a table",)),
    ],
)
def test_a_wrong_preset_is_told(value: Any, where: str, words: tuple[str, ...], folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        with_material(folder, value)
    assert [problem.where for problem in caught.value.problems] == [where]
    for word in words:
        assert word in str(caught.value)


def test_presets_are_in_schema_and_page() -> None:
    schema = json_schema()
    document = tomllib.loads(STARTER)
    for value in ("skin", {"preset": "skin"}, {"preset": "skin", "bulk_modulus": "1 MPa"}):
        assert list(_misfits(document | {"materials": {"tissue": value}}, schema, schema["$defs"])) == []
    for value in ("skinn", {"preset": "skinn"}, {"bulk_modulus": "1 MPa"}):
        assert list(_misfits(document | {"materials": {"tissue": value}}, schema, schema["$defs"])) != []
    for name, preset in PRESETS.items():
        assert f"| `{name}` | {preset.title} | {preset.source} |" in markdown()


def test_a_material_without_an_isotropic_form_is_not_compared_with_one(folder: Path) -> None:
    document = tomllib.loads(STARTER) | {"materials": {"tissue": "myocardium-guccione"}}
    (folder / "case.toml").write_text(dump(document), encoding="utf-8")
    with pytest.raises(InputError, match="no form for fibers that run in every direction alike") as raised:
        Case.read(folder / "case.toml")
    assert raised.value.problems[0].where == "output.compare_isotropic"
