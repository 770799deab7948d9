"""``fibertwin geometry compare`` from the image to the page, and what it refuses."""

import json

import nibabel
import numpy as np
import pytest

from fibertwin import geometry
from fibertwin.cli import main
from fibertwin.surfaces import Surface
from fibertwin.surfaces.phantoms import staircase_sphere

BALL = staircase_sphere(10.0, 2.0).mask


@pytest.fixture
def image(tmp_path):
    nibabel.save(nibabel.Nifti1Image(3 * BALL.inside.astype(np.uint8), BALL.affine), tmp_path / "ball.nii.gz")
    return tmp_path / "ball.nii.gz"


def test_json_holds_every_figure_of_every_method(image, capsys):
    assert main(["geometry", "compare", str(image), "--labels", "3", "--edge", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [m["method"] for m in found["methods"]] == ["marching-cubes", "smoothed", "poisson"]
    assert found["reference_volume"] == pytest.approx(BALL.volume, rel=0.03)
    for made in found["methods"]:
        assert abs(made["volume_change"]) < 0.03
        assert 0 <= made["distance"]["mean"] < 1 <= 3 > made["distance"]["hausdorff"]
        assert made["watertight"]
        assert made["crossing"] == 0


def test_the_folder_holds_page_figures_and_surfaces(image, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("fibertwin.report.surfaces.draw_in_child", lambda folder: "no picture today")
    assert main(["geometry", "compare", str(image), "--methods", "smoothed,poisson", "-o", str(tmp_path / "out")]) == 0
    assert "no picture today" in capsys.readouterr().err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"compare.json", "compare.md", "smoothed.ply", "poisson.ply", "reference.ply"}
    page = (tmp_path / "out" / "compare.md").read_text()
    assert page.count("\n| ") == len(geometry.HEADER)
    assert all(word in page for word in geometry.HEADER)


def test_a_map_of_probability_needs_a_level(tmp_path, capsys):
    soft = np.clip(BALL.inside + 0.3, 0, 1).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(soft, BALL.affine), tmp_path / "soft.nii")
    assert main(["geometry", "compare", str(tmp_path / "soft.nii")]) == 2
    assert "above" in capsys.readouterr().err
    assert main(["geometry", "compare", str(tmp_path / "soft.nii"), "--above", "0.5", "--methods", "smoothed"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--edge", "0"], "--edge: is no length"),
        (["--smoothing", "-1"], "--smoothing: is no length"),
        (["--methods", "delaunay"], "--methods: is unknown"),
        (["--labels", "3", "--above", "1"], "can't both be"),
        (["--labels", "9"], "9"),
    ],
)
def test_options_that_cannot_be_are_refused(image, words, said, capsys):
    assert main(["geometry", "compare", str(image), *words]) == 2
    assert said in capsys.readouterr().err


def test_a_missing_image_is_refused(tmp_path, capsys):
    assert main(["geometry", "compare", str(tmp_path / "none.nii")]) == 2
    assert "no such image" in capsys.readouterr().err


def test_distance_is_signed_outside_positive():
    from fibertwin.report.surfaces import _colored
    from fibertwin.surfaces.measures import polydata

    cube = staircase_sphere(10.0, 2.0).truth
    for scale in (1.1, 0.9):
        body = _colored(polydata(Surface(scale * cube.points, cube.triangles)), polydata(cube))
        assert np.sign(body.point_data["distance"]).mean() == pytest.approx(np.sign(scale - 1))
        assert np.abs(body.point_data["distance"]).mean() == pytest.approx(1.0, rel=0.05)
