"""``fibertwin calibrate`` on a block: truth found, nothing solved twice, and what is wrong told at once."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from fibertwin.calibration import load
from fibertwin.case import Case
from fibertwin.cli import main
from fibertwin.errors import InputError, SolveError

MU = "materials.tissue.energies.0.mu"
BLOCK = """
[anatomy]
type = "block"
size = ["10 mm", "10 mm", "10 mm"]
cells = [2, 2, 2]
center = ["0 mm", "0 mm", "0 mm"]
[materials.tissue]
bulk_modulus = "100 kPa"
energies = [{ law = "neo-hookean", mu = "1 kPa" }]
[supports]
base = { type = "clamp", surface = "left" }
[loads]
pull = { type = "dead-traction", surface = "right", traction_vector = ["0.2 kPa", "0 kPa", "0 kPa"] }
[solve]
formulation = { type = "displacement", degree = 1 }
[calibrate]
budget = 60
method = "laplace"
[calibrate.free]
"materials.tissue.energies.0.mu" = { prior = "lognormal", median = "1.4 kPa", sd = 0.5 }
[calibrate.measured]
ends = { type = "markers", file = "markers.csv", sd = "10 um" }
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    from mpi4py import MPI

    from fibertwin import stages
    from fibertwin.calibration.equilibrium import EquilibriumModel
    from fibertwin.calibration.observe import PointDisplacements

    file, markers = tmp_path / "case.toml", tmp_path / "markers.csv"
    points = [(5.0, 5.0, 5.0), (5.0, 0.0, 0.0), (2.0, 1.0, -4.0)]
    heading = "x,y,z,ux,uy,uz\n"
    markers.write_text(heading + "".join(f"{x},{y},{z},0,0,0\n" for x, y, z in points))
    file.write_text(BLOCK)
    case = Case.read(file)
    anatomy, fibers = stages.body(case, None, MPI.COMM_SELF)
    seen = [(1.0, PointDisplacements(tuple(points)))]
    values = EquilibriumModel.of(stages.problem(case, anatomy, fibers), {MU: MU}, seen).solve(np.array([1.0]))
    rows = np.column_stack([points, values.reshape(-1, 3)]).tolist()
    rows[1][4] = float("nan")  # a component that was not seen
    markers.write_text(heading + "".join(",".join(map(repr, row)) + "\n" for row in rows))
    return file


