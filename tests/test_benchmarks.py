"""The table that every benchmark prints; what it measures is for the benchmarks themselves."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
PROGRAMS = ("decomposition", "demo", "orientation", "robustness")
KEYS = ["quantity", "target", "ours", "verdict", "cost"]


@pytest.fixture
def benchmark_module(monkeypatch):
    """Imports a module of ``benchmarks/`` as its programs do, from beside them."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))

    def load(name: str) -> ModuleType:
        return import_module(name)

    yield load
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == FOLDER:
            del sys.modules[name]


@pytest.fixture
def printed(benchmark_module, monkeypatch, capsys):
    """Runs rows through ``main`` and gives the exit code and what was printed."""
    table = benchmark_module("_table")

    def run(rows, *words):
        monkeypatch.setattr(sys, "argv", ["benchmark", *words])
        with pytest.raises(SystemExit) as ended:
            table.main(lambda arguments: rows(table), argparse.ArgumentParser())
        return int(ended.value.code), capsys.readouterr().out

    return run


def good(table):
    with table.clock() as running:
        pass
    return [
        table.below("difference, relative", 1e-6, 2.5e-9, running),
        table.judged("best", "as given", "as given", True),
        table.told("unknowns", 114483),
    ]


def bad(table):
    return [*good(table), table.below("another", 1e-6, 1e-3)]


def test_json_is_a_list_of_objects_with_five_keys_and_numbers_stay_numbers(printed):
    code, text = printed(good, "--json")
    rows = json.loads(text)
    assert code == 0
    assert [list(row) for row in rows] == [KEYS] * 3
    assert [row["ours"] for row in rows] == [2.5e-9, "as given", 114483]
    assert [row["verdict"] for row in rows] == ["met", "met", "info"]
    assert rows[0]["cost"].endswith(" s")


def test_text_stands_in_columns(printed):
    code, text = printed(good)
    lines = text.splitlines()
    assert code == 0
    assert lines[0].split() == KEYS
    assert "114,483" in text
    assert len({line.index(word) for line, word in zip(lines, ("verdict", "met", "met", "info"), strict=True)}) == 1


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_missed_target_is_told_by_the_exit_code(printed, words):
    code, text = printed(bad, *words)
    assert code == 1
    assert "missed" in text


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_figure_that_is_no_number_misses_its_target_and_stays_valid_json(printed, value):
    code, text = printed(lambda table: [table.below("difference", 1.0, value)], "--json")
    assert code == 1
    assert json.loads(text)[0]["ours"] == str(value)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_can_be_loaded_and_measures_rows(benchmark_module, name):
    assert callable(benchmark_module(name).measure)


def test_every_program_is_described():
    assert {path.stem for path in FOLDER.glob("[!_]*.py")} == set(PROGRAMS)
    for page in (FOLDER / "README.md", FOLDER.parent / "docs" / "reference" / "benchmarks.md"):
        text = page.read_text()
        for name in PROGRAMS:
            assert f"{name}.py" in text


def test_the_demo_is_judged_by_its_summary(benchmark_module):
    solved = {
        "outcome": {"load_level": 1.0, "converged": True},
        "steps": [{"load": 0.5, "newton": 3, "krylov": 40}, {"load": 1.0, "newton": 4, "krylov": 60}],
    }
    exceeded = {"volume_mL": 1.2, "fraction": 0.01, "isotropic_fraction": 0.02}
    exceeded |= {"isotropic_misses_mL": 0.1, "isotropic_adds_mL": 0.3}
    summary = solved | {
        "dofs": {"displacement": 99_999},
        "mesh_quality": {"scaled_jacobian": {"min": 0.2}},
        "memory_MB": {"peak_sum": 2048.0},
        "timings_s": {"anatomy and fibers": 3.0, "solve": 8.0, "isotropic model": 9.0},
        "isotropic": solved,
        "fiber_strain_exceedance": {"white matter": {"5 %": exceeded}},
        "provenance": {"ranks": 2},
    }
    rows = {row.quantity: row for row in benchmark_module("demo").judge(summary)}
    assert rows["displacement unknowns"].verdict == "missed"
    assert rows["least scaled Jacobian"].verdict == "met"
    assert rows["peak memory of all ranks, GiB"].ours == 2.0
    assert rows["Newton iterations, with fibers"].ours == 7
    assert rows["Krylov iterations, isotropic"].ours == 100
    assert rows["white matter beyond 5 % along its fibers, mL"].ours == 1.2


def test_limits_of_the_laws_are_met(benchmark_module):
    rows = benchmark_module("_limits").limits()
    assert len(rows) == 6
    assert {row.verdict for row in rows} == {"met"}


def test_every_kind_of_file_gives_the_tensors_back(benchmark_module, tmp_path):
    """So that the benchmark's writers are right before the whole-brain scan goes through them."""
    import numpy as np

    stored, orientation = benchmark_module("_stored"), benchmark_module("orientation")
    image = stored.crop(orientation.synthetic(), 6)
    for kind in stored.KINDS:
        found = kind.read(image, tmp_path)
        np.testing.assert_array_equal(found.mask, image.mask)
        np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-9)
