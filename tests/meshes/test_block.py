"""Blocks and what an anatomy says of its surfaces, on any number of ranks."""

import numpy as np
import pytest

from fibertwin.meshes import Block, VoxelMask, area, bounds, centroid, mean_normal
from fibertwin.meshes.anatomy import local_cells

pytestmark = pytest.mark.mpi

NORMALS = {
    "left": (-1, 0, 0),
    "right": (1, 0, 0),
    "back": (0, -1, 0),
    "front": (0, 1, 0),
    "bottom": (0, 0, -1),
    "top": (0, 0, 1),
}


def test_faces_are_where_their_names_say(comm):
    size, center = np.array([4.0, 3.0, 2.0]), np.array([10.0, -5.0, 1.0])
    block = Block(tuple(size), (4, 3, 2), tuple(center)).build(comm)
    for name, normal in NORMALS.items():
        n = np.array(normal, dtype=float)
        assert mean_normal(block, name) == pytest.approx(n, abs=1e-12)
        assert area(block, name) == pytest.approx(size.prod() / abs(n @ size))
        assert centroid(block, name) == pytest.approx(center + n * size / 2)
    assert area(block, "boundary") == pytest.approx(2 * (12 + 8 + 6))
    assert mean_normal(block, "boundary") == pytest.approx(np.zeros(3))
    assert bounds(block.mesh) == (pytest.approx(center - size / 2), pytest.approx(center + size / 2))


def test_every_cell_is_tagged_and_counted_once(comm):
    block = Block((1.0, 1.0, 1.0), (3, 4, 5)).build(comm)
    assert np.array_equal(block.cell_tags.indices, np.arange(local_cells(block.mesh)))
    assert (block.cell_tags.values == block.regions["tissue"]).all()
    assert block.quality.cells == 6 * 60
    assert block.quality.volume == pytest.approx(1.0)
    assert block.quality.minimum > 0.3
    facets = sum(comm.allreduce(len(block.surfaces[name])) for name in NORMALS)
    assert facets == comm.allreduce(len(block.surfaces["boundary"])) == 2 * 2 * (12 + 15 + 20)


def test_center_is_given_or_the_masks_or_the_origin(comm):
    inside = np.zeros((9, 9, 9), bool)
    inside[4:7, 2:5, 1:4] = True
    affine = np.diag([-2.0, 2, 2, 1])
    mask = VoxelMask(inside, affine)
    expected = affine[:3, :3] @ [5, 3, 2]
    for block, middle in (
        (Block((1.0, 1.0, 1.0), (1, 1, 1)).build(comm, mask), expected),
        (Block((1.0, 1.0, 1.0), (1, 1, 1), (7.0, 0.0, 0.0)).build(comm, mask), [7, 0, 0]),
        (Block((1.0, 1.0, 1.0), (1, 1, 1)).build(comm), [0, 0, 0]),
    ):
        lower, upper = bounds(block.mesh)
        assert (lower + upper) / 2 == pytest.approx(np.array(middle, dtype=float))
