"""Charts tell what the histograms know, and nothing of the bins into which the tails were counted."""

from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.report.charts import Histogram
from fibertwin.report.drawing import percentile, rounded_range
from fibertwin.report.slices import color_fa, fa_slices

EDGES, FRACTION = np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.5, 0.3, 0.2])


def test_outer_bins_count_only_without_tails() -> None:
    whole = Histogram(EDGES, FRACTION, 0.0, 3.0, "")
    np.testing.assert_allclose(whole.beyond()[1], [1.0, 0.5, 0.2, 0.0])
    assert len(whole.inner[1]) == 3
    tailed = Histogram(EDGES, FRACTION, -1.0, 9.0, "")
    np.testing.assert_allclose(tailed.beyond()[0], [1.0, 2.0])
    np.testing.assert_allclose(tailed.beyond()[1], [0.5, 0.2])
    np.testing.assert_allclose(tailed.inner[1], [0.3])


def test_ranges_are_round_and_hold_the_values() -> None:
    assert rounded_range(0.0, 4.83) == pytest.approx((0.0, 5.0))
    assert rounded_range(-0.031, 0.012) == pytest.approx((-0.035, 0.015))
    low, high = rounded_range(0.0, 0.0)
    assert low < 0.0 < high


def test_percentile_weighs_volume() -> None:
    values = np.array([3.0, 1.0, 2.0])
    assert percentile(values, np.array([1.0, 8.0, 1.0]), 75) == 1.0
    assert percentile(values, np.array([1.0, 1.0, 8.0]), 75) == 2.0
    assert percentile(values, np.ones(3), 100) == 3.0


def test_colors_follow_the_first_eigenvector() -> None:
    axes = 1e-3 * np.array([[1.7, 0, 0.3, 0, 0, 0.3], [0.3, 0, 1.7, 0, 0, 0.3], [0.3, 0, 0.3, 0, 0, 1.7]])
    colors, fa = color_fa(axes)
    np.testing.assert_allclose(colors, np.eye(3), atol=1e-12)  # red, green, blue, at full brightness
    # axisymmetric: FA = (λ1 − λ2) / sqrt(λ1² + 2 λ2²)
    np.testing.assert_allclose(fa, 1.4 / np.sqrt(1.7**2 + 2 * 0.3**2))
    assert color_fa(np.zeros((2, 6)))[0].max() == 0.0


def slices_of(path: Path, mirrored: bool) -> np.ndarray:
    """The drawn picture (h, w, 3) of a head whose right half runs left–right and whose left half runs up–down."""
    import io

    import nibabel
    from matplotlib.image import imread

    x = np.arange(-38.0, 40.0, 4.0)  # voxel centers, RAS mm
    components = np.zeros((20, 20, 20, 1, 6), dtype=np.float32)
    components[x > 0] = 1e-3 * np.array([1.7, 0, 0.3, 0, 0, 0.3])
    components[x < 0] = 1e-3 * np.array([0.3, 0, 0.3, 0, 0, 1.7])
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -38.0
    if mirrored:  # the same head, stored from right to left
        components, affine[0, 0], affine[0, 3] = components[::-1], -4.0, 38.0
    nibabel.save(nibabel.Nifti1Image(components, affine), path)
    return np.asarray(imread(io.BytesIO(fa_slices(path).png)))[..., :3]


def test_the_patients_right_is_on_the_left(tmp_path: Path) -> None:
    pixels = slices_of(tmp_path / "ras.nii", mirrored=False)
    width = pixels.shape[1]
    coronal = pixels[:, width // 3 : 2 * width // 3]
    red = np.flatnonzero(((coronal[..., 0] > 0.9) & (coronal[..., 1:].max(-1) < 0.1)).any(0))
    blue = np.flatnonzero(((coronal[..., 2] > 0.9) & (coronal[..., :2].max(-1) < 0.1)).any(0))
    assert red.mean() < blue.mean()
    np.testing.assert_array_equal(pixels, slices_of(tmp_path / "las.nii", mirrored=True))


def test_a_file_without_tensors_is_refused(tmp_path: Path) -> None:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 3, 3, 1, 6), np.float32), np.eye(4)), tmp_path / "zero.nii")
    with pytest.raises(InputError, match="holds no tensors"):
        fa_slices(tmp_path / "zero.nii")
    (tmp_path / "cut.nii").write_bytes((tmp_path / "zero.nii").read_bytes()[:400])
    with pytest.raises(InputError, match="cannot be read"):
        fa_slices(tmp_path / "cut.nii")
