"""What a case file may say of a calibration: read, checked at once, and made priors, observations and noises of."""

import copy
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from fibertwin.calibration import (
    Blocks,
    Correlated,
    Formula,
    Gaussian,
    LogNormal,
    Measurement,
    Parameter,
    Space,
    StudentT,
    Target,
    UnknownScale,
    calibrate,
    discrepant,
    save,
)
from fibertwin.calibration.observe import Around, DisplacementImage, MeanStrain, Reaction, StrainImage, Torque
from fibertwin.case import Case
from fibertwin.case.calibrate import Calibrate
from fibertwin.case.measured import at_levels, told_apart
from fibertwin.case.toml import dump
from fibertwin.errors import InputError

MU, BULK = "materials.tissue.energies.0.mu", "materials.tissue.bulk_modulus"
CASE: dict[str, Any] = {
    "anatomy": {"type": "block", "size": ["2 mm", "2 mm", "2 mm"], "cells": [2, 2, 2]},
    "materials": {"tissue": {"bulk_modulus": "100 kPa", "energies": [{"law": "neo-hookean", "mu": "2 kPa"}]}},
    "supports": {"base": {"type": "clamp", "surface": "left"}},
}
PRIOR = {"prior": "lognormal", "median": "1 kPa"}
FORCE = {"type": "support-force", "support": "base", "component": "x", "sd": "1 mN"}


def read(folder: Path, measured: dict[str, Any], **more: Any) -> Case:
    asked = {"free": {MU: PRIOR}, "measured": measured} | more
    (folder / "case.toml").write_text(dump(copy.deepcopy(CASE) | {"calibrate": asked}), encoding="utf-8")
    return Case.read(folder / "case.toml")


def table(folder: Path, measured: dict[str, Any], **more: Any) -> Calibrate:
    case = read(folder, measured, **more)
    assert case.calibrate is not None
    assert Case.read(write(folder, case)).calibrate == case.calibrate
    return case.calibrate


def write(folder: Path, case: Case) -> Path:
    (folder / "again.toml").write_text(case.to_toml(), encoding="utf-8")
    return folder / "again.toml"


def wrong(folder: Path, measured: dict[str, Any], **more: Any) -> dict[str, str]:
    with pytest.raises(InputError) as told:
        read(folder, measured, **more)
    return {problem.where: str(problem) for problem in told.value.problems}


def image(folder: Path, name: str, values: Any) -> str:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.asarray(values, dtype=np.float32), affine), folder / name)
    return name


def test_a_series_is_read_in_its_unit_at_its_levels(tmp_path: Path) -> None:
    (tmp_path / "force.csv").write_text("value, level, sd\n-0.02,0.5,0.001\nnan,0.75,0.001\n-0.05,1,0.002\n")
    series = {**FORCE, "file": "force.csv", "unit": "N"}
    del series["sd"]
    asked = table(tmp_path, {"force": series, "top": {**FORCE, "value": "-3 mN", "level": 0.5}})
    assert asked.seen() == [(level, Reaction("base", "x")) for level in (0.5, 0.75, 1.0, 0.5)]
    names = ["force of base x"] * 4
    measurement = asked.measurement(names, ["mN"] * 4)
    assert measurement.values == pytest.approx((-20, np.nan, -50, -3), nan_ok=True)
    assert measurement.noise == Gaussian((1.0, 1.0, 2.0, 1.0))
    assert asked.called(names) == (
        "force: force of base x",
        "force: force of base x",
        "force: force of base x",
        "top: force of base x",
    )
    assert measurement.names[:2] == ("force: force of base x at 0.5", "force: force of base x at 0.75")
    with pytest.raises(InputError, match="rejected: names no number"):
        table(tmp_path, {"force": series | {"rejected": [3]}}).measurement()
    rejected = table(tmp_path, {"force": series | {"rejected": [0]}}).measurement()
    assert np.isnan(rejected.values).tolist() == [True, True, False]
    with pytest.raises(InputError, match="not missing or rejected"):
        table(tmp_path, {"force": series | {"rejected": [0, 2]}}).measurement()


