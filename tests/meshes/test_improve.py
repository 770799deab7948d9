"""Mending bad cells: they become better, the others stay, the boundary stays where it was."""

import numpy as np
import pytest

from fibertwin.meshes import scaled_jacobian, signed_volumes
from fibertwin.meshes.improve import boundary_faces, improve
from fibertwin.meshes.quality import right_handed


def cube(n: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """A unit cube of n^3 small cubes, six tetrahedra each around the diagonal (Kuhn)."""
    points = np.stack(np.meshgrid(*[np.linspace(0, 1, n + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    low = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = []
    for path in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        steps = np.cumsum([np.zeros(3, int), *np.eye(3, dtype=int)[list(path)]], axis=0)
        corners = low[:, None, :] + steps[None]
        cells.append(corners @ [(n + 1) ** 2, n + 1, 1])
    return points, right_handed(points, np.concatenate(cells))


def test_boundary_faces_close_the_cube():
    points, cells = cube(3)
    faces = boundary_faces(cells)
    assert len(faces) == 6 * 9 * 2
    a, b, c = (points[faces[:, i]] for i in range(3))
    assert np.einsum("ni,ni->", a, np.cross(b, c)) / 6 == pytest.approx(1.0)


def test_displaced_corners_are_brought_back_to_quality():
    points, cells = cube(6)
    middle = np.flatnonzero((np.abs(points - 0.5) < 1e-9).all(axis=1))[0]
    spoiled = points.copy()
    spoiled[middle] += (0.14, 0.11, -0.12)
    on_face = np.flatnonzero((points[:, 0] == 0) & (np.abs(points[:, 1:] - 0.5) < 1e-9).all(axis=1))[0]
    spoiled[on_face] += (0.0, 0.13, 0.07)
    before = scaled_jacobian(spoiled, cells)
    assert before.min() < 0.1
    mended = improve(spoiled, cells, 0.5)
    after = scaled_jacobian(mended, cells)
    assert after.min() >= 0.5
    # the faces stay flat, the edges where they were, and so the volume
    for axis in range(3):
        for end in (0.0, 1.0):
            there = spoiled[:, axis] == end
            assert mended[there, axis] == pytest.approx(np.full(there.sum(), end), abs=1e-12)
    edges = (np.isin(spoiled, (0.0, 1.0)).sum(axis=1)) >= 2
    assert np.array_equal(mended[edges], spoiled[edges])
    assert signed_volumes(mended, cells).sum() == pytest.approx(1.0, rel=1e-12)


def test_good_meshes_are_left_alone():
    points, cells = cube(2)
    assert np.array_equal(improve(points, cells, 0.3), points)


def test_a_target_out_of_reach_moves_nothing():
    points, cells = cube(2)
    assert scaled_jacobian(points, cells).max() < 0.8
    assert np.array_equal(improve(points, cells, 0.8), points)
