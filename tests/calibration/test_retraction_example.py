"""The example of two retractor blades, on a tiny block: what is learned, what is chosen, what is written."""

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fibertwin.calibrate_verb import calibrated
from fibertwin.case import Case
from fibertwin.parallel import on_root

SCRIPT = Path(__file__).parents[2] / "examples" / "retraction" / "retraction.py"
BLOCK = """
[anatomy]
type = "block"
size = ["16 mm", "16 mm", "16 mm"]
cells = [4, 4, 4]
center = ["0 mm", "0 mm", "0 mm"]
[fibers]
rule = "straight"
axis = "right"
[regions]
"white matter" = { select = "rest" }
[materials."white matter"]
bulk_modulus = "50 kPa"
energies = [{ law = "neo-hookean", mu = "0.7 kPa" }, { law = "gasser-ogden-holzapfel", k1 = "5 kPa", k2 = 1.0 }]
[supports]
bed = { type = "clamp", surface = "bottom" }
[solve]
formulation = { type = "displacement", degree = 1 }
"""


@pytest.fixture(scope="module")
def example():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPT.parent))
        yield importlib.import_module(SCRIPT.stem)
    for name in (SCRIPT.stem, "scene"):  # a benchmark has the example's name
        del sys.modules[name]


@pytest.mark.mpi
def test_the_patient_is_learned_and_the_blade_that_spares_more_is_chosen(example, comm, shared_path, monkeypatch):
    case_file, out = shared_path / "block.toml", shared_path / "out"
    monkeypatch.setattr(example, "STRAIN", 0.04)  # as far as these few cells let fibers be strained
    on_root(comm, lambda: case_file.write_text(BLOCK) and out.mkdir())
    scene = replace(example.BLOCK, depth=2.0, finer={"anatomy.cells": [5, 5, 5]})
    case = example.prepared(Case.read(case_file, comm=comm), scene)
    example.made_up(case, scene, out, comm)
    assert len(np.loadtxt(out / "markers.csv", delimiter=",", skiprows=1)) == example.MARKERS
    asked = example.measured(case, out, 60).replace({"calibrate.method": "laplace"})
    posterior = calibrated(asked, out, comm)
    models, scenery = example.blades(case, scene, out, comm)
    found = example.compared(posterior, models, 6)
    narrow, wide = (found.results[name]["near"] for name in scene.widths)
    assert (narrow != wide).any()
    assert found.chosen == max(scene.widths, key=lambda name: np.mean(found.results[name]["near"] <= example.LIMIT))
    low, high = posterior.interval().T
    truth = np.array(list(example.TRUTH.values()))
    assert ((low < truth) & (truth < high)).all()
    assert found.certain.keys() == scene.widths.keys()
    comm.barrier()
    again, _ = example.blades(case, scene, out, comm)
    example.compared(posterior, again, 6)
    assert sum(model.cost.total for model in again.values()) == 0  # all in the journals
    cost = sum((model.cost for model in models.values()), example.Cost())
    fate = example.became(case, scene, out, comm)
    for name in scene.widths:
        shares = found.results[name]["near"]
        assert shares.min() - 0.1 < fate[name] < shares.max() + 0.1  # of another mesh
    told = example.Found(scene, fate, posterior, found, cost, {}, comm.size)
    on_root(comm, lambda: example.write(told, scenery, out))
    figures = json.loads((out / "decision.json").read_text("utf-8"))["decision"]
    assert figures["chosen"] == found.chosen
    assert figures["solves"] == 14
    page = (out / "report.html").read_text("utf-8")
    assert f"Choose {found.chosen}" in page
    assert page.count("data:image/png") == 2
