"""Kinds of bad input: each gives one clear message and exit code 2, on one rank and on two."""

import copy
import gzip
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibertwin.case.toml import dump
from fibertwin.cli import main

from .small import CASE, write_scan

Document = dict[str, Any]


@dataclass(frozen=True)
class Bad:
    """One kind of bad input.

    Attributes:
        name: what is wrong.
        spoil: makes it so, in the document and the folder.
        words: what the message must say.
        ranks: also tried on two ranks, in processes of their own.
    """

    name: str
    spoil: Callable[[Document, Path], Any]
    words: tuple[str, ...]
    ranks: bool = False


def energy(document: Document, index: int = 0) -> Document:
    found: Document = document["materials"]["white"]["energies"][index]
    return found


def tensor_volume(document: Document, folder: Path, tensors: np.ndarray, shift: float = 0.0) -> None:
    """Take ready-made tensors (n, n, n, 6) in place of the scan."""
    import nibabel

    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -7.0 + shift
    nibabel.save(nibabel.Nifti1Image(tensors.astype(np.float32), affine), folder / "tensor.nii.gz")
    document["diffusion"] = {"tensor": "tensor.nii.gz", "convention": "fsl"}


def sticks(*, value: float = 1.6e-3) -> np.ndarray:
    return np.broadcast_to([value, 0, 0, 0.3e-3, 0, 0.3e-3], (8, 8, 8, 6)).copy()


def stiffness(folder: Path, values: np.ndarray) -> None:
    """An image of a number, on the grid of the scan."""
    import nibabel

    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = -7.0
    nibabel.save(nibabel.Nifti1Image(values, affine), folder / "stiffness.nii")


def mesh_file(document: Document, folder: Path, *, flat: bool) -> None:
    """Take a mesh of one good and one perhaps flat tetrahedron in place of the block."""
    import meshio

    points = np.array([[0, 0, 0], [3, 0, 0], [0, 3, 0], [0, 0, 3], [1, 1, 1 if flat else 4]], dtype=float)
    meshio.Mesh(points, [("tetra", np.array([[0, 1, 2, 3], [1, 2, 3, 4]]))]).write(folder / "body.vtu")
    document["anatomy"] = {"type": "mesh-file", "file": "body.vtu", "length_unit": "mm"}


