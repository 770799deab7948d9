"""Label images of every format and orientation, with names, and what is said of wrong ones."""

import itertools
import locale
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK

from fibertwin.errors import InputError
from fibertwin.imaging import LabelImage, VoxelMask, clean_labels, clean_mask, label_table, open_image, read_labels

AFFINE = np.array([[0.9, -0.3, 0.1, -12], [0.35, 1.1, 0.2, 7], [-0.1, -0.2, 1.4, 3], [0, 0, 0, 1.0]])
_Q, _ = np.linalg.qr(AFFINE[:3, :3])
AFFINE[:3, :3] = _Q * np.sign(np.diag(_Q)) * (1.0, 1.2, 1.5)
"""Oblique, with three voxel sizes."""


def phantom() -> np.ndarray:
    """Two blocks that touch (2, 41), one apart (24): nothing about it is symmetric."""
    labels = np.zeros((9, 10, 11), np.int16)
    labels[1:4, 2:6, 1:7] = 2
    labels[4:6, 2:7, 1:6] = 41
    labels[7:8, 8:9, 8:10] = 24
    return labels


def nifti(path: Path, values: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    return path


def itk_image(values: np.ndarray, affine: np.ndarray, *, vector: bool = False):
    """A SimpleITK image that lies as the affine says."""
    image = SimpleITK.GetImageFromArray(values.transpose(2, 1, 0, *range(3, values.ndim)), isVector=vector)
    lps = np.diag([-1, -1, 1, 1]) @ affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    return image


def same(found: LabelImage, labels: np.ndarray, affine: np.ndarray, tolerance: float = 1e-4) -> None:
    assert np.array_equal(found.labels, labels)
    assert found.affine == pytest.approx(affine, abs=tolerance)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mgz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
def test_every_format_gives_the_same_voxels_in_the_same_place(tmp_path, name):
    path = tmp_path / name
    if "nii" in name:
        nifti(path, phantom())
    elif "mgz" in name:
        nibabel.save(nibabel.MGHImage(phantom().astype(np.int32), AFFINE), path)
    else:
        SimpleITK.WriteImage(itk_image(phantom(), AFFINE), str(path))
    found = read_labels(path)
    same(found, phantom(), AFFINE)
    assert found.mask(["white matter"]).inside.sum() == (np.isin(phantom(), (2, 41))).sum()


def test_all_48_orders_of_the_axes_give_the_same_body(tmp_path):
    want = {n: LabelImage(phantom(), AFFINE).mask([n]) for n in (2, 41, 24)}
    for order, signs in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        values = phantom().transpose(order)[tuple(slice(None, None, sign) for sign in signs)]
        turn = np.eye(4)
        turn[:3, :3] = np.eye(3)[:, order] * signs
        for new, (old, sign) in enumerate(zip(order, signs, strict=True)):
            turn[old, 3] = 0 if sign > 0 else values.shape[new] - 1
        found = read_labels(nifti(tmp_path / "turned.nii", values, AFFINE @ turn))
        for number, mask in want.items():
            assert found.volumes()[number] == pytest.approx(mask.volume, rel=1e-5)
            assert found.mask([number]).centroid == pytest.approx(mask.centroid, abs=1e-4)
        assert found.interfaces() == {(2, 41): 4 * 5}
        assert found.mask(["left cerebral white matter"]).volume == pytest.approx(want[2].volume, rel=1e-5)


def test_dicom_series_by_folder_and_by_slice(tmp_path):
    values = np.arange(6 * 5 * 4, dtype=np.int16).reshape(6, 5, 4)
    encoding = locale.setlocale(locale.LC_CTYPE)
    write_series(tmp_path, itk_image(values, AFFINE))
    locale.setlocale(locale.LC_CTYPE, encoding)
    for path in (tmp_path, tmp_path / "2.dcm"):
        found = open_image(path)
        assert np.array_equal(found.values, values)
        assert found.affine == pytest.approx(AFFINE, abs=1e-3)
    (tmp_path / "2.dcm").unlink()
    with pytest.raises(InputError, match="slices are not evenly spaced"):
        open_image(tmp_path)
    assert locale.setlocale(locale.LC_CTYPE) == encoding


def write_series(folder: Path, image) -> None:
    """A computed tomography of one file for each slice."""
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    direction = np.array(image.GetDirection()).reshape(3, 3)
    for k in range(image.GetDepth()):
        part = image[:, :, k]
        position = image.TransformIndexToPhysicalPoint((0, 0, k))
        for tag, text in {
            "0008|0060": "CT",
            "0008|0016": "1.2.840.10008.5.1.4.1.1.2",
            "0008|0018": f"1.2.3.4.{k + 1}",
            "0020|000e": "1.2.3.4.5",
            "0020|0032": "\\".join(f"{x:.8f}" for x in position),
            "0020|0037": "\\".join(f"{x:.8f}" for x in direction.T[:2].ravel()),
            "0020|0013": str(k),
        }.items():
            part.SetMetaData(tag, text)
        writer.SetFileName(str(folder / f"{k}.dcm"))
        writer.Execute(part)


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="no DICOM file"):
        open_image(tmp_path)


