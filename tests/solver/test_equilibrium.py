"""Equilibrium against closed forms, and what must not change it: ranks, numbering, the sign of an axis."""

import numpy as np
import pytest
from bodies import OBLIQUE, SYMMETRY, block, displacements, fibered, shuffled, stretched, tissue, uneven_fibers
from mpi4py import MPI

from fibertwin.constitutive import Material, NeoHookean
from fibertwin.constitutive.point import axisymmetric_fabric, first_piola_kirchhoff
from fibertwin.meshes import Block
from fibertwin.solver import (
    Clamp,
    DeadTraction,
    Displacement,
    FollowerPressure,
    PrescribedDisplacement,
    Problem,
    Stepping,
    TaylorHood,
    fields,
    solve,
)

pytestmark = pytest.mark.mpi
WORLD, SELF = MPI.COMM_WORLD, MPI.COMM_SELF
MATRIX = Material((NeoHookean(1.0),), 50.0)
FORMULATIONS = {"taylor-hood": TaylorHood(), "P2": Displacement(2), "P1": Displacement(1)}


@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra"])
@pytest.mark.parametrize("formulation", FORMULATIONS.values(), ids=FORMULATIONS)
def test_patch_an_affine_motion_of_the_boundary_is_affine_inside(formulation, cell):
    """Simple shear prescribed on two faces by components cannot be affine; prescribe all faces by one mode each."""
    anatomy = Block((1.0, 1.0, 1.0), (2, 2, 2), (0.5, 0.5, 0.5), cell).build(WORLD)
    supports = {
        "x0": Clamp("left", "x"),
        "x1": PrescribedDisplacement("right", (0.2, 0, 0), "x"),
        "y0": Clamp("back", "y"),
        "y1": PrescribedDisplacement("front", (0, -0.1, 0), "y"),
        "z0": Clamp("bottom", "z"),
        "z1": PrescribedDisplacement("top", (0, 0, 0.05), "z"),
    }
    solution = solve(Problem(anatomy, {"tissue": MATRIX}, supports, formulation=formulation), Stepping(tolerance=1e-12))
    rows = displacements(solution)
    np.testing.assert_allclose(rows[:, 3:], rows[:, :3] * (0.2, -0.1, 0.05), atol=1e-10)


def test_uniaxial_tension_of_dispersed_fibers_matches_the_closed_form():
    """Incompressible, fibers along the pull: F = diag(s, s^-1/2, s^-1/2), reaction = first Piola stress × area."""
    stretch = 1.15
    anatomy = block(WORLD, 2)
    supports = {**SYMMETRY, "pull": PrescribedDisplacement("right", (stretch - 1, 0, 0), "x")}
    fibers = fibered(anatomy, axis=(1.0, 0.0, 0.0), fa=0.6)
    material = tissue("incompressible")
    solution = solve(Problem(anatomy, {"tissue": material}, supports, fibers=fibers), Stepping(tolerance=1e-12))
    F = np.diag([stretch, stretch**-0.5, stretch**-0.5])
    P = first_piola_kirchhoff(material, F, axisymmetric_fabric((1, 0, 0), 0.6))
    expected = P[0, 0] - P[1, 1] * F[1, 1] / stretch
    assert solution.reactions["pull"][0] == pytest.approx(expected, rel=1e-9)
    rows = displacements(solution)
    np.testing.assert_allclose(rows[:, 4], rows[:, 1] * (stretch**-0.5 - 1), atol=1e-9)
    sigma = fields(solution.problem, solution.unknowns).measures["fiber stress"].values
    np.testing.assert_allclose(sigma, expected * stretch, rtol=1e-8)


def test_hydrostatic_pressure_gives_the_volume_change_of_the_bulk_modulus():
    """Isochoric matrix: p = −K (J − 1) exactly, whatever the shear modulus."""
    anatomy = block(WORLD, 2)
    loads = {name: FollowerPressure(name, 5.0) for name in ("right", "front", "top")}
    solution = solve(Problem(anatomy, {"tissue": MATRIX}, SYMMETRY, loads), Stepping(tolerance=1e-12))
    measured = fields(solution.problem, solution.unknowns).measures
    np.testing.assert_allclose(measured["J"].values, 1 - 5.0 / 50.0, rtol=1e-9)
    np.testing.assert_allclose(measured["pressure"].values, 5.0, rtol=1e-9)
    np.testing.assert_allclose(measured["von Mises stress"].values, 0.0, atol=1e-8)


def test_dead_traction_is_borne_by_the_supports():
    anatomy = block(WORLD, 2)
    loads = {"pull": DeadTraction("right", (0.1, 0.02, -0.03))}
    supports = {"fixed": Clamp("left")}
    solution = solve(Problem(anatomy, {"tissue": MATRIX}, supports, loads), Stepping(tolerance=1e-12))
    np.testing.assert_allclose(solution.reactions["fixed"], (-0.1, -0.02, 0.03), atol=1e-10)


def test_any_number_of_ranks_gives_the_same_answer():
    one, many = (
        solve(stretched(anatomy, tissue(), uneven_fibers(anatomy))) for anatomy in (block(SELF, 4), block(WORLD, 4))
    )
    assert np.abs(displacements(one) - displacements(many)).max() < 1e-8 * 0.1
    np.testing.assert_allclose(many.reactions["moved"], one.reactions["moved"], rtol=1e-7, atol=1e-9)


