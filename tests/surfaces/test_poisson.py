"""Screened Poisson reconstruction and the oriented points it starts from, against closed forms."""

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.surfaces import (
    isosurface,
    pieces,
    points_of_cloud,
    points_of_contours,
    points_of_surface,
    poisson_surface,
)
from fibertwin.surfaces.phantoms import staircase_sphere

RADIUS = 20.0
BALL = 4 / 3 * np.pi * RADIUS**3


def sphere(count: int = 3000) -> np.ndarray:
    """Points spread evenly over a sphere about the origin (Fibonacci lattice)."""
    k = np.arange(count) + 0.5
    up, around = np.arccos(1 - 2 * k / count), np.pi * (1 + np.sqrt(5)) * k
    return RADIUS * np.column_stack([np.cos(around) * np.sin(up), np.sin(around) * np.sin(up), np.cos(up)])


@pytest.mark.parametrize(("sign", "given"), [(1, True), (-1, True), (1, False)], ids=["outward", "inward", "none"])
def test_cloud_of_a_sphere_with_any_normals_encloses_the_ball_and_faces_outward(sign, given):
    points = sphere()
    cloud = points_of_cloud(points, sign * points if given else None)
    assert cloud.areas.sum() == pytest.approx(4 * np.pi * RADIUS**2, rel=0.06)
    assert (np.einsum("ni,ni->n", cloud.normals, cloud.points) / RADIUS).min() > 0.99
    surface = poisson_surface(cloud, 2.0)
    assert surface.is_watertight
    assert surface.volume == pytest.approx(BALL, rel=5e-3)
    assert np.linalg.norm(surface.points, axis=1) == pytest.approx(RADIUS, abs=0.1)


def test_error_of_the_volume_falls_with_the_square_of_the_grid_step():
    cloud = points_of_cloud(sphere(12000))
    coarse, fine = (abs(poisson_surface(cloud, h).volume / BALL - 1) for h in (4.0, 2.0))
    assert coarse / fine == pytest.approx(4, rel=0.25)


def test_screening_draws_the_surface_to_the_points():
    cloud = points_of_cloud(sphere())
    spread = [np.linalg.norm(poisson_surface(cloud, 4.0, screening).points, axis=1).std() for screening in (0.0, 4.0)]
    assert spread[1] < 0.7 * spread[0]


def test_grid_and_octree_agree():
    pytest.importorskip("pymeshlab")
    cloud = points_of_cloud(sphere(1500))
    ours, theirs = (poisson_surface(cloud, 3.0, backend=backend) for backend in ("grid", "pymeshlab"))
    assert theirs.volume > 0
    assert ours.volume == pytest.approx(theirs.volume, rel=0.01)


def test_points_of_a_surface_carry_all_its_area():
    phantom = staircase_sphere(8.0)
    surface = isosurface(phantom.mask.inside, phantom.mask.affine, 0.5)
    assert points_of_surface(surface).areas.sum() == pytest.approx(surface.area)


def ring(radius: float, height: float, turn: int = 1) -> np.ndarray:
    angle = turn * np.linspace(0, 2 * np.pi, 50, endpoint=False)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(50, height)])


@pytest.mark.parametrize("turn", [1, -1], ids=["counter-clockwise", "clockwise"])
def test_contours_one_in_another_make_a_tube_whichever_way_they_run(turn):
    contours = [ring(radius, 4.0 * k, turn) for k in range(6) for radius in (10, 5)]
    samples = points_of_contours(contours)
    surface = poisson_surface(samples, 1.5)
    # six slices of 4 mm, each half-way to the next, so 24 mm long
    assert samples.areas.sum() == pytest.approx(2 * np.pi * 15 * 24 + 2 * np.pi * 75, rel=0.02)
    assert surface.volume == pytest.approx(np.pi * 75 * 24, rel=0.01)
    assert (len(pieces(surface)), surface.handles) == (1, 1)


def test_turned_contours_make_the_turned_body():
    turn = np.linalg.qr(np.array([[1.0, 2, 0], [0, 1, 3], [2, 0, 1]]))[0]
    straight = points_of_contours([ring(8, 4.0 * k) for k in range(4)])
    turned = points_of_contours([ring(8, 4.0 * k) @ turn.T for k in range(4)])
    assert poisson_surface(turned, 2.0).volume == pytest.approx(poisson_surface(straight, 2.0).volume, rel=0.01)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: points_of_cloud(np.zeros((3, 3))), "too few"),
        (lambda: points_of_cloud(np.where(sphere(50) > 19, np.nan, sphere(50))), "not all finite"),
        (lambda: points_of_cloud(sphere(50), np.zeros((50, 3))), "no direction"),
        (lambda: points_of_cloud(np.concatenate([sphere(300), sphere(300) + 500])), "parts too far apart"),
        (lambda: points_of_contours([ring(5, 0.0)]), "single slice"),
        (lambda: points_of_contours([ring(5, 0.0)[:2], ring(5, 4.0)]), "too few points"),
        (
            lambda: points_of_contours([ring(5, 0.0) + [[0, 0, 9]] * (np.arange(50) % 2)[:, None], ring(5, 40.0)]),
            "parallel",
        ),
        (lambda: poisson_surface(points_of_cloud(sphere(100)), 0.01), "too short"),
    ],
)
def test_points_that_make_no_surface_are_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()
