"""States on the way: which are written, at what levels, and that what is listed is whole and on the path."""

import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from bodies import block, displacements, fibered
from dolfinx import fem
from mpi4py import MPI

from fibertwin.constitutive import HolzapfelGasserOgden, Material, NeoHookean
from fibertwin.errors import InputError, SolveError, StoppedError
from fibertwin.solver import (
    Balance,
    Checkpointing,
    Clamp,
    Collection,
    Displacement,
    FollowerPressure,
    Keeper,
    PrescribedDisplacement,
    Problem,
    Series,
    Step,
    Stepping,
    fields,
    read_checkpoint,
    require,
    series,
    solve,
)

WORLD, SELF = MPI.COMM_WORLD, MPI.COMM_SELF
CALM = Balance({}, 0.0, 0.0)
SOFT = Material((NeoHookean(1.0),), 20.0)


def equilibria(*levels):
    return tuple(Step(level, (1.0,), (1,), balance=CALM) for level in levels)


def waypoint(level):
    return Step(level, (1.0,), (1,), settled=False)


def pressed(comm=SELF):
    loads = {"press": FollowerPressure("top", 0.15)}
    return Problem(block(comm, 2), {"tissue": SOFT}, {"fixed": Clamp("left")}, loads, formulation=Displacement(1))


@pytest.fixture
def field():
    return marked(SELF)


def marked(comm):
    return fem.Function(fem.functionspace(block(comm, 2).mesh, ("Lagrange", 1, (3,))), name="displacement")


def listed(file: Path) -> dict[float, float]:
    """Times on the list and what the displacement is there, every piece of which is read."""
    pyvista = pytest.importorskip("pyvista")
    found = {}
    for row in ET.parse(file).iter("DataSet"):
        path = file.parent / row.attrib["file"]
        pieces = [pyvista.read(path.parent / piece.attrib["Source"]) for piece in ET.parse(path).iter("Piece")]
        time = float(row.attrib["timestep"])
        assert time not in found
        found[time] = float(max(np.abs(piece.point_data["displacement"]).max(initial=0.0) for piece in pieces))
    return found


def test_which_states_are_due():
    assert Series(frames=4, levels=(0.3, 1.0)).stops == (0.25, 0.3, 0.5, 0.75)
    assert not Series(frames=1, levels=(1.0,)).wanted
    steps = (*equilibria(0.1), waypoint(0.2), *equilibria(0.3, 0.5))
    assert [Series(every=2).due(steps[: n + 1]) for n in (0, 2, 3)] == [False, True, False]
    assert [Series(levels=(0.3,)).due(steps[: n + 1]) for n in (0, 2, 3)] == [False, True, False]


def test_what_a_path_left_behind_is_taken_off_the_list(tmp_path, field):
    file, ours = tmp_path / "fields.pvd", equilibria(0.1, 0.2, 0.3)
    states = Collection(file, SELF, 2.0)
    for count in (1, 2, 3):
        field.x.array[:] = count
        states.add(ours[:count], [field])
    assert listed(file) == {0.2: 1, 0.4: 2, 0.6: 3}
    field.x.array[:] = 9
    states.add((*ours[:1], waypoint(0.12), *equilibria(0.15)), [field])  # the path went back to the first
    assert listed(file) == {0.2: 1, 0.3: 9}
    assert sorted(path.name for path in (tmp_path / "fields").iterdir()) == ["000001", "000003"]
    assert states.holds(ours[:1])
    assert not states.holds(ours)


def test_a_series_that_is_gone_on_with_lists_no_state_twice(tmp_path, field):
    file, steps = tmp_path / "fields.pvd", equilibria(0.1, 0.2, 0.3)
    states = Collection(file, SELF)
    for count in (1, 2, 3):
        field.x.array[:] = count
        states.add(steps[:count], [field])
    again = Collection(file, SELF, former=steps[:1])  # the kill came after two more states, before their checkpoint
    assert list(listed(file)) == [0.1, 0.2, 0.3]
    field.x.array[:] = 7
    again.add(steps[:2], [field])
    assert listed(file) == {0.1: 1, 0.2: 7}
    anew = Collection(file, SELF)
    anew.add(steps[:2], [field])
    assert listed(file) == {0.2: 7}
    shutil.rmtree(tmp_path / "fields" / "000002")
    assert not Collection(file, SELF, former=steps).holds(steps[:2])
    file.write_text("<VTKFile>", encoding="utf-8")
    with pytest.raises(InputError, match=r"fields\.pvd: is no list of states"):
        Collection(file, SELF, former=steps)


