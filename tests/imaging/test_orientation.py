from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage, axis_changes, orientation_check
from fibertwin.imaging.algebra import rotated

Rings = Callable[..., TensorImage]


def test_there_are_24_changes_and_the_first_is_none() -> None:
    changes = axis_changes()
    assert len(changes) == 24
    np.testing.assert_array_equal(next(iter(changes.values())), np.eye(3))
    squares = {tuple(np.einsum("i,j->ij", m @ [1, 2, 3], m @ [1, 2, 3]).ravel()) for m in changes.values()}
    assert len(squares) == 24  # no two turn an axis, whose sign means nothing, alike


@pytest.mark.parametrize("kind", ["ras", "las", "oblique-right", "oblique-left", "permuted"])
def test_right_fibers_are_best_as_given_and_every_change_is_caught_and_undone(rings: Rings, kind: str) -> None:
    image = rings(kind)
    report = orientation_check(image)
    assert report.good
    assert not report.warnings
    assert report.coherence == max(report.scores.values())
    grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    for name, matrix in list(axis_changes().items())[1:]:
        wrong = replace(image, components=rotated(image.components, grid @ matrix @ grid.T))
        found = orientation_check(wrong)
        assert not found.good, name
        assert found.best in found.warnings[0]
        back = grid @ np.array(found.matrix) @ grid.T
        np.testing.assert_allclose(rotated(wrong.components, back), image.components, rtol=0, atol=1e-15)


def test_isotropic_tissue_cannot_be_judged_and_says_so(rings: Rings) -> None:
    image = rings()
    ball = np.where(image.mask[..., None], np.array([1e-3, 0, 1e-3, 0, 0, 1e-3]), 0.0)
    report = orientation_check(replace(image, components=ball))
    assert report.good
    assert report.voxels == 0
    assert "could not be tested" in report.warnings[0]


def test_most_voxels_repaired_is_refused_unless_forced(rings: Rings) -> None:
    image = rings()
    broken = np.argwhere(image.mask)
    repaired = np.zeros_like(image.mask)
    repaired[tuple(broken[: len(broken) * 6 // 10].T)] = True
    image = replace(image, repaired=repaired)
    with pytest.raises(InputError, match="component order"):
        orientation_check(image)
    assert orientation_check(image, force=True).positive_definite == pytest.approx(0.4, abs=0.01)
    few = np.zeros_like(image.mask)
    few[tuple(broken[: len(broken) // 10].T)] = True
    assert "were repaired" in orientation_check(replace(image, repaired=few)).warnings[0]
