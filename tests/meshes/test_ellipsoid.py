"""The idealized left ventricle: nodes on its ellipsoids, its volume, and fibers that turn through its wall."""

import numpy as np
import pytest
from measures import same_quality
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.meshes import BOUNDARY, TruncatedEllipsoid, area, boundary_of, bounds, ellipsoid_fibers, mean_normal
from fibertwin.meshes.geometry import nodes_of

SHAPES = {
    "regular": TruncatedEllipsoid(cells=(1, 8, 4)),
    "hexahedra": TruncatedEllipsoid(cells=(1, 12, 5), cell="hexahedra"),
    "unstructured": TruncatedEllipsoid(edge=4.0),
}


def _below(short: float, long: float, base: float) -> float:
    """Volume (mm³) of a solid ellipsoid below a plane."""
    return np.pi * short**2 * (base + 2 * long / 3 - base**3 / (3 * long**2))


def _level(points: np.ndarray, short: float, long: float) -> np.ndarray:
    return (points[:, 0] ** 2 + points[:, 1] ** 2) / short**2 + points[:, 2] ** 2 / long**2


@pytest.fixture(params=SHAPES)
def shape(request):
    if request.param == "unstructured":
        pytest.importorskip("gmsh")
    return SHAPES[request.param]


@pytest.mark.mpi
def test_volume_and_surfaces(comm, shape):
    body = shape.build(comm)
    volume = _below(10, 20, 5) - _below(7, 17, 5)
    assert body.quality.volume == pytest.approx(volume, rel=3e-3)
    assert body.quality.minimum > 0.05
    named = [body.surfaces[name] for name in ("endocardium", "epicardium", "base")]
    assert np.array_equal(np.sort(np.concatenate(named)), body.surfaces[BOUNDARY])
    assert area(body, "base") == pytest.approx(np.pi * (100 * (1 - 25 / 400) - 49 * (1 - 25 / 289)), rel=2e-3)
    assert mean_normal(body, "base") == pytest.approx([0, 0, 1])
    base = boundary_of(body, "base").points.reshape(-1, 3)
    assert base[:, 2] == pytest.approx(5.0, abs=1e-12)
    lower, upper = bounds(body.mesh)
    assert (lower[2], upper[2]) == pytest.approx((-20, 5), abs=1e-12 if shape.edge is None else 0.1)


def test_nodes_lie_on_the_ellipsoids(comm, shape):
    body = shape.build(comm)
    for name, (short, long) in (("endocardium", (7, 17)), ("epicardium", (10, 20))):
        boundary = boundary_of(body, name)
        assert _level(boundary.corners.reshape(-1, 3), short, long) == pytest.approx(1.0, abs=1e-12)
        # where the cells are curved the surface between the nodes is near, too
        assert _level(boundary.points.reshape(-1, 3), short, long) == pytest.approx(1.0, abs=0.06)


def test_straight_cells_are_as_good_as_their_chords(comm):
    curved, straight = (TruncatedEllipsoid(cells=(1, 16, 6), curved=way).build(comm) for way in (True, False))
    assert nodes_of(straight.mesh, 0).shape[1] == 4
    assert nodes_of(curved.mesh, 0).shape[1] == 10
    exact = _below(10, 20, 5) - _below(7, 17, 5)
    assert abs(curved.quality.volume / exact - 1) < 5e-4
    assert 0.01 < 1 - straight.quality.volume / exact < 0.1


def test_curved_volume_converges_fast():
    exact = _below(10, 20, 5) - _below(7, 17, 5)
    errors = []
    for n in (1, 2):
        body = TruncatedEllipsoid(cells=(n, 8 * n, 3 * n), cell="hexahedra").build(MPI.COMM_SELF)
        errors.append(abs(body.quality.volume - exact))
    assert np.log2(errors[0] / errors[1]) > 3.5


