"""Pieces of surfaces and what they face: bodies whose answer is known, on any number of ranks."""

import nibabel
import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.meshes import (
    AnyOf,
    Block,
    Component,
    Except,
    Facing,
    Grown,
    HalfSpace,
    InCylinder,
    NearestLabel,
    Sphere,
    ThickSphere,
    ThickTube,
    area,
    centroid,
    name_surfaces,
    select,
)

pytestmark = pytest.mark.mpi


def block(comm, cell="tetrahedra"):
    """10 x 20 x 30 mm about the origin, cubes of 2.5 mm."""
    return Block((10.0, 20.0, 30.0), (4, 8, 12), cell=cell).build(comm)


def shell(comm, cell="tetrahedra"):
    """Between balls of 6 and 10 mm."""
    return ThickSphere(6.0, 10.0, (2, 4), "full", cell).build(comm)


def picked(body, rule) -> float:
    return area(name_surfaces(body, {"it": rule}), "it")


@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra"])
@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (Grown(direction="right"), 600.0),
        (Grown(near=(0.0, 0.0, 99.0)), 200.0),
        (Grown(direction="right", angle=np.pi / 2), 2200.0),
        (Grown(near=("100 %", "50 %", "50 %"), angle=0.01), 600.0),
    ],
)
def test_a_patch_grows_to_the_sharp_edges(comm, cell, rule, wanted):
    assert picked(block(comm, cell), rule) == pytest.approx(wanted)


def test_a_patch_grows_around_a_round_body(comm):
    tube = ThickTube(5.0, 8.0, 12.0, (2, 32, 6)).build(comm)
    for where, name in (((8.0, 0.0, 6.0), "outer"), ((0.0, 5.0, 6.0), "inner"), ((6.5, 0.0, 12.0), "top")):
        grown = name_surfaces(tube, {"it": Grown(near=where)})
        assert area(grown, "it") == pytest.approx(area(tube, name))
        assert centroid(grown, "it") == pytest.approx(centroid(tube, name))


@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra"])
def test_cavities_are_inner_and_the_outside_is_outer(comm, cell):
    body = shell(comm, cell)
    assert picked(body, Component()) == pytest.approx(area(body, "outer"))
    assert picked(body, Component(number=2)) == pytest.approx(area(body, "inner"))
    assert picked(body, Component(side="inner")) == pytest.approx(area(body, "inner"))
    assert picked(body, Component(side="outer")) == pytest.approx(area(body, "outer"))
    assert picked(body, Component(near=(5.0, 0.0, 0.0))) == pytest.approx(area(body, "inner"))
    with pytest.raises(InputError, match=r"fewer inner pieces(.|\n)*number 2(.|\n)*1 to 1"):
        select(body, Component(number=2, side="inner"))


def test_open_walls_are_inner_and_outer_too(comm):
    """A tube without its ends is in two pieces; the one that looks toward its own axis is inner."""
    tube = ThickTube(5.0, 8.0, 12.0, (2, 16, 4)).build(comm)
    walls = Except(AnyOf((Facing("up", 0.1), Facing("down", 0.1))))
    assert picked(tube, Component(walls, side="inner")) == pytest.approx(area(tube, "inner"))
    assert picked(tube, Component(walls, side="outer")) == pytest.approx(area(tube, "outer"))
    assert picked(tube, Component(walls)) == pytest.approx(area(tube, "outer"))


def test_pieces_of_a_selection(comm):
    body = block(comm)
    ends = AnyOf((Facing("left"), Facing("right"), HalfSpace("z", below="0 %")))
    with_ends = name_surfaces(body, {"it": Component(AnyOf((Facing("left"), Facing("right"))), near=(-9.0, 0, 0))})
    assert centroid(with_ends, "it") == pytest.approx([-5, 0, 0])
    assert picked(body, Component(ends)) == pytest.approx(1400.0)  # the bottom joins the two sides
    equal = name_surfaces(body, {"it": Component(AnyOf((Facing("left"), Facing("right"))), number=2)})
    assert centroid(equal, "it") == pytest.approx([5, 0, 0])  # of two as large the one with the lower center is first
    corner = AnyOf((Facing("left"), Facing("up")))
    assert picked(body, Component(corner)) == pytest.approx(800.0)


def test_spheres_and_cylinders(comm):
    body = block(comm)
    ball = name_surfaces(body, {"it": [Sphere((5.0, 0.0, 0.0), 6.0), Facing("right")]})
    assert area(ball, "it") == pytest.approx(np.pi * 36, rel=0.1)
    assert picked(body, Sphere(("50 %", "50 %", "50 %"), 99.0)) == pytest.approx(2200.0)
    assert picked(body, InCylinder((0.0, 0.0, 0.0), "up", 99.0, 10.0)) == pytest.approx(600.0)
    assert picked(body, InCylinder((0.0, 0.0, 0.0), "up", 99.0)) == pytest.approx(2200.0)
    drilled = picked(body, InCylinder((0.0, 0.0, 0.0), (0.0, 0.0, 2.0), 4.5))
    assert drilled == pytest.approx(2 * np.pi * 4.5**2, rel=0.2)  # facets of 3 mm² count whole


@pytest.fixture
def labels(comm, shared_path):
    """Voxels of 1 mm: label 3 inside the block, 24 to the right of it from 2 mm on, 5 in front of 24's far half."""
    if comm.rank == 0:
        grid = np.indices((40, 40, 40)).reshape(3, -1).T - 19.5
        values = np.zeros(len(grid), np.int16)
        values[(np.abs(grid) < [5, 10, 15]).all(axis=1)] = 3
        values[(grid[:, 0] > 7) & (grid[:, 0] < 10)] = 24
        values[(grid[:, 0] > 6) & (grid[:, 0] < 7) & (grid[:, 2] > 0)] = 5
        affine = np.eye(4)
        affine[:3, 3] = -19.5
        nibabel.save(nibabel.Nifti1Image(values.reshape(40, 40, 40), affine), shared_path / "labels.nii")
    comm.Barrier()
    return shared_path / "labels.nii"


@pytest.mark.parametrize("way", ["normal", "nearest"])
def test_what_a_surface_faces(comm, labels, way):
    body = block(comm)
    facing = name_surfaces(body, {"it": NearestLabel(labels, (24,), (3,), 3.0, way)})
    assert area(facing, "it") == pytest.approx(300.0, rel=0.1)
    assert centroid(facing, "it") == pytest.approx([5, 0, -7.5], abs=0.7)
    screened = name_surfaces(body, {"it": NearestLabel(labels, (24, 5), (3,), 3.0, way)})
    beside = 0.0 if way == "normal" else 75.0  # the rims of the other sides have it nearby too
    assert area(screened, "it") == pytest.approx(600.0 + beside, rel=0.1)
    with pytest.raises(InputError, match="no facet"):
        select(body, NearestLabel(labels, (24,), (3,), 1.0, way))
    with pytest.raises(InputError, match="no facet"):
        select(body, NearestLabel(labels, (77,), (3,), 3.0, way))


def test_rules_that_lack_a_place_are_refused(comm):
    body = block(comm)
    for rule in (Grown(), Grown(direction="up", near=(0.0, 0.0, 0.0))):
        with pytest.raises(InputError, match="either a direction or a point"):
            select(body, rule)