def test_names_are_told_apart() -> None:
    assert told_apart("aab", [1, 1, 1], "xyy") == ("x: a", "y: a", "b")
    assert told_apart("aaa", [1, 1, 0.5], "xxx") == ("a", "a (2)", "a")
    assert at_levels(["a", "b", "a"], [0.5, 1, 1]) == ("a at 0.5", "b", "a at 1")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("value\n1\n", "is no series"),
        ("level,value,weight\n1,1,1\n", "is no series"),
        ("level,value\n", "is no series"),
        ("level,value\n1,big\n", "is no series"),
        ("level,value\n1\n", "is no series"),
        ("level,value\n1.5,1\n", "no share of the load history"),
        ("level,value,sd\n1,1,0\n", "not positive"),
        ("level,value\n1,inf\n", "infinite"),
    ],
)
def test_what_is_no_series_is_told_at_the_key(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "force.csv").write_text(text)
    case = read(tmp_path, {"force": {**FORCE, "file": "force.csv"}})
    assert case.calibrate is not None
    with pytest.raises(InputError) as told:
        case.calibrate.examine(case.to_dict())
    assert [problem.where for problem in told.value.problems] == ["calibrate.measured.force.file"]
    assert what in str(told.value)


def test_each_thing_has_its_noise(tmp_path: Path) -> None:
    levels = (0.25, 0.5, 1.0)
    (tmp_path / "curve.csv").write_text("level,value\n" + "".join(f"{level},1\n" for level in levels))
    (tmp_path / "covariance.csv").write_text("4,1,0\n1,9,2\n0,2,16\n")
    curve = {**FORCE, "file": "curve.csv", "unit": "N"}
    known = {**curve, "noise": {"kind": "covariance", "file": "covariance.csv"}}
    del known["sd"]
    asked = table(
        tmp_path,
        {
            "plain": {**FORCE, "value": "1 mN"},
            "outliers": {**curve, "noise": "outliers"},
            "unknown": {**curve, "noise": {"kind": "unknown-sd", "worth": 3.0}},
            "known": known,
            "misfit": {**curve, "noise": {"kind": "misfit", "size": "3 mN", "length": 0.5}},
        },
    )
    noise = asked.measurement().noise
    covariance = 1e6 * np.array([[4, 1, 0], [1, 9, 2], [0, 2, 16]])
    assert isinstance(noise, Blocks)
    assert noise.sizes == (1, 3, 3, 3, 3)
    assert noise.parts[:3] == (Gaussian((1.0,)), StudentT(1.0, 4.0), UnknownScale(1.0, 3.0))
    assert isinstance(noise.parts[3], Correlated)
    np.testing.assert_allclose(noise.parts[3].covariance, covariance, rtol=1e-12)
    assert asked.measured["known"].sds() == pytest.approx([2e3, 3e3, 4e3])
    assert noise.parts[4] == discrepant([np.array(levels)], 1.0, 3.0, 0.5)
    assert noise.kept(np.arange(13) % 2 == 0).sizes == (1, 1, 2, 1, 2)
    precision = asked.measurement().precision(np.zeros(13))
    np.testing.assert_allclose(precision[7:10], np.diag(np.linalg.inv(covariance)), rtol=1e-12)
    (tmp_path / "curve.csv").write_text("level,value,sd\n0.5,1,1\n1,1,2\n")
    runs = table(tmp_path, {"force": {**curve, "noise": "outliers"}}).measurement().noise
    assert runs == Blocks((StudentT(1e3), StudentT(2e3)), (1, 1))
    for kind, what in (({"kind": "unknown-sd"}, "knows one sd only"), (known["noise"], "is of another size")):
        with pytest.raises(InputError, match=what):
            table(tmp_path, {"force": ({**known} if "file" in kind else curve) | {"noise": kind}}).measurement()
    for text in ("1,2\n2,1\n", "1,2\n", "1,a\n2,1\n", "0,0\n0,1\n"):
        (tmp_path / "covariance.csv").write_text(text)
        with pytest.raises(InputError, match=r"calibrate\.measured\.force\.noise\.file"):
            table(tmp_path, {"force": known}).measurement()


