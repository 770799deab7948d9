"""Fibers by rule: angles that are known in closed form, blind to signs and ranks, and angles read back."""

import numpy as np
import pytest
from mpi4py import MPI
from scipy.spatial.transform import Rotation

from fibertwin.errors import InputError
from fibertwin.meshes import (
    Block,
    EllipsoidHelix,
    Facing,
    Helix,
    LaplaceAlong,
    LaplaceDirichlet,
    Straight,
    ThickTube,
    TruncatedEllipsoid,
    ellipsoid_fibers,
    fibers_from_axes,
    name_surfaces,
)
from fibertwin.meshes.heart import (
    HeartSurfaces,
    angle_maps,
    angular_difference,
    axes_about,
    heart_coordinates,
    laplace_dirichlet_fibers,
    name_heart,
)
from fibertwin.meshes.heart.angles import values_of
from fibertwin.meshes.heart.frames import SAME_AXES, blended, turned, wall_frame
from fibertwin.meshes.laplace import Potentials, sampled

VENTRICLE = TruncatedEllipsoid(cells=(2, 16, 8))
SIXTY = np.pi / 3


def rotations(seed: int, count: int = 50) -> np.ndarray:
    return Rotation.random(count, random_state=np.random.default_rng(seed)).as_matrix()


@pytest.mark.mpi
@pytest.mark.parametrize("depth", ["distance", "laplace"])
def test_the_helix_of_a_ventricle_is_that_of_the_ellipsoid(comm, depth):
    body = VENTRICLE.build(comm)
    field = LaplaceDirichlet(depth=depth).fibers(body, 2)
    where = heart_coordinates(body, 2)
    assert where.apex == pytest.approx([0, 0, -20], abs=1e-6)
    wanted = ellipsoid_fibers(body.mesh, 2, VENTRICLE, SIXTY, -SIXTY)
    off = angular_difference(field, wanted)
    assert off.median < (1.0 if depth == "distance" else 8.0)
    assert off.percentiles[90] < (3.5 if depth == "distance" else 18.0)
    assert sum(off.histogram) == pytest.approx(1.0)
    # in the potential the angle is linear to round-off, as the axes read are those that the fibers were turned in
    linear = heart_coordinates(body, 2, depth=depth)
    helix = angle_maps(field, linear.wall).helix
    assert helix == pytest.approx(60 - 120 * linear.depth, abs=1e-6)


@pytest.mark.mpi
def test_any_number_of_ranks_gives_the_same_fibers(comm):
    there = LaplaceDirichlet().fibers(VENTRICLE.build(MPI.COMM_SELF), 1)
    here = LaplaceDirichlet().fibers(VENTRICLE.build(comm), 1)
    places = there.points.reshape(-1, 3)
    order = np.array([np.argmin(np.linalg.norm(places - point, axis=1)) for point in here.points.reshape(-1, 3)])
    ours, theirs = values_of(here)[0].reshape(-1, 3), values_of(there)[0].reshape(-1, 3)[order]
    assert np.linalg.norm(np.cross(ours, theirs), axis=1) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.mpi
def test_a_potential_in_a_tube_is_the_logarithm_and_a_line_s_length_the_way_through_the_wall(comm):
    body = ThickTube(inner_radius=5.0, outer_radius=8.0, length=4.0, cells=(4, 16, 2)).build(comm)
    potentials = Potentials(body)
    found = potentials.solve({0.0: potentials.on("inner"), 1.0: potentials.on("outer")})
    at = sampled(found, 3)
    points = LaplaceAlong(origin="inner", insertion="outer").fibers(body, 3).points
    radius = np.hypot(points[..., 0], points[..., 1])
    assert at.values == pytest.approx(np.log(radius / 5) / np.log(8 / 5), abs=2e-4)
    length = sampled(potentials.length(found, potentials.on("inner")), 3)
    assert length.values == pytest.approx(radius - 5, abs=0.02)


