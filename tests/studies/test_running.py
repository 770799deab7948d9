"""Sweeps of a tiny case end to end: warm equals cold, failures and hangs alone, resumed without a repeat."""

import json
from pathlib import Path

import pytest
from mpi4py import MPI

from fibertwin.case import Case
from fibertwin.errors import InputError
from fibertwin.member import Runner, observable
from fibertwin.studies import Journal, Row, split, sweep
from fibertwin.studies.plan import Member, content_hash, plan, read_sweep
from fibertwin.studies.sweeping import engine_of, recorded, table_of, unfinished

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


def test_tissue_that_relaxes_begins_every_member_from_nothing(case: Case) -> None:
    relaxing = case.replace({"materials.tissue.relaxation": [{"share": 1.0, "time": "0.3 s"}]})
    runner = Runner(relaxing, (FORCE,), MPI.COMM_SELF)
    runner.run({"materials.tissue.relaxation.0.time": "0.4 s"}, "first")
    found = runner.run({}, "second", "first")
    assert not found.warm
    assert found.observables == Runner(relaxing, (FORCE,), MPI.COMM_SELF).run({}).observables


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
    assert "2 members" in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_members_of_two_ranks_give_what_one_gives(case: Case, tmp_path: Path) -> None:
    wider = case.replace({"anatomy.cells": [2, 1, 1]})
    alone, shared = (
        [row.observables[FORCE] for row in sweep(wider, {MU: ["1 kPa"]}, observables=[FORCE], out=out, ranks=ranks)]
        for out, ranks in ((tmp_path / "one", 1), (tmp_path / "two", 2))
    )
    assert shared == pytest.approx(alone, rel=1e-9)


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


def sent(case: Case, out: Path, stiffness: list[str], members_per_job: int = 1) -> list[Row]:
    said = {"axes": {MU: stiffness}, "observables": [FORCE], "engine": "submitit"}
    said["options"] = {"backend": "local", "members_per_job": members_per_job}
    planned = plan(case, said)
    out.mkdir(exist_ok=True)
    with Journal(out).opened() as journal:
        return list(recorded(planned, journal, table_of(planned, out), unfinished(planned, journal), 1))


def test_jobs_outlive_the_program_that_sent_them(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setattr("fibertwin.studies.with_submitit.PAUSE", 0.1)
    out, all_of_them = tmp_path / "out", ["1 kPa", "2 kPa", "3 kPa"]
    whole = sent(case, out, all_of_them, members_per_job=3)
    assert [row.outcome for row in whole] == ["done"] * 3
    assert whole[2].observables[FORCE] > whole[0].observables[FORCE]
    (out / "journal.jsonl").write_text("")  # as if the sweep's program had died before it heard of any
    again = sent(case, out, all_of_them)
    assert again == whole
    assert len((out / "jobs" / "sent.jsonl").read_text().splitlines()) == 1  # nothing was sent twice


def test_a_job_that_ends_early_leaves_its_members_failed(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    from fibertwin.studies import with_submitit

    lost = with_submitit.Sent("1-0.answers.jsonl", "999999999", "local", ("a", "b"))
    members = {key: Member(i, key, {}) for i, key in enumerate("ab")}
    watch = with_submitit.Watch(tmp_path, members)
    watch.add(lost)
    line = json.dumps({"key": "b", "answer": {"outcome": "done", "sentence": "", "observables": {}}})
    (tmp_path / lost.name).write_text(line + '\n{"key": "a", "ans')  # killed in the midst of a line
    answers = {member.key: answer for member, answer in watch.lost()}
    assert answers["b"]["outcome"] == "done"
    assert "Job 999999999 ended before the member did" in answers["a"]["sentence"]


def test_a_cluster_that_does_not_answer_is_told(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    planned = plan(case, {"axes": {MU: ["1 kPa"]}, "observables": [FORCE], "engine": "submitit"})
    with pytest.raises(InputError, match="finds no Slurm"):
        list(engine_of(planned, Journal(tmp_path), planned.members, 0))
    wrong = {"axes": {MU: ["1 kPa"]}, "observables": [FORCE], "engine": "submitit", "options": {"backend": "k8s"}}
    with pytest.raises(InputError, match="slurm or local"):
        list(engine_of(plan(case, wrong), Journal(tmp_path), planned.members, 0))
