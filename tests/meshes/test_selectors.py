"""Named surfaces: each rule on a block or a ball whose answer is known, on any number of ranks."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.imaging import VoxelMask
from fibertwin.meshes import (
    AllOf,
    Anatomy,
    AnyOf,
    Block,
    Box,
    Except,
    Facing,
    HalfSpace,
    Mask,
    Patch,
    Plane,
    SurfaceSelector,
    Tag,
    area,
    centroid,
    mean_normal,
    name_surfaces,
    select,
)

pytestmark = pytest.mark.mpi


def block(comm) -> Anatomy:
    """10 x 20 x 30 mm about the origin, cubes of 2.5 mm."""
    return Block((10.0, 20.0, 30.0), (4, 8, 12)).build(comm)


def ball(comm) -> Anatomy:
    """A ball of 40 mm radius about (10, 0, -5)."""
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = np.array([10.0, 0, -5]) - 3 * 15
    index = np.stack(np.meshgrid(*[np.arange(31)] * 3, indexing="ij"), axis=-1)
    return Mask(edge=8.0).build(comm, VoxelMask(np.linalg.norm(index - 15, axis=-1) * 3 < 40, affine, "ball"))


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (Facing("right"), 600.0),
        (Facing((0, 0, -3.0), 0.01), 200.0),
        (Facing("up", np.pi), 2 * (200 + 300 + 600)),
        (HalfSpace("z", below="0 %"), 200.0),
        (HalfSpace("z", below=-15.0), 200.0),
        (HalfSpace("z", above="75 %"), 200 + 7.5 * 60),
        (HalfSpace("z", above=7.5), 200 + 7.5 * 60),
        (HalfSpace("y", above="25 %", below="75 %"), 10 * 2 * (10 + 30)),
        ((HalfSpace("z", below="50 %"), Facing("down")), 200.0),
        (AllOf((HalfSpace("z", below="50 %"), Facing("back"))), 150.0),
        (AnyOf((Facing("left"), Facing("right"), Facing("right"))), 1200.0),
        (Except(Facing("left")), 2200 - 600.0),
        (Box((-5, -10, -15), (-5, 10, 15)), 600.0),
        (Box(("0 %", "0 %", "0 %"), ("0 %", "50 %", 0.0)), 150.0),
        (Plane((0, 0, "50 %"), "up"), 200 + 15 * 60),
        (Plane((0.0, 0.0, 0.0), (0, 1, 0)), 300 + 10 * 80),
    ],
)
def test_rules_pick_the_area_they_describe(comm, rules, wanted):
    body = name_surfaces(block(comm), {"it": rules})
    assert area(body, "it") == pytest.approx(wanted)
    assert len(body.notes) == 1
    assert body.notes[0].startswith("surface it: ")


def test_facets_are_owned_sorted_and_on_the_boundary(comm):
    body = block(comm)
    facets = select(body, Facing("front"))
    assert facets.dtype == np.int32
    assert np.array_equal(facets, np.unique(facets))
    assert np.isin(facets, body.surfaces["boundary"]).all()
    assert np.array_equal(facets, body.surfaces["front"])
    assert comm.allreduce(len(facets)) == 2 * 4 * 12


@pytest.mark.parametrize(
    ("patch", "middle", "normal"),
    [
        (Patch(10.0, 5.0, direction="right"), (5, 0, 0), (1, 0, 0)),
        (Patch(10.0, 5.0, direction="left"), (-5, 0, 0), (-1, 0, 0)),
        (Patch(5.0, 10.0, direction="front", up="up"), (0, 10, 0), (0, 1, 0)),
        (Patch(10.0, 5.0, near=("100 %", 2.5, 2.5)), (5, 2.5, 2.5), (1, 0, 0)),
        (Patch(10.0, 5.0, near=(0.0, -2.5, 40.0), up="right"), (0, -2.5, 15), (0, 0, 1)),
    ],
)
def test_patch_lies_where_it_is_put(comm, patch, middle, normal):
    body = name_surfaces(block(comm), {"blade": patch})
    assert mean_normal(body, "blade") == pytest.approx(np.array(normal, dtype=float), abs=1e-12)
    assert centroid(body, "blade") == pytest.approx(np.array(middle, dtype=float), abs=0.7)
    assert area(body, "blade") == pytest.approx(50.0, rel=0.2)
    assert "(50 mm² asked for)" in body.notes[0]


def test_nearest_point_is_exact_on_a_face_an_edge_and_a_corner(comm):
    from fibertwin.meshes import boundary_of
    from fibertwin.meshes.patch import _nearest_point

    boundary = boundary_of(block(comm))
    for seed, wanted in (
        ((9.0, 0.3, -0.7), (5.0, 0.3, -0.7)),
        ((9.0, 12.0, -0.7), (5.0, 10.0, -0.7)),
        ((9.0, 12.0, -16.0), (5.0, 10.0, -15.0)),
        ((4.0, 1.0, 2.0), (5.0, 1.0, 2.0)),
    ):
        assert _nearest_point(boundary, np.array(seed)) == pytest.approx(np.array(wanted))


def test_patch_wider_than_the_body_covers_the_side_it_faces(comm):
    body = name_surfaces(block(comm), {"plate": Patch(200.0, 100.0, direction="right")})
    assert area(body, "plate") == pytest.approx(600.0)
    assert mean_normal(body, "plate") == pytest.approx([1, 0, 0])


def test_patch_turns_with_up(comm):
    lying = name_surfaces(block(comm), {"blade": Patch(15.0, 5.0, direction="right")})
    standing = name_surfaces(block(comm), {"blade": Patch(15.0, 5.0, direction="right", up="front")})
    assert _extent(comm, lying) == pytest.approx([0, 15, 5], abs=0.1)
    assert _extent(comm, standing) == pytest.approx([0, 5, 15], abs=0.1)


def _extent(comm, body: Anatomy) -> np.ndarray:
    from fibertwin.meshes import boundary_of

    corners = np.concatenate(comm.allgather(boundary_of(body, "blade").corners.reshape(-1, 3)))
    return np.ptp(corners, axis=0)


def test_patch_on_a_ball_follows_the_direction(comm):
    body = name_surfaces(ball(comm), {"blade": Patch(30.0, 15.0, direction=(2.0, 1.0, 0.5))})
    toward = np.array([2.0, 1, 0.5]) / np.linalg.norm([2, 1, 0.5])
    assert centroid(body, "blade") == pytest.approx(np.array([10, 0, -5]) + 39 * toward, abs=3.0)
    assert mean_normal(body, "blade") @ toward > 0.98
    assert area(body, "blade") == pytest.approx(450, rel=0.2)


def test_rank_count_leaves_the_surface_unchanged(comm):
    rules: dict[str, SurfaceSelector] = {
        "blade": Patch(30.0, 15.0, direction=(2.0, 1.0, 0.5)),
        "base": AllOf((HalfSpace("z", below="40 %"), Facing("down"))),
    }
    here, alone = name_surfaces(ball(comm), rules), name_surfaces(ball(MPI.COMM_SELF), rules)
    for name in rules:
        assert comm.allreduce(len(here.surfaces[name])) == len(alone.surfaces[name])
        assert area(here, name) == pytest.approx(area(alone, name), rel=1e-12)
        assert centroid(here, name) == pytest.approx(centroid(alone, name), rel=1e-12)


def test_empty_surfaces_are_all_refused_at_once_on_every_rank(comm):
    rules = {
        "far": Box((100.0, 0.0, 0.0), (200.0, 1.0, 1.0)),
        "fine": Facing("up"),
        "odd": (HalfSpace("z", above="90 %"), Facing("down")),
    }
    with pytest.raises(InputError) as caught:
        name_surfaces(block(comm), rules)
    far, odd = caught.value.problems
    assert far.where == "surfaces.far"
    assert "(-5, -10, -15) to (5, 10, 15) mm" in far.hint
    assert odd.where == "surfaces.odd"
    assert "HalfSpace(axis='z', below=None, above='90 %') alone: " in odd.got
    assert len(set(comm.allgather(str(caught.value)))) == 1


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Tag(3), "no facet numbers"),
        (HalfSpace("z"), "has no bound"),
        (Patch(1.0, 1.0), "either a direction or a point"),
        (Patch(1.0, 1.0, direction="up", near=(0.0, 0.0, 0.0)), "either a direction or a point"),
        (Patch(5.0, 5.0, direction="up", up="up"), "along the surface's normal"),
        (Facing((0.0, 0.0, 0.0)), "has no length"),
        (Facing("north"), "is no direction"),
        (Box(("a lot", 0.0, 0.0), (1.0, 1.0, 1.0)), "can't be read"),
    ],
)
def test_senseless_rules_are_refused(comm, rule, words):
    with pytest.raises(InputError, match=words):
        name_surfaces(block(comm), {"it": rule})


def test_every_member_is_offered():
    names = {"all-of", "any-of", "box", "except", "facing", "half-space", "patch", "plane", "tag"}
    names |= {"grown", "component", "sphere", "cylinder", "nearest-label"}
    assert set(SurfaceSelector.members()) == names
