"""Tubes, spheres, cylinders and Cook's trapezoid against closed forms, on any number of ranks."""

import numpy as np
import pytest
from measures import same_quality
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.meshes import (
    BOUNDARY,
    AnatomySource,
    CookMembrane,
    Cylinder,
    ThickSphere,
    ThickTube,
    area,
    boundary_of,
    bounds,
    mean_normal,
)
from fibertwin.meshes.geometry import nodes_of
from fibertwin.meshes.lattice import Brick, Disc, lattice_mesh

CELLS = ("hexahedra", "tetrahedra")
PI = np.pi


def _radii(boundary, axes: int) -> np.ndarray:
    return np.linalg.norm(boundary.points[..., :axes].reshape(-1, axes), axis=1)


def _surfaces_cover_the_boundary(comm, body) -> None:
    """Each outer facet has one name, but for the boundary's."""
    named = [facets for name, facets in body.surfaces.items() if name != BOUNDARY]
    assert np.array_equal(np.sort(np.concatenate(named)), body.surfaces[BOUNDARY])
    assert all(comm.allreduce(len(facets)) > 0 for facets in named)
    assert body.quality.minimum > 0.05
    assert body.regions == {"tissue": 1}


@pytest.mark.mpi
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("sector", "part"), [("full", 1.0), ("quarter", 0.25)])
def test_tube(comm, cell, sector, part):
    tube = ThickTube(1.0, 2.0, 3.0, (2, int(32 * part), 2), sector, cell).build(comm)
    _surfaces_cover_the_boundary(comm, tube)
    assert tube.quality.volume == pytest.approx(part * 9 * PI, rel=2e-5)
    assert tube.quality.cells == part * 128 * (6 if cell == "tetrahedra" else 1)
    for name, wanted in (("inner", 6 * PI), ("outer", 12 * PI), ("bottom", 3 * PI), ("top", 3 * PI)):
        assert area(tube, name) == pytest.approx(part * wanted, rel=2e-5)
    for name, radius in (("inner", 1.0), ("outer", 2.0)):
        assert _radii(boundary_of(tube, name), 2) == pytest.approx(radius, rel=1e-3)
    assert mean_normal(tube, "bottom") == pytest.approx([0, 0, -1])
    assert set(tube.surfaces) <= {BOUNDARY, *ThickTube.own_surfaces}
    assert ("symmetry-x" in tube.surfaces) == (sector == "quarter")
    if sector == "quarter":
        assert mean_normal(tube, "symmetry-x") == pytest.approx([-1, 0, 0])
        assert mean_normal(tube, "symmetry-y") == pytest.approx([0, -1, 0])
        assert area(tube, "symmetry-x") == pytest.approx(3.0)
        lower, upper = bounds(tube.mesh)
        assert (lower, upper) == (pytest.approx(np.zeros(3), abs=1e-14), pytest.approx([2, 2, 3]))


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("sector", "part"), [("full", 1.0), ("octant", 0.125)])
def test_sphere(comm, cell, sector, part):
    ball = ThickSphere(1.0, 1.5, (1, 4), sector, cell).build(comm)
    _surfaces_cover_the_boundary(comm, ball)
    assert ball.quality.volume == pytest.approx(part * 4 / 3 * PI * (1.5**3 - 1), rel=1e-3)
    for name, radius in (("inner", 1.0), ("outer", 1.5)):
        assert area(ball, name) == pytest.approx(part * 4 * PI * radius**2, rel=1e-3)
        assert _radii(boundary_of(ball, name), 3) == pytest.approx(radius, rel=3e-3)
    if sector == "full":
        assert mean_normal(ball, "outer") == pytest.approx(np.zeros(3))
        assert boundary_of(ball).centroid() == pytest.approx(np.zeros(3), abs=1e-3)
    else:
        for axis, name in enumerate(("symmetry-x", "symmetry-y", "symmetry-z")):
            assert mean_normal(ball, name) == pytest.approx(-np.eye(3)[axis], abs=1e-12)
            assert area(ball, name) == pytest.approx(PI / 4 * 1.25, rel=1e-3)
        # the center of half a ball lies 3/8 of the radius from its plane; this one is hollow
        wanted = 3 / 8 * (1.5**4 - 1) / (1.5**3 - 1)
        assert boundary_of(ball).centroid() == pytest.approx(np.full(3, wanted), rel=1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_cylinder(comm, cell):
    rod = Cylinder(2.0, 3.0, (2, 16, 2), cell).build(comm)
    _surfaces_cover_the_boundary(comm, rod)
    assert rod.quality.volume == pytest.approx(12 * PI, rel=1e-4)
    assert area(rod, "side") == pytest.approx(12 * PI, rel=1e-4)
    assert _radii(boundary_of(rod, "side"), 2) == pytest.approx(2.0, rel=1e-3)
    for name, normal in (("bottom", [0, 0, -1]), ("top", [0, 0, 1])):
        assert area(rod, name) == pytest.approx(4 * PI, rel=1e-4)
        assert mean_normal(rod, name) == pytest.approx(normal)
    assert boundary_of(rod).centroid() == pytest.approx([0, 0, 1.5], abs=1e-9)
    if cell == "hexahedra":
        assert rod.quality.minimum > 0.6


@pytest.mark.parametrize("cell", CELLS)
def test_cook(comm, cell):
    membrane = CookMembrane((8, 8), 4.0, cell).build(comm)
    _surfaces_cover_the_boundary(comm, membrane)
    assert membrane.quality.volume == pytest.approx(4 * 1440.0)
    for name, wanted in (("left", 176.0), ("right", 64.0), ("front", 1440.0), ("lower", 4 * np.hypot(48, 44))):
        assert area(membrane, name) == pytest.approx(wanted)
    assert mean_normal(membrane, "upper") == pytest.approx(np.array([-16, 48, 0]) / np.hypot(16, 48), abs=1e-12)
    assert mean_normal(membrane, "back") == pytest.approx([0, 0, -1])
    lower, upper = bounds(membrane.mesh)
    assert (lower, upper) == (pytest.approx([0, 0, 0]), pytest.approx([48, 60, 4]))


@pytest.mark.parametrize(
    ("curved", "rate"), [pytest.param(False, 2.0, id="straight"), pytest.param(True, 4.0, id="curved")]
)
@pytest.mark.parametrize("cell", CELLS)
def test_volume_converges_as_the_geometry_allows(cell, curved, rate):
    """Chords miss a circle's area by h², parabolas by h⁴."""
    errors = []
    for around in (8, 16):
        tube = ThickTube(1.0, 2.0, 1.0, (1, around, 1), cell=cell, curved=curved).build(MPI.COMM_SELF)
        errors.append(abs(tube.quality.volume - 3 * PI))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(rate, abs=0.1)


def test_straight_cells_have_their_corners_on_the_circle(comm):
    tube = ThickTube(1.0, 2.0, 3.0, (1, 6, 1), curved=False).build(comm)
    assert nodes_of(tube.mesh, 0).shape[1] == 8
    assert tube.quality.volume == pytest.approx(3 * 3 * 6 / 2 * np.sin(PI / 3))
    corners = boundary_of(tube, "outer").corners.reshape(-1, 3)
    assert np.hypot(corners[:, 0], corners[:, 1]) == pytest.approx(2.0)


@pytest.mark.mpi
def test_ranks_leave_a_body_unchanged(comm):
    for source in (ThickSphere(1.0, 2.0, (1, 4), cell="tetrahedra"), Cylinder(1.0, 2.0, (1, 8, 2))):
        here, alone = source.build(comm), source.build(MPI.COMM_SELF)
        same_quality(here, alone)
        for name in alone.surfaces:
            assert comm.allreduce(len(here.surfaces[name])) == len(alone.surfaces[name])
            assert area(here, name) == pytest.approx(area(alone, name), rel=1e-12)


def test_refining_halves_every_cell(comm):
    for coarse, fine in (
        (ThickTube(1.0, 2.0, 3.0, (1, 6, 2)), ThickTube(1.0, 2.0, 3.0, (2, 12, 4))),
        (ThickSphere(1.0, 2.0, (1, 2), "octant"), ThickSphere(1.0, 2.0, (2, 4), "octant")),
        (Cylinder(1.0, 2.0, (1, 8, 2)), Cylinder(1.0, 2.0, (2, 16, 4))),
    ):
        one, two = coarse.build(comm), fine.build(comm)
        assert two.quality.cells == 8 * one.quality.cells
        here, there = (_vertices(comm, body) for body in (one, two))
        nearest = np.linalg.norm(here[:, None] - there[None], axis=2).min(axis=1)
        assert nearest.max() < 1e-9


def _vertices(comm, body) -> np.ndarray:
    count = body.mesh.topology.index_map(3).size_local
    corners = nodes_of(body.mesh, count)[:, :8].reshape(-1, 3)
    return np.concatenate(comm.allgather(corners))


@pytest.mark.parametrize(("core", "first"), [(1.0, 0.25), (0.3, 0.3 * 0.25)])
def test_rings_grow_outward_from_the_core(core, first):
    """Eight around, three rings: the core's half width is a cell, even cells are a quarter of the radius."""
    disc = Disc(8, 3, 1, core)
    on_axis = np.array([[2, 1, ring, 0] for ring in range(4)])
    x, y = disc.place(on_axis).T
    assert y == pytest.approx(0.0)
    assert (x[0], x[-1]) == pytest.approx((first, 1.0))
    steps = np.diff(x)
    if core == 1.0:
        assert steps == pytest.approx(0.25)
    else:
        assert (np.diff(steps) > 0).all()
        assert first < steps[0] < 4 * first


def test_bricks_that_meet_share_their_nodes():
    """Two unit cubes of tetrahedra side by side, given as two bricks, are one body of twelve cells."""

    def beside(offset: int) -> Brick:
        return Brick((1, 1, 1), lambda steps: steps + np.array([offset, 0, 0]))

    raw = lattice_mesh([beside(0), beside(2)], "tetrahedra", 2, lambda keys: keys / 2, {"end": lambda k: k[:, 0] == 4})
    assert raw.cells.shape == (12, 10)
    assert len(raw.points) == 5 * 3 * 3
    assert len(raw.facets) == 2
    assert raw.surfaces == {"end": 1}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ThickTube(2.0, 1.0, 1.0, (1, 8, 1)), "no wall"),
        (lambda: ThickTube(1.0, 2.0, 1.0, (1, 2, 1)), "too few around"),
        (lambda: ThickSphere(1.0, 1.0, (1, 2)), "no wall"),
    ],
)
def test_impossible_shapes_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_members_are_offered_and_say_what_surfaces_they_have():
    members = AnatomySource.members()
    wanted = {"block", "cook-membrane", "cylinder", "mask", "mesh-file", "thick-sphere", "thick-tube"}
    assert set(members) == wanted | {"truncated-ellipsoid", "labels", "grey-image"}
    assert [name for name, member in members.items() if member.own_surfaces is None] == ["mesh-file"]
