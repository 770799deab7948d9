"""MRtrix, NRRD and Camino files, written here byte by byte from their descriptions."""

import gzip
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage, eigen, read_tensors
from fibertwin.imaging.mif import read_mif

Make = Callable[..., TensorImage]
Stored = Callable[[TensorImage, str, str], np.ndarray]


def _mif(data: np.ndarray, affine: np.ndarray, layout: tuple[str, ...], kind: str = "Float64LE") -> bytes:
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    rows = np.column_stack([affine[:3, :3] / spacing, affine[:3, 3]])
    head = ["mrtrix image", f"dim: {','.join(map(str, data.shape))}"]
    head += [f"vox: {','.join(map(repr, spacing.tolist()))},nan", f"layout: {','.join(layout)}", f"datatype: {kind}"]
    head += [f"transform: {','.join(map(repr, row.tolist()))}" for row in rows]
    head += ["command_history: dwi2tensor in.mif out.mif", "file: . 1024", "END", ""]
    text = "\n".join(head).encode()
    # walk the file in order of the strides, fastest axis last in the loop
    turned = data[tuple(slice(None, None, -1) if word[0] == "-" else slice(None) for word in layout)]
    slowest_first = np.argsort([-int(word[1:]) for word in layout])
    dtype = {"Float64LE": "<f8", "Float32BE": ">f4", "Float64BE": ">f8"}[kind]
    return text.ljust(1024, b"\0") + np.ascontiguousarray(turned.transpose(slowest_first)).astype(dtype).tobytes()


@pytest.mark.parametrize("ranks", [(0, 1, 2, 3), (1, 2, 3, 0), *list(permutations(range(4)))[5:20:4]])
@pytest.mark.parametrize("signs", ["++++", "-++-", "--+-"])
def test_mif_strides(make_image: Make, as_stored: Stored, tmp_path: Path, ranks: tuple[int, ...], signs: str) -> None:
    image = make_image("oblique-left")
    layout = tuple(sign + str(rank) for sign, rank in zip(signs, ranks, strict=True))
    path = tmp_path / "dt.mif"
    path.write_bytes(_mif(as_stored(image, "diagonal", "world"), image.affine, layout))
    found = read_tensors(path)
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.affine, image.affine, atol=1e-12)


@pytest.mark.parametrize("kind", ["Float32BE", "Float64BE"])
def test_mif_data_types_and_compression(make_image: Make, as_stored: Stored, tmp_path: Path, kind: str) -> None:
    image = make_image("oblique-right")
    raw = _mif(as_stored(image, "diagonal", "world"), image.affine, ("+0", "+1", "+2", "+3"), kind)
    path = tmp_path / "dt.mif.gz"
    path.write_bytes(gzip.compress(raw))
    np.testing.assert_allclose(read_tensors(path).components, image.components, rtol=0, atol=1e-9)
    path.write_bytes(gzip.compress(raw)[:-100])
    with pytest.raises(InputError, match="truncated"):
        read_tensors(path)
    (tmp_path / "short.mif").write_bytes(raw[:-100])
    with pytest.raises(InputError, match="truncated"):
        read_tensors(tmp_path / "short.mif")
    (tmp_path / "cut.mif").write_bytes(raw[:50])
    with pytest.raises(InputError, match="no MRtrix image"):
        read_tensors(tmp_path / "cut.mif")


def test_mif_without_transform_is_centered_and_scaling_is_applied(tmp_path: Path) -> None:
    text = "mrtrix image\ndim: 3,1,1\nvox: 2,1,1\nlayout: +0,+1,+2\ndatatype: Int16LE\nscaling: 1,0.5\n"
    raw = (text + "file: . 200\nEND\n").encode().ljust(200, b"\0") + np.array([2, 4, 6], dtype="<i2").tobytes()
    (tmp_path / "a.mif").write_bytes(raw)
    volume = read_mif(tmp_path / "a.mif")
    assert volume.data.ravel().tolist() == [2.0, 3.0, 4.0]
    assert volume.affine[:3, 3].tolist() == [-2.0, 0.0, 0.0]


