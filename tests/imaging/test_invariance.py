"""How an image is stored, cut, moved or decomposed must not matter."""

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fibertwin.errors import InputError
from fibertwin.imaging import (
    TensorImage,
    eigen,
    fit_tensors,
    fractional_anisotropy,
    open_tensors,
    orientation_check,
    read_tensors,
    repair,
    sample_tensors,
    to_matrix,
    transformed,
    write_tensors,
)
from fibertwin.imaging.algebra import compose, exponential, logarithm, rotated

Make = Callable[..., TensorImage]
Stored = Callable[[TensorImage, str, str], np.ndarray]
Files = Callable[..., tuple[Path, Path, Path]]
CROP = Path(__file__).parents[2] / "examples/quick"
AXES = list(product(permutations(range(3)), product((False, True), repeat=3)))


def _regridded(image: TensorImage, order: tuple[int, ...], flips: tuple[bool, ...]) -> TensorImage:
    """The same image in space; only its voxel axes are permuted and flipped."""
    steps = tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)
    affine = np.eye(4)
    affine[:3, :3] = image.affine[:3, :3][:, order] * np.where(flips, -1.0, 1.0)
    last = np.array([image.shape[old] - 1 if flip else 0 for old, flip in zip(order, flips, strict=True)])
    affine[:3, 3] = image.affine[:3, 3] + image.affine[:3, :3][:, order] @ last
    return TensorImage(
        image.components.transpose(*order, 3)[steps],
        affine,
        image.mask.transpose(order)[steps],
        image.repaired.transpose(order)[steps],
    )


def _points(image: TensorImage, count: int = 300) -> np.ndarray:
    index = np.random.default_rng(2).uniform(-0.9, np.array(image.shape) - 0.1, (count, 3))
    return index @ image.affine[:3, :3].T + image.affine[:3, 3]


@pytest.mark.parametrize("kind", ["las", "oblique-right"])
def test_permuting_and_flipping_voxel_axes_changes_no_sample(make_image: Make, kind: str) -> None:
    image = make_image(kind)
    points = _points(image)
    expected = sample_tensors(image, points, radius=10.0)
    assert 20 < expected.filled.sum() < 280
    for order, flips in AXES:
        found = sample_tensors(_regridded(image, order, flips), points, radius=10.0)
        np.testing.assert_allclose(found.tensors, expected.tensors, rtol=0, atol=1e-12 * 1e-3)
        np.testing.assert_array_equal(found.filled, expected.filled)
        np.testing.assert_allclose(found.distance, expected.distance, atol=1e-9)


@pytest.mark.parametrize("frame", ["voxel", "fsl", "world", "lps"])
def test_permuted_files_hold_the_same_world_tensors(
    make_image: Make, as_stored: Stored, tmp_path: Path, frame: str
) -> None:
    import nibabel as nib

    image = make_image("oblique-right")
    for order, flips in AXES[::5]:
        there = _regridded(image, order, flips)
        nib.save(nib.Nifti1Image(as_stored(there, "upper", frame), there.affine), tmp_path / "t.nii")
        found = read_tensors(tmp_path / "t.nii", order="upper", frame=frame, units="mm^2/s")
        np.testing.assert_allclose(found.components, there.components, rtol=0, atol=1e-9)


def test_permuting_voxel_axes_changes_no_verdict_of_the_orientation_test(rings: Make) -> None:
    image = rings("oblique-left")
    scores = sorted(orientation_check(image).scores.values())
    for order, flips in AXES[1::9]:
        report = orientation_check(_regridded(image, order, flips))
        assert report.good
        np.testing.assert_allclose(sorted(report.scores.values()), scores, atol=0.02)


@pytest.mark.parametrize(
    ("kind", "wrong"), [("oblique-right", "voxel"), ("oblique-left", "lps"), ("permuted", "world")]
)
def test_tensors_read_in_a_wrong_frame_are_caught(
    rings: Make, as_stored: Stored, tmp_path: Path, kind: str, wrong: str
) -> None:
    import nibabel as nib

    image = rings(kind)
    nib.save(nib.Nifti1Image(as_stored(image, "upper", "fsl"), image.affine), tmp_path / "t.nii")
    right = read_tensors(tmp_path / "t.nii", convention="fsl")
    assert orientation_check(right).good
    bad = read_tensors(tmp_path / "t.nii", order="upper", frame=wrong, units="mm^2/s")
    np.testing.assert_allclose(
        fractional_anisotropy(bad.components), fractional_anisotropy(image.components), atol=1e-6
    )
    report = orientation_check(bad)
    assert not report.good
    # on an oblique grid the two frames differ by more than an axis change, so that the best is not quite the right one
    assert report.coherence < report.best_coherence < 1.01 * orientation_check(right).coherence


