"""Hexahedra and second-order cells from files: kept curved, or straight with a word about it."""

import meshio
import numpy as np
import pytest
from dolfinx.io.utils import cell_perm_vtk
from dolfinx.mesh import CellType

from fibertwin.errors import InputError
from fibertwin.meshes import MeshFile, ThickTube, area, centroid, mean_normal, read_mesh
from fibertwin.meshes.second_order import completed

KINDS = {"tetrahedra": ("tetra10", CellType.tetrahedron, 10), "hexahedra": ("hexahedron27", CellType.hexahedron, 27)}
POINTS = np.array([[x, y, z] for x in (0.0, 1, 2) for y in (0.0, 1) for z in (0.0, 1)])
BRICKS = np.array([[0, 4, 6, 2, 1, 5, 7, 3], [4, 8, 10, 6, 5, 9, 11, 7]])
QUADS = np.array([[0, 1, 3, 2], [8, 10, 11, 9], [4, 5, 7, 6]])


def saved(comm, file, made: meshio.Mesh, **how):
    if comm.rank == 0:
        made.write(file, **how)
    comm.Barrier()
    return file


def tube(cell: str) -> meshio.Mesh:
    """A quarter of a curved tube as another program would write it."""
    raw = ThickTube(1.0, 2.0, 3.0, (1, 3, 1), "quarter", cell)._mesh()
    kind, shape, nodes = KINDS[cell]
    order = np.argsort(cell_perm_vtk(shape, nodes))
    return meshio.Mesh(raw.points, [(kind, raw.cells[:, order])])


@pytest.mark.parametrize("suffix", [".vtu", ".msh", ".xdmf"])
@pytest.mark.parametrize("cell", KINDS)
def test_curved_cells_keep_their_curves(comm, shared_path, cell, suffix):
    how = {".msh": {"file_format": "gmsh22"}, ".xdmf": {"data_format": "XML"}}.get(suffix, {})
    file = saved(comm, shared_path / f"tube{suffix}", tube(cell), **how)
    curved, straight = (MeshFile(file, "mm", curved=way).build(comm) for way in (True, False))
    exact = 9 * np.pi / 4
    assert curved.quality.volume == pytest.approx(exact, rel=1e-3)
    assert curved.quality.kind == f"curved {cell}"
    chord = 2 * (1 - np.cos(np.pi / 12))
    if cell == "tetrahedra":  # the diagonals through the wall bend more than the chords
        step = np.exp(1j * np.pi / 12)
        chord = abs(1.5 * step - (1 + 2 * step**2) / 2)
    told = [note for note in curved.notes if "curved" in note]
    assert told == [f"the cells are curved: midside nodes are up to {chord:.3g} mm off straight"]
    assert straight.quality.volume == pytest.approx(exact * np.sin(np.pi / 6) / (np.pi / 6))
    assert straight.quality.kind == cell
    assert f"midside nodes left out, though up to {chord:.3g} mm off straight" in straight.notes[1]
    assert not any("belong to no" in note for note in (*curved.notes, *straight.notes))


def test_serendipity_hexahedra_keep_their_shape(comm, shared_path):
    """20 nodes whose edges follow circles: the seven nodes added lie where the 20 shape functions put them."""
    whole = tube("hexahedra")
    cells = whole.cells[0].data[:, :20]
    twenty = saved(comm, shared_path / "tube.vtu", meshio.Mesh(whole.points, [("hexahedron20", cells)]))
    body = MeshFile(twenty, "mm").build(comm)
    assert body.quality.volume == pytest.approx(9 * np.pi / 4, rel=1e-3)
    assert body.mesh.geometry.dofmaps[0].shape[1] == 27
    rng = np.random.default_rng(4)
    ends = np.array([[-1, -1, -1], [1, -1, -1], [1, 1, -1], [-1, 1, -1]])
    corners = np.concatenate([ends, ends * [1, 1, -1]])
    edges = [(0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7)]
    middles = np.array([(corners[a] + corners[b]) / 2 for a, b in edges])

    def shape(x):
        """Serendipity functions (20,) at a point of [-1, 1]³ (Zienkiewicz & Taylor)."""
        s = corners @ np.diag(x)
        at_corners = np.prod(1 + s, axis=1) * (s.sum(axis=1) - 2) / 8
        t = middles @ np.diag(x)
        bubble = np.where(middles == 0, 1 - np.square(x), 1 + t)
        return np.concatenate([at_corners, np.prod(bubble, axis=1) / 4])

    points = rng.random((20, 3))
    made, nodes = completed(points, np.arange(20)[None])
    added = np.array([[-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, 1, 0], [0, 0, -1], [0, 0, 1], [0, 0, 0]])
    assert made[nodes[0, 20:]] == pytest.approx(np.array([shape(x) @ points for x in added]))


def test_neighbors_share_the_nodes_that_are_added():
    whole = tube("hexahedra")
    points, cells = completed(whole.points, whole.cells[0].data[:, :20])
    # three cells in a row have 16 faces
    assert len(points) == len(whole.points) + 16 + 3
    assert len(np.unique(cells[:, 20:26])) == 16