@pytest.mark.mpi
def test_fibers_along_a_muscle_follow_its_shape(comm):
    body = ThickTube(inner_radius=5.0, outer_radius=8.0, length=4.0, cells=(2, 6, 2), sector="quarter").build(comm)
    field = LaplaceAlong(origin="symmetry-x", insertion="symmetry-y").fibers(body, 2)
    around = axes_about(field.points, (0, 0, 1))[..., 0]
    fiber, sheet = values_of(field)
    assert np.abs(np.einsum("nqi,nqi->nq", fiber, around)) == pytest.approx(1.0, abs=1e-3)
    assert np.einsum("nqi,nqi->nq", fiber, sheet) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.mpi
def test_a_helix_about_a_line_reads_back_as_its_angles(comm):
    body = ThickTube(inner_radius=5.0, outer_radius=8.0, length=4.0, cells=(1, 8, 1)).build(comm)
    rule = Helix(inner=5.0, outer=8.0, helix=(np.radians(40), np.radians(-50)))
    field = rule.fibers(body, 3)
    angles = angle_maps(field, axes_about(field.points, (0, 0, 2.0)))
    radius = np.hypot(field.points[..., 0], field.points[..., 1])
    assert angles.helix == pytest.approx(40 - 90 * (radius - 5) / 3, abs=1e-9)
    assert angles.transverse == pytest.approx(0.0, abs=1e-9)
    assert angles.sheet == pytest.approx(0.0, abs=1e-9)


def test_a_right_handed_screw_has_a_positive_helix():
    body = ThickTube(inner_radius=5.0, outer_radius=8.0, length=4.0, cells=(1, 8, 1)).build(MPI.COMM_SELF)
    fiber, _ = values_of(Helix(inner=5.0, outer=8.0, helix=(0.5, 0.5)).fibers(body, 1))
    field = Helix(inner=5.0, outer=8.0, helix=(0.5, 0.5)).fibers(body, 1)
    # a screw (cos t, sin t, p t) with p > 0: moving counter-clockwise seen from above, it climbs
    x, y = np.moveaxis(field.points[..., :2], -1, 0)
    counter_clockwise = x * fiber[..., 1] - y * fiber[..., 0]
    assert (counter_clockwise * fiber[..., 2] > 0).all()


def test_the_ellipsoid_s_rule_is_the_ellipsoid_s_function():
    body = VENTRICLE.build(MPI.COMM_SELF)
    field = EllipsoidHelix(helix=(SIXTY, -SIXTY)).fibers(body, 2)
    assert angular_difference(field, ellipsoid_fibers(body.mesh, 2, VENTRICLE, SIXTY, -SIXTY)).angles.max() < 1e-5


def test_angles_do_not_see_signs():
    body = VENTRICLE.build(MPI.COMM_SELF)
    wall = axes_about(Straight(axis="up").fibers(body, 1).points + np.array([0.01, 0.02, 0.0]), (0, 0, 1))
    rng = np.random.default_rng(0)
    f, s = rng.normal(size=(2, wall.shape[0] * wall.shape[1], 3))
    maps = [
        angle_maps(fibers_from_axes(body.mesh, 1, lambda _, a=a, b=b: (a * f, b * s)), wall)
        for a, b in ((1, 1), (-1, 1), (1, -1))
    ]
    for other in maps[1:]:
        for name in ("helix", "transverse", "sheet"):
            assert getattr(other, name) == pytest.approx(getattr(maps[0], name), abs=1e-9)


def test_turned_axes_read_back_as_helix_and_sheet():
    frame, rng = rotations(1), np.random.default_rng(2)
    helix, sheet = rng.uniform(-1.5, 1.5, (2, 50))
    axes = turned(frame, helix, sheet)
    assert np.linalg.det(axes) == pytest.approx(1.0)
    body = Block((1.0, 1.0, 1.0), (1, 1, 1)).build(MPI.COMM_SELF)  # 6 cells of one point
    field = fibers_from_axes(body.mesh, 1, lambda _: (axes[:6, :, 0], axes[:6, :, 2]))
    angles = angle_maps(field, frame[:6, None])
    assert angles.helix.ravel() == pytest.approx(np.degrees(helix[:6]), abs=1e-9)
    assert angles.sheet.ravel() == pytest.approx(np.degrees(sheet[:6]), abs=1e-9)


