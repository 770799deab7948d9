"""What a member tells, derived by its numbers: tangents against differences of solves, on any number of ranks."""

from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.case import Case
from fibertwin.derivable import hindrances
from fibertwin.errors import InputError
from fibertwin.member import Runner

TINY = (Path(__file__).parent / "test_running.py").read_text("utf-8").split('"""')[3]
MU, PULL, BULK = "materials.tissue.energies.0.mu", "supports.pull.displacement.0", "materials.tissue.bulk_modulus"
SIZE = "anatomy.size.0"
SAMPLE = {MU: "1.2 kPa", PULL: "0.1 cm", BULK: "100 kPa"}
NAMES = ("reactions.pull.force_mN.0", "max_principal_strain.tissue.mean", "energy.stored_energy_uJ")


def read(folder: Path) -> Case:
    path = folder / "case.toml"
    path.write_text(TINY)
    return Case.read(path, {"solve.stepping.tolerance": 1e-12, "anatomy.cells": [2, 1, 1]})  # free nodes between


def told(runner: Runner, sample: dict[str, str]) -> np.ndarray:
    return np.array(list(runner.run(sample, "", "here").observables.values()))


def differences(runner: Runner, sample: dict[str, str]) -> np.ndarray:
    """Derivatives (p, m) by central differences of solves."""
    found = []
    for key, said in sample.items():
        value, unit = said.split()
        step = 1e-4 * float(value)
        more, less = (told(runner, {**sample, key: f"{float(value) + way * step!r} {unit}"}) for way in (1, -1))
        found.append((more - less) / (2 * step))
    return np.array(found)


@pytest.mark.mpi
def test_tangents_tell_what_differences_of_solves_do(comm: MPI.Comm, tmp_path: Path) -> None:
    runner = Runner(read(tmp_path), NAMES, comm)
    runner.run(SAMPLE, "here")
    found = runner.slopes(SAMPLE, np.eye(3).tolist(), "here")
    assert (found.solves, found.newton) == (0, 0)
    np.testing.assert_allclose(found.slopes, differences(runner, SAMPLE), rtol=1e-5)
    way = [1.2, 0.1, -100.0]  # tissue and support at once
    oblique = runner.slopes(SAMPLE, [way, [0.0, 0.0, 0.0]], "here")
    np.testing.assert_allclose(oblique.slopes[0], np.array(way) @ found.slopes, rtol=1e-5)
    assert oblique.slopes[1] == [0.0, 0.0, 0.0]
    unknown = runner.slopes(SAMPLE, [[0.0, 1.0, 0.0]], "elsewhere", "here")
    assert unknown.solves == 1
    np.testing.assert_allclose(unknown.slopes[0], found.slopes[1], rtol=1e-5)
    runner.close()


def test_what_moves_nodes_is_derived_by_differences(tmp_path: Path) -> None:
    case = read(tmp_path)
    runner = Runner(case, NAMES, MPI.COMM_SELF)
    sample = {MU: "1.2 kPa", SIZE: "10 mm"}
    runner.run(sample, "here")
    found = runner.slopes(sample, np.eye(2).tolist(), "here")
    assert found.solves == 2
    np.testing.assert_allclose(found.slopes, differences(runner, sample), rtol=1e-4)
    again = runner.slopes(sample, [[1.0, 0.0]], "here")  # the body has been made anew
    np.testing.assert_allclose(again.slopes[0], found.slopes[0], rtol=1e-9)
    with pytest.raises(InputError, match="is out of range"):
        runner.slopes({MU: "-1 kPa"}, [[1.0]])


def test_why_a_derivative_is_not_to_be_had_by_tangents(tmp_path: Path) -> None:
    case = read(tmp_path)
    assert hindrances(case, NAMES, [MU, PULL, "loads.push.pressure"]) == {}
    assert list(hindrances(case, NAMES, [MU, SIZE])) == [SIZE]
    assert "way that the load took" in hindrances(case, ["energy.external_work_uJ"], [MU])[MU]
    assert "jumps" in hindrances(case, ["fiber_strain_exceedance.tissue.5 %.fraction"], [MU])[MU]
    unloaded = case.replace({"unload": {"at": "1 s"}})
    assert "moves the nodes" in hindrances(unloaded, NAMES, [MU])[MU]
