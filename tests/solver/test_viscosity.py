"""Tissue that relaxes, against closed forms, hereditary integrals in numpy, and its own limits."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from bodies import SYMMETRY, block, displacements, fibered, stretched, tissue
from dolfinx import fem, mesh
from mpi4py import MPI
from relaxing import (
    BRANCHES,
    ELASTIC,
    MU,
    VISCOUS,
    confined,
    driven,
    elastic_stress,
    hereditary,
    pull,
    stepped,
    volumetric_stress,
    walked,
)
from scipy.optimize import brentq

from fibertwin.constitutive import ActiveStress, Material, NeoHookean
from fibertwin.constitutive.relaxation import Relaxation
from fibertwin.curve import Curve
from fibertwin.errors import InputError, StoppedError
from fibertwin.solver import (
    Checkpointing,
    Clamp,
    DeadTraction,
    Displacement,
    Keeper,
    PrescribedDisplacement,
    Problem,
    Stepping,
    TaylorHood,
    Unload,
    path,
    read_checkpoint,
    require,
    solve,
    unload,
)
from fibertwin.solver.fields import fields
from fibertwin.solver.newton import NewtonResult, newton
from fibertwin.solver.path import Path, walk
from fibertwin.solver.system import System

WORLD, SELF = MPI.COMM_WORLD, MPI.COMM_SELF
TIGHT = 1e-11
HELD = Curve((0.0, 1e-6, 4.0), (0.0, 1.0, 1.0))


def total(stretch, factor):
    """Force (mN) on the confined cube whose energies' stress counts ``factor`` times."""
    return stretch * (factor * elastic_stress(stretch)[0, 0] + volumetric_stress(stretch))


@pytest.mark.parametrize("dt", [0.1, 0.7])
def test_a_held_body_relaxes_as_the_closed_form_says_whatever_the_time_step(dt):
    steps = Stepping(end=4.0, first=dt / 4, largest=dt / 4, smallest=1e-9, tolerance=TIGHT)
    times, forces = walked(confined(WORLD, HELD), steps, pull)
    assert times[0] == pytest.approx(1e-6)
    wanted = [total(1.3, 1 + sum(b.share * np.exp(-(t - 0.5e-6) / b.time) for b in BRANCHES)) for t in times]
    np.testing.assert_allclose(forces, wanted, rtol=1e-9)


def test_a_ramp_follows_the_hereditary_integral_with_second_order():
    def stretch(t):
        return 1 + 0.3 * t / 2.0

    wanted = stretch(2.0) * (
        elastic_stress(1.3)[0, 0]
        + volumetric_stress(1.3)
        + hereditary(2.0, lambda t: float(elastic_stress(stretch(t))[0, 0]))
    )
    errors = []
    for number in (8, 16, 32):
        steps = Stepping(end=2.0, first=1 / number, largest=1 / number, tolerance=TIGHT)
        times, forces = walked(confined(WORLD, None), steps, pull)
        known = np.concatenate([[0.0], times])
        over = stepped(known, elastic_stress(stretch(known)))[-1, 0]
        recurrence = 1.3 * (elastic_stress(1.3)[0, 0] + volumetric_stress(1.3) + over)
        assert forces[-1] == pytest.approx(recurrence, rel=1e-9)
        errors.append(abs(forces[-1] - wanted) / wanted)
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-3
    assert rates.min() > 1.95


@pytest.mark.parametrize(("end", "factor"), [(1e8, 1.0), (1e-8, 1 + sum(b.share for b in BRANCHES))])
def test_slow_tissue_is_elastic_and_fast_tissue_as_stiff_as_all_its_branches(end, factor):
    steps = Stepping(end=end, first=0.25, largest=0.25, tolerance=TIGHT)
    _, forces = walked(confined(WORLD, None), steps, pull)
    assert forces[-1] == pytest.approx(total(1.3, factor), rel=1e-6)


