"""Checkpoints: a solve that was left goes on as if it had not been, on any number of ranks; others are refused."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from bodies import block, displacements, fibered, shuffled
from dolfinx import fem
from mpi4py import MPI

from fibertwin.constitutive import HolzapfelGasserOgden, Material, NeoHookean
from fibertwin.errors import InputError, SolveError, StoppedError
from fibertwin.meshes import Block, ThickSphere
from fibertwin.solver import (
    Cavity,
    Checkpointing,
    Clamp,
    DeadTraction,
    Displacement,
    FollowerPressure,
    Keeper,
    PrescribedDisplacement,
    Problem,
    Stepping,
    SymmetryPlane,
    TaylorHood,
    checkpoint,
    read_checkpoint,
    require,
    solve,
)
from fibertwin.solver.numbering import connectivity, of_cells, of_nodes

WORLD, SELF = MPI.COMM_WORLD, MPI.COMM_SELF
SOFT = Material((NeoHookean(1.0),), 20.0)
STEPS = Stepping(first=0.2, growth=1.2, tolerance=1e-11)
ALL = Checkpointing(every=1)


def bent(comm, formulation, anatomy=None, material=SOFT, pressure=0.15):
    """A cube bent by a pressure and a pull."""
    loads = {"press": FollowerPressure("top", pressure), "pull": DeadTraction("right", (0.1, 0.0, 0.05))}
    supports = {"fixed": Clamp("left")}
    return Problem(anatomy or block(comm, 2), {"tissue": material}, supports, loads, formulation=formulation)


def asked_after(increments):
    """Asks for an end after so many increments."""
    count = itertools.count(1)
    return lambda: "the test" if next(count) == increments else ""


def left(problem, stepping, file, after, when=ALL, about=None):
    """Solve until an end is asked for."""
    with pytest.raises(StoppedError, match="ended by the test at"):
        solve(problem, stepping, keep=Keeper(file, about, when, asked_after(after)))


def difference(one, other):
    """The largest between two displacement fields, relative to the largest displacement."""
    a, b = displacements(one)[:, 3:], displacements(other)[:, 3:]
    return np.abs(a - b).max() / np.abs(a).max()


@pytest.mark.mpi
@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra", "shuffled"])
@pytest.mark.parametrize("degree", [1, 2])
def test_nodes_and_cells_stand_in_the_same_order_on_any_number_of_ranks(cell, degree):
    def made(comm):
        if cell == "shuffled":
            return shuffled(comm, 2, seed=1).mesh
        return Block((1.0, 1.0, 1.0), cells=(2, 3, 2), center=(0.5, 0.5, 0.5), cell=cell).build(comm).mesh

    found, sums = [], []
    for mesh in (made(WORLD), made(SELF)):
        V = fem.functionspace(mesh, ("Lagrange", degree, (3,)))
        own = V.tabulate_dof_coordinates()[: V.dofmap.index_map.size_local]
        numbering = of_nodes(V)
        whole = numbering.gather(own)
        assert np.array_equal(numbering.scatter(whole), own)
        found.append(whole)
        sums.append(connectivity(mesh, of_cells(mesh)))
    assert sums[0] == sums[1]
    if WORLD.rank == 0:
        np.testing.assert_allclose(found[0], found[1], atol=1e-14)


@pytest.mark.mpi
@pytest.mark.parametrize("formulation", [Displacement(1), Displacement(2), TaylorHood()], ids=["P1", "P2", "mixed"])
def test_one_rank_goes_on_from_what_all_wrote_and_all_from_what_one_wrote(formulation, shared_path, tmp_path):
    whole = require(solve(bent(WORLD, formulation), STEPS))
    left(bent(WORLD, formulation), STEPS, shared_path / "all.npz", 2)
    left(bent(SELF, formulation), STEPS, tmp_path / "one.npz", 2)  # on rank 0 the same folder
    WORLD.Barrier()
    for comm, file in ((WORLD, "all.npz"), (SELF, "all.npz"), (WORLD, "one.npz")):
        stood = read_checkpoint(shared_path / file, comm)
        assert stood.level == pytest.approx(0.44)
        again = require(solve(bent(comm, formulation), STEPS, resume=stood))
        assert again.outcome.sentence.split(",")[0] == whole.outcome.sentence.split(",")[0]
        assert again.external_work == pytest.approx(whole.external_work, rel=1e-10)
        if comm is WORLD:
            assert difference(whole, again) < 1e-10
        else:
            u = again.unknowns.displacement.x
            assert np.linalg.norm(u.array) == pytest.approx(np.linalg.norm(displacements(whole)[:, 3:]), rel=1e-10)
    WORLD.Barrier()


@pytest.mark.mpi
def test_a_request_for_an_end_on_one_rank_ends_all(shared_path):
    last = WORLD.size - 1
    keeper = Keeper(shared_path / "c.npz", stop=lambda: "SIGUSR1" if WORLD.rank == last else "")
    with pytest.raises(StoppedError, match=r"SIGUSR1 at 0\.2 of the load"):
        solve(bent(WORLD, Displacement(1)), STEPS, keep=keeper)
    assert read_checkpoint(shared_path / "c.npz", WORLD).level == pytest.approx(0.2)
    WORLD.Barrier()


def test_wherever_it_is_left_the_way_is_the_same(tmp_path):
    """Waypoints, cuts and a second try, every increment of which may be the last before a kill."""
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.15, 0.0, 0.0))}
    material = Material((NeoHookean(1.0), HolzapfelGasserOgden(5.0, 100.0)), 1e3)
    anatomy = block(SELF, 2)
    problem = Problem(anatomy, {"tissue": material}, supports, fibers=fibered(anatomy))
    whole = require(solve(problem, keep=Keeper(tmp_path / "whole.npz", when=ALL)))
    steps = whole.outcome.steps
    assert len(steps) > 3
    assert not steps[0].settled
    assert whole.outcome.cuts > 0
    for after in range(1, len(steps)):
        left(problem, None, tmp_path / "c.npz", after)
        stood = read_checkpoint(tmp_path / "c.npz", SELF)
        again = require(solve(problem, keep=Keeper(tmp_path / "c.npz", when=ALL), resume=stood))
        assert [step.level for step in again.outcome.steps] == [step.level for step in steps]
        assert again.outcome.sentence == whole.outcome.sentence
        assert difference(whole, again) < 1e-10


def test_the_second_try_of_a_level_is_gone_on_with_as_such(tmp_path, monkeypatch):
    from fibertwin.solver import path
    from fibertwin.solver.newton import NewtonResult

    real, tries = path.newton, []

    def failing(*arguments, exact, **options):
        tries.append(exact)
        return real(*arguments, exact=exact, **options) if exact else NewtonResult(False, "made up", (), ())

    monkeypatch.setattr(path, "newton", failing)
    monkeypatch.setattr(path, "damped", failing)
    problem, stepping = bent(SELF, Displacement(1)), Stepping(first=0.5, smallest=0.2, growth=1.0)
    whole = require(solve(problem, stepping))
    left(problem, stepping, tmp_path / "c.npz", 1)
    tries.clear()
    again = require(solve(problem, stepping, resume=read_checkpoint(tmp_path / "c.npz", SELF)))
    assert all(tries)
    assert again.outcome.cuts == whole.outcome.cuts
    assert difference(whole, again) < 1e-8


def test_the_pressures_of_cavities_are_kept(tmp_path):
    anatomy = ThickSphere(1.0, 2.0, (2, 2), sector="octant").build(SELF)
    rubber = Material((NeoHookean(1.0),), "incompressible")
    planes = {name: SymmetryPlane(f"symmetry-{name}") for name in "xyz"}
    loads = {"cavity": Cavity("inner", center=(0.0, 0.0, 0.0), volume=0.9)}
    problem, stepping = Problem(anatomy, {"tissue": rubber}, planes, loads), Stepping(first=0.5, tolerance=1e-11)
    whole = require(solve(problem, stepping))
    left(problem, stepping, tmp_path / "c.npz", 1)
    again = require(solve(problem, stepping, resume=read_checkpoint(tmp_path / "c.npz", SELF)))
    assert again.cavities["cavity"].pressure == pytest.approx(whole.cavities["cavity"].pressure, rel=1e-10)
    assert again.outcome.steps[0] == whole.outcome.steps[0]


def test_a_solve_that_failed_is_gone_on_with_from_its_last_equilibrium(tmp_path):
    problem = bent(SELF, Displacement(1), pressure=1e3)
    keeper = Keeper(tmp_path / "c.npz")
    failed = solve(problem, Stepping(smallest=0.3), keep=keeper)
    assert not failed.outcome.converged
    stood = read_checkpoint(tmp_path / "c.npz", SELF)
    assert stood.level == failed.outcome.level
    assert len(stood.steps) == len(failed.outcome.steps)
    patient = solve(problem, Stepping(first=1e-3, growth=1.0, newton=1, smallest=1e-3), resume=stood)
    assert not patient.outcome.converged


def test_of_another_problem_only_the_state_is_taken_and_brought_to_equilibrium(tmp_path):
    solve(bent(SELF, Displacement(1)), STEPS, keep=Keeper(tmp_path / "c.npz"))
    stood = replace(read_checkpoint(tmp_path / "c.npz", SELF), exact=False)
    assert stood.level == 1
    other = bent(SELF, Displacement(1), material=Material((NeoHookean(1.1),), 20.0))
    assert difference(require(solve(other, STEPS)), require(solve(other, STEPS, resume=stood))) < 1e-8
    crushed = bent(SELF, Displacement(1), pressure=1e4)
    with pytest.raises(SolveError, match=r"c\.npz does not help: from the state at 1 of the load"):
        solve(crushed, STEPS, resume=stood)


@pytest.fixture
def written(tmp_path):
    file = tmp_path / "c.npz"
    about = {"materials": {"tissue": [{"mu": "1 kPa"}]}, "versions": {"dolfinx": "0.11"}}
    left(bent(SELF, Displacement(1)), STEPS, file, 1, about=about)
    return file


def test_each_difference_is_named_with_its_place(written):
    stood = read_checkpoint(written, SELF)
    assert stood.differences({"materials": {"tissue": [{"mu": "1 kPa"}]}, "versions": {"dolfinx": "0.11"}}) == []
    now = {"materials": {"tissue": [{"mu": "2 kPa"}]}, "versions": {"dolfinx": "0.11", "petsc": "3"}}
    found = {problem.where: (problem.got, problem.wanted) for problem in stood.differences(now)}
    assert found == {"materials.tissue[0].mu": ('"2 kPa"', '"1 kPa"'), "versions.petsc": ('"3"', "nothing")}


def moved_block():
    anatomy = block(SELF, 2)
    anatomy.mesh.geometry.x[:] *= 1.01
    return anatomy


@pytest.mark.parametrize(
    ("anatomy", "formulation", "words"),
    [
        (lambda: block(SELF, 3), Displacement(1), "anatomy: .*\n.*162 cells, 64 points\n.*48 cells, 27 points"),
        (lambda: shuffled(SELF, 2, 3), Displacement(1), "joined otherwise"),
        (moved_block, Displacement(1), r"up to 0\.0173 mm away"),
        (lambda: block(SELF, 2), TaylorHood(), r"solve\.formulation: .*\n.*P 2, P 1\n.*P 1"),
    ],
)
def test_another_mesh_or_formulation_is_refused_and_named(written, anatomy, formulation, words):
    with pytest.raises(InputError, match=words):
        solve(bent(SELF, formulation, anatomy()), STEPS, resume=read_checkpoint(written, SELF))


@pytest.mark.parametrize("spoil", ["cut", "flip", "empty", "text", "gone"])
def test_what_is_not_a_whole_checkpoint_is_refused(written, spoil):
    whole = written.read_bytes()
    middle = len(whole) // 2
    spoilt = {"cut": whole[:middle], "empty": b"", "text": b"no checkpoint", "gone": b""}
    spoilt["flip"] = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    written.write_bytes(spoilt[spoil])
    if spoil == "gone":
        written.unlink()
    with pytest.raises(InputError, match="does not exist" if spoil == "gone" else "not a checkpoint, or is damaged"):
        read_checkpoint(written, SELF)


def test_a_checkpoint_of_another_format_is_refused(written, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT + 1)
    with pytest.raises(InputError, match="another format"):
        read_checkpoint(written, SELF)


def test_what_cannot_be_written_leaves_the_last_one_whole(written, monkeypatch):
    before = written.read_bytes()

    def full(stream, **arrays):
        stream.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    with pytest.raises(SolveError, match=r"c\.npz cannot be written: No space left"):
        solve(bent(SELF, Displacement(1)), STEPS, keep=Keeper(written, when=ALL))
    assert written.read_bytes() == before
    assert [path.name for path in written.parent.iterdir()] == ["c.npz"]


def test_a_folder_that_is_not_there_is_told_before_the_solve(tmp_path):
    with pytest.raises(InputError, match="has no folder"):
        solve(bent(SELF, Displacement(1)), STEPS, keep=Keeper(tmp_path / "none" / "c.npz"))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (Checkpointing(every=2), [0.44, 1.0]),
        (Checkpointing(every=3), [0.728, 1.0]),
        (Checkpointing(), [1.0]),
        (Checkpointing(interval=15.0), [0.44, 1.0]),
    ],
)
def test_it_is_written_when_asked_for_and_at_the_end(tmp_path, monkeypatch, when, expected):
    clock = itertools.count(0.0, 10.0)  # every look at it takes ten seconds
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: next(clock))
    found, real = [], checkpoint._save

    def seen(file, document, arrays):
        found.append(document["places"][document["path"]["here"]]["level"])
        real(file, document, arrays)

    monkeypatch.setattr(checkpoint, "_save", seen)
    require(solve(bent(SELF, Displacement(1)), STEPS, keep=Keeper(tmp_path / "c.npz", when=when)))
    assert found == pytest.approx(expected)