@pytest.mark.parametrize("call", ["_tidy", "_pieces", "_require_whole", "sync", "whole", "_list"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_wherever_it_is_left_the_list_can_be_read_and_gone_on_with(tmp_path, field, monkeypatch, call, after):
    file, steps = tmp_path / "fields.pvd", equilibria(0.1, 0.2, 0.3)
    states = Collection(file, SELF)
    for count in (1, 2):
        states.add(steps[:count], [field])
    home = Collection if hasattr(Collection, call) else series
    real = getattr(home, call)

    def ends(*arguments, **options):
        if after:
            result = real(*arguments, **options)
            if hasattr(result, "__enter__"):
                with result as stream:
                    stream.write(b"<torn")
                    raise KeyboardInterrupt
        raise KeyboardInterrupt

    monkeypatch.setattr(home, call, ends)
    with pytest.raises(KeyboardInterrupt):
        Collection(file, SELF, former=steps[:2]).add(steps, [field])
    assert list(listed(file)) in ([0.1, 0.2], [0.1, 0.2, 0.3])
    monkeypatch.undo()
    Collection(file, SELF, former=steps[:2]).add(steps, [field])
    assert list(listed(file)) == [0.1, 0.2, 0.3]
    assert sorted(path.name for path in (tmp_path / "fields").iterdir()) == ["000001", "000002", "000003"]


def test_a_piece_that_the_disk_did_not_take_is_told_and_not_listed(tmp_path, field, monkeypatch):
    real = Collection._pieces

    def torn(states, file, written, time):
        real(states, file, written, time)
        piece = file.with_name("state_p0_000000.vtu")
        piece.write_bytes(piece.read_bytes()[:-100])

    monkeypatch.setattr(Collection, "_pieces", torn)
    with pytest.raises(SolveError, match="cannot be written whole: is the disk full"):
        Collection(tmp_path / "fields.pvd", SELF).add(equilibria(0.1), [field])
    assert not (tmp_path / "fields.pvd").exists()


@pytest.mark.mpi
def test_ranks_write_together_and_another_number_goes_on(shared_path):
    file, steps = shared_path / "fields.pvd", equilibria(0.1, 0.2)
    u = marked(WORLD)
    Collection(file, WORLD).add(steps[:1], [u])
    if WORLD.rank == 0:
        Collection(file, SELF, former=steps[:1]).add(steps, [marked(SELF)])
        assert list(listed(file)) == [0.1, 0.2]
        assert len(list((shared_path / "fields" / "000001").glob("*.vtu"))) == WORLD.size
        assert len(list((shared_path / "fields" / "000002").glob("*.vtu"))) == 1
    WORLD.Barrier()


def test_levels_asked_for_are_hit_and_told_with_forces_and_energies():
    seen = []
    problem, stepping = pressed(), Stepping(first=0.4, growth=1.0, tolerance=1e-11)
    ended = require(solve(problem, stepping, through=(0.3, 0.55), watch=lambda unknowns, steps: seen.append(steps)))
    assert [steps[-1].level for steps in seen] == pytest.approx([0.3, 0.55, 0.95, 1.0])
    last = ended.outcome.steps[-1].balance
    assert seen[-1] == ended.outcome.steps
    assert last.stored_energy == ended.stored_energy
    assert last.external_work == ended.external_work
    np.testing.assert_allclose(last.reactions["fixed"], ended.reactions["fixed"], rtol=1e-12, atol=1e-12)
    work = [steps[-1].balance.external_work for steps in seen]
    assert work == sorted(work)


def test_looking_at_the_fields_on_the_way_changes_nothing_and_waypoints_are_not_seen():
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.15, 0.0, 0.0))}
    material = Material((NeoHookean(1.0), HolzapfelGasserOgden(5.0, 100.0)), 1e3)
    anatomy = block(SELF, 2)
    problem = Problem(anatomy, {"tissue": material}, supports, fibers=fibered(anatomy))
    seen = []

    def watch(unknowns, steps):
        seen.append(steps[-1])
        assert np.isfinite(fields(problem, unknowns).measures["J"].values).all()

    plain, watched = require(solve(problem)), require(solve(problem, watch=watch))
    steps = watched.outcome.steps
    assert not steps[0].settled
    assert steps[0].balance is None
    assert seen == [step for step in steps if step.settled]
    assert steps == plain.outcome.steps
    assert np.array_equal(displacements(plain), displacements(watched))


def test_a_level_asked_for_anew_is_hit_by_a_solve_that_was_on_its_way_beyond_it(tmp_path):
    problem, stepping = pressed(), Stepping(first=0.4, growth=1.0)
    with pytest.raises(StoppedError):
        solve(problem, stepping, keep=Keeper(tmp_path / "c.npz", None, Checkpointing(every=1), lambda: "the test"))
    stood = read_checkpoint(tmp_path / "c.npz", SELF)
    assert stood.steps[0].balance is not None
    leg = {"goal": 0.8, "increment": 0.4, "careful": False, "why": "", "begun": 0, "left": None}
    stood = replace(stood, document={**stood.document, "path": {**stood.document["path"], "leg": leg}})
    again = require(solve(problem, stepping, through=(0.6,), resume=stood))
    assert [step.level for step in again.outcome.steps] == pytest.approx([0.4, 0.6, 1.0])
    assert again.outcome.steps[0] == stood.steps[0]
    assert replace(stood, exact=False).steps[0].balance is None