def truncate(path: Path) -> None:
    whole = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(whole[: len(whole) // 2]))


def rewrite(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    np.savetxt(path, change(np.loadtxt(path, ndmin=2)), fmt="%.8f")


IN_THE_CASE = [
    Bad("missing file", lambda d, f: (f / "dwi.bval").unlink(), ("diffusion.bvals", "does not exist", "dwi.bval")),
    Bad("unknown key", lambda d, f: d["anatomy"].update(cels=[2, 2, 2]), ("anatomy.cels", "unknown key", "cell"), True),
    Bad("unknown section", lambda d, f: d.update(suports={}), ("suports", "unknown key", "did you mean supports?")),
    Bad(
        "wrong unit", lambda d, f: energy(d).update(mu="5 mm"), ("materials.white.energies[0].mu", "length", "pressure")
    ),
    Bad("missing unit", lambda d, f: energy(d).update(mu=1.5), ("materials.white.energies[0].mu", 'write "1.5 kPa"')),
    Bad("unknown unit", lambda d, f: energy(d).update(mu="1 kpa"), ("energies[0].mu", "unknown unit", "kPa?")),
    Bad("negative modulus", lambda d, f: energy(d).update(mu="-1 kPa"), ("energies[0].mu", "out of range", "than 0")),
    Bad("no number", lambda d, f: energy(d, 1).update(k2=float("nan")), ("energies[1].k2", "not a finite number")),
    Bad(
        "κ of 0.5",
        lambda d, f: energy(d, 1).update(dispersion=0.5),
        ("energies[1].dispersion", "out of range", "0.333"),
    ),
    Bad(
        "unknown law", lambda d, f: energy(d).update(law="neohookean"), ("energies[0].law", "did you mean neo-hookean?")
    ),
    Bad("no law", lambda d, f: d["materials"]["white"].update(energies=[]), ("materials.white.energies", "is empty")),
    Bad(
        "unknown surface",
        lambda d, f: d["supports"]["base"].update(surface="lefft"),
        ("supports.base.surface", "no surface has this name", "did you mean left?"),
    ),
    Bad(
        "unknown region",
        lambda d, f: d["materials"].update(gray=d["materials"].pop("grey")),
        ("materials.gray", "no region has this name", "did you mean grey?"),
        True,
    ),
    Bad("region without material", lambda d, f: d["materials"].pop("grey"), ("materials.grey", "has no material")),
    Bad("no support", lambda d, f: d.update(supports={}), ("supports", "floats", "at least one support")),
    Bad("no supports", lambda d, f: d.pop("supports"), ("supports", "is missing")),
    Bad("two scans", lambda d, f: d["diffusion"].update(tensor="mask.nii.gz"), ("diffusion", "exclude each other")),
    Bad(
        "two sources of fibers",
        lambda d, f: d.update(fibers={"rule": "straight", "axis": "up"}),
        ("fibers", "a second source of fibers beside [diffusion]", "one of the two"),
    ),
    Bad(
        "fibers between surfaces that are not there",
        lambda d, f: d.update(fibers={"rule": "laplace-along", "origin": "lefft", "insertion": "right"}),
        ("fibers.origin", "no surface has this name", "did you mean left?"),
    ),
    Bad(
        "no scan", lambda d, f: d.pop("diffusion"), ("materials.white.energies[1]", "there is no scan", "regions.white")
    ),
    Bad(
        "volume held by displacements alone",
        lambda d, f: (
            d["solve"].update(formulation="displacement"),
            d["materials"]["grey"].update(bulk_modulus="incompressible"),
        ),
        ("materials.grey.bulk_modulus", "cannot hold the volume", "taylor-hood"),
    ),
    Bad(
        "two numbers for three",
        lambda d, f: d["anatomy"].update(cells=[2, 2]),
        ("anatomy.cells[2]", "is missing", "a list of 3"),
    ),
    Bad(
        "text for a list",
        lambda d, f: d["anatomy"].update(size="6 mm"),
        ("anatomy.size", "is not a list", "a list of 3, each a length"),
    ),
    Bad(
        "axis w",
        lambda d, f: d["supports"]["base"].update(components="xw"),
        ("supports.base", "must be some of x, y, z"),
    ),
    Bad("no such preset", lambda d, f: d["materials"].update(grey="skinn"), ("materials.grey", "did you mean skin?")),
    Bad(
        "broken plugin",
        lambda d, f: (d.update(plugins=["law.py"]), (f / "law.py").write_text("import os\nos.nothing()\n")),
        ("law.py, line 2", "AttributeError", "got:    os.nothing()"),
        True,
    ),
    Bad("missing plugin", lambda d, f: d.update(plugins=["law.py"]), ("plugins[0]", "law.py does not exist")),
    Bad(
        "unknown name in a formula",
        lambda d, f: energy(d).update(mu={"formula": "1 + fa"}),
        ("materials.white.energies[0].mu.formula", "uses fa", "FA, MD, kappa"),
    ),
    Bad(
        "formula of the scan without one",
        lambda d, f: (
            d.pop("diffusion"),
            d.pop("regions"),
            d.update(materials={"tissue": {"bulk_modulus": "9 kPa", "energies": [{"law": "neo-hookean"}]}}),
            d["materials"]["tissue"]["energies"][0].update(mu={"formula": "1 + FA"}),
        ),
        ("materials.tissue.energies[0].mu", "looks at the diffusion tensors, but there is no scan"),
    ),
    Bad(
        "two sources of a number",
        lambda d, f: energy(d).update(mu={"formula": "1", "image": "mask.nii.gz"}),
        ("materials.white.energies[0].mu", "image and formula exclude each other"),
    ),
    Bad(
        "image in a wrong unit",
        lambda d, f: energy(d).update(mu={"image": "mask.nii.gz", "unit": "mm"}),
        ("materials.white.energies[0].mu.unit", "is a length"),
    ),
    Bad(
        "no such field",
        lambda d, f: (
            mesh_file(d, f, flat=False),
            energy(d).update(mu={"field": "E", "file": "body.vtu"}),
            d.update(anatomy=copy.deepcopy(CASE["anatomy"])),
        ),
        ("materials.white: mu: ", "body.vtu", "no such scalar field", "point data none; cell data none"),
        True,
    ),
    Bad(
        "load in an unknown region",
        lambda d, f: d.update(loads={"weight": {"type": "body-force", "force": ["1 kPa/mm"] * 3, "region": "gray"}}),
        ("loads.weight.region", "no region has this name", "did you mean grey?"),
    ),
    Bad(
        "curve without units",
        lambda d, f: d["supports"]["pull"].update(curve=[[0, 0], [1, 1]]),
        ("supports.pull.curve", "has no unit, but is a time"),
    ),
    Bad(
        "curve that goes back in time",
        lambda d, f: d["supports"]["pull"].update(curve=[["1 s", 0], ["0 s", 1]]),
        ("supports.pull.curve", "must rise"),
    ),
    Bad(
        "curve of three columns",
        lambda d, f: (
            (f / "curve.csv").write_text("time,a,b\n0,1,2\n"),
            d["supports"]["pull"].update(curve="curve.csv"),
        ),
        ("supports.pull.curve", "curve.csv, line 2", "2 numbers"),
    ),
    Bad("stress-free shape of no time", lambda d, f: d.update(unload={"at": 1.0}), ("unload.at", 'write "1 s"')),
    Bad("empty case", lambda d, f: d.clear(), ("anatomy: is missing", "materials: is missing", "supports: is missing")),
]

IN_THE_DATA = [
    Bad("truncated NIfTI", lambda d, f: truncate(f / "dwi.nii.gz"), ("dwi.nii.gz",), True),
    Bad("text for a NIfTI", lambda d, f: (f / "dwi.nii.gz").write_text("no"), ("dwi.nii.gz", "no image")),
    Bad("too few b-values", lambda d, f: rewrite(f / "dwi.bval", lambda b: b[:, :-1]), ("dwi.bval", "12", "13")),
    Bad("too few b-vectors", lambda d, f: rewrite(f / "dwi.bvec", lambda b: b[:, :-1]), ("dwi.bvec", "12", "13"), True),
    Bad("b-vectors of length 2", lambda d, f: rewrite(f / "dwi.bvec", lambda b: 2 * b), ("dwi.bvec", "not unit")),
    Bad("all b-values too great", lambda d, f: d["diffusion"].update(max_b="500 s/mm^2"), ("500",)),
    Bad("NaN tensors", lambda d, f: tensor_volume(d, f, sticks(value=np.nan)), ("tensor.nii.gz",)),
    Bad("image elsewhere", lambda d, f: tensor_volume(d, f, sticks(), shift=500.0), ("overlap",), True),
    Bad("flat tetrahedron", lambda d, f: mesh_file(d, f, flat=True), ("body.vtu",)),
    Bad("surface not in mesh", lambda d, f: mesh_file(d, f, flat=False), ("supports.base.surface", "left")),
    Bad(
        "image smaller than the body",
        lambda d, f: (stiffness(f, np.ones((2, 2, 2))), energy(d).update(mu={"image": "stiffness.nii"})),
        ("materials.white", "mu", "stiffness.nii", "does not cover the tissue", "points outside"),
        True,
    ),
    Bad(
        "image with holes",
        lambda d, f: (stiffness(f, np.full((8, 8, 8), np.nan)), energy(d).update(mu={"image": "stiffness.nii"})),
        ("materials.white", "mu", "not finite"),
    ),
    Bad(
        "image out of bounds",
        lambda d, f: (stiffness(f, np.zeros((8, 8, 8))), energy(d).update(mu={"image": "stiffness.nii"})),
        ("materials.white", "mu", "out of range", "more than 0"),
    ),
    Bad("nothing picked", lambda d, f: d["surfaces"]["upper half"].update(above="900 mm"), ("surfaces", "upper half")),
    Bad("empty region", lambda d, f: d["regions"]["white"].update(fa_above=0.99), ("regions.white", "no cell")),
    Bad(
        "floating body",
        lambda d, f: (d["supports"].pop("pull"), d["supports"]["base"].update(components="x")),
        ("translation",),
        True,
    ),
]


def spoilt(bad: Bad, folder: Path) -> Path:
    document = copy.deepcopy(CASE)
    write_scan(folder)
    bad.spoil(document, folder)
    path = folder / "case.toml"
    path.write_text(dump(document), encoding="utf-8")
    return path


def assert_told(bad: Bad, code: int, output: str, errors: str) -> None:
    assert code == 2, errors
    assert errors.count("fibertwin: ") == 1, errors
    assert "Traceback" not in errors + output
    for word in bad.words:
        assert word in errors


@pytest.mark.parametrize("bad", IN_THE_CASE, ids=lambda bad: bad.name)
def test_a_bad_case_is_refused(bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["check", str(spoilt(bad, tmp_path))])
    assert_told(bad, code, *capsys.readouterr())


@pytest.mark.parametrize("bad", IN_THE_DATA, ids=lambda bad: bad.name)
def test_bad_data_are_refused(bad: Bad, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", str(spoilt(bad, tmp_path)), "-o", str(tmp_path / "out")])
    assert_told(bad, code, *capsys.readouterr())


def launched(ranks: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    mpirun = Path(sys.executable).with_name("mpirun")
    command = [str(mpirun), "-n", str(ranks), sys.executable, "-m", "fibertwin.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize("bad", [bad for bad in IN_THE_CASE if bad.ranks], ids=lambda bad: bad.name)
def test_two_ranks_refuse_a_bad_case_once(bad: Bad, tmp_path: Path) -> None:
    done = launched(2, "check", str(spoilt(bad, tmp_path)))
    assert_told(bad, done.returncode, done.stdout, done.stderr)
    assert "Abort" not in done.stderr


@pytest.mark.parametrize("bad", [bad for bad in IN_THE_DATA if bad.ranks], ids=lambda bad: bad.name)
def test_two_ranks_refuse_bad_data_once(bad: Bad, tmp_path: Path) -> None:
    done = launched(2, "run", str(spoilt(bad, tmp_path)), "-o", str(tmp_path / "out"))
    assert_told(bad, done.returncode, done.stdout, done.stderr)
    assert "Abort" not in done.stderr


def test_a_case_that_is_not_toml_is_refused_with_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "case.toml").write_text('title = "x"\n[anatomy]\nedge = 7 mm\n')
    assert main(["check", str(tmp_path / "case.toml")]) == 2
    errors = capsys.readouterr().err
    assert "line 3, column 10" in errors
    assert 'put a quantity between quotes: "5 mm"' in errors


def test_a_missing_case_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "case.toml")]) == 2
    assert "the case file does not exist" in capsys.readouterr().err


def test_an_output_that_is_a_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_scan(tmp_path)
    (tmp_path / "case.toml").write_text(dump(CASE), encoding="utf-8")
    (tmp_path / "out").touch()
    assert main(["run", str(tmp_path / "case.toml"), "-o", str(tmp_path / "out")]) == 2
    assert "cannot be made a folder" in capsys.readouterr().err


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = copy.deepcopy(CASE)
    document["anatomy"]["cels"] = 1
    document["materials"]["white"]["energies"][1]["k1"] = "1 mm"
    document["materials"]["gray"] = document["materials"].pop("grey")
    document["supports"]["base"]["surface"] = "lefft"
    (tmp_path / "case.toml").write_text(dump(document), encoding="utf-8")  # and no scan beside it
    assert main(["check", str(tmp_path / "case.toml")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "fibertwin: 8 problems"
    places = [line.partition(": ")[0] for line in lines[1:] if not line.startswith(" ")]
    assert places == [
        "diffusion.dwi",
        "diffusion.bvals",
        "diffusion.bvecs",
        "diffusion.mask",
        "anatomy.cels",
        "materials.white.energies[1].k1",
        "materials.gray",
        "supports.base.surface",
    ]
