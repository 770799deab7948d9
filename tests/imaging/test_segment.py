"""Thresholds, Otsu's and growing from seeds on a phantom whose parts are known."""

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import Volume, grow_region, otsu, otsu_levels, threshold

AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
BONE = (slice(4, 9), slice(5, 11), slice(6, 12))
OTHER = (slice(14, 18), slice(14, 18), slice(14, 18))


def scan() -> Volume:
    """Air at -1000, tissue at 40 with two bones at 700, noise of 10."""
    values = np.full((20, 21, 22), -1000.0)
    values[2:19, 2:19, 2:20] = 40
    values[BONE] = values[OTHER] = 700
    values += np.random.default_rng(1).normal(0, 10, values.shape)
    return Volume(values, AFFINE, "ct")


def exactly(*parts) -> np.ndarray:
    inside = np.zeros((20, 21, 22), bool)
    for part in parts:
        inside[part] = True
    return inside


def test_threshold():
    found = threshold(scan(), above=300)
    assert np.array_equal(found.inside, exactly(BONE, OTHER))
    assert found.volume == pytest.approx(8 * (5 * 6 * 6 + 4**3))
    assert "244 of 9240 voxels" in found.notes[-1]
    assert not (threshold(scan(), -500, 300).inside & found.inside).any()


def test_otsu_finds_the_levels_between_the_classes():
    assert np.array_equal(otsu(scan(), 3).inside, exactly(BONE, OTHER))
    low, high = otsu_levels(scan(), 3)
    assert -980 < low < 0
    assert 80 < high < 660


def test_growing_stays_in_the_piece_of_its_seed():
    seed = [(12.0, 16.0, 18.0)]
    assert np.array_equal(grow_region(scan(), seed, above=300).inside, exactly(BONE))
    assert np.array_equal(grow_region(scan(), seed, spread=6.0).inside, exactly(BONE))
    both = grow_region(scan(), [*seed, (32.0, 32.0, 32.0)], above=300)
    assert np.array_equal(both.inside, exactly(BONE, OTHER))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: threshold(scan()), "no threshold is given"),
        (lambda: threshold(scan(), above=5000), "no voxel is found"),
        (lambda: otsu(Volume(np.ones((3, 3, 3)), AFFINE)), "has no contrast"),
        (lambda: grow_region(scan(), [(0.0, 0.0, 0.0)], above=300), "a seed is not within the bounds"),
        (lambda: grow_region(scan(), [(100.0, 0.0, 0.0)], above=300), "outside of the image"),
        (lambda: grow_region(scan(), []), "has no seed"),
    ],
)
def test_what_cannot_work_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