def test_tissue_creeps_under_a_dead_load_to_where_it_would_be_without_viscosity():
    problem = confined(WORLD, None)
    supports = {name: support for name, support in problem.supports.items() if name != "pull"}
    load = DeadTraction("right", (1.5, 0.0, 0.0), curve=Curve((0.0, 1e-6), (0.0, 1.0)))
    problem = replace(problem, supports=supports, loads={"load": load})
    steps = Stepping(end=30.0, first=0.02, largest=0.02, smallest=1e-12, tolerance=TIGHT)

    def stretch(system):
        u = system.state.displacement.x.array.reshape(-1, 3)
        return 1 + WORLD.allreduce(float(np.abs(u[:, 0]).max(initial=0.0)), op=MPI.MAX)

    times, stretches = walked(problem, steps, stretch)
    assert (np.diff(stretches) > 0).all()
    for found, factor in ((stretches[0], 1 + sum(b.share for b in BRANCHES)), (stretches[-1], 1.0)):
        wanted = brentq(lambda x, f=factor: total(x, f) - 1.5, 1.0, 2.0)
        assert found == pytest.approx(wanted, rel=1e-5)
    known, passed = [1.0], [0.0]
    for time in times:  # the same recurrence, solved for one stretch at a time

        def unbalanced(x, now=time):
            stresses = elastic_stress(np.array([*known, x]))
            over = stepped(np.array([*passed, now]), stresses)[-1, 0]
            return x * (stresses[-1, 0] + volumetric_stress(x) + over) - 1.5

        known.append(brentq(unbalanced, 1.0, 2.0, xtol=1e-14))
        passed.append(time)
    np.testing.assert_allclose(stretches, known[1:], rtol=1e-9)


def test_a_cycle_costs_work_and_an_elastic_one_does_not():
    cycle = Curve((0.0, 1.0, 3.0, 4.0), (0.0, 1.0, -1.0, 0.0))
    steps = Stepping(end=4.0, first=1 / 40, largest=1 / 40, tolerance=TIGHT)
    lost = require(solve(confined(WORLD, cycle, stretch=1.1), steps))
    kept = require(solve(confined(WORLD, cycle, ELASTIC, stretch=1.1), steps))
    assert kept.external_work == pytest.approx(0.0, abs=1e-4)
    assert lost.external_work > 0.02
    assert lost.stored_energy == pytest.approx(0.0, abs=1e-9)


def turned(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]) @ np.array(
        [[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]]
    )


def test_stress_turns_with_a_body_that_is_turned_while_it_relaxes():
    stretch = np.array([[1.25, 0.1, 0.0], [0.0, 0.9, 0.05], [0.0, 0.0, 1.05]])
    steps = Stepping(end=1.0, first=0.1, largest=0.1, tolerance=TIGHT)

    def gradient(time, turning):
        grown = np.eye(3) + min(time / 0.3, 1.0) * (stretch - np.eye(3))
        return turned(turning * time) @ grown

    def held(system):
        return system.reactions()["right"]

    _, still = walked(driven(WORLD, lambda t: gradient(t, 0.0)), steps, held)
    times, moving = walked(driven(WORLD, lambda t: gradient(t, 1.5)), steps, held)
    for time, one, other in zip(times, still, moving, strict=True):
        np.testing.assert_allclose(other, turned(1.5 * time) @ one, rtol=1e-8, atol=1e-9)


def viscous(material, *branches):
    return replace(material, relaxation=branches or BRANCHES)


@pytest.mark.parametrize(
    ("formulation", "cell"),
    [
        (Displacement(2), "tetrahedra"),
        (TaylorHood(), "tetrahedra"),
        (Displacement(1), "hexahedra"),
        (TaylorHood(), "hexahedra"),
    ],
    ids=str,
)
def test_every_formulation_relaxes_alike(formulation, cell):
    steps = Stepping(end=4.0, first=0.25, largest=0.25, smallest=1e-9, tolerance=TIGHT)
    problem = confined(WORLD, HELD, formulation=formulation, cell=cell)
    times, forces = walked(problem, steps, pull)
    wanted = [total(1.3, 1 + sum(b.share * np.exp(-(t - 0.5e-6) / b.time) for b in BRANCHES)) for t in times]
    np.testing.assert_allclose(forces, wanted, rtol=1e-8)