@pytest.mark.parametrize("order", ["upper", "diagonal"])
def test_a_wrong_order_is_named_with_the_better_one(rings: Make, as_stored: Stored, tmp_path: Path, order: str) -> None:
    import nibabel as nib

    image = rings()
    nib.save(nib.Nifti1Image(as_stored(image, order, "world"), image.affine), tmp_path / "t.nii")
    found = read_tensors(tmp_path / "t.nii", order="lower", frame="world", units="mm^2/s")
    assert any(f"in '{order}' 100.0% are" in sentence for sentence in found.assumptions)
    with pytest.raises(InputError, match="not positive definite"):
        orientation_check(found)


@pytest.mark.parametrize("kind", ["oblique-right", "oblique-left"])
@pytest.mark.parametrize("frame", ["voxel", "world", "lps"])
def test_b_vectors_in_every_frame_and_both_hands(make_image: Make, scan_files: Files, kind: str, frame: str) -> None:
    image = make_image(kind)
    dwi, bvals, bvecs = scan_files(image)
    grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    flip = np.diag([-1.0, 1.0, 1.0]) if kind == "oblique-right" else np.eye(3)
    voxel = flip @ np.loadtxt(bvecs)  # written in FSL's axes
    turned = {"voxel": voxel, "world": grid @ voxel, "lps": np.diag([-1.0, -1.0, 1.0]) @ grid @ voxel}[frame]
    np.savetxt(bvecs, turned)
    found = fit_tensors(dwi, bvals, bvecs, bvec_frame=frame)
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-9)
    assert any(f"along {frame} axes" in sentence for sentence in found.assumptions)


def test_the_example_is_right_in_its_own_frame_and_told_to_be_worse_in_others() -> None:
    files = (CROP / "dwi.nii.gz", CROP / "dwi.bval", CROP / "dwi.bvec")
    right = orientation_check(fit_tensors(*files, bvec_frame="lps"))
    assert right.good
    assert not right.warnings
    for frame in ("fsl", "world"):
        report = orientation_check(fit_tensors(*files, bvec_frame=frame))
        assert not report.good
        assert report.coherence < right.coherence
        assert "fit together better" in report.warnings[0]


@pytest.mark.parametrize("stretch", [np.eye(3), np.array([[1.0, 2.5, 0.0], [0.0, 1.0, 0.8], [0.0, 0.0, 1.0]])])
def test_sampling_a_moved_image_gives_turned_tensors(make_image: Make, tmp_path: Path, stretch: np.ndarray) -> None:
    image = make_image("permuted", shape=(13, 12, 11), hole=False)
    mask = np.zeros(image.shape, dtype=bool)
    mask[3:9, 3:9, 3:8] = True
    image = replace(image, mask=mask, components=np.where(mask[..., None], image.components, 0.0))
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    move = np.eye(4)
    move[:3, :3], move[:3, 3] = turn @ stretch, (5.0, -40.0, 12.0)
    there = transformed(image, move)
    points = _points(image)
    moved = points @ move[:3, :3].T + move[:3, 3]
    found = sample_tensors(there, moved, radius=50.0)
    # the rotation of F = R U is found again as F (FᵀF)^-1/2
    values, axes = np.linalg.eigh(move[:3, :3].T @ move[:3, :3])
    polar = move[:3, :3] @ axes @ np.diag(values**-0.5) @ axes.T
    expected = sample_tensors(image, points, radius=50.0)
    own = expected.distance == 0  # a nearest voxel may be another one where space was stretched
    np.testing.assert_allclose(found.tensors[own], rotated(expected.tensors[own], polar), rtol=0, atol=1e-15)
    centers = np.argwhere(mask) @ there.affine[:3, :3].T + there.affine[:3, 3]
    gap = np.linalg.norm(moved[:, None] - centers[None], axis=2).min(axis=1)
    outside = found.distance > 0
    assert outside.sum() > 50
    np.testing.assert_allclose(found.distance[outside], gap[outside])
    _same_in_a_window(there, moved[outside][:60], gap[outside][:60], tmp_path)


def _same_in_a_window(image: TensorImage, points: np.ndarray, gaps: np.ndarray, folder: Path) -> None:
    """Also where the grid is sheared, in which a ball's index box is wider than radius over spacing."""
    handle = open_tensors(write_tensors(image, folder / "t.nii"))
    whole = handle.read()
    for point, gap in zip(points[:, None], gaps, strict=True):
        part = sample_tensors(handle.window(point, gap + 0.01), point, radius=gap + 0.01)
        np.testing.assert_allclose(
            part.tensors, sample_tensors(whole, point, radius=gap + 0.01).tensors, rtol=0, atol=1e-15
        )


