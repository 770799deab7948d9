from pathlib import Path

import numpy as np
import pytest

from fibertwin.cli import main

nibabel = pytest.importorskip("nibabel")


def image(path: Path) -> Path:
    depth = np.broadcast_to(np.arange(60.0, dtype=np.float32)[::-1, None], (4, 60, 3))
    affine = np.diag([0.5, -1.0, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(depth), affine), path)
    return path


def test_an_image_is_corrected_and_the_error_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given, out = image(tmp_path / "image.nii"), tmp_path / "out.nii"
    assert main(["ultrasound", str(given), "--speed", "1400", "--depth", "j-", "-o", str(out)]) == 0
    column = np.asarray(nibabel.load(out).dataobj)[1, ::-1, 1]
    np.testing.assert_allclose(column[:53], np.arange(53) * 1.1, atol=1e-4)
    last = capsys.readouterr().out.splitlines()[-2].split()
    assert float(last[0]) == 59.0
    assert float(last[1]) == pytest.approx(59 * 140 / 1540, abs=0.01)
    assert float(last[2]) == pytest.approx(1.96 * 59 * 10 / 1540, rel=0.15)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--speed", "1.48", "--depth", "j"], "speeds of sound"),
        (["--layers", "8mm,1500", "--depth", "j"], "--layers"),
        (["--speed", "1480", "--depth", "j", "--radius", "50"], "--pose"),
    ],
)
def test_wrong_options_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    given = image(tmp_path / "image.nii")
    assert main(["ultrasound", str(given), *options, "-o", str(tmp_path / "out.nii")]) == 2
    assert message in capsys.readouterr().err


def test_images_are_registered_and_the_map_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("SimpleITK")
    places = np.moveaxis(np.indices((30, 30, 30)), 0, -1) * 2.0
    centers, widths = ((25, 30, 28), (38, 22, 35), (30, 40, 20)), (9.0, 6.0, 7.0)

    def picture(at: np.ndarray) -> np.ndarray:
        blobs = (np.exp(-((at - c) ** 2).sum(axis=-1) / (2 * w**2)) for c, w in zip(centers, widths, strict=True))
        return np.sum(list(blobs), axis=0).astype(np.float32)

    for name, shift in (("fixed", 0.0), ("moving", 3.0)):
        nibabel.save(
            nibabel.Nifti1Image(picture(places + np.array([shift, 0, 0])), np.diag([2.0, 2, 2, 1])),
            tmp_path / f"{name}.nii",
        )
    out = tmp_path / "map.txt"
    assert main(["register", str(tmp_path / "moving.nii"), str(tmp_path / "fixed.nii"), "-o", str(out)]) == 0
    middle = np.array([30.0, 30.0, 28.0, 1.0])
    np.testing.assert_allclose(np.loadtxt(out) @ middle - middle, (3.0, 0, 0, 0), atol=0.2)
    assert "Mutual information" in capsys.readouterr().out