def test_incompressible_tissue_relaxes_with_free_sides():
    material = viscous(Material((NeoHookean(MU),), "incompressible"))
    supports = {**SYMMETRY, "pull": PrescribedDisplacement("right", (0.4, 0.0, 0.0), "x")}
    problem = Problem(block(WORLD, 1), {"tissue": material}, supports)
    times, forces = walked(problem, Stepping(end=1.0, first=0.1, largest=0.1, tolerance=TIGHT), pull)
    x = np.concatenate([[1.0], 1 + 0.4 * times])
    across = x**-0.5
    I1 = x**2 + 2 / x
    S = MU * (1 - I1[:, None] / 3 * np.stack([x**-2, x], axis=-1))
    whole = S + stepped(np.concatenate([[0.0], times]), S)
    wanted = x * whole[:, 0] - whole[:, 1] * across**2 / x  # p = −S22 across² balances the free sides
    np.testing.assert_allclose(forces, wanted[1:], rtol=1e-7)


@pytest.mark.mpi
def test_the_same_on_any_number_of_ranks_with_fibers_and_uneven_strain(comm):
    def found(comm):
        anatomy = block(comm, 2)
        material = viscous(tissue(100.0))
        problem = stretched(anatomy, material, fibered(anatomy), formulation=Displacement(1))
        return require(solve(problem, Stepping(end=1.0, first=0.25, largest=0.25, tolerance=TIGHT)))

    one, many = found(SELF), found(comm)
    a, b = displacements(one), displacements(many)
    np.testing.assert_allclose(a, b, atol=1e-9)
    np.testing.assert_allclose(one.reactions["moved"], many.reactions["moved"], rtol=1e-8)


def bent(comm, formulation=None, material=VISCOUS):
    """A cube that a pull bends, its strain uneven."""
    loads = {"pull": DeadTraction("right", (0.4, 0.0, 0.3))}
    anatomy = block(comm, 2)
    return Problem(
        anatomy, {"tissue": material}, {"fixed": Clamp("left")}, loads, formulation=formulation or Displacement(1)
    )


def test_newton_converges_quadratically_and_residual_and_tangent_belong_to_one_energy():
    steps = Stepping(end=1.0, first=0.5, largest=0.5, tolerance=1e-12)
    system = System(bent(WORLD), steps.end)
    walked_path = Path(system)
    assert walk(walked_path, steps, until=0.5) == ""
    system.set_level(1.0)
    result = newton(system, 1e-12, 20, exact=True)
    assert result.converged
    first, second, third = result.residuals[:3]
    assert third / second < 50 * second / first * (second / first)
    # derivatives along a direction, at a state that is none of equilibrium, memory not zero
    system.set_state(walked_path.here.state)
    system.set_level(0.8)
    u = system.state.displacement.x.array
    rng = np.random.default_rng(3)
    direction = rng.normal(size=len(u))
    start, step = u.copy(), 1e-5

    def energy():
        return sum(fem.assemble_scalar(part.energy) for part in system.forms.tissue)

    energies, forces = [], []
    for sign in (1, -1):
        u[:] = start + sign * step * direction
        energies.append(energy())
        forces.append(system.internal_forces())
    u[:] = start
    slope = (energies[0] - energies[1]) / (2 * step)
    assert slope == pytest.approx(float(system.internal_forces() @ direction), rel=1e-5)
    system._assembly.tangent()
    x, y = system._assembly.matrix.createVecs()
    free = np.ones(len(u), dtype=bool)
    for condition in system.constraints.conditions:
        free[condition.dof_indices()[0]] = False
    x.array_w[:] = np.where(free, direction, 0.0)
    u[:] = start + step * x.array_r
    forces = [system.internal_forces()]
    u[:] = start - step * x.array_r
    forces.append(system.internal_forces())
    system._pressures.reset()
    u[:] = start
    system._forget()
    system._assembly.tangent()
    system._assembly.matrix.mult(x, y)
    found = np.where(free, y.array_r, 0.0)
    wanted = np.where(free, (forces[0] - forces[1]) / (2 * step), 0.0)
    np.testing.assert_allclose(found, wanted, atol=1e-6 * np.abs(wanted).max())
    system.destroy()