def test_segments_of_3d_slicer_bring_their_names(tmp_path):
    path = tmp_path / "a.seg.nrrd"
    image = itk_image(phantom().astype(np.uint8), AFFINE)
    for k, (name, value) in enumerate({"Left Ventricle": 2, "Septum": 41, "Clip": 24}.items()):
        for key, text in {"LabelValue": str(value), "Name": name, "Layer": "0"}.items():
            image.SetMetaData(f"Segment{k}_{key}", text)
    SimpleITK.WriteImage(image, str(path))
    found = read_labels(path)
    same(found, phantom(), AFFINE)
    assert found.names == {"Left Ventricle": (2,), "Septum": (41,), "Clip": (24,)}
    assert found.mask(["left-ventricle"]).inside.sum() == 3 * 4 * 6


def test_overlapping_segments_in_layers_are_told(tmp_path):
    path = tmp_path / "a.seg.nrrd"
    layers = np.zeros((5, 5, 5, 2), np.uint8)
    layers[1:3, 1:3, 1:3, 0] = 1
    layers[2:4, 1:3, 1:3, 1] = 1
    image = itk_image(layers, np.eye(4), vector=True)
    for k, name in enumerate(("one", "two")):
        for key, text in {"LabelValue": "1", "Name": name, "Layer": str(k)}.items():
            image.SetMetaData(f"Segment{k}_{key}", text)
    SimpleITK.WriteImage(image, str(path))
    found = read_labels(path)
    assert [found.mask([name]).inside.sum() for name in ("one", "two")] == [4, 8]
    assert any("overlap in 4 voxels" in note for note in found.notes)


def test_names_of_the_table_are_those_of_freesurfer():
    table = label_table("freesurfer")
    assert table["white matter"] == (2, 41)
    assert table["left cerebral white matter"] == (2,)
    assert table["right thalamus"] == (49,)
    assert table["ventricles"] == (4, 5, 14, 15, 43, 44)
    tissues = [set(table[name]) for name in ("all white matter", "all grey matter", "all fluid")]
    assert not any(a & b for a, b in itertools.combinations(tissues, 2))
    synthseg = {2, 3, 4, 5, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 24, 26, 28}
    synthseg |= {41, 42, 43, 44, 46, 47, 49, 50, 51, 52, 53, 54, 58, 60}
    assert synthseg <= set().union(*tissues)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lut.txt", "#No. Label Name: R G B A\n0 Unknown 0 0 0 0\n7 Left-Ventricle 1 2 3 0\n8  Septum 5 6 7 0\n"),
        ("snap.txt", '# ITK-SNAP\n0 0 0 0 0 0 0 "Clear"\n7 255 0 0 1 1 1 "Left Ventricle"\n8 0 255 0 1 1 1 "Septum"\n'),
        ("own.toml", '[names]\n"left ventricle" = 7\nseptum = [8]\n'),
    ],
)
def test_own_tables(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert label_table(tmp_path / name) == {"left ventricle": (7,), "septum": (8,)}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("lut.txt", "seven Left-Ventricle 1 2 3 0\n", "line 1: is no label"),
        ("lut.txt", "# nothing\n", "names no label"),
        ("own.toml", 'septum = "eight"\n', "septum: is no label"),
        ("own.toml", "septum = \n", "is no TOML"),
    ],
)
def test_wrong_tables_are_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words):
        label_table(tmp_path / name)
    with pytest.raises(InputError, match="there is no such label table"):
        label_table(tmp_path / "none.txt")
    with pytest.raises(InputError, match="freesurfer, synthseg"):
        label_table("brodmann")


