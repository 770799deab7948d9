"""What a calibration's report draws: panels of what was measured, and where on the body the data are missed."""

from pathlib import Path

import numpy as np

from fibertwin.calibration import Gaussian, Measurement
from fibertwin.calibration_curves import curves_of
from fibertwin.calibration_map import missed, residual_map
from fibertwin.calibration_summary import finite
from fibertwin.case.measured import Markers, SupportForce
from fibertwin.report.solid import camera_frame, hidden

CUBE = np.array([[x, y, z] for x in (0.0, 1.0) for y in (0.0, 1.0) for z in (0.0, 1.0)])
FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
TRIANGLES = CUBE[[corner for a, b, c, d in FACES for corner in ((a, b, c), (a, c, d))]]


def markers(path: Path, points) -> Markers:
    path.write_text("x,y,z,ux,uy,uz\n" + "".join(f"{x},{y},{z},0.1,nan,0.3\n" for x, y, z in points))
    return Markers(file=path, sd=0.1)


def test_each_entry_has_its_panels_and_what_is_missing_none(tmp_path):
    series = tmp_path / "force.csv"
    series.write_text("level,value,sd\n0.2,1,0.1\n0.6,2,0.1\n1,3,0.1\n")
    measured = {
        "curve": SupportForce(support="plate", component="z", file=series),
        "one": SupportForce(support="bed", component="x", value=5.0, sd=1.0),
        "dots": markers(tmp_path / "markers.csv", [(0, 0, 0), (1, 0, 0)]),
    }
    values = (1.0, 2.0, 3.0, 5.0, 0.1, np.nan, 0.3, 0.1, np.nan, 0.3)
    names = ["force of plate z"] * 3 + ["force of bed x"] + ["point"] * 6
    units = ("mN",) * 4 + ("mm",) * 6
    found = curves_of(measured, Measurement(values, Gaussian(0.1), tuple(names), units), names)
    assert [(curve.name, curve.rows.tolist(), curve.joined) for curve in found] == [
        ("curve", [0, 1, 2], True),
        ("dots, x", [4, 7], False),
        ("dots, z", [6, 9], False),
        ("", [3], False),
    ]
    assert found[0].x.tolist() == [20.0, 60.0, 100.0]
    assert found[3].labels == ("force\nof bed x",)


def test_residuals_lie_where_the_markers_are_and_those_behind_the_body_are_known(tmp_path):
    points = [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (0.5, 0.5, 0.5)]
    measured = {"dots": markers(tmp_path / "markers.csv", points)}
    (found,) = missed(measured, np.array([3.0, np.nan, 4.0, 0.0, np.nan, 0.0, *[np.nan] * 3]))
    assert found.points.tolist() == [list(points[0]), list(points[1])]
    assert np.allclose(found.size, [np.sqrt(12.5), 0.0])
    frame = camera_frame(np.array([1.0, 1.0, 1.0]))
    assert hidden(TRIANGLES, np.array(points), frame).tolist() == [False, True, True]
    picture = residual_map(TRIANGLES, [found])
    assert picture is not None
    assert "2 places, 1 of which are missed" in picture.caption
    assert residual_map(TRIANGLES, []) is None


def test_a_document_of_numbers_that_are_none_is_json():
    assert finite({"a": np.array([1.0, np.inf]), 2: (np.float64("nan"), "x", True)}) == {
        "a": [1.0, None],
        "2": [None, "x", True],
    }
