"""Sweeps of a tiny case end to end: warm equals cold, failures and hangs alone, resumed without a repeat."""

import json
from pathlib import Path

import pytest
from mpi4py import MPI

from fibertwin.case import Case
from fibertwin.errors import InputError
from fibertwin.member import Runner, observable
from fibertwin.studies import Journal, Row, split, sweep
from fibertwin.studies.plan import content_hash, plan, read_sweep

MU, PULL = "materials.tissue.energies.0.mu", "supports.pull.displacement.0"
FORCE = "reactions.pull.force_mN.0"
TINY = """
[anatomy]
type = "block"
size = ["10 mm", "10 mm", "10 mm"]
cells = [1, 1, 1]
center = ["0 mm", "0 mm", "0 mm"]
[materials.tissue]
bulk_modulus = "100 kPa"
energies = [{ law = "neo-hookean", mu = "1 kPa" }]
[supports]
base = { type = "clamp", surface = "left" }
pull = { type = "prescribed-displacement", surface = "right", displacement = ["1 mm", "0 mm", "0 mm"] }
[solve]
quadrature_degree = 2
formulation = { type = "displacement", degree = 1 }
"""


@pytest.fixture
def case(tmp_path: Path) -> Case:
    path = tmp_path / "case.toml"
    path.write_text(TINY)
    return Case.read(path)


def test_a_start_from_a_neighbor_gives_what_the_cold_solve_gives(case: Case) -> None:
    names = (FORCE, "max_principal_strain.tissue.p95", "energy.stored_energy_uJ")
    far = {MU: "2.5 kPa", PULL: "2.5 mm"}
    warm = Runner(case, names, MPI.COMM_SELF)
    warm.run({MU: "1 kPa"}, "first")
    found = warm.run(far, "second", "first")
    cold = Runner(case, names, MPI.COMM_SELF).run(far)
    assert found.warm
    assert not cold.warm
    assert found.observables == pytest.approx(cold.observables, rel=1e-7)
    assert not warm.run({MU: "2 kPa", "anatomy.cells": [2, 1, 1]}, "other", "first").warm  # another mesh


def test_what_depends_on_the_path_is_never_taken_from_a_warm_start(case: Case) -> None:
    runner = Runner(case, ("energy.external_work_uJ",), MPI.COMM_SELF)
    runner.run({MU: "1 kPa"}, "first")
    assert not runner.run({MU: "1.1 kPa"}, "second", "first").warm


def test_an_observable_that_does_not_exist_is_told_with_those_that_do() -> None:
    found = {"regions": {"white": {"fields": {"fiber strain": {"p95": 0.1, "unit": "1"}}}}, "reactions": {"a": [1.0]}}
    assert observable(found, "fiber_strain.white.p95") == 0.1
    assert observable(found, "regions.white.fields.fiber strain.p95") == 0.1
    assert observable(found, "reactions.a.0") == 1.0
    with pytest.raises(InputError, match=r"one of: fiber_strain.white.p95, reactions.a.0"):
        observable(found, "fiber_strain.grey.p95")


def test_failures_stay_alone_and_nothing_runs_twice(case: Case, tmp_path: Path) -> None:
    axes = {MU: ["1 kPa", "2 kPa"], PULL: ["1 mm", "-30 mm"]}  # pushed through its other end: no equilibrium
    hard = case.replace({"solve.stepping.smallest": 0.4})
    rows = list(sweep(hard, axes, observables=[FORCE], out=tmp_path / "out", at_once=1))
    assert [row.outcome for row in sorted(rows, key=lambda r: r.number)] == ["done", "failed", "done", "failed"]
    assert all("stopped at" in row.sentence for row in rows if row.outcome == "failed")
    journal = (tmp_path / "out" / "journal.jsonl").read_bytes()
    again = list(sweep(hard, axes, observables=[FORCE], out=tmp_path / "out", at_once=1))
    assert sorted(again, key=lambda r: r.number) == sorted(rows, key=lambda r: r.number)
    assert (tmp_path / "out" / "journal.jsonl").read_bytes() == journal
    more = list(sweep(hard, {MU: ["1 kPa", "3 kPa"]}, observables=[FORCE], out=tmp_path / "out", at_once=1))
    assert len((tmp_path / "out" / "journal.jsonl").read_bytes().splitlines()) == 5  # 1 kPa was known
    assert more[1].observables[FORCE] > more[0].observables[FORCE]


def test_a_member_that_hangs_times_out(case: Case, tmp_path: Path) -> None:
    slow = case.replace({"anatomy.cells": [30, 30, 30], "solve.formulation": {"type": "taylor-hood"}})
    (row,) = sweep(slow, {MU: ["1 kPa"]}, observables=[FORCE], out=tmp_path / "out", timeout=0.3, at_once=1)
    assert row.outcome == "timeout"
    assert row.sentence == "The member took more than 0.3 s."


def test_everything_wrong_with_a_sweep_file_is_told_before_anything_runs(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(
        'case = "case.toml"\nsmaple = "grid"\nranks = 0\ntimeout = "1 mile"\nengine = "warp"\n'
        'observables = []\n[axes]\n"a" = "b"\n'
    )
    with pytest.raises(InputError) as told:
        read_sweep(path)
    wrong = {problem.where for problem in told.value.problems}
    assert wrong == {"smaple", "ranks", "timeout", "engine", "observables", 'axes."a"'}
    path.write_text(f'case = "case.toml"\nobservables = ["x"]\n[axes]\n"{MU}" = ["1 kPa", "1 mm", "-1 kPa"]\n')
    with pytest.raises(InputError) as told:
        read_sweep(path)
    assert len(told.value.problems) == 2


def test_the_hash_knows_model_sample_and_files_but_not_words(case: Case, tmp_path: Path) -> None:
    key = content_hash(case, ("a",))
    assert content_hash(case.replace({"title": "other", "output.report": False}), ("a",)) == key
    assert content_hash(case.replace({MU: "1000 Pa"}), ("a",)) == key
    others = {content_hash(case.replace({MU: "2 kPa"}), ("a",)), content_hash(case, ("b",)), key}
    assert len(others) == 3


def test_a_sample_that_is_drawn_twice_is_one_member(case: Case) -> None:
    planned = plan(case, {"axes": {MU: ["1 kPa", "1000 Pa", "2 kPa"]}, "observables": ["x"]})
    assert len(planned.members) == 2
    assert planned.keys[0] == planned.keys[1] != planned.keys[2]


@pytest.mark.mpi
def test_groups_of_ranks_run_every_member_once(comm: MPI.Comm, tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_text(TINY)
    planned = plan(Case.read(path), {"axes": {MU: [f"{x} kPa" for x in range(1, 8)]}, "observables": ["x"]})
    size = split.groups(comm, 1).size
    rows = [
        (member.number, answer["sentence"])
        for found in split.run(
            planned, planned.members, comm, lambda task: {"outcome": "done", "sentence": task["key"]}
        )
        for member, answer in found
    ]
    assert size == 1
    assert sorted(rows) == [(member.number, member.key) for member in planned.members]


def test_rows_go_through_the_journal_unchanged(tmp_path: Path) -> None:
    row = Row("k", 0, {"a": [1, "2 mm"]}, "timeout", {}, "“slow” – ü", 1.5)
    with Journal(tmp_path).opened() as journal:
        journal.add(row)
    assert Row(**json.loads((tmp_path / "journal.jsonl").read_text("utf-8"))) == row