def test_depth_is_that_of_the_ellipsoid_through_a_point():
    shape = SHAPES["regular"]
    rng = np.random.default_rng(2)
    t, u, v = rng.random(200), -np.pi + rng.random(200) * 1.8, 2 * np.pi * rng.random(200)
    short, long = 7 + 3 * t, 17 + 3 * t
    points = np.column_stack([short * np.sin(u) * np.cos(v), short * np.sin(u) * np.sin(v), long * np.cos(u)])
    assert shape.depth(points) == pytest.approx(t, abs=1e-12)
    along, around, across = shape.frames(points)
    wanted = np.column_stack([short * np.cos(u) * np.cos(v), short * np.cos(u) * np.sin(v), -long * np.sin(u)])
    assert along == pytest.approx(wanted / np.linalg.norm(wanted, axis=1, keepdims=True), abs=1e-9)
    wanted = np.column_stack([-np.sin(u) * np.sin(v), np.sin(u) * np.cos(v), 0 * u])
    assert around == pytest.approx(wanted / np.linalg.norm(wanted, axis=1, keepdims=True), abs=1e-9)
    outward = points / np.column_stack([short, short, long]) ** 2
    assert across == pytest.approx(outward / np.linalg.norm(outward, axis=1, keepdims=True), abs=1e-9)
    with pytest.raises(InputError, match="not in the ventricle's wall"):
        shape.depth(np.array([[0.0, 0.0, 0.0]]))


@pytest.mark.mpi
def test_fibers_turn_from_endocardium_to_epicardium(comm, shape):
    body = shape.build(comm)
    field = ellipsoid_fibers(body.mesh, 4, shape)
    points = field.points.reshape(-1, 3)
    order = field.axis.function_space.dofmap.list.ravel()
    f, s = (function.x.array.reshape(-1, 3)[order] for function in (field.axis, field.sheet))
    assert np.linalg.norm(f, axis=1) == pytest.approx(1.0, abs=1e-12)
    assert np.linalg.norm(s, axis=1) == pytest.approx(1.0, abs=1e-12)
    assert np.einsum("ni,ni->n", f, s) == pytest.approx(0.0, abs=1e-12)
    along, around, across = shape.frames(points)
    assert s == pytest.approx(across, abs=1e-12)
    angle = np.degrees(np.arctan2(np.einsum("ni,ni->n", f, along), np.einsum("ni,ni->n", f, around)))
    assert angle == pytest.approx(90 - 180 * shape.depth(points), abs=1e-6)
    assert field.fa_values == pytest.approx(1.0)


def test_fiber_angles_at_the_walls_are_those_asked_for():
    shape = SHAPES["regular"]
    body = shape.build(MPI.COMM_SELF)
    field = ellipsoid_fibers(body.mesh, 2, shape, endo=np.radians(60), epi=np.radians(-60), fa=0.5)
    points = field.points.reshape(-1, 3)
    f = field.axis.x.array.reshape(-1, 3)[field.axis.function_space.dofmap.list.ravel()]
    along, around, _ = shape.frames(points)
    angle = np.degrees(np.arctan2(np.einsum("ni,ni->n", f, along), np.einsum("ni,ni->n", f, around)))
    assert angle == pytest.approx(60 - 120 * shape.depth(points), abs=1e-6)
    # a right-handed helix at the endocardium: e_v runs counter-clockwise seen from above, e_u upward
    equator = np.array([[7.0, 0.0, 0.0]])
    e_u, e_v, _ = shape.frames(equator)
    assert e_u[0] == pytest.approx([0, 0, 1], abs=1e-12)
    assert e_v[0] == pytest.approx([0, 1, 0], abs=1e-12)
    assert field.fa_values == pytest.approx(0.5)


@pytest.mark.mpi
def test_ranks_leave_the_ventricle_unchanged(comm, shape):
    here, alone = shape.build(comm), shape.build(MPI.COMM_SELF)
    same_quality(here, alone)
    assert area(here, "endocardium") == pytest.approx(area(alone, "endocardium"), rel=1e-12)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "either cells or an edge"),
        ({"cells": (1, 8, 4), "edge": 2.0}, "either cells or an edge"),
        ({"edge": 2.0, "cell": "hexahedra"}, "of tetrahedra"),
        ({"edge": 2.0, "epicardium": (10.0, 16.0)}, "no wall"),
        ({"edge": 2.0, "base": 18.0}, "does not cut"),
    ],
)
def test_impossible_ventricles_are_refused(fields, words):
    with pytest.raises(InputError, match=words):
        TruncatedEllipsoid(**fields)
