"""Quality measures against closed forms."""

import numpy as np
import pytest

from fibertwin.meshes import dihedral_angles, scaled_jacobian, signed_volumes
from fibertwin.meshes.quality import measure

REGULAR = np.array([[1.0, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
CORNER = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
ONE = np.array([[0, 1, 2, 3]])


def test_regular_tetrahedron_has_scaled_jacobian_one():
    cells = ONE if signed_volumes(REGULAR, ONE)[0] > 0 else ONE[:, [0, 1, 3, 2]]
    assert scaled_jacobian(REGULAR, cells) == pytest.approx(1.0, abs=1e-14)
    assert scaled_jacobian(7.3 * REGULAR + 5, cells) == pytest.approx(1.0, abs=1e-12)
    assert dihedral_angles(REGULAR, cells) == pytest.approx(np.full((1, 6), np.arccos(1 / 3)))
    assert signed_volumes(REGULAR, cells) == pytest.approx(8 / 3)


def test_corner_tetrahedron():
    # at an outer corner meet edges of 1, sqrt 2 and sqrt 2: sqrt(2) * 1 / 2
    assert scaled_jacobian(CORNER, ONE) == pytest.approx(np.sqrt(2) / 2)
    right, oblique = np.pi / 2, np.arccos(1 / np.sqrt(3))
    # edges in the order 01 02 03 12 13 23
    assert dihedral_angles(CORNER, ONE)[0] == pytest.approx([right] * 3 + [oblique] * 3)
    assert signed_volumes(CORNER, ONE) == pytest.approx(1 / 6)


def test_sign_and_flatness():
    assert scaled_jacobian(CORNER, ONE[:, [1, 0, 2, 3]])[0] == pytest.approx(-np.sqrt(2) / 2)
    flat = CORNER.copy()
    flat[3] = (1, 1, 0)
    assert scaled_jacobian(flat, ONE)[0] == 0.0
    assert scaled_jacobian(np.zeros((4, 3)), ONE)[0] == 0.0


def test_corner_order_does_not_matter():
    rng = np.random.default_rng(3)
    points = rng.random((4, 3))
    even = [[0, 1, 2, 3], [1, 2, 0, 3], [2, 0, 1, 3], [1, 0, 3, 2], [3, 2, 1, 0]]
    values = scaled_jacobian(points, np.array(even))
    assert values == pytest.approx(np.full(5, values[0]))


def test_measure_names_the_worst_cell():
    points = np.concatenate([REGULAR, CORNER * [1, 1, 0.01] + [10, 0, 0]])
    cells = np.array([[0, 1, 3, 2], [4, 5, 6, 7]])
    cells[signed_volumes(points, cells) < 0] = cells[signed_volumes(points, cells) < 0][:, [0, 1, 3, 2]]
    quality = measure(points, cells)
    assert quality.cells == 2
    assert quality.minimum == pytest.approx(scaled_jacobian(points, cells)[1])
    assert quality.worst == pytest.approx((10.25, 0.25, 0.0025))
    assert quality.volume == pytest.approx(8 / 3 + 0.01 / 6)
    assert quality.dihedral[0] == pytest.approx(np.degrees(dihedral_angles(points, cells).min()))


BRICK = np.array([[x, y, z] for z in (0.0, 1) for y in (0.0, 1) for x in (0.0, 1)])
EIGHT = np.arange(8)[None]


def test_hexahedra_by_their_corners():
    assert scaled_jacobian(3 * BRICK, EIGHT) == pytest.approx(1.0)
    assert signed_volumes(3 * BRICK, EIGHT) == pytest.approx(27.0)
    assert signed_volumes(BRICK * [1, 1, -1], EIGHT) == pytest.approx(-1.0)
    assert dihedral_angles(BRICK, EIGHT) == pytest.approx(np.full((1, 24), np.pi / 2))
    # sheared by 45 degrees: edges of 1, 1 and sqrt 2 at each corner, the determinant stays
    sheared = BRICK + np.outer(BRICK[:, 2], [1.0, 0, 0])
    assert scaled_jacobian(sheared, EIGHT) == pytest.approx(1 / np.sqrt(2))
    assert np.degrees([dihedral_angles(sheared, EIGHT).min(), dihedral_angles(sheared, EIGHT).max()]) == pytest.approx(
        [45, 135]
    )
    # one corner pushed past the plane of its neighbors turns that corner only
    pushed = BRICK.copy()
    pushed[7] = 0.6
    assert signed_volumes(pushed, EIGHT)[0] > 0
    assert scaled_jacobian(pushed, EIGHT)[0] < 0
    for hand in (1, -1):
        quality = measure(BRICK * [1, 1, hand], EIGHT)
        assert (quality.cells, quality.kind) == (1, "hexahedra")
        assert (quality.minimum, quality.volume, quality.mean_edge) == pytest.approx((1.0, 1.0, 1.0))


def test_curved_cells_count_by_their_determinant_where_they_are_turned_inside_out():
    edges = [(2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1)]
    straight = np.concatenate([CORNER, [(CORNER[a] + CORNER[b]) / 2 for a, b in edges]])
    ten = np.arange(10)[None]
    assert measure(straight, ten).volume == pytest.approx(1 / 6)
    assert measure(straight, ten).minimum == pytest.approx(np.sqrt(2) / 2)
    # x + a x (1 - x) bulges nothing at the corners and keeps its sense while |a| < 1; volume 1/6 (1 + a (1 - 2/4))
    bulged = straight + np.outer(0.5 * straight[:, 0] * (1 - straight[:, 0]), [1, 0, 0])
    assert measure(bulged, ten).volume == pytest.approx((1 + 0.5 * 0.5) / 6)
    assert measure(bulged, ten).minimum == pytest.approx(np.sqrt(2) / 2)
    folded = straight + np.outer(2.5 * straight[:, 0] * (1 - straight[:, 0]), [1, 0, 0])
    assert measure(folded, ten).minimum < 0