def test_a_cut_increment_leaves_no_trace(monkeypatch):
    calls = itertools.count()

    def refusing(system, *more, **other):
        if next(calls) == 1:  # the second increment is tried, solved, and refused
            result = newton(system, *more, **other)
            return NewtonResult(False, "the test refuses it", result.residuals, result.krylov)
        return newton(system, *more, **other)

    with monkeypatch.context() as patched:
        patched.setattr(path, "newton", refusing)
        cut = require(solve(bent(WORLD), Stepping(end=1.0, first=0.5, growth=1.0, tolerance=TIGHT)))
    assert cut.outcome.cuts == 1
    assert [step.level for step in cut.outcome.steps] == pytest.approx([0.5, 0.75, 1.0])
    system = System(bent(WORLD), 1.0)
    straight = Path(system)
    for level in (0.5, 0.75, 1.0):
        straight.increment = 1.0
        assert walk(straight, Stepping(tolerance=TIGHT), until=level) == ""
    np.testing.assert_allclose(cut.state.functions[0], system.state.displacement.x.array, atol=1e-11)
    (name,) = cut.state.memory.values
    np.testing.assert_allclose(cut.state.memory.values[name], system.past.memory().values[name], atol=1e-10)
    system.destroy()


@pytest.mark.mpi
@pytest.mark.parametrize("formulation", [Displacement(1), TaylorHood()], ids=str)
def test_a_run_that_is_taken_up_on_other_ranks_ends_as_if_it_had_not_been_left(comm, shared_path, formulation):
    steps = Stepping(end=2.0, first=0.125, largest=0.125, tolerance=1e-12)
    whole = require(solve(bent(comm, formulation), steps))
    for writer, reader in ((SELF, comm), (comm, SELF)):
        file = shared_path / f"{writer.size}-{reader.size}.npz"
        count = itertools.count(1)
        keeper = Keeper(file, None, Checkpointing(every=1), lambda c=count: "the test" if next(c) == 3 else "")
        if writer is comm or comm.rank == 0:
            with pytest.raises(StoppedError):
                solve(bent(writer, formulation), steps, keep=keeper)
        comm.Barrier()
        if reader is comm or comm.rank == 0:
            taken = require(solve(bent(reader, formulation), steps, resume=read_checkpoint(file, reader)))
            assert len(taken.outcome.steps) == 8
            rows = displacements(taken)
        else:
            rows = None
        rows, known = comm.bcast(rows), displacements(whole)
        assert np.abs(rows[:, 3:] - known[:, 3:]).max() < 1e-10 * np.abs(known[:, 3:]).max()
        comm.Barrier()


