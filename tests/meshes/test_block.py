"""Blocks and what an anatomy says of its surfaces, on any number of ranks."""

import numpy as np
import pytest

from fibertwin.imaging import VoxelMask
from fibertwin.meshes import Block, area, boundary_of, bounds, centroid, mean_normal
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


def test_hexahedra_fill_the_same_box(comm):
    size, center = np.array([4.0, 3.0, 2.0]), np.array([10.0, -5.0, 1.0])
    bricks = Block(tuple(size), (4, 2, 3), tuple(center), cell="hexahedra").build(comm)
    assert str(bricks.mesh.basix_cell().name) == "hexahedron"
    assert bricks.quality.cells == 24
    assert bricks.quality.volume == pytest.approx(24.0)
    assert bricks.quality.minimum == pytest.approx(1.0)
    assert bricks.quality.dihedral == pytest.approx((90.0, 90.0))
    assert str(bricks.quality).startswith("24 hexahedra")
    for name, normal in NORMALS.items():
        n = np.array(normal, dtype=float)
        assert mean_normal(bricks, name) == pytest.approx(n, abs=1e-12)
        assert area(bricks, name) == pytest.approx(size.prod() / abs(n @ size))
        assert centroid(bricks, name) == pytest.approx(center + n * size / 2)
    assert comm.allreduce(len(bricks.surfaces["boundary"])) == 2 * (8 + 12 + 6)
    assert boundary_of(bricks).centroid() == pytest.approx(center)


def test_tetrahedra_lie_around_the_diagonal_from_the_low_to_the_high_corner(comm):
    """Published answers of the cut cube hold for this cut only: all six cells of a brick share its diagonal."""
    cells = (2, 3, 2)
    body = Block((2.0, 3.0, 2.0), cells, (1.0, 1.5, 1.0)).build(comm)
    corners = body.mesh.geometry.x[body.mesh.geometry.dofmaps[0][: body.mesh.topology.index_map(3).size_local]]
    low = np.floor(corners.mean(axis=1) + 1e-9)
    steps = np.rint(corners - low[:, None]).astype(int)
    assert np.abs(corners - low[:, None] - steps).max(initial=0.0) < 1e-12
    has = [(steps == end).all(axis=2).any(axis=1) for end in (0, 1)]
    assert np.logical_and(*has).all()
    counts = comm.allreduce(np.histogramdd(low, [np.arange(n + 1) for n in cells])[0])
    assert (counts == 6).all()
