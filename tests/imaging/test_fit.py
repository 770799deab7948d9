import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import (
    TensorImage,
    brain_mask,
    fit_tensors,
    fractional_anisotropy,
    join_slabs,
    mean_diffusivity,
    orientation_check,
    slab_bounds,
)

Make = Callable[..., TensorImage]
Files = Callable[..., tuple[Path, Path, Path]]


@pytest.mark.parametrize("kind", ["ras", "las", "oblique-right", "oblique-left", "permuted"])
def test_a_noise_free_scan_gives_its_tensors_back(make_image: Make, scan_files: Files, kind: str) -> None:
    image = make_image(kind)
    found = fit_tensors(*scan_files(image, ".nii.gz"))
    np.testing.assert_array_equal(found.mask, image.mask)
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-9)
    assert not found.repaired.any()
    flipped = np.linalg.det(image.affine[:3, :3]) > 0
    assert any(("x flipped" in sentence) == flipped for sentence in found.assumptions)


def test_rows_or_columns_of_vectors_and_every_frame(make_image: Make, scan_files: Files) -> None:
    image = make_image("oblique-left")  # det < 0: FSL's axes are the voxel axes
    dwi, bvals, bvecs = scan_files(image, columns=True)
    for frame in ("fsl", "voxel"):
        found = fit_tensors(dwi, bvals, bvecs, bvec_frame=frame)
        np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-9)
    grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    world = np.loadtxt(bvecs) @ grid.T
    for frame, turn in (("world", np.ones(3)), ("lps", np.array([-1.0, -1.0, 1.0]))):
        np.savetxt(bvecs, world * turn)
        found = fit_tensors(dwi, bvals, bvecs, bvec_frame=frame)
        np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-9)


def test_slabs_joined_are_the_whole_to_the_last_bit(make_image: Make, scan_files: Files) -> None:
    image = make_image(shape=(6, 5, 7))
    files = scan_files(image)
    seen: list[float] = []
    whole = fit_tensors(*files, progress=seen.append)
    assert seen[-1] == 1.0
    for parts in (2, 3, 7):
        joined = join_slabs([fit_tensors(*files, slab=slab) for slab in slab_bounds(whole.mask, parts)])
        np.testing.assert_array_equal(joined.components, whole.components)
        np.testing.assert_array_equal(joined.mask, whole.mask)
        np.testing.assert_allclose(joined.affine, whole.affine)
    with pytest.raises(InputError, match="does not follow"):
        join_slabs([fit_tensors(*files, slab=(3, 7)), fit_tensors(*files, slab=(0, 3))])
    with pytest.raises(InputError, match="outside the scan"):
        fit_tensors(*files, slab=(3, 9))


def test_slabs_share_the_work() -> None:
    mask = np.zeros((4, 4, 20), dtype=bool)
    mask[:, :, 12:16] = True
    bounds = slab_bounds(mask, 4)
    assert bounds[0][0] == 0
    assert bounds[-1][1] == 20
    assert [mask[:, :, a:b].sum() for a, b in bounds] == [16, 16, 16, 16]
    with pytest.raises(InputError, match="parts"):
        slab_bounds(mask, 21)


def test_every_problem_is_reported_at_once(make_image: Make, scan_files: Files) -> None:
    dwi, bvals, bvecs = scan_files(make_image())
    b = np.loadtxt(bvals)
    g = np.loadtxt(bvecs)
    np.savetxt(bvals, b[None, :-1])
    np.savetxt(bvecs, g[:, :-2])
    dwi.unlink()
    with pytest.raises(InputError) as caught:
        fit_tensors(dwi, bvals, bvecs)
    assert [p.where for p in caught.value.problems] == [str(dwi)]
    shutil.copy(bvals, dwi)  # text, not an image
    np.savetxt(bvals, np.where(b == 0, np.nan, b)[None])
    bvecs.write_text("one two three\n")
    with pytest.raises(InputError) as caught:
        fit_tensors(dwi, bvals, bvecs)
    assert len(caught.value.problems) == 3


def _scaled(g: np.ndarray) -> np.ndarray:
    return 1.1 * g


def _holed(g: np.ndarray) -> np.ndarray:
    g = g.copy()
    g[1, 3] = np.nan
    return g


def _flat(g: np.ndarray) -> np.ndarray:
    g = g * np.array([1.0, 1.0, 0.0])[:, None]
    length = np.linalg.norm(g, axis=0)
    return g / np.where(length > 0, length, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g[:, :-1], "12 b-vectors"),
        (lambda g: g[:2], "no table of b-vectors"),
        (_scaled, "not unit"),
        (_holed, "NaN"),
        (_flat, "too few directions"),
    ],
)
def test_bad_vectors(
    make_image: Make, scan_files: Files, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    dwi, bvals, bvecs = scan_files(make_image())
    np.savetxt(bvecs, change(np.loadtxt(bvecs)))
    with pytest.raises(InputError, match=message):
        fit_tensors(dwi, bvals, bvecs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b[:-1], "12 b-values"),
        (lambda b: np.full_like(b, 1000.0), "no b0"),
        (lambda b: np.where(b == 0, -1, b), "negative"),
        (lambda b: np.where(np.arange(len(b)) > 5, 2500.0, b), "too few directions"),
    ],
)
def test_bad_values(
    make_image: Make, scan_files: Files, change: Callable[[np.ndarray], np.ndarray], message: str
) -> None:
    dwi, bvals, bvecs = scan_files(make_image())
    np.savetxt(bvals, change(np.loadtxt(bvals))[None])
    with pytest.raises(InputError, match=message):
        fit_tensors(dwi, bvals, bvecs)