def block(values: object = 3, kind: type = np.int16) -> np.ndarray:
    array = np.zeros((6, 6, 6), kind)
    array[1:5, 1:5, 1:5] = values
    return array


def _with_nan() -> np.ndarray:
    values = block(3.0, np.float32)
    values[0, 1, 2] = np.nan
    return values


@pytest.mark.parametrize(
    ("values", "affine", "words"),
    [
        (block(0), np.eye(4), "holds no label"),
        (np.stack([block(0), block(), block()], axis=3), np.eye(4), r"say which by volume = 0 to 2 (not empty: 1, 2)"),
        (block(2.5, np.float32), np.eye(4), "numbers that are not whole"),
        (_with_nan(), np.eye(4), "1 of 216 voxels, the first at (0, 1, 2)"),
        (block(), np.diag([5e-5, 5e-5, 5e-5, 1]), "0.0002 mm across, so lengths seem to be in m"),
        (block(), np.diag([5e4, 5e4, 5e4, 1]), "200 m across, so lengths seem to be in um"),
        (block(), np.diag([0.05, 0.05, 0.05, 1]), '"m" would make it 200 mm'),
    ],
)
def test_each_broken_image_has_one_message(tmp_path, values, affine, words):
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        read_labels(nifti(tmp_path / "a.nii", values, affine))
    assert len(caught.value.problems) == 1


def test_missing_truncated_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such image file"):
        read_labels(tmp_path / "none.nii")
    for name in ("a.nii.gz", "a.nrrd", "a.dcm", "a.mgz"):
        (tmp_path / name).write_bytes(bytes(128) + b"DICM" + bytes(60))
        with pytest.raises(InputError, match="can't be read as"):
            read_labels(tmp_path / name)


def test_stated_units_are_taken(tmp_path):
    small = np.diag([0.05, 0.05, 0.05, 1])
    path = nifti(tmp_path / "a.nii", block(), small)
    assert read_labels(path, unit="mm").volumes()[3] == pytest.approx(64 * 0.05**3)
    assert read_labels(path, unit="m").volumes()[3] == pytest.approx(64 * 50.0**3)
    image = nibabel.Nifti1Image(block(), small)
    image.header.set_xyzt_units("meter")
    nibabel.save(image, path)
    found = read_labels(path)
    assert found.volumes()[3] == pytest.approx(64 * 50.0**3)
    assert "lengths are in m, made mm" in found.notes


def test_volume_of_a_series_may_be_chosen(tmp_path):
    path = nifti(tmp_path / "a.nii", np.stack([block(1), block(2)], axis=3))
    assert read_labels(path, volume=1).present == (2,)
    with pytest.raises(InputError, match="0 to 1"):
        read_labels(path, volume=2)
    with pytest.raises(InputError, match="has one volume only"):
        read_labels(nifti(tmp_path / "b.nii", block()), volume=3)


def test_whole_floats_are_accepted_and_odd_geometry_is_told(tmp_path):
    found = read_labels(nifti(tmp_path / "a.nii", block(3.0, np.float64)))
    assert found.labels.dtype == np.int32
    assert found.present == (3,)
    sheared = np.eye(4)
    sheared[0, 1] = np.tan(np.radians(30))
    found = read_labels(nifti(tmp_path / "b.nii", block(), sheared))
    assert any("60.0° apart" in note for note in found.notes)
    assert found.volumes()[3] == pytest.approx(64)
    image = nibabel.Nifti1Image(block(), None)
    image.header.set_zooms((1, 1, 2))
    nibabel.save(image, tmp_path / "c.nii")
    found = read_labels(tmp_path / "c.nii")
    assert any("states no directions" in note for note in found.notes)
    assert found.volumes()[3] == pytest.approx(128)


def test_touching_labels_and_single_voxels_are_told(tmp_path):
    labels = phantom()
    labels[8, 0, 0] = 77
    notes = " ".join(read_labels(nifti(tmp_path / "a.nii", labels)).notes)
    assert "2 (left cerebral white matter) and 41 (right cerebral white matter) (20 voxel faces)" in notes
    assert "labels of one voxel: 77 (white matter hypointensities)" in notes


