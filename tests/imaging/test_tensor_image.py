from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage, color_fa, eigenvalues, repair, tensor_quality, to_matrix, transformed
from fibertwin.imaging.tensor_image import FLOOR


def test_repair_lifts_what_can_be_mended_and_gives_up_the_rest() -> None:
    components = np.zeros((1, 1, 6, 6))
    components[0, 0, 0] = (1e-3, 0, 5e-4, 0, 0, 5e-4)  # sound
    components[0, 0, 1] = (1e-3, 0, 5e-4, 0, 0, -1e-4)  # one negative eigenvalue
    components[0, 0, 2] = (-1e-3, 0, -1e-3, 0, 0, -1e-3)  # all negative
    components[0, 0, 3] = np.nan
    components[0, 0, 5] = (1e-3, 0, 5e-4, 0, 0, -1e-4)  # bad, but outside the mask
    mask = np.array([[[True] * 5 + [False]]])
    out, kept, repaired = repair(components, mask)
    assert kept[0, 0].tolist() == [True, True, False, False, False, False]
    assert repaired[0, 0].tolist() == [False, True, True, True, True, False]
    np.testing.assert_array_equal(out[0, 0, 0], components[0, 0, 0])
    np.testing.assert_allclose(out[0, 0, 1], (1e-3, 0, 5e-4, 0, 0, FLOOR), atol=1e-18)
    assert not out[~kept].any()
    assert eigenvalues(out[kept]).min() >= FLOOR * (1 - 1e-9)


def test_moving_an_image_turns_its_tensors(make_image: Callable[..., TensorImage]) -> None:
    image = make_image()
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    stretch = np.diag([1.1, 0.9, 1.05])
    move = np.eye(4)
    move[:3, :3] = turn @ stretch
    move[:3, 3] = (5, 6, 7)
    moved = transformed(image, move)
    expected = turn @ to_matrix(image.components) @ turn.T
    np.testing.assert_allclose(to_matrix(moved.components), expected, rtol=0, atol=1e-16)
    np.testing.assert_allclose(moved.affine, move @ image.affine)
    still = transformed(image, move, reorientation="none")
    np.testing.assert_array_equal(still.components, image.components)
    assert "finite-strain" in moved.assumptions[-1]


@pytest.mark.parametrize("bad", [np.diag([-1.0, 1, 1, 1]), np.zeros((4, 4)), np.eye(3), np.full((4, 4), np.nan)])
def test_a_transform_that_mirrors_or_is_no_affine_map_is_refused(
    make_image: Callable[..., TensorImage], bad: np.ndarray
) -> None:
    with pytest.raises(InputError, match="transform"):
        transformed(make_image(), bad)


def test_shapes_that_do_not_fit_are_refused(make_image: Callable[..., TensorImage]) -> None:
    image = make_image()
    with pytest.raises(InputError, match="mask"):
        replace(image, mask=image.mask[:2])
    with pytest.raises(InputError, match="wrong shape"):
        replace(image, components=image.components[..., :5])
    with pytest.raises(InputError, match="singular"):
        replace(image, affine=np.diag([1.0, 1.0, 0.0, 1.0]))


def test_color_fa_shows_the_axis_and_quality_counts(make_image: Callable[..., TensorImage]) -> None:
    image = make_image(shape=(3, 1, 1), hole=False)
    components = np.zeros((3, 1, 1, 6))
    for voxel, diagonal in enumerate(((0, 2, 5), (2, 0, 5), (5, 0, 2))):
        components[voxel, 0, 0, list(diagonal)] = (1.7e-3, 0.2e-3, 0.2e-3)
    picture = color_fa(replace(image, components=components))
    assert [int(np.argmax(picture[v, 0, 0])) for v in range(3)] == [0, 1, 2]
    assert picture.max() > 200
    assert np.sort(picture.reshape(3, 3), axis=1)[:, :2].max() == 0
    quality = tensor_quality(replace(image, components=components))
    assert quality.valid_voxels == 3
    assert quality.mask_volume == pytest.approx(3 * 7.5)
    assert quality.median_md == pytest.approx(0.7e-3)