def test_the_truth_is_found_and_nothing_is_solved_twice(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = path.parent / "out"
    assert main(["calibrate", str(path), "-o", str(out)]) == 0
    assert f"{MU} is known to" in capsys.readouterr().out
    posterior = load(out / "posterior.npz")
    assert posterior.mean()[0] == pytest.approx(1.0, abs=3 * posterior.sd()[0])
    assert np.isnan(posterior.measurement.values).sum() == 1
    assert "kPa" in (out / "calibration.html").read_text("utf-8")
    journal = next(out.glob("solves-*.jsonl"))
    lines = journal.read_text()
    assert main(["calibrate", str(path), "-o", str(out)]) == 0
    assert journal.read_text() == lines


def test_programs_read_what_is_known_and_people_what_to_measure_next(path: Path) -> None:
    out = path.parent / "out"
    assert main(["calibrate", str(path), "-o", str(out), "--set", "calibrate.method=auto"]) == 0
    told = json.loads((out / "calibration.json").read_text("utf-8"))
    posterior = load(out / "posterior.npz")
    assert told["parameters"][MU]["mean"] == pytest.approx(posterior.mean()[0])
    assert told["certified"] is True
    assert told["cost"]["solves"] + told["cost"]["with_derivatives"] == posterior.cost.total
    assert told["measured"]["missing"] == 1
    assert told["measured"]["residuals"].count(None) == 1
    assert "markers.csv" in " ".join(told["provenance"]["inputs"])
    low, high = told["profiles"][MU]["interval_95"]
    assert low < 1.0 < high
    taught = {one["name"]: one for one in told["next"]}
    names = ["ends at 0.5 of the load", "ends at 1.5 times the load", "ends at 3 times the load"]
    assert sorted(taught) == names  # a dead load's reaction says nothing
    again, more, most = (taught[name] for name in names)
    assert 0 < again["nats"] < more["nats"] < most["nats"]
    assert more["sd_over_now"][MU] < again["sd_over_now"][MU] < 1
    page = (out / "calibration.html").read_text("utf-8")
    for heading in ("Where the data are missed", "What to measure next", "ends at 1.5 times the load"):
        assert heading in page


def test_workers_find_the_same_bits_and_go_on_where_they_were_killed(path: Path) -> None:
    from mpi4py import MPI

    from fibertwin.calibrate_verb import calibrated
    from fibertwin.calibration_sources import Crew

    case = Case.read(path).replace({"calibrate.method": "auto", "calibrate.budget": 75})
    alone = calibrated(case, path.parent / "alone", MPI.COMM_SELF)
    crowd = calibrated(case, path.parent / "crowd", MPI.COMM_SELF, crew=Crew(2))
    assert np.array_equal(alone.z, crowd.z)
    assert (alone.cost, alone.certificate) == (crowd.cost, crowd.certificate)
    journal = next((path.parent / "crowd").glob("solves-*.jsonl"))
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[: len(lines) // 2]) + lines[-1][:30])  # killed while it wrote
    resumed = calibrated(case, path.parent / "crowd", MPI.COMM_SELF, crew=Crew(1))
    assert np.array_equal(alone.z, resumed.z)
    assert resumed.cost.recalled == len(lines) // 2
    assert resumed.cost.total + resumed.cost.recalled == alone.cost.total


def test_members_that_die_or_hang_are_failures_and_the_rest_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fibertwin.studies.workers.GRACE", 0.2)
    from fibertwin.calibration_sources import Crew, Team

    with Team(Case.read(path), (MU,), path.parent, Crew(2, timeout=60.0)) as team:
        thetas = np.array([[1.0], [1.1], [1.2], [1.3]])
        answers = team.solve(thetas)
        first = next(answers)
        assert not isinstance(first, SolveError)
        os.kill(team._workers[1].process.pid, signal.SIGKILL)
        found = [first, *answers]
        dead = sum(isinstance(one, SolveError) for one in found)
        assert dead == team.lost["died"] <= 1
        slopes = list(team.linearise(thetas))
        assert all(slope[1].shape == (9, 1) for slope in slopes)
        assert slopes[0][0] == pytest.approx(first, rel=1e-6)
        os.kill(team._workers[0].process.pid, signal.SIGSTOP)
        team._crew = Crew(2, timeout=1.0)
        assert "took more than 1 s" in str(next(team.solve(thetas[:1])))
        assert team.said().endswith("1 took more than 1 s and were given up.")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--workers", "0"], "--workers: is not positive"),
        (["-n", "2"], "is about workers, and there are none"),
        (["--arviz", "nowhere/posterior.nc"], "there is no such folder"),
    ],
)
def test_options_that_make_no_sense(
    path: Path, words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", str(path), "-o", str(path.parent / "out"), *words]) == 2
    assert told in capsys.readouterr().err
    assert not (path.parent / "out").exists()


@pytest.mark.parametrize("words", [[], ["--workers", "1"]])
def test_what_the_body_has_no_place_for_is_told_before_a_solve(
    path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    further = '[calibrate.possible]\nhere = { type = "support-force", support = "bas", component = "x", sd = "1 mN" }\n'
    path.write_text(path.read_text() + further)
    assert main(["calibrate", str(path), "-o", str(path.parent / "out"), *words]) == 2
    assert "calibrate.possible.here" in capsys.readouterr().err
    assert not list((path.parent / "out").glob("solves-*.jsonl"))


def test_everything_wrong_is_told_before_a_body_is_built(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = path.read_text()
    wrong = text.replace('median = "1.4 kPa"', 'median = "1.4 mm"').replace(
        "[calibrate.measured]",
        (
            '"materials.tissue.energies.7.mu" = { prior = "uniform", low = 0, high = 1 }\n'
            '"loads.pull.traction_vector.0" = { prior = "uniform", low = "1 kPa", high = "0.1 kPa" }\n'
            "[calibrate.measured]"
        ),
    )
    path.write_text(wrong)
    case = Case.read(path)
    assert case.calibrate is not None
    with pytest.raises(InputError) as told:
        case.calibrate.space(case.to_dict())
    places = [problem.where for problem in told.value.problems]
    assert places[0] == f'calibrate.free."{MU}".median'
    assert [place.split('"')[1] for place in places[1:]] == [
        "materials.tissue.energies.7.mu",
        "loads.pull.traction_vector.0",
    ]
    assert main(["calibrate", str(path), "-o", str(path.parent / "out")]) == 2
    assert not (path.parent / "out").exists()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[calibrate]", "[output]\n[calibrat]", "unknown key"),
        ('prior = "lognormal"', 'prior = "logistic"', "lognormal"),
        ("[calibrate.free]", "[loads.none]", "loads.none"),
    ],
)
def test_a_table_that_is_no_calibration(path: Path, old: str, new: str, words: str) -> None:
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=words):
        Case.read(path)


