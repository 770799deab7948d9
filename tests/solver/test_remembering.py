"""What a solve remembers: advanced by equilibria alone, taken back with an increment, kept in checkpoints."""

import itertools

import numpy as np
import pytest
from bodies import block
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.errors import InputError, StoppedError
from fibertwin.solver import (
    Checkpointing,
    Clamp,
    Displacement,
    Keeper,
    PrescribedDisplacement,
    Problem,
    Stepping,
    path,
    read_checkpoint,
    require,
    solve,
)
from fibertwin.solver.newton import NewtonResult, newton
from fibertwin.solver.system import System

WORLD = MPI.COMM_WORLD
SOFT = Material((NeoHookean(1.0),), 20.0)


class Diary:
    """Remembers how much time has gone by, over how many increments, and the greatest J of every point."""

    def __init__(self, system):
        self._volume = system._volume
        self.tried = []
        self._dt = 0.0
        self.begin()

    def begin(self):
        self.time, self.increments = np.zeros(1), np.zeros(1, dtype=int)
        self.greatest = np.ones_like(self._volume.values())

    def memory(self):
        return {"all.time": self.time, "all.increments": self.increments, "cells.greatest": self.greatest}

    def recall(self, memory):
        self.time, self.increments = memory["all.time"], memory["all.increments"]
        self.greatest = memory["cells.greatest"]

    def adopt(self, problem):
        """It has no numbers."""

    def move(self, last, now):
        assert last.time == pytest.approx(self.time[0], abs=1e-12)
        self._dt = now.time - last.time
        self.tried.append(self._dt)

    def settle(self):
        assert self._dt > 0
        self.time, self.increments = self.time + self._dt, self.increments + 1
        self.greatest = np.maximum(self.greatest, self._volume.values())


@pytest.fixture
def diaries(monkeypatch):
    """Lets every system that is made keep a diary."""
    kept = []

    def remembering(system):
        kept.append(Diary(system))
        return kept[-1:]

    monkeypatch.setattr(System, "_remembering", remembering)
    return kept


def pulled(comm, amount=0.3, anatomy=None):
    """A cube that is pulled."""
    supports = {"fixed": Clamp("left"), "pull": PrescribedDisplacement("right", (amount, 0.0, 0.0))}
    return Problem(anatomy or block(comm, 1), {"tissue": SOFT}, supports, formulation=Displacement(1))


def test_memory_advances_with_every_equilibrium(diaries):
    steps = Stepping(end=4.0, first=0.25, largest=0.25)
    solution = require(solve(pulled(WORLD), steps))
    (diary,) = diaries
    assert [step.level for step in solution.outcome.steps] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert diary.time == pytest.approx([4.0])
    assert diary.increments == [4]
    assert diary.greatest == pytest.approx(diary._volume.values())
    assert diary.tried[-1] == 0.0  # time stands still once equilibrium is there


def test_an_increment_that_is_cut_leaves_nothing_in_memory(diaries, monkeypatch):
    failures = itertools.count()

    def refused(system, *more, **other):
        if next(failures) in (0, 2):
            system.move(0.0)
            return NewtonResult(False, "the test refuses it", (), ())
        return newton(system, *more, **other)

    monkeypatch.setattr(path, "newton", refused)
    solution = require(solve(pulled(WORLD), Stepping(end=2.0, first=0.5, growth=1.0)))
    (diary,) = diaries
    assert solution.outcome.cuts == 2
    assert all(step.settled for step in solution.outcome.steps)
    assert diary.increments == [len(solution.outcome.steps)]
    assert diary.time == pytest.approx([2.0])
    assert sum(dt for dt in diary.tried) > 2.0


@pytest.mark.mpi
@pytest.mark.usefixtures("diaries")
def test_checkpoints_hold_memory_for_any_number_of_ranks(comm, shared_path, diaries):
    steps = Stepping(end=2.0, first=0.2, largest=0.2)
    file = shared_path / "on_its_way.npz"
    alone = comm.rank == 0
    if alone:
        one = pulled(MPI.COMM_SELF, anatomy=block(MPI.COMM_SELF, 2))
        require(solve(one, steps))
        count = itertools.count(1)
        stop = Keeper(file, None, Checkpointing(every=1), lambda: "the test" if next(count) == 3 else "")
        with pytest.raises(StoppedError):
            solve(one, steps, keep=stop)
    comm.Barrier()
    whole = diaries[0].memory() if alone else None
    many = pulled(comm, anatomy=block(comm, 2))
    require(solve(many, steps, resume=read_checkpoint(file, comm)))
    found = diaries[-1].memory()
    assert found["all.time"] == pytest.approx([2.0])
    assert found["all.increments"] == [5]
    greatest = comm.allgather(found["cells.greatest"].ravel())
    if alone:
        np.testing.assert_allclose(
            np.sort(np.concatenate(greatest)), np.sort(whole["cells.greatest"].ravel()), rtol=1e-9
        )


def test_a_checkpoint_without_memory_is_refused_by_whoever_remembers(tmp_path, monkeypatch):
    file, problem = tmp_path / "c.npz", pulled(WORLD)
    solve(problem, keep=Keeper(file))
    monkeypatch.setattr(System, "_remembering", lambda system: [Diary(system)])
    with pytest.raises(InputError, match=r"what the tissue and its loads remember.*which no option overrides"):
        solve(problem, resume=read_checkpoint(file, WORLD))


def test_steps_have_one_order_of_size():
    with pytest.raises(ValueError, match=r"smallest increment of 0\.01, above the largest of 0\.001"):
        Stepping(largest=1e-3)