@pytest.mark.mpi
def test_hexahedra_with_regions_and_surfaces(comm, shared_path):
    names = {"white": np.array([7, 3]), "grey": np.array([9, 3]), "base": np.array([10, 2])}
    tags = [np.array([7, 9]), np.array([10, 20, 20])]
    made = meshio.Mesh(
        POINTS,
        [("hexahedron", BRICKS), ("quad", QUADS)],
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data=names,
    )
    body = MeshFile(saved(comm, shared_path / "m.msh", made, file_format="gmsh22"), "cm").build(comm)
    assert body.quality.cells == 2
    assert body.quality.volume == pytest.approx(2000.0)
    assert body.quality.minimum == pytest.approx(1.0)
    assert body.regions == {"white": 7, "grey": 9}
    assert set(body.surfaces) == {"boundary", "base", "tag 20"}
    assert area(body, "base") == pytest.approx(100.0)
    assert mean_normal(body, "base") == pytest.approx([-1, 0, 0])
    assert centroid(body, "tag 20") == pytest.approx([20, 5, 5])
    assert "1 of 3 tagged facets are not on the boundary; left out" in body.notes


def test_inverted_hexahedra_are_mended(comm, shared_path):
    cells = BRICKS[:, [4, 5, 6, 7, 0, 1, 2, 3]]
    body = MeshFile(saved(comm, shared_path / "m.vtu", meshio.Mesh(POINTS, [("hexahedron", cells)])), "mm").build(comm)
    assert "2 inverted hexahedra mended by swapping four corners" in body.notes
    assert body.quality.minimum == pytest.approx(1.0)
    assert body.quality.volume == pytest.approx(2.0)
    lps = MeshFile(saved(comm, shared_path / "m.vtu", meshio.Mesh(POINTS, [("hexahedron", cells)])), "mm", axes="LPS")
    assert lps.build(comm).quality.minimum == pytest.approx(1.0)


@pytest.mark.mpi
def test_inverted_curved_cells_are_mended_with_their_midside_nodes(comm, shared_path):
    for cell in KINDS:
        made = tube(cell)
        turned = meshio.Mesh(made.points * [1, 1, -1], made.cells)
        body = MeshFile(saved(comm, shared_path / f"{cell}.vtu", turned), "mm").build(comm)
        assert body.quality.volume == pytest.approx(9 * np.pi / 4, rel=1e-3)
        assert any("inverted" in note for note in body.notes)


def test_facets_on_points_of_no_cell_are_left_out(comm, shared_path):
    points = np.concatenate([POINTS[:8], [[9.0, 9, 9]]])
    made = meshio.Mesh(
        points,
        [("hexahedron", BRICKS[:1]), ("quad", [[0, 1, 3, 2], [0, 1, 3, 8]])],
        cell_data={"part": [np.array([1]), np.array([5, 5])]},
    )
    body = MeshFile(saved(comm, shared_path / "m.vtu", made), "mm").build(comm)
    assert area(body, "tag 5") == pytest.approx(1.0)
    assert "1 of 2 tagged facets are not on the boundary; left out" in body.notes


@pytest.mark.mpi
@pytest.mark.parametrize(
    ("points", "words"),
    [(POINTS * [1, 1, 0], "hexahedra have no volume"), (POINTS, "turned inside out")],
)
def test_bad_hexahedra_are_refused(comm, shared_path, points, words):
    cells = BRICKS.copy()
    if "inside out" in words:
        cells[0, [0, 1]] = cells[0, [1, 0]]
    file = saved(comm, shared_path / "bad.vtu", meshio.Mesh(points, [("hexahedron", cells)]))
    with pytest.raises(InputError, match=words):
        MeshFile(file, "mm").build(comm)


def test_cells_that_fold_between_their_corners_are_refused(comm, shared_path):
    made = tube("tetrahedra")
    points = made.points.copy()
    cell = made.cells[0].data[0]
    points[cell[4]] += 0.9 * (points[cell[1]] - points[cell[0]])
    file = saved(comm, shared_path / "bad.vtu", meshio.Mesh(points, made.cells))
    with pytest.raises(InputError, match="turned inside out"):
        MeshFile(file, "mm").build(comm)
    assert MeshFile(file, "mm", curved=False).build(comm).quality.minimum > 0


def test_mixed_orders_are_refused(comm, shared_path):
    made = tube("tetrahedra")
    cells = made.cells[0].data
    mixed = meshio.Mesh(made.points, [("tetra10", cells[:3]), ("tetra", cells[3:, :4])])
    file = saved(comm, shared_path / "mixed.vtu", mixed)
    with pytest.raises(InputError, match="first and second order"):
        MeshFile(file, "mm").build(comm)


def test_what_is_read_is_in_the_order_of_dolfinx(comm, shared_path):
    file = saved(comm, shared_path / "m.vtu", meshio.Mesh(POINTS, [("hexahedron", BRICKS)]))
    raw = read_mesh(file, "mm")
    corners = raw.points[raw.cells[0]]
    assert corners[1] - corners[0] == pytest.approx([1, 0, 0])
    assert corners[2] - corners[0] == pytest.approx([0, 1, 0])
    assert corners[4] - corners[0] == pytest.approx([0, 0, 1])