def test_markers_outside_and_broken_tables(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    markers = path.parent / "markers.csv"
    markers.write_text("x,y,z,ux,uy,uz\n50,0,0,0,0,0\n")
    assert main(["calibrate", str(path), "-o", str(path.parent / "out")]) == 2
    assert "lie outside the body" in capsys.readouterr().err
    markers.write_text("x,y,z,ux,uy,uz\n1,2,3,4\n")
    assert main(["calibrate", str(path), "-o", str(path.parent / "out")]) == 2
    assert "no table of markers" in capsys.readouterr().err


def test_a_case_without_the_table(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path.write_text(path.read_text().split("[calibrate]")[0])
    assert main(["calibrate", str(path), "-o", str(path.parent / "out")]) == 2
    assert "calibrate: is missing" in capsys.readouterr().err


def test_a_twin_reads_the_case_then_tables_and_refuses_another_model(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = path.parent
    seen = np.loadtxt(folder / "markers.csv", delimiter=",", skiprows=1)[0, 3]
    table = folder / "monday.csv"
    table.write_text(f"name,value,sd,time\npoint 0 x,{float(seen)!r},0.005,1\n")
    words = ["update", str(path), str(folder / "patient.twin")]
    assert main([*words, "--set", "calibrate.budget=120"]) == 0
    before = capsys.readouterr().out
    assert main([*words, str(table)]) == 0
    after = capsys.readouterr().out
    assert before.count(f"{MU} is known") == after.count(f"{MU} is known") == 1
    assert "monday.csv" in after
    assert "monday.csv" not in before
    assert main([*words, str(table), "--set", "loads.pull.traction_vector.0=0.3 kPa"]) == 2
    assert "twin" in capsys.readouterr().err
    table.write_text("name,value,sd,time\npoint 77 x,1,0.005,1\n")
    assert main([*words, str(table)]) == 2
    assert "point 77 x" in capsys.readouterr().err


IMAGED = """
[calibrate.measured]
moved = { type = "displacement-image", file = "moved.nii", sd = "10 um" }
[calibrate.measured.force]
type = "support-force"
support = "base"
component = "x"
file = "force.csv"
sd = "0.2 mN"
noise = "outliers"
"""


@pytest.fixture
def imaged(path: Path) -> Path:
    """The block seen by an image and by a curve of the clamp's force, one number of which is wrong."""
    import nibabel
    from mpi4py import MPI

    from fibertwin import stages
    from fibertwin.calibration.equilibrium import EquilibriumModel
    from fibertwin.calibration.observe import DisplacementImage, Reaction, voxels_of

    case = Case.read(path)
    anatomy, fibers = stages.body(case, None, MPI.COMM_SELF)
    affine = np.diag([5.0, 5.0, 5.0, 1.0])
    affine[:3, 3] = -2.5
    voxels = voxels_of(np.ones((2, 2, 2), dtype=bool))
    seen = [(1.0, DisplacementImage(affine, voxels)), *((level, Reaction("base", "x")) for level in (0.5, 1.0))]
    values = EquilibriumModel.of(stages.problem(case, anatomy, fibers), {MU: MU}, seen).solve(np.array([1.0]))
    nibabel.save(
        nibabel.Nifti1Image(values[:-2].reshape(2, 2, 2, 1, 3).astype(np.float32), affine), path.parent / "moved.nii"
    )
    (path.parent / "force.csv").write_text(f"level,value\n0.5,{values[-2]:.6f}\n0.5,9\n1,{values[-1]:.6f}\n")
    path.write_text(path.read_text().split("[calibrate.measured]")[0] + IMAGED)
    return path


def test_an_image_and_a_curve_with_an_outlier_find_the_truth(imaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = imaged.parent / "out"
    assert main(["check", str(imaged)]) == 0
    assert "measured force: support-force, 3 numbers" in capsys.readouterr().out
    tied = [
        "--set",
        f'calibrate.places.mu=["{MU}"]',
        "--set",
        'calibrate.free={ mu = { prior = "lognormal", median = "1.4 kPa" } }',
    ]
    assert main(["calibrate", str(imaged), "-o", str(out), *tied]) == 0
    assert "mu is known to" in capsys.readouterr().out
    posterior = load(out / "posterior.npz")
    assert posterior.names == ("mu",)
    assert posterior.mean()[0] == pytest.approx(1.0, abs=3 * posterior.sd()[0])
    assert posterior.sd()[0] < 0.05
    assert len(posterior.measurement.values) == 27
    assert posterior.measurement.names[-3:] == (
        "force of base x at 0.5",
        "force of base x (2)",
        "force of base x at 1",
    )
    assert abs(posterior.residuals()[-2]) > 2 > np.nanmax(np.abs(np.delete(posterior.residuals(), -2)))


def test_a_twin_begins_with_outliers_and_refuses_other_noise(imaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["update", str(imaged), str(imaged.parent / "patient.twin")]
    assert main(words) == 0
    assert f"{MU} is known to" in capsys.readouterr().out
    assert main([*words, "--set", "calibrate.measured.force.noise=unknown-sd"]) == 2
    assert "calibrate.measured.force.noise: is none that a twin reads" in capsys.readouterr().err


def test_a_field_is_found_and_the_next_case_reads_it(imaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = imaged.parent / "out"
    text = imaged.read_text().replace("[calibrate.free]", "[calibrate.field]")
    text = text.split("[calibrate.measured.force]")[0]
    text = "\n".join(line for line in text.splitlines() if not line.startswith('"materials'))
    imaged.write_text(text.replace("[calibrate.field]", f'[calibrate.field]\nnumber = "{MU}"\nlength = "50 mm"'))
    changed = ["--set", f"{MU}=1.4 kPa"]
    assert main(["calibrate", str(imaged), "-o", str(out), *changed]) == 0
    assert f"{MU} is most probably between" in capsys.readouterr().out
    found = json.loads((out / "field.json").read_text())
    assert found["median"] == 1.4
    assert found["cells"] == 48
    assert found["values"]["least"] > 0.9
    assert found["values"]["greatest"] < 1.1
    assert found["misfit"] < 1
    assert found["directions"] >= 1
    case = Case.read(imaged, {MU: {"field": "mu", "file": str(out / "field.vtu")}})
    from mpi4py import MPI

    from fibertwin import stages

    anatomy, fibers = stages.body(case, None, MPI.COMM_SELF)
    (energy,) = stages.problem(case, anatomy, fibers).materials["tissue"].energies
    assert energy.mu.values.min() == pytest.approx(found["values"]["least"])
    assert energy.mu.values.max() == pytest.approx(found["values"]["greatest"])
    assert main(["update", str(imaged), str(imaged.parent / "patient.twin")]) == 2
    assert "calibrate.field: is not for a twin" in capsys.readouterr().err