def _nrrd(
    data: np.ndarray, affine: np.ndarray, space: str, frame: np.ndarray | None, *, masked: bool, encoding: str
) -> tuple[bytes, bytes]:
    turn = np.diag({"left-posterior-superior": (-1.0, -1, 1), "right-anterior-superior": (1.0, 1, 1)}[space])
    columns = [",".join(map(repr, column.tolist())) for column in (turn @ affine[:3, :3]).T]
    if masked:
        data = np.concatenate([(data != 0).any(axis=-1, keepdims=True).astype(float), data], axis=-1)
    kind = "3D-masked-symmetric-matrix" if masked else "3D-symmetric-matrix"
    head = ["NRRD0005", "# made for a test", "type: double", "dimension: 4", f"space: {space}"]
    head += [f"sizes: {data.shape[3]} {data.shape[0]} {data.shape[1]} {data.shape[2]}"]
    head += ["space directions: none " + " ".join(f"({c})" for c in columns), f"kinds: {kind} domain domain domain"]
    head += ["endian: little", f"encoding: {encoding}"]
    head += [f"space origin: ({','.join(map(repr, (turn @ affine[:3, 3]).tolist()))})"]
    if frame is not None:
        head += ["measurement frame: " + " ".join(f"({','.join(map(repr, c.tolist()))})" for c in frame.T)]
    body = np.moveaxis(data, -1, 0).astype("<f8").tobytes(order="F")
    return "\n".join(head).encode(), {"raw": body, "gzip": gzip.compress(body)}[encoding]


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("detached", [True, False])
def test_nrrd_with_its_measurement_frame(
    make_image: Make, as_stored: Stored, tmp_path: Path, masked: bool, encoding: str, detached: bool
) -> None:
    image = make_image("oblique-left")
    voxel_axes = image.affine[:3, :3] / np.linalg.norm(image.affine[:3, :3], axis=0)
    frame = np.diag([-1.0, -1.0, 1.0]) @ voxel_axes  # columns in LPS: tensors stored along the voxel axes
    data = as_stored(image, "upper", "voxel")
    head, body = _nrrd(data, image.affine, "left-posterior-superior", frame, masked=masked, encoding=encoding)
    if detached:
        path = tmp_path / "dt.nhdr"
        path.write_bytes(head + b"\ndata file: dt.raw\n\n")
        (tmp_path / "dt.raw").write_bytes(body)
    else:
        path = tmp_path / "dt.nrrd"
        path.write_bytes(head + b"\n\n" + body)
    found = read_tensors(path)
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-15)
    np.testing.assert_allclose(found.affine, image.affine, atol=1e-12)
    np.testing.assert_array_equal(found.mask, image.mask)


@pytest.mark.parametrize(("space", "frame"), [("left-posterior-superior", "lps"), ("right-anterior-superior", "world")])
def test_nrrd_without_measurement_frame_lies_along_its_space(
    make_image: Make, as_stored: Stored, tmp_path: Path, space: str, frame: str
) -> None:
    image = make_image("permuted")
    head, body = _nrrd(as_stored(image, "upper", frame), image.affine, space, None, masked=False, encoding="raw")
    (tmp_path / "dt.nrrd").write_bytes(head + b"\n\n" + body)
    np.testing.assert_allclose(read_tensors(tmp_path / "dt.nrrd").components, image.components, rtol=0, atol=1e-15)
    (tmp_path / "short.nrrd").write_bytes(head + b"\n\n" + body[:-8])
    with pytest.raises(InputError, match="truncated"):
        read_tensors(tmp_path / "short.nrrd")
    (tmp_path / "odd.nrrd").write_bytes(head.replace(space.encode(), b"3D-right-handed") + b"\n\n" + body)
    with pytest.raises(InputError, match="not anatomical"):
        read_tensors(tmp_path / "odd.nrrd")


@pytest.mark.parametrize("record", ["dt", "dteig"])
@pytest.mark.parametrize("kind", ["ras", "las", "oblique-right"])
def test_camino_records(make_image: Make, as_stored: Stored, tmp_path: Path, record: str, kind: str) -> None:
    import nibabel as nib

    image = make_image(kind)
    nib.save(nib.Nifti1Image(np.zeros(image.shape), image.affine), tmp_path / "grid.nii")
    upper = as_stored(image, "upper", "fsl") * 1e-6  # m²/s, as after fsl2scheme -bscale 1E6
    if record == "dt":
        exit_code = np.where(image.mask, 0.0, -1.0)[..., None]
        records = np.concatenate([exit_code, np.full((*image.shape, 1), 6.9), upper], axis=-1)
    else:
        parts = eigen(upper[..., [0, 1, 3, 2, 4, 5]])
        pairs = [np.concatenate([parts.values[..., i, None], parts.vectors[..., i]], axis=-1) for i in range(3)]
        records = np.concatenate(pairs, axis=-1)
    path = tmp_path / f"{record}.Bdouble"
    path.write_bytes(records.transpose(2, 1, 0, 3).astype(">f8").tobytes())
    found = read_tensors(path, grid=tmp_path / "grid.nii")
    np.testing.assert_array_equal(found.mask, image.mask)
    np.testing.assert_allclose(found.components, image.components, rtol=0, atol=1e-10)
    assert any("m^2/s, guessed" in sentence for sentence in found.assumptions)
    with pytest.raises(InputError, match="no shape"):
        read_tensors(path)
    path.write_bytes(path.read_bytes()[:-16])
    with pytest.raises(InputError, match="does not fit the grid"):
        read_tensors(path, grid=tmp_path / "grid.nii")
