"""The table that every benchmark prints; what it measures is for the benchmarks themselves."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("[!_]*.py"))
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
    assert "cube" in PROGRAMS
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


def test_sampling_and_decomposition_are_as_accurate_as_their_peers(benchmark_module):
    """On a small image; how fast they are is not asked here."""
    pytest.importorskip("dipy")
    sampling = benchmark_module("sampling")
    image = sampling.whole_brain(12.0)
    rows = [*sampling.sample(image, 500, 1), *sampling.decompose(500)]
    verdicts = {row.quantity: row.verdict for row in rows if row.target == "<= 1e-12"}
    assert len(verdicts) == 4
    assert set(verdicts.values()) == {"met"}


def test_the_case_of_the_start_is_sound_and_small(benchmark_module, tmp_path):
    from fibertwin.case import Case

    path = tmp_path / "case.toml"
    path.write_text(benchmark_module("startup").CASE)
    case = Case.read(path)
    assert case.anatomy.cells == (3, 3, 3)
    assert case.solve.formulation.degree == 2


def test_every_kind_of_file_gives_the_tensors_back(benchmark_module, tmp_path):
    """So that the benchmark's writers are right before the whole-brain scan goes through them."""
    import numpy as np

    stored, orientation = benchmark_module("_stored"), benchmark_module("orientation")
    image = stored.crop(orientation.synthetic(), 6)
    for kind in stored.KINDS:
        found = kind.read(image, tmp_path)
        np.testing.assert_array_equal(found.mask, image.mask)
        np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-9)


def test_a_page_tells_machine_versions_and_commit_and_keeps_its_columns(printed, tmp_path):
    page = tmp_path / "new" / "page.md"
    printed(lambda table: [table.told("a | b", 1.5)], "--markdown", str(page))
    lines = page.read_text().splitlines()
    assert [word for line in lines[2:5] for word in [line.split(":")[0]]] == ["- machine", "- versions", "- commit"]
    assert "DOLFINx 0." in lines[3]
    assert lines[-3] == "| quantity | target | ours | verdict | cost |"
    assert lines[-1] == "| a / b |  | 1.5 | info |  |"


def test_a_cube_solved_in_a_process_of_its_own_gives_the_known_answers(benchmark_module):
    measure = benchmark_module("_measure")
    found = measure.solved("cube", measure.How(profile=True, repeats=2), law="timr", cells=4, degree=1)
    rows = benchmark_module("cube").known("cube", found, 1, 4)
    assert [row.verdict for row in rows] == ["met"] * 4
    assert found.unknowns == 375
    assert len(found.linear) == sum(found.newton) > 1
    assert found.cpu_s <= found.most_cpu_s
    assert 0 < found.built_mb <= found.peak_mb < 200
    assert sum(found.parts.values()) == pytest.approx(found.cpu_s, rel=1e-6)
    assert found.parts["tangent"] > 0
    assert found.parts["Krylov"] > 0


def test_a_wrong_answer_is_told(benchmark_module):
    measure = benchmark_module("_measure")
    answers = {"reaction": 3.24, "x": 0.0638484834, "y": 0.0097988783, "z": 0.0622833628}
    rows = benchmark_module("cube").known("cube", measure.Measured("", True, answers=answers), 1, 4)
    assert [row.verdict for row in rows] == ["missed", "met", "met", "missed"]


def test_a_solve_is_judged_by_its_limits_and_by_whether_it_ended_well(benchmark_module):
    measure = benchmark_module("_measure")
    good = measure.Measured(
        "", True, level=1.0, newton=(2, 1), krylov=((10, 20), (9,)), unknowns=9, cpu_s=3.0, peak_mb=90.0
    )
    verdicts = {row.quantity: row.verdict for row in measure.effort("a", good, cpu=4, mb=80)}
    assert verdicts["a: load reached, part"] == verdicts["a: CPU s"] == "met"
    assert verdicts["a: peak memory over the import, MB"] == "missed"
    figures = {row.quantity: row.ours for row in measure.effort("a", good)}
    assert figures["a: Krylov iterations of a Newton step, mean"] == 13
    assert figures["a: Krylov iterations of a Newton step, most"] == 20


def test_a_solve_that_fails_misses_every_limit_and_says_why(benchmark_module):
    measure = benchmark_module("_measure")
    bad = measure.solved("cube", measure.How(), law="timr", cells=-1, degree=1)
    rows = {row.quantity: row for row in measure.effort("a", bad, cpu=4, mb=80)}
    assert rows["a: load reached, part"].verdict == rows["a: CPU s"].verdict == "missed"
    assert "ended with 1" in rows["a: why it stopped"].ours
    assert "a: Newton iterations" not in rows
    assert measure.spread("ratio", 1.5, [bad], 1.0, "<").verdict == "missed"


def test_a_child_that_takes_too_long_is_stopped(benchmark_module):
    child = benchmark_module("_child")
    with pytest.raises(child.ChildError, match=r"stopped after 0\.2 s"):
        child.call("_solving", {"name": "cube", "options": {}}, limit=0.2)


def test_the_solver_and_the_plain_form_assemble_one_tangent(benchmark_module):
    found = benchmark_module("_child").call("_assembling", {"cells": 2, "repeats": 1})
    assert found["apart"] < 1e-9
    assert found["cells"] == 48
    rows = benchmark_module("assembly").compared("n=2", found, 1000, 1e9)
    assert {row.quantity.partition(": ")[0] for row in rows} == {"n=2"}
    assert rows[-1].verdict == "met"