def test_volumes_of_high_b_are_left_out_and_said(make_image: Make, scan_files: Files) -> None:
    dwi, bvals, bvecs = scan_files(make_image())
    b = np.loadtxt(bvals)
    b[9:] = 3000.0
    np.savetxt(bvals, b[None])
    found = fit_tensors(dwi, bvals, bvecs)
    assert any("4 volumes with b > 1600" in sentence for sentence in found.assumptions)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_truncated_scan_is_found(make_image: Make, scan_files: Files, suffix: str) -> None:
    files = scan_files(make_image(), suffix)
    os.truncate(files[0], files[0].stat().st_size * 3 // 4)
    with pytest.raises(InputError, match="truncated"):
        fit_tensors(*files)
    if suffix == ".nii.gz":  # a sound archive of too few bytes
        files[0].write_bytes(gzip.compress(b"".join([_header(files), bytes(400)])))
        with pytest.raises(InputError, match="truncated"):
            fit_tensors(*files)


def _header(files: tuple[Path, Path, Path]) -> bytes:
    import zlib

    return zlib.decompressobj(31).decompress(files[0].read_bytes())[:352]


def test_a_single_volume_and_a_foreign_mask_are_refused(make_image: Make, scan_files: Files) -> None:
    import nibabel as nib

    image = make_image()
    dwi, bvals, bvecs = scan_files(image)
    with pytest.raises(InputError, match="does not fit"):
        fit_tensors(dwi, bvals, bvecs, mask=np.ones((2, 2, 2), dtype=bool))
    with pytest.raises(InputError, match="is empty"):
        fit_tensors(dwi, bvals, bvecs, mask=np.zeros(image.shape, dtype=bool))
    nib.save(nib.Nifti1Image(np.ones(image.shape), image.affine), dwi)
    with pytest.raises(InputError, match="no series"):
        fit_tensors(dwi, bvals, bvecs)


def test_signals_that_are_not_finite_are_given_up(make_image: Make, scan_files: Files) -> None:
    import nibabel as nib

    image = make_image(hole=False)
    dwi, bvals, bvecs = scan_files(image)
    data = np.asarray(nib.load(dwi).dataobj).copy()  # not the map of the file that is written next
    data[2, 2, 2, 4] = np.nan
    nib.save(nib.Nifti1Image(data, image.affine), dwi)
    found = fit_tensors(dwi, bvals, bvecs)
    assert np.argwhere(found.repaired).tolist() == [[2, 2, 2]]
    assert not found.mask[2, 2, 2]


def test_brain_mask_is_the_largest_piece_without_holes(tmp_path: Path) -> None:
    import nibabel as nib

    x, y, z = np.indices((40, 40, 30)) - np.array([20, 20, 15])[:, None, None, None]
    head = x**2 + y**2 + (1.3 * z) ** 2 < 14**2
    signal = 1000.0 * head
    signal[(np.abs(x) < 3) & (np.abs(y) < 3) & (np.abs(z) < 3)] = 0.0  # a ventricle without signal
    signal[1:5, 1:5, 1:5] = 900.0  # something beside the head
    rng = np.random.default_rng(0)
    data = np.stack([signal, 0.5 * signal], axis=-1) + np.abs(rng.normal(scale=20, size=(*signal.shape, 2)))
    nib.save(nib.Nifti1Image(data, np.eye(4)), tmp_path / "dwi.nii")
    np.savetxt(tmp_path / "dwi.bval", [[0, 1000]])
    mask = brain_mask(tmp_path / "dwi.nii", tmp_path / "dwi.bval")
    assert not (mask & ~head).any()
    assert mask.sum() > 0.9 * head.sum()  # the median filter shaves a rim off so small a head
    assert mask[20, 20, 15]
    assert not mask[2, 2, 2]


def test_a_real_crop_whose_axes_look_wrong_as_fsls() -> None:
    """Dipy's small_64D: FA can't tell FSL's axes from LPS, the orientation test objects to FSL's and not to LPS.

    A crop of 10 x 10 x 10 voxels proves no more than that.
    """
    import dipy

    stem = Path(dipy.__file__).parent / "data" / "files" / "small_64D"
    files = (stem.with_suffix(".nii"), stem.with_suffix(".bval"), stem.with_suffix(".bvec"))
    as_fsl, as_lps = (fit_tensors(*files, bvec_frame=frame) for frame in ("fsl", "lps"))
    inside = as_lps.components[as_lps.mask]
    assert 0.7e-3 < np.median(mean_diffusivity(inside)) < 1.0e-3
    assert 0.3 < fractional_anisotropy(inside).mean() < 0.5
    np.testing.assert_allclose(
        fractional_anisotropy(as_fsl.components), fractional_anisotropy(as_lps.components), atol=1e-6
    )
    assert orientation_check(as_lps).good
    report = orientation_check(as_fsl)
    assert not report.good
    assert report.warnings
