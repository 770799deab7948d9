"""Tetrahedra from surfaces: volume, quality, repeatability."""

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.meshes import scaled_jacobian, signed_volumes, tetrahedralize
from fibertwin.meshes.quality import right_handed
from fibertwin.surfaces import Surface


def octahedron(subdivisions: int, radius: float = 10.0) -> Surface:
    """A sphere as a subdivided octahedron."""
    points = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    triangles = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    for _ in range(subdivisions):
        edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
        unique, where = np.unique(edges, axis=0, return_inverse=True)
        ab, bc, ca = where.reshape(3, -1) + len(points)
        a, b, c = triangles.T
        points = np.concatenate([points, points[unique].mean(axis=1)])
        triangles = np.concatenate([np.column_stack(t) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))])
        points /= np.linalg.norm(points, axis=1, keepdims=True)
    return Surface(radius * points, triangles)


def test_fills_a_sphere_with_good_tetrahedra():
    surface = octahedron(3)
    mesh = tetrahedralize(surface, 3.0)
    assert signed_volumes(mesh.points, mesh.cells).sum() == pytest.approx(surface.volume, rel=1e-3)
    assert scaled_jacobian(mesh.points, mesh.cells).min() >= 0.15
    # every point is used, and the surface stays where it was, but for corners moved along it
    assert np.array_equal(np.unique(mesh.cells), np.arange(len(mesh.points)))
    assert np.linalg.norm(mesh.points, axis=1).max() <= 10 + 1e-6


def test_same_input_gives_the_same_mesh_and_numbering():
    first, second = (tetrahedralize(octahedron(2), 4.0) for _ in range(2))
    assert np.array_equal(first.points, second.points)
    assert np.array_equal(first.cells, second.cells)


def test_leaves_a_running_gmsh_as_it_was():
    import gmsh

    gmsh.initialize(argv=[], readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.option.setNumber("Mesh.MeshSizeMax", 123.0)
        gmsh.model.add("mine")
        tetrahedralize(octahedron(1), 5.0)
        assert gmsh.model.getCurrent() == "mine"
        assert gmsh.option.getNumber("Mesh.MeshSizeMax") == 123.0
    finally:
        gmsh.finalize()


def test_open_surface_is_refused():
    surface = octahedron(1)
    with pytest.raises(InputError, match="not watertight"):
        tetrahedralize(Surface(surface.points, surface.triangles[1:]), 3.0)


def test_surface_that_cuts_itself_is_refused_in_our_words():
    surface = octahedron(2)
    points = surface.points.copy()
    points[0] = (-30.0, 1.0, 2.0)  # one corner pushed right through the other side
    with pytest.raises(InputError, match="can't fill the surface"):
        tetrahedralize(Surface(points, surface.triangles), 3.0)
    import gmsh

    assert not gmsh.isInitialized()


def test_right_handed_swaps_only_what_is_inverted():
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    cells = np.array([[0, 1, 2, 3], [1, 0, 2, 3]])
    mended = right_handed(points, cells)
    assert np.array_equal(mended[0], cells[0])
    assert (signed_volumes(points, mended) > 0).all()
