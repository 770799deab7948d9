"""Cuts hold the whole section, carry the right cells and move with the tissue."""

from dataclasses import replace

import numpy as np
import pytest
from boxes import box

from fibertwin.report.cuts import VIEWS, cut


def area(polygons: np.ndarray) -> float:
    x, y = polygons[..., 0], polygons[..., 1]
    turned = x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y
    return float(np.abs(turned.sum(1)).sum() / 2)


def length(segments: np.ndarray) -> float:
    return float(np.linalg.norm(segments[:, 1] - segments[:, 0], axis=1).sum())


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("at", [0.5, 1.0, 1.37])
def test_section_of_a_box(axis: int, at: float) -> None:
    """Sides 2, 3, 4; at 1.0 the plane goes through corners of the mesh."""
    tissue = box((2.0, 3.0, 4.0), (2, 3, 4))
    met = cut(tissue, axis, at)
    first, second = (side for i, side in enumerate((2.0, 3.0, 4.0)) if i != axis)
    assert area(met.polygons) == pytest.approx(first * second, rel=1e-6)
    assert length(met.before) == pytest.approx(2 * (first + second), rel=1e-6)
    heights = tissue.points[tissue.cells[met.cells], axis]
    assert (heights.min(1) <= at).all()
    assert (heights.max(1) >= at).all()


def test_deformation_stretches_the_section_only() -> None:
    tissue = box((2.0, 3.0, 4.0), (2, 3, 4))
    stretched = replace(tissue, displacement=tissue.points * [0.0, 0.5, 0.0])
    met = cut(stretched, 0, 0.7)
    assert area(met.polygons) == pytest.approx(1.5 * 12.0, rel=1e-6)
    assert length(met.before) == pytest.approx(14.0, rel=1e-6)
    assert length(met.after) == pytest.approx(2 * (4.5 + 4.0), rel=1e-6)


def test_sides_are_named_as_they_are_drawn() -> None:
    """Right (+x), front (+y) and top (+z) lie where the labels say: left, right, up, down of the picture."""
    positive = {0: "R", 1: "A", 2: "S"}
    for (i, right), (j, up), (left, far, top, bottom), _ in VIEWS.values():
        assert (far if right > 0 else left) == positive[i]
        assert (top if up > 0 else bottom) == positive[j]
