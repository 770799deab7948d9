"""Strained pieces are told apart, placed and compared with the isotropic model."""

from dataclasses import replace

import numpy as np
import pytest
from boxes import box

from fibertwin.report.fields import Tetrahedra
from fibertwin.report.hotspots import findings, level, place, region_cells, spots


def strained(right: float, left: float) -> Tetrahedra:
    """A row of ten 1 mm³ bricks along x with strain in the last two and in the first."""
    row = box((10.0, 1.0, 1.0), (10, 1, 1))
    x = row.centers[:, 0]
    return replace(row, arrays={"fiber strain": np.where(x > 8, right, np.where(x < 1, left, 0.0))})


def test_pieces_by_size() -> None:
    row = strained(0.2, 0.3)
    found = spots(row, row.strain > 0.1)
    assert [spot.volume_mL for spot in found] == pytest.approx([2e-3, 1e-3])
    assert found[0].center_mm == pytest.approx((9.0, 0.5, 0.5))
    assert [spot.peak for spot in found] == pytest.approx([0.2, 0.3])
    assert [spot.place for spot in found] == ["right", "left"]
    assert spots(row, row.strain > 1.0) == []


def test_places_are_of_the_patient() -> None:
    corners = np.array([[-30.0, -30.0, -30.0], [30.0, 30.0, 30.0]])
    assert place(np.array([25.0, 25.0, 25.0]), corners) == "right, front, upper"
    assert place(np.array([-25.0, -25.0, -25.0]), corners) == "left, back, lower"
    assert place(np.zeros(3), corners) == "center"
    assert place(np.array([30.0, 0.0, -30.0]), corners) == "right, lower"


def test_flat_body_has_a_place() -> None:
    assert place(np.array([9.0, 0.0, 0.0]), np.array([[0.0, 0.0, 0.0], [9.0, 9.0, 0.0]])) == "right, back"


def test_regions_by_their_tag() -> None:
    row = box((10.0, 1.0, 1.0), (10, 1, 1))
    code = np.where(row.centers[:, 0] > 8, 5.0, 3.0)
    row = replace(row, arrays={**row.arrays, "region": code})
    found = region_cells(row, {"a": {"tag": 5}, "b": {"tag": 3}})
    np.testing.assert_array_equal(found["a"], code == 5)
    np.testing.assert_array_equal(found["b"], code == 3)


def test_where_the_strained_tissue_lies() -> None:
    tissue = strained(0.07, 0.0)
    tissue = replace(tissue, arrays={**tissue.arrays, "region": np.ones(len(tissue.cells))})
    summary = {"regions": {"tissue": {"tag": 1}}, "fiber_strain_exceedance": {"tissue": {"5 %": {}, "10 %": {}}}}
    found = findings(tissue, summary)
    assert len(found["spots"]["tissue"]["5 %"]) == 1
    assert found["spots"]["tissue"]["10 %"] == []


def test_levels() -> None:
    assert level("5 %") == pytest.approx(0.05)
    assert level("12.5 %") == pytest.approx(0.125)
