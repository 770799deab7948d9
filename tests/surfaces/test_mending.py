"""Broken surfaces: mended and told, or refused with one clear message; triangles of a wanted size."""

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.surfaces import Surface, isosurface, joined, mend, remesh
from fibertwin.surfaces.measures import shapes
from fibertwin.surfaces.phantoms import sharp_box, staircase_sphere

BALL = staircase_sphere(12.0, 2.0)
SPHERE = isosurface(BALL.mask.inside, BALL.mask.affine, 0.5)


def without(kept: np.ndarray) -> Surface:
    return Surface(SPHERE.points, SPHERE.triangles[kept])


def middles() -> np.ndarray:
    return np.asarray(SPHERE.points[SPHERE.triangles].mean(axis=1))


def test_a_sound_surface_stays_as_it_is():
    found = mend(SPHERE)
    assert not found.notes
    assert found.surface.volume == pytest.approx(SPHERE.volume)


def test_separate_triangles_as_in_stl_files_are_joined():
    loose = Surface(SPHERE.points[SPHERE.triangles].reshape(-1, 3), np.arange(3 * len(SPHERE.triangles)).reshape(-1, 3))
    assert not loose.is_watertight
    assert mend(loose).surface.is_watertight


def test_inside_out_is_turned_and_told():
    found = mend(Surface(SPHERE.points, SPHERE.triangles[:, ::-1]))
    assert found.surface.volume == pytest.approx(SPHERE.volume)
    assert any("inside out" in note for note in found.notes)


def test_a_few_turned_triangles_are_turned_back_and_counted():
    triangles = SPHERE.triangles.copy()
    triangles[[3, 100, 101]] = triangles[[3, 100, 101], ::-1]
    found = mend(Surface(SPHERE.points, triangles))
    assert found.surface.volume == pytest.approx(SPHERE.volume)
    assert "3 triangles turned to face as their neighbors do" in found.notes


def test_a_small_hole_and_crumbs_are_mended_and_counted():
    dent = without(np.linalg.norm(middles() - [0, 0, 12], axis=1) > 2.5)
    crumb = Surface(SPHERE.points / 20 + 30, SPHERE.triangles)
    doubled = joined([dent, crumb])
    doubled = Surface(doubled.points, np.concatenate([doubled.triangles, doubled.triangles[:2]]))
    found = mend(doubled)
    assert found.surface.is_watertight
    assert found.surface.volume == pytest.approx(SPHERE.volume, rel=0.02)
    told = " ".join(found.notes)
    assert "2 double triangles left out" in told
    assert "1 smaller pieces left out" in told
    assert "1 holes filled" in told


def test_holes_that_touch_at_a_point_are_filled_as_one():
    around = np.flatnonzero((SPHERE.triangles == SPHERE.triangles[0, 0]).any(axis=1))
    shared = (SPHERE.triangles[around][:, :, None] == SPHERE.triangles[0]).sum(axis=(1, 2))
    # another triangle at the same point, but on no edge of the first
    found = mend(without(~np.isin(np.arange(len(SPHERE.triangles)), [0, around[shared == 1][0]])))
    assert found.surface.is_watertight
    assert found.surface.volume == pytest.approx(SPHERE.volume, rel=0.02)
    assert any("where holes touch" in note for note in found.notes)


def half() -> Surface:
    return without(middles()[:, 2] > 0)


def crossing() -> Surface:
    """The sphere with its top pushed out through its bottom."""
    points = SPHERE.points.copy()
    top = points[:, 2] > 9
    points[top, 2] -= 26
    return Surface(points, SPHERE.triangles)


def fin() -> Surface:
    """A triangle more on an edge."""
    a, b, _ = SPHERE.triangles[0]
    points = np.concatenate([SPHERE.points, [[30.0, 0, 0]]])
    return Surface(points, np.concatenate([SPHERE.triangles, [[a, b, len(SPHERE.points)]]]))


def strip() -> Surface:
    """A Möbius strip."""
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    rims = [
        np.column_stack(
            [
                (5 + s * np.cos(angle / 2)) * np.cos(angle),
                (5 + s * np.cos(angle / 2)) * np.sin(angle),
                s * np.sin(angle / 2),
            ]
        )
        for s in (-1, 1)
    ]
    i = np.arange(19)
    body = [np.column_stack([i, i + 1, i + 20]), np.column_stack([i + 1, i + 21, i + 20])]
    return Surface(np.concatenate(rims), np.concatenate([*body, [[19, 20, 39], [20, 0, 39]]]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Surface(np.empty((0, 3)), np.empty((0, 3), np.int64)), "holds no triangles"),
        (lambda: Surface(SPHERE.points * [1, 1, np.inf], SPHERE.triangles), "not finite"),
        (half, "is open"),
        (crossing, "cuts through itself"),
        (fin, "more than two triangles"),
        (strip, "only one side"),
    ],
)
def test_what_cannot_be_mended_is_refused_in_one_message(make, said):
    with np.errstate(invalid="ignore"):
        broken = make()
    with pytest.raises(InputError, match=said) as error:
        mend(broken, source="heart.stl")
    assert len(error.value.problems) == 1
    assert error.value.problems[0].where == "heart.stl"


def test_half_a_sphere_is_rebuilt_and_told():
    found = mend(half(), "rebuild", 1.0)
    assert found.surface.is_watertight
    assert found.surface.volume > 0
    assert any("made anew" in note and "is open" in note for note in found.notes)


def test_pymeshfix_cuts_crossings_out():
    pytest.importorskip("pymeshfix")
    found = mend(fin(), "pymeshfix")
    assert found.surface.volume == pytest.approx(SPHERE.volume, rel=0.05)


@pytest.mark.parametrize("edge", [1.5, 4.0], ids=["finer", "coarser"])
@pytest.mark.parametrize("by", ["quadric", "pyacvd"])
def test_remeshing_reaches_the_edge_wanted_and_keeps_the_body(edge, by):
    if by == "pyacvd":
        pytest.importorskip("pyacvd")
    box = sharp_box().truth if edge == 4.0 else SPHERE
    made = remesh(box, edge, by)
    ends = made.points[made.triangles]
    assert np.linalg.norm(ends - np.roll(ends, 1, axis=1), axis=2).mean() == pytest.approx(edge, rel=0.2)
    assert made.is_watertight
    assert made.volume == pytest.approx(box.volume, rel=0.06)
    assert shapes(made).mean() > (0.6 if by == "quadric" else 0.85)