def test_images_are_read_with_masks_missing_numbers_and_blur(tmp_path: Path) -> None:
    values = np.arange(2 * 2 * 2 * 3, dtype=float).reshape(2, 2, 2, 1, 3)
    values[0, 0, 0] = np.nan
    values[1, 1, 1, 0, 2] = np.nan
    moved = {"type": "displacement-image", "file": image(tmp_path, "u.nii.gz", values), "sd": "0.1 mm"}
    mask = image(tmp_path, "mask.nii.gz", np.arange(8).reshape(2, 2, 2) > 5)
    strain = {"type": "strain-image", "file": image(tmp_path, "e.nii", np.full((2, 2, 2), 0.1)), "sd": 0.01}
    around = {"center": ["1 mm", "0 mm", "0 mm"], "axis": [0, 0, 2.0]}
    strain |= {"direction": around, "blur": "3 mm", "mask": mask}
    asked = table(tmp_path, {"moved": moved, "strain": strain})
    (_, first), (_, second) = asked.seen()
    assert isinstance(first, DisplacementImage)
    assert len(first.voxels) == 7
    assert isinstance(second, StrainImage)
    assert second.voxels.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert second.blur == pytest.approx(3 / 2.3548, rel=1e-4)
    assert second.direction == Around((1.0, 0.0, 0.0), (0.0, 0.0, 2.0))
    found = asked.measurement()
    assert len(found.values) == 23
    assert found.values[:3] == tuple(values[0, 0, 1, 0])
    assert np.isnan(found.values).sum() == 1
    possible = table(tmp_path, {"moved": moved}, possible={"strain": {k: strain[k] for k in strain if k != "file"}})
    ((name, level, observation, noise),) = possible.candidates()
    assert (name, level, noise) == ("strain", 1.0, Gaussian((0.01, 0.01)))
    assert isinstance(observation, StrainImage)
    for shape in ((2, 2, 2), (2, 2, 2, 2)):
        image(tmp_path, "u.nii.gz", np.zeros(shape))
        with pytest.raises(InputError, match=r"calibrate\.measured\.moved\.file: has another shape"):
            table(tmp_path, {"moved": moved}).seen()
    image(tmp_path, "mask.nii.gz", np.zeros((3, 2, 2)))
    with pytest.raises(InputError, match=r"calibrate\.measured\.strain\.mask: does not fit"):
        table(tmp_path, {"strain": strain}).seen()
    (tmp_path / "u.nii.gz").write_bytes(b"none")
    with pytest.raises(InputError, match=r"calibrate\.measured\.moved\.file: is no image"):
        table(tmp_path, {"moved": moved}).seen()


def test_torques_and_strains_around_an_axis(tmp_path: Path) -> None:
    torque = {"type": "support-torque", "support": "base", "component": "z", "about": ["1 mm", "0 mm", "0 mm"]}
    strain = {"type": "region-strain", "region": "tissue", "value": "5 %", "sd": 0.01, "direction": [0, 1, 0]}
    asked = table(tmp_path, {"torque": {**torque, "value": "2 N*mm", "sd": "0.1 N*mm"}, "strain": strain})
    assert asked.seen() == [(1.0, Torque("base", (1.0, 0.0, 0.0), "z")), (1.0, MeanStrain("tissue", (0.0, 1.0, 0.0)))]
    assert asked.measurement().values == pytest.approx((2000, 0.05))
    assert asked.measurement().noise == Gaussian((100.0, 0.01))


def test_everything_that_needs_no_file_is_told_when_the_case_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("level,value\n1,1\n")
    found = wrong(
        tmp_path,
        {
            "none": FORCE,
            "both": {**FORCE, "value": "1 mN", "file": "a.csv", "level": 0.5},
            "bare": {k: v for k, v in FORCE.items() if k != "sd"} | {"value": "1 mN", "unit": "N"},
            "unit": {**FORCE, "file": "a.csv", "unit": "mm"},
            "misfit": {**FORCE, "value": "1 mN", "noise": {"kind": "misfit", "size": "1 mN"}},
            "covariance": {**FORCE, "value": "1 mN", "noise": {"kind": "covariance", "file": "a.csv"}},
            "where": {**FORCE, "value": "1 mN", "support": "bas"},
            "cavity": {"type": "enclosed-volume", "cavity": "lv", "value": "1 mL", "sd": "1 mL"},
            "along": {"type": "region-strain", "region": "bone", "value": 0, "sd": 1, "direction": [0, 0, 0]},
            "image": {"type": "strain-image"},
        },
        possible={
            "known": {**FORCE, "value": "1 mN", "rejected": [0]},
            "image": {"type": "strain-image", "file": "a.csv", "sd": 1},
        },
        places={"mU": [MU]},
    )
    assert set(found) == {
        "calibrate.measured.none.value",
        "calibrate.measured.both.value",
        "calibrate.measured.both.level",
        "calibrate.measured.bare.sd",
        "calibrate.measured.bare.unit",
        "calibrate.measured.unit.unit",
        "calibrate.measured.misfit.noise",
        "calibrate.measured.covariance.sd",
        "calibrate.measured.where.support",
        "calibrate.measured.cavity.cavity",
        "calibrate.measured.along.region",
        "calibrate.measured.along.direction",
        "calibrate.measured.image.file",
        "calibrate.measured.image.sd",
        "calibrate.possible.known.value",
        "calibrate.possible.known.rejected",
        "calibrate.possible.image.file",
        "calibrate.possible.image.mask",
        "calibrate.places.mU",
    }
    assert "did you mean base?" in found["calibrate.measured.where.support"]
    assert "a load of type cavity" in found["calibrate.measured.cavity.cavity"]


