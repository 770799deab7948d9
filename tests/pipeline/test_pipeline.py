"""The main job end to end, on the small real crop of the quick example."""

import csv
import hashlib
import json
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin import demo, pipeline, stages
from fibertwin.case import Case
from fibertwin.errors import SolveError, StoppedError
from fibertwin.kept import Resume

WORLD, SELF = MPI.COMM_WORLD, MPI.COMM_SELF
QUICK = Path(__file__).parents[2] / "examples" / "quick" / "case.toml"
SMALLER = {"output.report": False, "anatomy.cells": [3, 3, 3]}


def summary(folder: Path):
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.mpi
def test_any_number_of_ranks_gives_the_same_summary(shared_path, tmp_path_factory):
    alone_at = tmp_path_factory.mktemp(f"alone{WORLD.rank}")
    together_case, alone_case = (Case.read(QUICK, SMALLER, comm=comm) for comm in (WORLD, SELF))
    pipeline.run(together_case, shared_path, WORLD)
    pipeline.run(alone_case, alone_at, SELF)
    together, alone = summary(shared_path), summary(alone_at)
    assert together["dofs"] == alone["dofs"]
    for model in ("regions", "isotropic"):
        fields = [
            found[model]["tissue"] if model == "regions" else found[model]["regions"]["tissue"]
            for found in (together, alone)
        ]
        for name in ("fiber strain", "max principal strain", "von Mises stress", "J"):
            for key in ("p5", "p50", "p95", "p99", "max", "mean"):
                one, other = (region["fields"][name][key] for region in fields)
                assert one == pytest.approx(other, rel=1e-7, abs=1e-9)
    np.testing.assert_allclose(
        together["reactions"]["plate"]["force_mN"], alone["reactions"]["plate"]["force_mN"], rtol=1e-7, atol=1e-6
    )
    WORLD.Barrier()


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The quick example, run once."""
    folder = tmp_path_factory.mktemp("quick")
    pipeline.run(Case.read(QUICK), folder, SELF)
    return folder


def test_the_summary_holds_what_was_asked_for(done):
    found = summary(done)
    region = found["regions"]["tissue"]
    assert region["volume_mL"] == pytest.approx(16**3 / 1e3, rel=1e-9)
    for name in ("fiber strain", "fiber stretch", "fiber stress", "max principal strain", "J", "von Mises stress"):
        field = region["fields"][name]
        assert field["min"] <= field["p5"] <= field["p50"] <= field["p95"] <= field["p99"] <= field["max"]
    top, bottom = found["reactions"]["plate"], found["reactions"]["bed"]
    np.testing.assert_allclose(np.add(top["force_mN"], bottom["force_mN"]), 0, atol=1e-5)
    assert top["force_mN"][2] < 0
    assert top["area_mm2"] == pytest.approx(256.0)
    assert abs(found["energy"]["imbalance"]) < 0.1
    exceeded = found["fiber_strain_exceedance"]["tissue"]
    assert list(exceeded) == ["5 %", "10 %", "20 %"]
    assert exceeded["5 %"]["volume_mL"] >= exceeded["10 %"]["volume_mL"]
    assert found["tensor_quality"]["orientation"]["best"] == "as given"
    assert found["mesh_quality"]["scaled_jacobian"]["min"] > 0.15


def test_what_it_rests_on_is_told_and_leads_to_the_same_case(done, tmp_path):
    told = summary(done)["provenance"]
    dwi = QUICK.parent / "dwi.nii.gz"
    assert told["inputs"][str(dwi.resolve())] == hashlib.sha256(dwi.read_bytes()).hexdigest()
    assert {"dolfinx", "petsc", "numpy", "fibertwin"} <= set(told["versions"])
    again = Case.read(QUICK)
    assert told["case"] == json.loads(json.dumps(again.to_dict()))
    resolved = tmp_path / "resolved.toml"
    resolved.write_text(again.to_toml())
    assert Case.read(resolved).to_dict() == again.to_dict()


def test_the_fields_can_be_read_back(done):
    pyvista = pytest.importorskip("pyvista")
    grid = pyvista.read(done / "fields.pvd").combine()
    assert grid.point_data["displacement"][:, 2].min() == pytest.approx(-1.0)
    for name in ("fiber strain", "max principal strain", "J", "Cauchy stress", "a0", "FA", "MD", "kappa", "region"):
        assert len(grid.cell_data[name]) == grid.n_cells
    np.testing.assert_allclose(np.linalg.norm(grid.cell_data["a0"], axis=1), 1.0)
    assert 0.5e-3 < np.median(grid.cell_data["MD"]) < 1.2e-3


def test_the_report_stands_alone(done):
    page = (done / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert 'src="http' not in page
    assert summary(done)["outcome"]["sentence"] in page


@pytest.mark.mpi
def test_states_on_the_way_are_gone_on_with_on_another_number_of_ranks(shared_path):
    changes = SMALLER | {
        "output.compare_isotropic": False,
        "output.series": {"levels": [0.3, 0.6]},
        "solve.checkpoint.every": 1,
    }
    asked = iter(["", "", "the test"])
    case = Case.read(QUICK, changes, comm=WORLD)
    with pytest.raises(StoppedError, match=r"at 0\.3 of the load"):
        pipeline.run(case, shared_path, WORLD, stop=lambda: next(asked) if WORLD.rank == 0 else "")
    assert states(shared_path) == {0.3: WORLD.size}
    assert [row["load"] for row in history(shared_path)] == ["0.3"]
    WORLD.Barrier()
    if WORLD.rank == 0:
        pipeline.run(Case.read(QUICK, changes), shared_path, SELF, resume=Resume(wanted=True))
        assert states(shared_path) == {0.3: WORLD.size, 0.6: 1, 1.0: 1}
        rows, ended = history(shared_path), summary(shared_path)
        assert [float(row["time_s"]) for row in rows] == [0.3, 0.6, 1.0]
        assert [float(rows[-1][f"plate_{axis}_mN"]) for axis in "xyz"] == ended["reactions"]["plate"]["force_mN"]
        assert float(rows[-1]["stored_energy_uJ"]) == ended["energy"]["stored_energy_uJ"]
    WORLD.Barrier()


def states(folder: Path) -> dict[float, int]:
    """Times that fields.pvd lists, and of how many pieces each is; all are read."""
    pyvista = pytest.importorskip("pyvista")
    found = {}
    for row in ET.parse(folder / "fields.pvd").iter("DataSet"):
        path = folder / row.attrib["file"]
        pieces = [path.parent / piece.attrib["Source"] for piece in ET.parse(path).iter("Piece")]
        assert all("fiber strain" in pyvista.read(piece).cell_data for piece in pieces)
        found[float(row.attrib["timestep"])] = len(pieces)
    return found


def history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.mpi
def test_a_load_beyond_reach_leaves_the_last_equilibrium_on_disk(shared_path):
    changes = SMALLER | {
        "supports.plate.depth": "15 mm",
        "solve.stepping.smallest": 0.2,
        "output.compare_isotropic": True,
    }
    case = Case.read(QUICK, changes, comm=WORLD)
    with pytest.raises(SolveError, match=r"stopped at .* worst cell is \d+ at \(.*\) mm with J ="):
        pipeline.run(case, shared_path, WORLD)
    found = summary(shared_path)
    assert not found["outcome"]["converged"]
    assert 0 <= found["outcome"]["load_level"] < 1
    assert found["isotropic"] is None
    assert (shared_path / "fields.pvd").is_file()
    WORLD.Barrier()


def test_a_ready_made_tensor_volume_gives_what_the_scan_gave(done, tmp_path):
    for name in ("tensors.nii", "tensors_state.nii"):
        shutil.copy(done / name, tmp_path)
    scan = Case.read(QUICK, {"output.report": False})
    changed = scan.to_dict()
    changed["diffusion"] = {"tensor": str(tmp_path / "tensors.nii")}
    case = scan.replace({"diffusion": changed["diffusion"]})
    (tmp_path / "out").mkdir()
    pipeline.run(case, tmp_path / "out", SELF)
    one, other = (summary(f)["regions"]["tissue"]["fields"]["fiber strain"] for f in (done, tmp_path / "out"))
    assert one["p95"] == pytest.approx(other["p95"], rel=1e-9)


def test_without_a_network_the_demo_runs_on_the_small_crop():
    case = demo.case(demo.small_crop())
    assert case.anatomy.kind() == "block"
    assert set(case.regions) == set(case.materials)
    assert "could not be fetched" in case.title


def test_isotropic_tissue_has_no_direction(done):
    case = Case.read(QUICK, {"output.report": False, "materials.tissue.energies.1.dispersion": 0.1})
    scan = stages.tensors(case, done, SELF)
    anatomy, fibers = stages.body(case, scan, SELF)
    plain = stages.isotropic(stages.problem(case, anatomy, fibers))
    tensors = plain.fibers.structure_tensor.x.array.reshape(-1, 3, 3)
    assert np.abs(tensors - np.eye(3) / 3).max() < 1e-14
    assert plain.materials["tissue"].energies[1].dispersion == pytest.approx(1 / 3)
