"""Measures of surfaces, and the trade-off between the methods on phantoms."""

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import VoxelMask
from fibertwin.surfaces import Surface, compare, crossing_triangles, isosurface, joined, signed_distance
from fibertwin.surfaces.measures import distances, enclosed, features, roughness, shapes
from fibertwin.surfaces.phantoms import noisy_sphere, staircase_sphere, thin_walled

TETRAHEDRON = Surface(
    np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
)


def moved(surface: Surface, by: float) -> Surface:
    return Surface(surface.points + by, surface.triangles)


def sphere_surface(radius: float) -> Surface:
    line = np.arange(-12.0, 13.0)
    depth = radius - np.linalg.norm(np.stack(np.meshgrid(line, line, line, indexing="ij")), axis=0)
    affine = np.eye(4)
    affine[:3, 3] = -12
    return isosurface(depth, affine, 0.0)


def test_concentric_spheres_are_apart_by_the_difference_of_radii():
    found = distances(sphere_surface(10.0), sphere_surface(8.0))
    assert found.mean == pytest.approx(2.0, abs=0.02)
    assert found.hausdorff == pytest.approx(2.0, abs=0.06)


def test_shape_is_1_for_equilateral_triangles():
    assert shapes(TETRAHEDRON) == pytest.approx([np.sqrt(3) / 2] * 3 + [1.0])


def test_crossing_tetrahedra_are_found_and_separate_ones_are_not():
    assert not len(crossing_triangles(TETRAHEDRON))
    assert not len(crossing_triangles(joined([TETRAHEDRON, moved(TETRAHEDRON, 2.0)])))
    # moved along the diagonal by 0.2, the corner at the origin pierces nothing but the slanted face
    assert 3 in crossing_triangles(joined([TETRAHEDRON, moved(TETRAHEDRON, 0.2)]))


def test_a_small_triangle_through_a_large_one_is_found():
    large = Surface(np.array([[-100.0, -100, 0], [100, -100, 0], [0, 100, 0]]), np.array([[0, 1, 2]]))
    small = Surface(np.array([[0.0, 0, -0.1], [0.1, 0, 0.1], [0, 0.1, 0.1]]), np.array([[0, 1, 2]]))
    assert crossing_triangles(joined([large, small])).tolist() == [0, 1]


def test_smooth_spheres_are_not_rough_and_terraces_are():
    phantom = staircase_sphere(12.0)
    assert roughness(phantom.truth, 4.0) < 2
    assert roughness(isosurface(phantom.mask.inside, phantom.mask.affine, 0.5), 4.0) > 15


def test_marching_cubes_enclose_exactly_the_voxels_they_were_made_of():
    mask = thin_walled(9.0).mask
    turned = VoxelMask(mask.inside, mask.affine @ np.diag([-1.0, 1.3, 0.7, 1.0]), "turned")
    for each in (mask, turned):
        assert np.array_equal(enclosed(isosurface(each.inside, each.affine, 0.5), each), each.inside)


def test_a_filled_cavity_is_counted_with_its_volume():
    mask = thin_walled(9.0, cavity=1.3).mask
    filled = VoxelMask(sphere_mask(mask, 9.0), mask.affine)
    found = features(isosurface(filled.inside, filled.affine, 0.5), mask)
    assert found.cavities == found.cavities_lost > 0
    assert found.cavity_volume_lost == (filled.inside & ~mask.inside).sum()
    assert found.lost == 0


def sphere_mask(mask: VoxelMask, radius: float) -> np.ndarray:
    index = np.stack(np.meshgrid(*map(np.arange, mask.inside.shape), indexing="ij"), axis=-1)
    return np.linalg.norm(index @ mask.affine[:3, :3].T + mask.affine[:3, 3], axis=-1) < radius


def test_marching_cubes_keep_noise_and_cavities_and_poisson_neither():
    noise = {made.method: made for made in compare(noisy_sphere().mask).made}
    assert noise["poisson"].roughness < 0.4 * noise["marching-cubes"].roughness
    hollow = {made.method: made for made in compare(thin_walled().mask).made}
    assert hollow["marching-cubes"].features.cavities_lost == 0
    assert hollow["poisson"].features.cavities_lost == 1
    assert hollow["poisson"].features.cavities == 2
    assert all(made.watertight and not made.crossing for made in hollow.values())


def test_signed_distance_is_cut_where_the_ball_ends():
    phantom = staircase_sphere(12.0)
    surface = isosurface(signed_distance(phantom.mask), phantom.mask.affine, 0.0)
    assert surface.volume == pytest.approx(phantom.volume, rel=0.08)
    assert surface.is_watertight


def test_a_probability_is_cut_between_voxels_and_open_images_are_closed_at_their_edge():
    ramp = np.broadcast_to(np.linspace(0.0, 1.0, 11)[:, None, None], (11, 5, 5))
    surface = isosurface(ramp, np.eye(4), 0.54)
    assert surface.is_watertight
    assert surface.points[:, 0].min() == pytest.approx(5.4)


def test_unknown_methods_and_empty_masks_are_refused():
    mask = staircase_sphere(8.0).mask
    with pytest.raises(InputError, match="not known"):
        compare(mask, methods=("delaunay",))
    with pytest.raises(InputError, match="empty"):
        compare(VoxelMask(np.zeros((3, 3, 3), bool), np.eye(4)))
