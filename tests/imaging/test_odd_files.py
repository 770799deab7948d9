"""Files that are unusual but right are read; files that are wrong end in one sentence, not in a traceback."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import (
    TensorImage,
    fit_tensors,
    fractional_anisotropy,
    mean_diffusivity,
    open_tensors,
    read_eigen,
    read_tensors,
    sample_tensors,
    write_tensors,
)

Make = Callable[..., TensorImage]
Stored = Callable[[TensorImage, str, str], np.ndarray]
Files = Callable[..., tuple[Path, Path, Path]]
KNOWN = {"order": "lower", "frame": "world", "units": "mm^2/s"}


def _nifti(data: np.ndarray, affine: np.ndarray, path: Path) -> Path:
    import nibabel as nib

    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def test_masks_and_tensors_of_freesurfer_are_read(make_image: Make, tmp_path: Path) -> None:
    import nibabel as nib

    image = make_image("oblique-right")
    nib.save(nib.MGHImage(image.components.astype(np.float32), image.affine), tmp_path / "t.mgz")
    nib.save(nib.MGHImage(image.mask.astype(np.uint8), image.affine), tmp_path / "m.mgz")
    found = read_tensors(tmp_path / "t.mgz", mask=tmp_path / "m.mgz", **KNOWN)
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found.mask, image.mask)
    (tmp_path / "t.mgz").write_bytes((tmp_path / "t.mgz").read_bytes()[:-300])
    with pytest.raises(InputError, match="no image that can be read"):
        read_tensors(tmp_path / "t.mgz", **KNOWN)


def test_a_format_without_intent_codes_is_read(make_image: Make, tmp_path: Path) -> None:
    import nibabel as nib

    image = make_image("ras")
    nib.save(nib.Nifti1Pair(image.components, image.affine), tmp_path / "pair.img")
    np.testing.assert_allclose(read_tensors(tmp_path / "pair.img", **KNOWN).components, image.components, atol=1e-15)
    nib.save(nib.AnalyzeImage(image.components.astype(np.float32), np.diag([1.0, 1, 1, 1])), tmp_path / "old.img")
    assert read_tensors(tmp_path / "old.img", **KNOWN).mask.sum() == image.mask.sum()


def test_a_header_without_orientation_is_said(make_image: Make, tmp_path: Path) -> None:
    import nibabel as nib

    image = make_image("ras")
    plain = nib.Nifti1Image(image.components, None)
    plain.header["pixdim"][1:4] = 1.5, 2.0, 2.5
    nib.save(plain, tmp_path / "t.nii")
    found = read_tensors(tmp_path / "t.nii", **KNOWN)
    assert any("states no orientation" in sentence for sentence in found.assumptions)
    quiet = read_tensors(_nifti(image.components, image.affine, tmp_path / "u.nii"), **KNOWN)
    assert not any("states no orientation" in sentence for sentence in quiet.assumptions)


@pytest.mark.parametrize("kind", [np.complex64, [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_colors_and_complex_numbers_are_refused(
    make_image: Make, scan_files: Files, tmp_path: Path, kind: object
) -> None:
    image = make_image()
    dwi, bvals, bvecs = scan_files(image)
    odd = _nifti(np.zeros((*image.shape, 13), dtype=kind), image.affine, tmp_path / "odd.nii")
    with pytest.raises(InputError, match="does not hold real numbers"):
        fit_tensors(odd, bvals, bvecs)
    with pytest.raises(InputError, match="does not hold real numbers"):
        read_tensors(odd, **KNOWN)
    with pytest.raises(InputError, match="does not hold real numbers"):
        fit_tensors(dwi, bvals, bvecs, mask=odd)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"file: . 300", b"file: gone.dat 0", "data file is missing"),
        (b"layout: +0,+1,+2,+3", b"layout: +0,+1,+1,+3", "layout that is none"),
        (b"datatype: Float64LE", b"datatype: CFloat32LE", "no tensor has"),
        (b"dim: 5,4,3,6", b"dim: 5,4,18", "no volume of tensors"),
        (b"vox: 1,1,1,1\n", b"", "cannot be read"),
    ],
)
def test_mif_headers_that_are_wrong(make_image: Make, tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    image = make_image()
    head = b"mrtrix image\ndim: 5,4,3,6\nvox: 1,1,1,1\nlayout: +0,+1,+2,+3\ndatatype: Float64LE\nfile: . 300\nEND\n"
    body = image.components.astype("<f8").tobytes(order="F")
    path = tmp_path / "t.mif"
    path.write_bytes(head.ljust(300, b"\0") + body)
    assert read_tensors(path, order="lower").mask.sum() == image.mask.sum()
    changed = head.replace(old, new)
    assert changed != head
    if b"18" in new:
        changed = changed.replace(b"+0,+1,+2,+3", b"+0,+1,+2")
    path.write_bytes(changed.ljust(300, b"\0") + body)
    with pytest.raises(InputError, match=message):
        read_tensors(path, order="lower")


@pytest.mark.parametrize(
    ("space", "turn"), [("LAS", (-1.0, 1.0, 1.0)), ("RAS", (1.0, 1.0, 1.0)), ("LPS", (-1.0, -1.0, 1.0))]
)
@pytest.mark.parametrize(("skip", "before"), [("byte skip: 7\n", b"1234567"), ("byte skip: -1\n", b"any"), ("", b"")])
def test_nrrd_spaces_and_skipped_bytes(
    make_image: Make, tmp_path: Path, space: str, turn: tuple[float, ...], skip: str, before: bytes
) -> None:
    image = make_image("oblique-left")
    turned = np.diag(turn)
    full = image.components[..., [0, 1, 3, 1, 2, 4, 3, 4, 5]].reshape(*image.shape, 3, 3)
    along_space = np.einsum("ia,xyzij,jb->xyzab", turned, full, turned)
    data = along_space[..., [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]]
    columns = " ".join(f"({','.join(map(repr, c.tolist()))})" for c in (turned @ image.affine[:3, :3]).T)
    origin = ",".join(map(repr, (turned @ image.affine[:3, 3]).tolist()))
    text = f"NRRD0005\ntype: double\ndimension: 4\nspace: {space}\nsizes: 5 4 3 6\nkinds: domain domain domain "
    text += f"3D-symmetric-matrix\nspace directions: {columns} none\nspace origin: ({origin})\nendian: big\n"
    text += f"encoding: raw\ndata file: t.raw\n{skip}\n"
    (tmp_path / "t.nhdr").write_text(text)
    (tmp_path / "t.raw").write_bytes(before + data.astype(">f8").tobytes(order="F"))
    found = read_tensors(tmp_path / "t.nhdr", units="mm^2/s", convention="itk")
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.affine, image.affine, atol=1e-12)
    assert not any(sentence.startswith("Frame of the tensors") for sentence in found.assumptions)
    (tmp_path / "t.raw").unlink()
    with pytest.raises(InputError, match="data file is missing"):
        read_tensors(tmp_path / "t.nhdr")


def test_a_frame_stated_for_a_nrrd_wins_and_is_said(make_image: Make, as_stored: Stored, tmp_path: Path) -> None:
    image = make_image("ras")
    data = as_stored(image, "upper", "world")
    columns = " ".join(f"({','.join(map(repr, c.tolist()))})" for c in np.diag([-1.0, -1, 1]) @ image.affine[:3, :3])
    text = "NRRD0005\ntype: double\ndimension: 4\nspace: LPS\nsizes: 5 4 3 6\nkinds: domain domain domain "
    text += f"3D-symmetric-matrix\nspace directions: {columns} none\nendian: little\nencoding: raw\n\n"
    (tmp_path / "t.nrrd").write_bytes(text.encode() + data.astype("<f8").tobytes(order="F"))
    found = read_tensors(tmp_path / "t.nrrd", frame="world", units="mm^2/s")
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-15)
    assert "Frame of the tensors: RAS+ world axes (as stated)." in found.assumptions
    as_lps = read_tensors(tmp_path / "t.nrrd", units="mm^2/s")
    assert np.abs(as_lps.components - image.components).max() > 1e-4


def _eigen_files(image: TensorImage, folder: Path, md: float) -> tuple[Path, Path, Path]:
    vectors = np.broadcast_to(np.array([0.6, 0.0, 0.8]), (*image.shape, 3))
    return (
        _nifti(vectors, image.affine, folder / "V1.nii"),
        _nifti(np.full(image.shape, 0.5), image.affine, folder / "FA.nii"),
        _nifti(np.full(image.shape, md), image.affine, folder / "MD.nii"),
    )


@pytest.mark.parametrize(("stored", "said"), [(0.8e-3, False), (0.8, True), (800.0, True)])
def test_units_of_md_are_guessed_with_a_sentence(make_image: Make, tmp_path: Path, stored: float, said: bool) -> None:
    image = make_image("ras")
    v1, fa, md = _eigen_files(image, tmp_path, stored)
    found = read_eigen(v1, fa=fa, md=md)
    np.testing.assert_allclose(mean_diffusivity(found.components), 0.8e-3, rtol=1e-9)
    np.testing.assert_allclose(fractional_anisotropy(found.components), 0.5, rtol=1e-9)
    assert any("guessed" in sentence for sentence in found.assumptions) == said


def test_bad_eigenvector_files_are_named(make_image: Make, tmp_path: Path) -> None:
    image = make_image("ras")
    v1, fa, md = _eigen_files(image, tmp_path, 0.8e-3)
    with pytest.raises(InputError) as caught:
        read_eigen(v1, fa=fa, md=md, units="cm", frame="body")  # type: ignore[arg-type]
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="no volume of vectors"):
        read_eigen(fa, fa=fa)
    other = _nifti(np.full((2, 2, 2), 0.5), image.affine, tmp_path / "small.nii")
    with pytest.raises(InputError, match="another grid"):
        read_eigen(v1, fa=other)
    moved = _nifti(np.full(image.shape, 0.5), image.affine + np.eye(4, k=3), tmp_path / "moved.nii")
    with pytest.raises(InputError, match="another grid"):
        read_eigen(v1, fa=moved)
    with pytest.raises(InputError, match="is missing"):
        read_eigen(v1, fa=tmp_path / "none.nii")
    nothing = _nifti(np.zeros((*image.shape, 3)), image.affine, tmp_path / "V0.nii")
    with pytest.raises(InputError, match="no vector"):
        read_eigen(nothing, fa=fa)


def test_own_files_that_were_cut_are_found_when_opened(make_image: Make, tmp_path: Path) -> None:
    image = make_image()
    for name in ("t.nii", "t_state.nii"):
        path = write_tensors(image, tmp_path / "t.nii")
        assert open_tensors(path).shape == image.shape
        short = tmp_path / name
        short.write_bytes(short.read_bytes()[:-20])
        with pytest.raises(InputError, match="truncated") as caught:
            open_tensors(path)
        assert caught.value.problems[0].where == str(short)
    write_tensors(make_image(shape=(4, 4, 3)), tmp_path / "other.nii")
    path = write_tensors(image, tmp_path / "t.nii")
    (tmp_path / "t_state.nii").write_bytes((tmp_path / "other_state.nii").read_bytes())
    with pytest.raises(InputError, match="does not belong"):
        open_tensors(path)


def test_points_that_are_no_places_are_refused(make_image: Make, tmp_path: Path) -> None:
    image = make_image()
    handle = open_tensors(write_tensors(image, tmp_path / "t.nii"))
    with pytest.raises(InputError, match="finite"):
        handle.window(np.array([[np.nan, 0.0, 0.0], [0.0, 0.0, 0.0]]), 1.0)
    with pytest.raises(InputError, match="do not overlap"):
        handle.window(np.array([[1e300, 0.0, 0.0]]), 1.0)
    with pytest.raises(InputError, match="no valid voxel near"):
        sample_tensors(image, np.array([[1e300, 0.0, 0.0]]), radius=1.0)