def test_regions_relax_each_in_its_own_way():
    from fibertwin.meshes import Rest, tag_regions
    from fibertwin.meshes.regions import RegionRule

    class Half(RegionRule):
        def picks(self, anatomy, fibers):
            return mesh.compute_midpoints(anatomy.mesh, 3, anatomy.cell_tags.indices)[:, 0] < 0.5

    anatomy = tag_regions(block(WORLD, 2), {"soft": Half(), "stiff": Rest()})
    supports = {name: Clamp(name, axis) for name, axis in (("left", "x"), ("front", "y"), ("back", "y"))}
    supports |= {name: Clamp(name, "z") for name in ("bottom", "top")}
    supports["pull"] = PrescribedDisplacement("right", (0.2, 0.0, 0.0), "x", Curve((0.0, 1e-6), (0.0, 1.0)))
    one = viscous(ELASTIC, Relaxation(2.0, 0.1))
    materials = {"soft": one, "stiff": viscous(ELASTIC, *BRANCHES)}
    problem = Problem(anatomy, materials, supports, formulation=Displacement(1))
    steps = Stepping(end=200.0, first=1 / 16, largest=1 / 16, smallest=1e-12, tolerance=TIGHT)
    solution = require(solve(problem, steps))
    u = displacements(solution)
    np.testing.assert_allclose(u[:, 3], 0.2 * u[:, 0], atol=1e-6)  # all have relaxed, and are alike then
    fast = require(solve(problem, replace(steps, end=1e-6)))
    middle = displacements(fast)[np.isclose(displacements(fast)[:, 0], 0.5), 3]
    x = brentq(lambda x: total(1 + 2 * x, 3.0) - total(1.4 - 2 * x, 1 + 2.3), 0.05, 0.15)
    np.testing.assert_allclose(middle, x, rtol=1e-4)


def test_reported_stress_holds_that_of_the_branches():
    steps = Stepping(end=4.0, first=0.25, largest=0.25, smallest=1e-9, tolerance=TIGHT)
    solution = require(solve(confined(WORLD, HELD), steps))
    found = fields(solution.problem, solution.unknowns).measures["Cauchy stress"].values
    np.testing.assert_allclose(found[..., 0, 0], solution.reactions["pull"][0], rtol=1e-9)


def test_what_tissue_does_by_itself_does_not_relax():
    active = ActiveStress(2.0, curve=Curve((0.0, 1e-6), (0.0, 1.0)))
    problem = confined(WORLD, None, stretch=1.0)
    material = Material((NeoHookean(MU), active), 20.0, relaxation=BRANCHES)
    fibers = fibered(problem.anatomy, axis=(1.0, 0.0, 0.0))
    problem = replace(problem, materials={"tissue": material}, fibers=fibers)
    steps = Stepping(end=4.0, first=0.25, largest=0.25, smallest=1e-12, tolerance=TIGHT)
    _, forces = walked(problem, steps, pull)
    np.testing.assert_allclose(forces, 2.0, rtol=1e-8)


def test_the_stress_free_shape_of_tissue_that_relaxes_meets_the_image_at_its_time():
    problem = bent(WORLD)
    image = problem.anatomy.mesh.geometry.x.copy()
    steps = Stepping(end=2.0, first=0.25, largest=0.25, tolerance=TIGHT)
    found = unload(problem, Unload(at=1.0, tolerance=1e-7), steps)
    loaded = System(found.problem, steps.end)
    assert walk(Path(loaded), steps, until=0.5) == ""
    u = loaded.state.displacement
    nodes = found.problem.anatomy.mesh.geometry.x.copy()
    nodes[found.problem.anatomy.mesh.geometry.dofmaps[0].ravel()] += u.x.array.reshape(-1, 3)[
        u.function_space.dofmap.list.ravel()
    ]
    np.testing.assert_allclose(nodes, image, atol=1e-6)
    assert found.moved > 0.05
    loaded.destroy()


def test_what_cannot_be_is_refused(tmp_path):
    problem = confined(WORLD, None)
    state = require(solve(problem)).state
    with pytest.raises(InputError, match=r"start.*depends on the way to it"):
        solve(problem, start=state)
    file = tmp_path / "elastic.npz"
    solve(confined(WORLD, None, ELASTIC), keep=Keeper(file))
    with pytest.raises(InputError, match="what the tissue and its loads remember"):
        solve(problem, resume=read_checkpoint(file, WORLD))