@pytest.mark.parametrize("signs", SAME_AXES)
def test_blending_goes_the_short_way_whatever_the_signs(signs):
    first, second, share = rotations(3), rotations(4), np.linspace(0, 1, 50)
    plain, flipped = blended(first, second, share), blended(first * signs, second, share)
    assert np.abs(np.einsum("nik,nik->nk", plain, flipped)) == pytest.approx(1.0, abs=1e-9)
    ends = [blended(first, second, np.full(50, t)) for t in (0.0, 1.0)]
    for end, wanted in zip(ends, (first, second), strict=True):
        assert np.abs(np.einsum("nik,nik->nk", end, wanted)) == pytest.approx(1.0, abs=1e-9)
    small = blended(first, turned(first, np.full(50, 0.4), np.zeros(50)), share)
    cosines = np.abs(np.einsum("ni,ni->n", small[..., 0], first[..., 0]))
    assert np.arccos(np.minimum(cosines, 1)) == pytest.approx(0.4 * share, abs=1e-7)


def test_a_wall_frame_stands_where_the_long_axis_goes_through_the_wall():
    frame = wall_frame(np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 1.0]]), np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 0.5]]))
    assert np.einsum("nik,nil->nkl", frame, frame) == pytest.approx(np.tile(np.eye(3), (2, 1, 1)), abs=1e-12)
    assert np.linalg.det(frame) == pytest.approx(1.0)
    assert frame[1, :, 0] == pytest.approx([0, 1, 0])


def test_the_paper_s_blend_jumps_where_the_helix_turns_by_more_than_a_right_angle():
    body = VENTRICLE.build(MPI.COMM_SELF)
    where = heart_coordinates(body, 2)
    names = HeartSurfaces()
    for angle, jumps in ((np.radians(40), False), (SIXTY, True)):
        field = laplace_dirichlet_fibers(body, 2, names, helix=(angle, -angle), blending="published")
        helix, depth = angle_maps(field, where.wall).helix, where.depth
        # the square law of blending angles that are blended already, until the shortest way turns
        square = np.degrees(angle) * (1 - 2 * depth**2)
        assert helix[depth < 0.7] == pytest.approx(square[depth < 0.7], abs=1e-6)
        assert (np.abs(helix - square)[depth > 0.76].min() > 5) == jumps


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (LaplaceDirichlet(lv="cavity"), "no surface has this name"),
        (LaplaceDirichlet(rv="endocardium-rv"), "no surface has this name"),
        (LaplaceAlong(origin="base", insertion="base"), "touch"),
        (EllipsoidHelix(endocardium=(2.0, 3.0), epicardium=(3.0, 4.0)), "not in the ventricle's wall"),
        (Straight(axis=(0.0, 0.0, 0.0)), "has no length"),
    ],
)
def test_rules_that_do_not_suit_the_body_are_refused(rule, words):
    with pytest.raises(InputError, match=words):
        rule.fibers(VENTRICLE.build(MPI.COMM_SELF), 1)


def test_a_helix_needs_a_hole():
    body = Block((2.0, 2.0, 2.0), (1, 1, 1), cell="hexahedra").build(MPI.COMM_SELF)  # its one point is the center
    with pytest.raises(InputError, match="beyond inner"):
        Helix(inner=2.0, outer=2.0, helix=(0.0, 0.0))
    with pytest.raises(InputError, match="goes through the tissue"):
        Helix(inner=1.0, outer=2.0, helix=(0.0, 0.0)).fibers(body, 1)


@pytest.mark.mpi
def test_surfaces_of_a_ventricle_are_found_by_shape(comm):
    body = VENTRICLE.build(comm)
    found = name_heart(body)
    assert np.array_equal(found.surfaces["lv-endocardium"], body.surfaces["endocardium"])
    for name in ("epicardium", "base"):
        assert np.array_equal(found.surfaces[name], body.surfaces[name])
    assert "rv-endocardium" not in found.surfaces
    assert "found by shape" in found.notes[-1]


@pytest.mark.mpi
def test_a_body_without_a_cavity_is_no_heart(comm):
    body = Block((2.0, 2.0, 2.0), (2, 2, 2)).build(comm)
    with pytest.raises(InputError, match="an outside and one or two cavities"):
        name_heart(body)
    assert "top" in name_surfaces(body, {"lid": Facing("up")}).surfaces
