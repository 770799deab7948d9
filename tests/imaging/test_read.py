"""The same tensors, stored in every convention, are the same world tensors."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import (
    CONVENTIONS,
    TensorImage,
    eigen,
    orientation_check,
    read_eigen,
    read_tensors,
    write_tensors,
)

Make = Callable[..., TensorImage]
Stored = Callable[[TensorImage, str, str], np.ndarray]
KINDS = ["ras", "las", "oblique-right", "oblique-left", "permuted"]


def _nifti(data: np.ndarray, affine: np.ndarray, path: Path, intent: int = 0) -> Path:
    import nibabel as nib

    image = nib.Nifti1Image(data, affine)
    image.header["intent_code"] = intent
    nib.save(image, path)
    return path


def _same(found: TensorImage, image: TensorImage) -> None:
    np.testing.assert_array_equal(found.mask, image.mask)
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-6 * 1e-3)
    np.testing.assert_allclose(found.affine, image.affine, atol=1e-5)
    assert not found.repaired.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("frame", ["world", "lps", "voxel", "fsl"])
@pytest.mark.parametrize("order", ["lower", "upper", "diagonal", "xx yy zz xy yz xz"])
def test_every_order_frame_and_affine(
    make_image: Make, as_stored: Stored, tmp_path: Path, kind: str, frame: str, order: str
) -> None:
    image = make_image(kind)
    path = _nifti(as_stored(image, order, frame), image.affine, tmp_path / "t.nii")
    _same(read_tensors(path, order=order, frame=frame, units="mm^2/s"), image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("convention", "order", "frame"),
    [("fsl", "upper", "fsl"), ("mrtrix", "diagonal", "world"), ("ants", "lower", "voxel"), ("itk", "lower", "lps")],
)
def test_named_conventions(
    make_image: Make, as_stored: Stored, tmp_path: Path, kind: str, convention: str, order: str, frame: str
) -> None:
    image = make_image(kind)
    path = _nifti(as_stored(image, order, frame), image.affine, tmp_path / "t.nii.gz")
    found = read_tensors(path, convention=convention)
    _same(found, image)
    assert any(f"as {convention} writes" in sentence for sentence in found.assumptions)


def test_a_stated_field_wins_over_the_convention(make_image: Make, as_stored: Stored, tmp_path: Path) -> None:
    image = make_image()
    path = _nifti(as_stored(image, "lower", "lps"), image.affine, tmp_path / "t.nii")
    _same(read_tensors(path, convention="fsl", order="lower", frame="lps"), image)


def test_dipy_writes_upper_in_four_dimensions_and_lower_as_symmatrix(
    make_image: Make, as_stored: Stored, tmp_path: Path
) -> None:
    image = make_image()
    path = _nifti(as_stored(image, "upper", "fsl"), image.affine, tmp_path / "four.nii")
    _same(read_tensors(path, convention="dipy"), image)
    five = as_stored(image, "lower", "fsl")[:, :, :, None]
    path = _nifti(five, image.affine, tmp_path / "five.nii", intent=1005)
    found = read_tensors(path, convention="dipy")
    _same(found, image)
    assert "Order of the tensors: xx xy yy xz yz zz (from the header)." in found.assumptions


def test_dipys_own_writer(make_image: Make, tmp_path: Path) -> None:
    from dipy.io.utils import nifti1_symmat

    image = make_image()
    symmatrix = nifti1_symmat(image.components, affine=image.affine)
    symmatrix.to_filename(tmp_path / "d.nii.gz")
    _same(read_tensors(tmp_path / "d.nii.gz", convention="symmatrix", frame="world"), image)


def test_what_the_file_does_not_say_must_be_stated(make_image: Make, tmp_path: Path) -> None:
    image = make_image()
    plain = _nifti(image.components, image.affine, tmp_path / "t.nii")
    with pytest.raises(InputError) as caught:
        read_tensors(plain)
    assert len(caught.value.problems) == 2
    assert "order = one of lower, upper, diagonal" in str(caught.value)
    five = _nifti(image.components[:, :, :, None], image.affine, tmp_path / "five.nii", intent=1005)
    with pytest.raises(InputError, match="along which axes"):
        read_tensors(five)
    with pytest.raises(InputError, match="unknown tensor convention") as caught:
        read_tensors(plain, convention="fls", frame="scanner", units="cm", order="xx yy")  # type: ignore[arg-type]
    assert len(caught.value.problems) == 4


def test_own_files_need_nothing_stated(make_image: Make, tmp_path: Path) -> None:
    image = make_image()
    _same(read_tensors(write_tensors(image, tmp_path / "own.nii")), image)


@pytest.mark.parametrize(("unit", "factor"), [("um^2/ms", 1e3), ("um^2/s", 1e6), ("m^2/s", 1e-6), ("mm^2/s", 1.0)])
def test_units_are_converted_and_guessed_with_a_sentence(
    make_image: Make, tmp_path: Path, unit: str, factor: float
) -> None:
    image = make_image()
    path = _nifti(image.components * factor, image.affine, tmp_path / "t.nii")
    _same(read_tensors(path, order="lower", frame="world", units=unit), image)
    guessed = read_tensors(path, order="lower", frame="world")
    _same(guessed, image)
    assert any(f"Units of the tensors: {unit}, guessed" in sentence for sentence in guessed.assumptions)
    if factor != 1.0:  # the convention's unit is not plausible: guessed, and said
        odd = read_tensors(path, convention="mrtrix", order="lower")
        _same(odd, image)
        assert any("not plausible" in sentence for sentence in odd.assumptions)


def test_afni_bricks(make_image: Make, as_stored: Stored, tmp_path: Path) -> None:
    image = make_image("ras")
    data = as_stored(image, "lower", "lps").astype("<f4")
    nx, ny, nz = image.shape
    # AFNI's DICOM axes are LPS: ijk -> dicom is the RAS affine with two rows turned
    dicom = np.diag([-1.0, -1.0, 1.0]) @ image.affine[:3]
    fields = [
        ("integer-attribute", "DATASET_RANK", "3 6"),
        ("integer-attribute", "DATASET_DIMENSIONS", f"{nx} {ny} {nz}"),
        ("integer-attribute", "BRICK_TYPES", "3 3 3 3 3 3"),
        ("float-attribute", "BRICK_FLOAT_FACS", "0 0 0 0 0 0"),
        ("integer-attribute", "ORIENT_SPECIFIC", "1 2 4"),
        ("float-attribute", "ORIGIN", " ".join(f"{v:.6g}" for v in dicom[:, 3])),
        ("float-attribute", "DELTA", " ".join(f"{dicom[i, i]:.6g}" for i in range(3))),
        ("float-attribute", "IJK_TO_DICOM_REAL", " ".join(f"{v:.6g}" for v in dicom.ravel())),
        ("string-attribute", "BYTEORDER_STRING", "LSB_FIRST"),
        ("string-attribute", "TYPESTRING", "3DIM_HEAD_ANAT"),
        ("integer-attribute", "SCENE_DATA", "0 0 0"),
    ]
    text = ""
    for kind, name, value in fields:
        count = len(value) + 1 if kind == "string-attribute" else len(value.split())
        text += f"\ntype = {kind}\nname = {name}\ncount = {count}\n{chr(39) if kind[0] == 's' else ' '}{value}"
        text += "~\n" if kind == "string-attribute" else "\n"
    (tmp_path / "t+orig.HEAD").write_text(text)
    (tmp_path / "t+orig.BRIK").write_bytes(data.tobytes(order="F"))
    found = read_tensors(tmp_path / "t+orig.HEAD", frame="lps", units="mm^2/s")
    _same(found, image)
    with pytest.raises(InputError, match="along which axes"):
        read_tensors(tmp_path / "t+orig.HEAD")


def test_tortoise_is_diagonals_first(make_image: Make, as_stored: Stored, tmp_path: Path) -> None:
    image = make_image()
    path = _nifti(as_stored(image, "diagonal", "voxel") * 1e6, image.affine, tmp_path / "t.nii")
    _same(read_tensors(path, convention="tortoise", frame="voxel"), image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("whole", [True, False])
def test_fsl_eigenvectors(make_image: Make, tmp_path: Path, kind: str, whole: bool) -> None:
    from fibertwin.imaging import fractional_anisotropy, mean_diffusivity

    image = make_image(kind, hole=False)
    parts = eigen(image.components)
    grid = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    flip = np.diag([-1.0, 1.0, 1.0]) if np.linalg.det(grid) > 0 else np.eye(3)
    stored = np.einsum("ia,xyzik->xyzak", grid @ flip, parts.vectors)
    vectors = [_nifti(stored[..., i], image.affine, tmp_path / f"V{i + 1}.nii.gz") for i in range(3)]
    if whole:
        # a sign means nothing: turn some
        signs = np.random.default_rng(7).choice([-1.0, 1.0], size=(*image.shape, 1, 3))
        vectors = [_nifti((stored * signs)[..., i], image.affine, vectors[i]) for i in range(3)]
        values = [_nifti(parts.values[..., i], image.affine, tmp_path / f"L{i + 1}.nii.gz") for i in range(3)]
        _same(read_eigen(vectors[0], v2=vectors[1], v3=vectors[2], values=tuple(values)), image)
        return
    fa, md = fractional_anisotropy(image.components), mean_diffusivity(image.components)
    scaled = _nifti(stored[..., 0] * fa[..., None], image.affine, tmp_path / "V1.nii.gz")  # as MRtrix scales it
    files = [_nifti(v, image.affine, tmp_path / f"{n}.nii.gz") for n, v in (("FA", fa), ("MD", md))]
    found = read_eigen(scaled, fa=files[0], md=files[1])
    np.testing.assert_allclose(fractional_anisotropy(found.components), fa, atol=1e-9)
    np.testing.assert_allclose(mean_diffusivity(found.components), md, rtol=1e-9)
    along = np.einsum("xyzi,xyzi->xyz", eigen(found.components).vectors[..., 0], parts.vectors[..., 0])
    np.testing.assert_allclose(np.abs(along), 1.0, atol=1e-9)


def test_eigenvectors_alone_are_not_enough(make_image: Make, tmp_path: Path) -> None:
    image = make_image()
    v1 = _nifti(np.ones((*image.shape, 3)), image.affine, tmp_path / "V1.nii")
    with pytest.raises(InputError, match="not enough"):
        read_eigen(v1)
    fa = _nifti(np.full(image.shape, 0.5), image.affine, tmp_path / "FA.nii")
    found = read_eigen(v1, fa=fa)
    assert any("0.8e-3" in sentence for sentence in found.assumptions)


def test_shear_is_refused_where_voxel_axes_matter(make_image: Make, tmp_path: Path) -> None:
    image = make_image("ras")
    sheared = image.affine.copy()
    sheared[0, 1] = 0.1
    path = _nifti(image.components, sheared, tmp_path / "t.nii")
    with pytest.raises(InputError, match="shears"):
        read_tensors(path, order="lower", frame="voxel", units="mm^2/s")
    assert read_tensors(path, order="lower", frame="world", units="mm^2/s").mask.any()


def test_bad_files_are_named(make_image: Make, tmp_path: Path) -> None:
    image = make_image()
    known = {"order": "lower", "frame": "world", "units": "mm^2/s"}
    with pytest.raises(InputError, match="is missing"):
        read_tensors(tmp_path / "none.nii", **known)
    (tmp_path / "text.nii").write_text("no image")
    with pytest.raises(InputError, match="no image that can be read"):
        read_tensors(tmp_path / "text.nii", **known)
    with pytest.raises(InputError, match="no volume of tensors"):
        read_tensors(_nifti(image.components[..., :3], image.affine, tmp_path / "three.nii"), **known)
    with pytest.raises(InputError, match="every voxel is zero, NaN"):
        read_tensors(_nifti(np.full((2, 2, 2, 6), np.nan), np.eye(4), tmp_path / "nan.nii"), **known)
    whole = _nifti(image.components, image.affine, tmp_path / "whole.nii").read_bytes()
    (tmp_path / "short.nii").write_bytes(whole[:-40])
    with pytest.raises(InputError, match="is truncated"):
        read_tensors(tmp_path / "short.nii", **known)
    (tmp_path / "short.nii.gz").write_bytes(gzip.compress(whole)[:-200])
    with pytest.raises(InputError, match="is truncated"):
        read_tensors(tmp_path / "short.nii.gz", **known)


def test_holes_of_nan_are_given_up_and_counted(make_image: Make, tmp_path: Path) -> None:
    image = make_image()
    data = image.components.copy()
    data[3, 3, 2] = np.nan
    found = read_tensors(_nifti(data, image.affine, tmp_path / "t.nii"), order="lower", frame="world", units="mm^2/s")
    assert not found.mask[3, 3, 2]
    assert np.argwhere(found.repaired).tolist() == [[3, 3, 2]]
    outside = np.where(image.mask[..., None], image.components, np.nan)
    quiet = read_tensors(
        _nifti(outside, image.affine, tmp_path / "n.nii"), order="lower", frame="world", units="mm^2/s"
    )
    assert not quiet.repaired.any()
    assert any("NaN were taken as background" in sentence for sentence in quiet.assumptions)


def test_a_mask_is_honored_and_must_fit(make_image: Make, tmp_path: Path) -> None:
    image = make_image(hole=False)
    path = _nifti(image.components, image.affine, tmp_path / "t.nii")
    half = np.zeros(image.shape, dtype=bool)
    half[:2] = True
    found = read_tensors(path, order="lower", frame="world", mask=half)
    np.testing.assert_array_equal(found.mask, half)
    elsewhere = _nifti(half.astype(np.uint8), np.eye(4), tmp_path / "m.nii")
    with pytest.raises(InputError, match="lies elsewhere"):
        read_tensors(path, order="lower", frame="world", mask=elsewhere)


@pytest.mark.parametrize("wrong", ["upper", "diagonal"])
def test_a_wrong_component_order_is_refused_by_the_check(make_image: Make, tmp_path: Path, wrong: str) -> None:
    image = make_image(shape=(12, 12, 12))
    path = _nifti(image.components, image.affine, tmp_path / "t.nii")
    found = read_tensors(path, order=wrong, frame="world", units="mm^2/s")
    with pytest.raises(InputError, match="not positive definite"):
        orientation_check(found)
    assert orientation_check(found, force=True).positive_definite < 0.5
    assert any("'lower'" in sentence for sentence in found.assumptions)


def test_every_convention_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/tensors.md").read_text()
    assert [name for name in CONVENTIONS if f"`{name}`" not in page] == []