def test_decomposition_agrees_with_dipys(make_image: Make) -> None:
    from dipy.reconst.dti import decompose_tensor

    tensors = make_image(shape=(10, 10, 10), hole=False).components.reshape(-1, 6)
    values, vectors = decompose_tensor(to_matrix(tensors))
    parts = eigen(tensors)
    np.testing.assert_allclose(parts.values, values, rtol=1e-12)
    same = np.abs(np.einsum("nij,nij->nj", parts.vectors, vectors))
    np.testing.assert_allclose(same, 1.0, atol=1e-9)


@pytest.mark.parametrize("values", [(1.0, 1.0, 1.0), (2.0, 0.5, 0.5), (2.0, 2.0, 0.5), (0.0, 0.0, 0.0)])
def test_equal_eigenvalues_still_give_right_handed_axes_and_the_tensor(values: tuple[float, ...]) -> None:
    axes = np.linalg.qr(np.random.default_rng(1).normal(size=(20, 3, 3)))[0]
    tensors = 1e-3 * compose(np.broadcast_to(values, (20, 3)), axes)
    parts = eigen(tensors)
    np.testing.assert_allclose(parts.values, 1e-3 * np.broadcast_to(values, (20, 3)), atol=1e-17)
    np.testing.assert_allclose(np.linalg.det(parts.vectors), 1.0, atol=1e-12)
    gram = np.einsum("nki,nkj->nij", parts.vectors, parts.vectors)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(3), gram.shape), atol=1e-12)
    np.testing.assert_allclose(compose(parts.values, parts.vectors), tensors, rtol=0, atol=1e-17)
    expected = (values[1] - values[2]) / values[0] if values[0] else 0.0
    np.testing.assert_allclose(parts.sheet_confidence, expected, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-6, 3e-3), st.floats(1e-6, 3e-3), st.integers(0, 1000))
def test_fa_of_an_axisymmetric_tensor_and_its_bounds(along: float, across: float, seed: int) -> None:
    axes = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
    tensor = compose(np.array([along, across, across]), axes)
    fa = float(fractional_anisotropy(tensor))
    assert fa == pytest.approx(abs(along - across) / np.sqrt(along**2 + 2 * across**2), abs=1e-7)
    assert 0.0 <= fa <= 1.0


def test_the_determinant_is_monotone_between_two_voxels(make_image: Make) -> None:
    image = make_image("ras", shape=(2, 1, 1), hole=False)
    way = np.linspace(0.0, 1.0, 33)[:, None] * [1.0, 0.0, 0.0]
    found = sample_tensors(image, way @ image.affine[:3, :3].T + image.affine[:3, 3], radius=0.0)
    logs = np.log(np.linalg.det(to_matrix(found.tensors)))
    np.testing.assert_allclose(logs, np.linspace(logs[0], logs[-1], 33), atol=1e-11)
    half = exponential(0.5 * (logarithm(image.components[0, 0, 0]) + logarithm(image.components[1, 0, 0])))
    np.testing.assert_allclose(found.tensors[16], half, rtol=0, atol=1e-15)


def test_repair_leaves_what_is_valid_to_the_last_bit_and_slabs_apart(make_image: Make) -> None:
    image = make_image(shape=(6, 5, 4), hole=False)
    broken = image.components.copy()
    broken[0, 0, 0, 3] = np.nan
    broken[1, 0, 0] = -broken[1, 0, 0]
    broken[2, 0, 0, :] = (1e-3, 2e-3, 1e-3, 0, 0, 1e-3)  # one negative eigenvalue
    mended, mask, repaired = repair(broken, image.mask)
    touched = [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert np.argwhere(repaired).tolist() == touched
    assert np.argwhere(~mask).tolist() == touched[:2]
    np.testing.assert_array_equal(mended[~repaired], broken[~repaired])
    assert eigen(mended[2, 0, 0]).values[2] == pytest.approx(1e-5)
    np.testing.assert_allclose(
        np.abs(eigen(mended[2, 0, 0]).vectors[:, 0]), [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-12
    )
    parts = [repair(broken[:, :, a:b], image.mask[:, :, a:b])[0] for a, b in ((0, 1), (1, 4))]
    np.testing.assert_array_equal(np.concatenate(parts, axis=2), mended)
