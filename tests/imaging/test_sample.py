from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage, open_tensors, sample_tensors, write_tensors
from fibertwin.imaging.algebra import exponential, logarithm

Make = Callable[..., TensorImage]


def _world(image: TensorImage, index: np.ndarray) -> np.ndarray:
    return index @ image.affine[:3, :3].T + image.affine[:3, 3]


def test_voxel_centers_give_their_own_tensors(make_image: Make) -> None:
    image = make_image()
    voxels = np.argwhere(image.mask)
    found = sample_tensors(image, _world(image, voxels), radius=0.0)
    np.testing.assert_allclose(found.tensors, image.components[image.mask], rtol=0, atol=1e-15)
    assert not found.filled.any()
    assert not found.distance.any()


def test_a_field_linear_in_the_logarithm_is_reproduced(make_image: Make) -> None:
    image = make_image(shape=(6, 5, 4), hole=False)
    rng = np.random.default_rng(0)
    slope = rng.normal(scale=0.1, size=(3, 6))
    base = logarithm(image.components[0, 0, 0])
    index = np.argwhere(image.mask)
    image = replace(image, components=exponential(base + _world(image, index) @ slope).reshape(*image.shape, 6))
    points = _world(image, rng.uniform(0, 1, (200, 3)) * (np.array(image.shape) - 1))
    expected = exponential(base + points @ slope)
    found = sample_tensors(image, points, radius=0.0)
    np.testing.assert_allclose(found.tensors, expected, rtol=1e-9, atol=1e-15)
    assert not found.filled.any()


def test_half_way_is_the_geometric_mean_and_never_swells(make_image: Make) -> None:
    image = make_image(shape=(2, 1, 1), hole=False)
    components = image.components.copy()
    components[0, 0, 0] = (2e-3, 0, 2e-4, 0, 0, 2e-4)
    components[1, 0, 0] = (2e-4, 0, 2e-3, 0, 0, 2e-4)
    found = sample_tensors(replace(image, components=components), _world(image, np.array([[0.5, 0, 0]])), radius=0.0)
    mean = np.sqrt(2e-3 * 2e-4)
    np.testing.assert_allclose(found.tensors[0], (mean, 0, mean, 0, 0, 2e-4), rtol=0, atol=1e-17)


def test_invalid_neighbors_do_not_take_part(make_image: Make) -> None:
    image = make_image(shape=(3, 3, 3), hole=False)
    mask = np.zeros((3, 3, 3), dtype=bool)
    mask[0, 1, 1] = True
    poisoned = np.where(mask[..., None], image.components, np.nan)
    found = sample_tensors(
        replace(image, components=poisoned, mask=mask), _world(image, np.array([[0.3, 1, 1]])), radius=0
    )
    np.testing.assert_allclose(found.tensors[0], image.components[0, 1, 1], rtol=0, atol=1e-15)
    assert found.filled.all()
    assert found.distance[0] == 0.0  # the point lies in the valid voxel


def test_points_outside_take_the_nearest_valid_voxel_and_say_how_far(make_image: Make) -> None:
    image = make_image(hole=False)
    beyond = _world(image, np.array([[-2.0, 1, 1], [1.0, 1.0, 1.0]]))
    found = sample_tensors(image, beyond, radius=3.1)
    np.testing.assert_allclose(found.tensors[0], image.components[0, 1, 1], rtol=0, atol=1e-15)
    assert found.filled.tolist() == [True, False]
    assert found.distance == pytest.approx([3.0, 0.0])  # two voxels of 1.5 mm
    with pytest.raises(InputError, match=r"1 of 2 lie outside") as caught:
        sample_tensors(image, beyond, radius=2.9)
    assert "3.0 mm" in str(caught.value)


def test_nearest_voxel_is_the_nearest_of_all_not_of_the_rim_alone(make_image: Make) -> None:
    image = make_image(shape=(9, 8, 7), hole=False)
    rng = np.random.default_rng(4)
    mask = rng.random(image.shape) < 0.4
    image = replace(image, mask=mask, components=np.where(mask[..., None], image.components, 0.0))
    points = _world(image, rng.uniform(-3, 11, (300, 3)))
    centers = _world(image, np.argwhere(mask))
    gap = np.linalg.norm(points[:, None] - centers[None], axis=2).min(axis=1)
    found = sample_tensors(image, points, radius=1e3)
    outside = found.distance > 0
    assert outside.sum() > 100
    np.testing.assert_allclose(found.distance[outside], gap[outside])


def test_not_a_number_and_no_valid_voxel_are_refused(make_image: Make) -> None:
    image = make_image()
    with pytest.raises(InputError, match="finite"):
        sample_tensors(image, np.array([[np.nan, 0, 0]]), radius=1.0)
    with pytest.raises(InputError, match="no valid voxel near"):
        sample_tensors(replace(image, mask=np.zeros_like(image.mask)), np.zeros((1, 3)), radius=1.0)


def test_a_written_image_comes_back_whole(make_image: Make, tmp_path: Path) -> None:
    image = make_image("oblique-right")
    repaired = np.zeros_like(image.mask)
    repaired[0, 0, 0] = repaired[1, 2, 1] = True
    image = replace(image, repaired=repaired, assumptions=("Units: µm²/ms.", "Second."))
    back = open_tensors(write_tensors(image, tmp_path / "t.nii")).read()
    np.testing.assert_array_equal(back.components, image.components)
    np.testing.assert_array_equal(back.mask, image.mask)
    np.testing.assert_array_equal(back.repaired, image.repaired)
    np.testing.assert_allclose(back.affine, image.affine, rtol=1e-6)
    assert back.assumptions == image.assumptions


def test_a_window_samples_like_the_whole(make_image: Make, tmp_path: Path) -> None:
    image = make_image("permuted", shape=(14, 12, 10))
    handle = open_tensors(write_tensors(image, tmp_path / "t.nii"))
    points = _world(image, np.random.default_rng(6).uniform([-0.4, 3, 3], [4, 6, 5], (100, 3)))
    window = handle.window(points, 2.0)
    assert np.prod(window.shape) < 0.6 * np.prod(image.shape)
    part = sample_tensors(window, points, radius=2.0)
    whole = sample_tensors(handle.read(), points, radius=2.0)
    np.testing.assert_allclose(part.tensors, whole.tensors, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(part.filled, whole.filled)
    np.testing.assert_allclose(part.distance, whole.distance, atol=1e-9)
    assert handle.window(np.empty((0, 3)), 1.0).shape == (1, 1, 1)


def test_points_elsewhere_and_foreign_files_are_refused(make_image: Make, tmp_path: Path) -> None:
    import nibabel as nib

    image = make_image()
    handle = open_tensors(write_tensors(image, tmp_path / "t.nii"))
    with pytest.raises(InputError, match="do not overlap"):
        handle.window(np.array([[1000.0, 0, 0]]), 5.0)
    with pytest.raises(InputError, match="is missing"):
        open_tensors(tmp_path / "none.nii")
    with pytest.raises(InputError, match="windows"):
        write_tensors(image, tmp_path / "t.nii.gz")
    for name in ("f.nii", "f_state.nii"):
        nib.save(nib.Nifti1Image(np.zeros((2, 2, 2)), np.eye(4)), tmp_path / name)
    with pytest.raises(InputError, match="not written by fibertwin"):
        open_tensors(tmp_path / "f.nii")
