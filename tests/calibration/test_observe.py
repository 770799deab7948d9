"""What is seen of a body that is deformed by hand: against closed forms, and places where there is nothing to see."""

from functools import cache

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.calibration.observe import (
    Around,
    CavityVolume,
    DisplacementImage,
    MeanStrain,
    PointDisplacements,
    Reaction,
    StrainedShare,
    StrainImage,
    voxels_of,
)
from fibertwin.errors import InputError
from fibertwin.solver import Displacement
from fibertwin.solver.system import System
from tests.support.bodies import OBLIQUE, block, fibered, stretched, tissue

WORLD = MPI.COMM_WORLD
H = np.array([[0.1, 0.02, 0.0], [-0.03, 0.05, 0.01], [0.0, 0.04, -0.08]])
"""Gradient of a displacement that is linear in space."""

E = 0.5 * ((np.eye(3) + H).T @ (np.eye(3) + H) - np.eye(3))
EIGHTHS = np.array([[0.5, 0, 0, 0.25], [0, 0.5, 0, 0.25], [0, 0, 0.5, 0.25], [0, 0, 0, 1]])


@cache
def system():
    """A unit cube whose every point x is moved by H x."""
    anatomy = block(WORLD, 2)
    made = System(stretched(anatomy, tissue(), fibered(anatomy), formulation=Displacement()))
    made.state.displacement.interpolate(lambda x: H @ x)
    return made


def seen(observation):
    found = observation.on(system())
    values = found.value(system())
    assert len(found.names) == len(values)
    for other in WORLD.allgather(values):
        np.testing.assert_array_equal(other, values)
    return values


@pytest.mark.mpi
def test_points_inside_and_on_the_surface_are_found_on_any_rank():
    points = np.random.default_rng(1).uniform(0, 1, (12, 3))
    points[:3] = [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0]]
    found = seen(PointDisplacements(tuple(map(tuple, points.tolist()))))
    np.testing.assert_allclose(found.reshape(-1, 3), points @ H.T, atol=1e-12)
    only = seen(PointDisplacements(((0.2, 0.3, 0.4),), "zx"))
    np.testing.assert_allclose(only, (H @ [0.2, 0.3, 0.4])[[2, 0]], atol=1e-12)


@pytest.mark.mpi
def test_a_point_a_little_outside_is_taken_at_the_surface_and_one_far_outside_is_refused():
    near = seen(PointDisplacements(((1.1, 0.5, 0.5),), reach=0.2))
    np.testing.assert_allclose(near, H @ [1.0, 0.5, 0.5], atol=1e-9)
    with pytest.raises(InputError, match="lie outside the body") as told:
        PointDisplacements(((0.5, 0.5, 0.5), (4.0, 0.5, 0.5)), names=("in", "far")).on(system())
    assert "far at (4.0, 0.5, 0.5) mm by 3 mm" in str(told.value)


@pytest.mark.mpi
def test_mean_strains_are_those_of_the_deformation():
    assert seen(MeanStrain("tissue")) == pytest.approx(OBLIQUE @ E @ OBLIQUE, rel=1e-12)
    assert seen(MeanStrain("tissue", (0.0, 0.0, 2.0))) == pytest.approx(E[2, 2], rel=1e-12)
    around = Around((0.5, -1e9, 0.5), (0.0, 0.0, 1.0))  # seen from so far the circle is a line along x
    assert seen(MeanStrain("tissue", around)) == pytest.approx(E[0, 0], rel=1e-6)


@pytest.mark.mpi
def test_voxels_see_the_mean_of_what_is_in_them():
    voxels = voxels_of(np.ones((2, 2, 2), dtype=bool))
    centers = voxels @ (0.5 * np.eye(3)) + 0.25
    found = seen(DisplacementImage(EIGHTHS, voxels)).reshape(-1, 3)
    np.testing.assert_allclose(found, centers @ H.T, atol=2e-3)  # by points of cells, not of voxels
    fine = np.diag([0.125, 0.125, 0.125, 1.0])  # a quarter of a cell
    found = seen(DisplacementImage(fine, np.array([[2, 2, 2], [4, 3, 5]]), 0.1)).reshape(-1, 3)
    np.testing.assert_allclose(found, np.array([[0.25, 0.25, 0.25], [0.5, 0.375, 0.625]]) @ H.T, atol=2e-3)
    np.testing.assert_allclose(seen(StrainImage(EIGHTHS, voxels, 0.3)), OBLIQUE @ E @ OBLIQUE, rtol=1e-10)


@pytest.mark.mpi
def test_what_is_not_there_is_told():
    outside = np.eye(4)
    outside[:3, 3] = 7.0
    for observation, what in (
        (DisplacementImage(outside, np.zeros((1, 3), np.int64)), "lie outside the body"),
        (MeanStrain("bone"), "no such region"),
        (MeanStrain("tissue", (0.0, 0.0, 0.0)), "has no length"),
        (MeanStrain("tissue", "across"), "is not to be had here"),
        (MeanStrain("tissue", Around((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))), "the axis has no length"),
        (Reaction("nobody"), "no such support"),
        (CavityVolume("left ventricle"), "no such cavity"),
    ):
        with pytest.raises(InputError, match=what):
            observation.on(system())


@pytest.mark.mpi
def test_half_of_a_body_that_is_stretched_more_and_more_lies_beyond_its_middle_s_strain():
    one = System(stretched(system().problem.anatomy, tissue(), system().problem.fibers, formulation=Displacement()))
    one.state.displacement.interpolate(lambda x: 0.1 * x**2 * np.array([[1.0], [0.0], [0.0]]))  # E = 0.2 x + 0.02 x²
    middle = 0.2 * 0.5 + 0.02 * 0.5**2
    along = {"direction": (1.0, 0.0, 0.0)}
    looks = [
        StrainedShare("tissue", middle, **along),
        StrainedShare("tissue", middle, **along, center=(1.0, 0.5, 0.5), radius=0.5),
        StrainedShare("tissue", middle, **along, center=(0.0, 0.5, 0.5), radius=0.5),
        StrainedShare("tissue", -1e-9, **along),
    ]
    seen_now = [look.on(one).value(one)[0] for look in looks]
    assert seen_now == pytest.approx(
        [0.5, 1.0, 0.0, 1.0], abs=0.02
    )  # points that lie in the middle's plane count on either side


def test_a_share_of_nothing_and_half_a_ball_are_told():
    with pytest.raises(InputError, match="has no volume within 1 mm"):
        StrainedShare("tissue", 0.1, center=(9.0, 9.0, 9.0), radius=1.0).on(system())
    with pytest.raises(InputError, match="no such region"):
        StrainedShare("bone", 0.1).on(system())
    with pytest.raises(ValueError, match="a center and a radius"):
        StrainedShare("tissue", 0.1, radius=1.0)
