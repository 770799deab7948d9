"""Parts of a real biventricular surface found by shape, however it lies and is numbered."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fibertwin.errors import InputError
from fibertwin.meshes.heart import parts_of
from fibertwin.meshes.heart.surfaces import BASE, EPICARDIUM, LV, RV

FILE = Path(__file__).parents[2] / "examples" / "heart" / "data" / "biventricular.npz"
TAGS = np.zeros(41, dtype=np.int8)
TAGS[[10, 20, 30, 40]] = BASE, RV, LV, EPICARDIUM


@pytest.fixture(scope="module")
def heart():
    """Corners (n, 3, 3), outward, and the parts that its authors tagged."""
    data = np.load(FILE)
    points, facets, cells = data["points_mm"].astype(float), data["facets"], data["cells"]
    owner = {tuple(sorted(face)): cell for cell in cells for face in cell[[[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]]}
    corners = points[facets]
    inside = np.array([points[owner[tuple(sorted(facet))]].mean(axis=0) for facet in facets])
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    inward = np.einsum("ni,ni->n", normals, corners[:, 0] - inside) < 0
    corners[inward] = corners[inward][:, ::-1]
    return corners, TAGS[data["facet_tags"]]


def test_two_ventricles_are_told_apart_wherever_they_lie(heart):
    corners, wanted = heart
    rng = np.random.default_rng(0)
    order = rng.permutation(len(corners))
    moved = corners[order] @ Rotation.random(random_state=rng).as_matrix().T + [30.0, -20.0, 500.0]
    assert np.array_equal(parts_of(moved), wanted[order])


def test_a_rough_base_is_a_base_all_the_same(heart):
    corners, wanted = heart
    _, which = np.unique(corners.reshape(-1, 3), axis=0, return_inverse=True)
    noise = 0.15 * np.random.default_rng(1).normal(size=(which.max() + 1, 3))
    found = parts_of(corners + noise[which].reshape(corners.shape))
    assert (found == wanted).mean() > 0.99


def test_a_heart_without_its_base_is_refused(heart):
    corners, wanted = heart
    with pytest.raises(InputError, match="cut flat at its base"):
        parts_of(corners[wanted == EPICARDIUM])