def test_a_field_goes_alone_and_needs_derivatives(tmp_path: Path) -> None:
    field = {"number": MU, "length": "1 mm"}
    force = {**FORCE, "value": "1 mN", "noise": "outliers"}
    assert set(wrong(tmp_path, {"force": force}, field=field, possible={"next": FORCE})) == {
        "calibrate.free",
        "calibrate.possible",
        "calibrate.measured.force",
        "calibrate.measured.force.noise",
    }
    assert set(wrong(tmp_path, {"force": {**FORCE, "value": "1 mN"}}, free={})) == {"calibrate.free"}
    strain = {"type": "region-strain", "region": "tissue", "value": 0.1, "sd": 0.1, "direction": [1, 0, 0]}
    for number, what in ((BULK, "no number of a law"), (MU.replace("0", "1"), "there is no 1")):
        case = read(tmp_path, {"strain": strain}, free={}, field={**field, "number": number})
        assert case.calibrate is not None
        with pytest.raises(InputError, match=what):
            case.calibrate.examine(case.to_dict())


def test_numbers_go_together_have_several_places_and_are_known_from_before(tmp_path: Path) -> None:
    strain = {"type": "region-strain", "region": "tissue", "value": 0.1, "sd": 0.1, "direction": [1, 0, 0]}
    depth = "supports.base.surface"
    space = Space((Parameter("both", LogNormal(2.0, 0.5), "kPa"), Parameter(BULK, LogNormal(90.0, 0.5), "kPa")))
    model = Formula(space.names, lambda theta: np.array([theta[0] * theta[1]]))
    before = calibrate(Target(model, space, Measurement((200.0,), Gaussian(10.0))), "laplace")
    save(before, tmp_path / "posterior.npz")
    places = {"both": [MU]}
    earlier = read(tmp_path, {"strain": strain}, free={}, places=places, earlier="posterior.npz")
    assert earlier.calibrate is not None
    found = earlier.calibrate.space(earlier.to_dict())
    assert found == before.as_space()
    assert found.correlation is not None
    assert found.correlation[0][1] < -0.5
    assert earlier.calibrate.at(found.names) == {"both": (MU,), BULK: (BULK,)}

    pair = [{"between": ["both", BULK], "value": 0.4}]
    free = {"both": PRIOR, BULK: {"prior": "lognormal", "median": "90 kPa"}}
    case = read(tmp_path, {"strain": strain}, free=free, places={"both": [MU, f"-{MU}"]}, correlation=pair)
    assert case.calibrate is not None
    joint = case.calibrate.space(case.to_dict())
    assert joint.correlation == ((1.0, 0.4), (0.4, 1.0))
    assert [parameter.unit for parameter in joint.parameters] == ["kPa", "kPa"]

    def refused(**more: Any) -> str:
        given = {"free": free, "places": places} | more
        case = read(tmp_path, {"strain": strain}, **given)
        assert case.calibrate is not None
        with pytest.raises(InputError) as told:
            case.calibrate.examine(case.to_dict())
        return str(told.value)

    assert "in the earlier posterior already" in refused(earlier="posterior.npz")
    assert "has the place" in refused(free={**free, MU: PRIOR})
    assert "places of different units" in refused(places={"both": [MU, "anatomy.cells.0"]})
    assert "not the place of a number" in refused(places={"both": [depth]})
    assert "is no free number" in refused(correlation=[{"between": ["both", "mu"], "value": 0.1}])
    assert "is known already" in refused(correlation=pair * 2)
    three = {**free, "size": {"prior": "normal", "mean": "2 mm", "sd": "1 mm"}}
    pairs = (("both", BULK, 0.9), ("both", "size", 0.9), (BULK, "size", -0.9))
    impossible = [{"between": [one, other], "value": value} for one, other, value in pairs]
    both = {"both": [MU], "size": ["anatomy.size.0"]}
    assert "is impossible" in refused(free=three, places=both, correlation=impossible)