def test_shuffling_the_mesh_numbering_changes_nothing():
    plain, mixed = (
        solve(stretched(anatomy, tissue(), uneven_fibers(anatomy)))
        for anatomy in (block(SELF, 3), shuffled(WORLD, 3, seed=5))
    )
    assert np.abs(displacements(plain) - displacements(mixed)).max() < 1e-8 * 0.1


@pytest.mark.parametrize("dispersion", ["fa", 0.1])
def test_flipping_the_axis_at_random_points_changes_nothing(dispersion):
    anatomy = block(WORLD, 3)
    results = []
    for flip in (False, True):
        fibers = uneven_fibers(anatomy)
        if flip:
            axes = fibers.axis.x.array.reshape(-1, 3)
            axes[np.random.default_rng(3).random(len(axes)) < 0.5] *= -1
        results.append(displacements(solve(stretched(anatomy, tissue(dispersion=dispersion), fibers))))
    assert np.abs(results[0] - results[1]).max() < 1e-13


@pytest.mark.parametrize("dispersion", ["tensor", "fa"])
def test_without_anisotropy_the_axis_has_no_say(dispersion):
    anatomy = block(WORLD, 3)
    results = []
    for axis in np.eye(3)[:2]:
        fibers = fibered(anatomy, axis, fa=0.0)
        fibers.axis.x.array.reshape(-1, 3)[:] = axis
        results.append(displacements(solve(stretched(anatomy, tissue(dispersion=dispersion), fibers))))
    assert np.abs(results[0] - results[1]).max() < 1e-12


def test_without_fiber_stiffness_only_the_matrix_is_left():
    anatomy = block(WORLD, 3)
    with_fibers = solve(stretched(anatomy, tissue(k1=0.0), uneven_fibers(anatomy)))
    without = solve(stretched(anatomy, Material((NeoHookean(1.0),), 1e3), None))
    assert np.abs(displacements(with_fibers) - displacements(without)).max() < 1e-9


def test_regions_with_parameters_of_their_own():
    """Two layers in series bear the same force, so the stiffer one stretches less."""
    from dataclasses import replace

    anatomy = block(WORLD, 2)
    from dolfinx import mesh

    from fibertwin.meshes import Rest, tag_regions
    from fibertwin.meshes.regions import RegionRule

    class LeftHalf(RegionRule):
        def picks(self, anatomy, fibers):
            cells = anatomy.cell_tags.indices
            return mesh.compute_midpoints(anatomy.mesh, 3, cells)[:, 0] < 0.5

    layered = tag_regions(anatomy, {"soft": LeftHalf(), "stiff": Rest()})
    materials = {"soft": Material((NeoHookean(1.0),), 1e3), "stiff": Material((NeoHookean(3.0),), 3e3)}
    supports = {**SYMMETRY, "pull": PrescribedDisplacement("right", (0.05, 0, 0), "x")}
    solution = solve(replace(Problem(layered, materials, supports)))
    measured = fields(solution.problem, solution.unknowns)
    soft = measured.state.region == layered.regions["soft"]
    stretch = measured.state.F[..., 0, 0]
    weights = measured.state.weights

    def mean(cells):
        total = WORLD.allreduce(np.array([(stretch * weights)[cells].sum(), weights[cells].sum()]))
        return total[0] / total[1] - 1

    assert mean(soft) / mean(~soft) == pytest.approx(3.0, rel=0.1)


def test_nearly_incompressible_tissue_does_not_lock():
    """A thousand times the bulk modulus changes the force of Taylor–Hood by little and that of P1 by much."""

    def force(formulation, bulk):
        anatomy = block(WORLD, 3)
        supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0, 0.2, 0))}
        problem = Problem(anatomy, {"tissue": Material((NeoHookean(1.0),), bulk)}, supports, formulation=formulation)
        return solve(problem).reactions["moved"][1]

    assert force(TaylorHood(), 1e6) == pytest.approx(force(TaylorHood(), 1e3), rel=2e-3)
    assert force(Displacement(1), 1e3) > 1.25 * force(TaylorHood(), 1e3)


def test_halving_the_increments_quarters_the_imbalance_of_work_and_energy():
    anatomy = block(WORLD, 2)
    imbalance = []
    for first in (0.5, 0.25):
        increments = Stepping(first=first, growth=1.0)
        solution = solve(stretched(anatomy, Material((NeoHookean(1.0),), 1e3), None, 0.5), increments)
        assert len(solution.outcome.steps) == round(1 / first)
        imbalance.append(abs(solution.external_work - solution.stored_energy))
    assert imbalance[0] / imbalance[1] == pytest.approx(4.0, rel=0.2)


def test_oblique_fibers_pull_the_body_sideways():
    """Against a stretch, fibers 30° off the pull resist with a side force towards their own direction."""
    anatomy = block(WORLD, 2)
    supports = {"fixed": Clamp("left"), "moved": PrescribedDisplacement("right", (0.1, 0, 0))}
    solution = solve(Problem(anatomy, {"tissue": tissue()}, supports, fibers=fibered(anatomy, OBLIQUE)))
    assert solution.reactions["moved"][1] > 0.1 * solution.reactions["moved"][0]