def test_labels_not_there_are_refused_with_those_that_are():
    image = LabelImage(phantom(), AFFINE, label_table("freesurfer"), "brain")
    with pytest.raises(InputError, match="the label is empty") as caught:
        image.mask(["thalamus"])
    assert "24 (csf)" in str(caught.value)
    with pytest.raises(InputError, match="has no such label") as caught:
        image.mask(["white mater"])
    assert "white matter" in caught.value.problems[0].wanted


def dirty() -> np.ndarray:
    """Label 1 fills a ball around label 2, with a hole, an island in 2, and one in the open."""
    index = np.stack(np.meshgrid(*(np.arange(30),) * 3, indexing="ij"), axis=-1)
    radius = np.linalg.norm(index - 14, axis=-1)
    labels = np.where(radius < 6, 2, np.where(radius < 12, 1, 0)).astype(np.int16)
    labels[14, 14, 14] = 1
    labels[14, 14, 5] = 0
    labels[0:2, 0, 0] = 1
    return labels


def test_cleaned_labels_stay_disjoint_and_changes_are_counted():
    image = LabelImage(dirty(), np.eye(4), {"shell": (1,)})
    found = clean_labels(image)
    want = dirty()
    want[14, 14, 14] = 2
    want[14, 14, 5] = 1
    want[0:2, 0, 0] = 0
    assert np.array_equal(found.labels, want)
    assert "label 1 (shell): largest piece kept: 3 voxels removed" in " ".join(found.notes)
    total = "cleaning changed 4 voxels: 1 given from one label to a neighbor, 1 added, 2 left out"
    assert found.notes[-1] == total
    again = clean_labels(found)
    assert np.array_equal(again.labels, want)
    assert again.notes[-1].startswith("cleaning changed 0 voxels")
    only = clean_labels(image, labels=[2])
    assert (only.labels[0:2, 0, 0] == 1).all()


def test_closing_never_takes_a_neighbor():
    labels = np.zeros((12, 12, 12), np.int16)
    labels[2:10, 2:10, 2:5] = 1
    labels[2:10, 2:10, 7:10] = 2
    found = clean_labels(LabelImage(labels, np.eye(4)), closing=3.0)
    assert (found.labels[labels == 1] == 1).all()
    assert (found.labels[labels == 2] == 2).all()
    with pytest.raises(InputError, match="nothing is thicker") as caught:
        clean_labels(LabelImage(labels, np.eye(4)), opening=5.0)
    assert len(caught.value.problems) == 2


def test_each_step_on_a_mask_is_counted():
    inside = np.zeros((20, 20, 20), bool)
    inside[4:16, 4:16, 4:16] = True
    inside[9, 9, 9] = False
    inside[9:11, 4:10, 15] = False
    inside[0, 0, :3] = True
    mask = VoxelMask(inside, np.eye(4), "cube")
    found = clean_mask(mask, closing=2.0)
    assert found.notes[0] == "largest piece kept: 3 voxels removed"
    assert found.notes[1].startswith("closing by 2 mm: ")
    changed = [int(n) for note in found.notes[1:] for n in re.findall(r"(\d+) voxels added", note)]
    assert found.inside.sum() == inside.sum() - 3 + sum(changed)
    assert clean_mask(mask, 0.0).notes[-1] == "holes filled: 1 voxels added"
    both = clean_mask(mask, 0.0, smallest=3.0)
    assert both.inside[0, 0, :3].all()
    with pytest.raises(InputError, match="no piece is large enough"):
        clean_mask(mask, 0.0, smallest=1e6)


def test_sheared_voxels_are_cleaned_as_upright_ones():
    """The same slab, its grid upright or sheared along the slab, loses the same thin sheet in mm."""
    inside = np.zeros((14, 14, 16), bool)
    inside[2:12, 2:12, 2:12] = True
    inside[2:12, 2:12, 13:14] = True
    sheared = np.eye(4)
    sheared[0, 1] = 1.0
    for affine in (np.eye(4), sheared):
        closed = clean_mask(VoxelMask(inside, affine), closing=1.5, smallest=1.0)
        assert closed.inside[7, 7, 12]
        opened = clean_mask(VoxelMask(inside, affine), 0.0, opening=1.0)
        assert not opened.inside[:, :, 13].any()
        assert opened.inside[6:8, 6:8, 2:12].all()
