"""Meshes from files: regions and surfaces by name, units and axes, and what is refused."""

import meshio
import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.meshes import (
    Diffusion,
    Facing,
    MeshFile,
    Patch,
    Rest,
    area,
    bounds,
    centroid,
    name_surfaces,
    read_mesh,
    tag_regions,
    uniform_fibers,
)

pytestmark = pytest.mark.mpi

POINTS = np.array([[x, y, z] for x in (0.0, 1, 2) for y in (0.0, 1) for z in (0.0, 1)])
SIX = np.array([[0, 4, 6, 7], [0, 4, 7, 5], [0, 5, 7, 1], [0, 1, 7, 3], [0, 3, 7, 2], [0, 2, 7, 6]])
CELLS = np.concatenate([SIX, SIX + 4])
BRICK = np.array([0, 4, 6, 2, 1, 5, 7, 3])
LEFT = np.array([[0, 1, 3], [0, 3, 2]])
RIGHT = np.array([[8, 11, 9], [8, 10, 11]])
INNER = np.array([[4, 5, 7]])


def mesh(**more) -> meshio.Mesh:
    """Two unit cubes side by side along x, with their ends and one inner face as triangles."""
    cells = [("tetra", CELLS), ("triangle", LEFT), ("triangle", np.concatenate([RIGHT, INNER]))]
    return meshio.Mesh(POINTS, cells, **more)


TAGS = [np.repeat([7, 9], 6), np.array([10, 10]), np.array([20, 20, 30])]


def saved(comm, file, made: meshio.Mesh, **how):
    if comm.rank == 0:
        made.write(file, **how)
    comm.Barrier()
    return file


def test_gmsh_names_regions_and_surfaces(comm, shared_path):
    names = {"white": np.array([7, 3]), "grey": np.array([9, 3]), "base": np.array([10, 2])}
    made = mesh(cell_data={"gmsh:physical": TAGS, "gmsh:geometrical": TAGS}, field_data=names)
    body = MeshFile(saved(comm, shared_path / "m.msh", made, file_format="gmsh22"), "mm").build(comm)
    assert body.regions == {"white": 7, "grey": 9}
    assert comm.allreduce(len(body.cell_tags.find(7))) == 6
    middle = body.mesh.geometry.x[body.mesh.geometry.dofmaps[0]].mean(axis=1)
    assert np.array_equal(body.cell_tags.values == 9, middle[:, 0] > 1)
    assert set(body.surfaces) == {"boundary", "base", "tag 20", "tag 30"}
    assert area(body, "base") == pytest.approx(1.0)
    assert centroid(body, "base") == pytest.approx([0, 0.5, 0.5])
    assert centroid(body, "tag 20") == pytest.approx([2, 0.5, 0.5])
    assert comm.allreduce(len(body.surfaces["tag 30"])) == 0
    assert "1 of 5 tagged facets are not on the boundary; left out" in body.notes
    assert area(body, "boundary") == pytest.approx(10.0)


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".mesh", ".xdmf"])
def test_other_formats_keep_numbers(comm, shared_path, suffix):
    key = "medit:ref" if suffix == ".mesh" else "part"
    made = meshio.Mesh(POINTS, [("tetra", CELLS)], cell_data={key: [TAGS[0].astype(np.int32)]})
    how = {"data_format": "XML"} if suffix == ".xdmf" else {}
    body = MeshFile(saved(comm, shared_path / f"m{suffix}", made, **how), "mm").build(comm)
    assert body.regions == {"tag 7": 7, "tag 9": 9}
    assert comm.allreduce(len(body.cell_tags.find(9))) == 6
    assert body.quality.volume == pytest.approx(2.0)


def test_cell_sets_name_regions(comm, shared_path):
    text = ["*NODE"] + [f"{i}, {x}, {y}, {z}" for i, (x, y, z) in enumerate(POINTS, start=1)]
    text += ["*ELEMENT, TYPE=C3D4"] + [f"{i}, {', '.join(map(str, c + 1))}" for i, c in enumerate(CELLS, start=1)]
    text += ["*ELSET, ELSET=NEAR", "1, 2, 3, 4, 5, 6", "*ELSET, ELSET=FAR", "7, 8, 9, 10, 11, 12", ""]
    if comm.rank == 0:
        (shared_path / "m.inp").write_text("\n".join(text))
    comm.Barrier()
    body = MeshFile(shared_path / "m.inp", "mm").build(comm)
    assert set(body.regions) == {"NEAR", "FAR"}
    middle = body.mesh.geometry.x[body.mesh.geometry.dofmaps[0]].mean(axis=1)
    assert np.array_equal(body.cell_tags.values == body.regions["FAR"], middle[:, 0] > 1)


def test_units_and_axes(comm, shared_path):
    file = saved(comm, shared_path / "m.vtu", meshio.Mesh(POINTS, [("tetra", CELLS)]))
    for unit, factor in (("mm", 1.0), ("cm", 10.0), ("m", 1000.0)):
        body = MeshFile(file, unit).build(comm)
        assert bounds(body.mesh) == (pytest.approx(np.zeros(3)), pytest.approx(factor * np.array([2.0, 1, 1])))
    turned = MeshFile(file, "mm", axes="LPS").build(comm)
    assert bounds(turned.mesh) == (pytest.approx([-2, -1, 0]), pytest.approx([0, 0, 1]))
    assert turned.quality.minimum == pytest.approx(body.quality.minimum)


def test_inverted_cells_are_mended_and_counted(comm, shared_path):
    cells = CELLS.copy()
    cells[3:5] = cells[3:5][:, [1, 0, 2, 3]]
    points = np.concatenate([POINTS, [[5.0, 5, 5]]])
    body = MeshFile(saved(comm, shared_path / "m.vtu", meshio.Mesh(points, [("tetra", cells)])), "mm").build(comm)
    kuhn = read_mesh(saved(comm, shared_path / "k.vtu", meshio.Mesh(POINTS, [("tetra", CELLS)])), "mm")
    spoiled = 2 if not any("inverted" in note for note in kuhn.notes) else 10
    assert f"{spoiled} inverted tetrahedra mended by swapping two corners" in body.notes
    assert "1 points belong to no tetrahedron; left out" in body.notes
    assert body.quality.volume == pytest.approx(2.0)
    assert body.quality.minimum > 0.3


def _bad(what: str) -> meshio.Mesh:
    points, cells = POINTS.copy(), CELLS.copy()
    if what == "degenerate":
        cells[7] = [4, 5, 6, 7]  # four corners of one face
        cells[2] = [0, 0, 7, 1]
    if what == "nan":
        points[3, 1] = np.nan
    if what == "flat":
        points[:, 2] *= 1e-3
    if what == "mixed":
        return meshio.Mesh(points, [("tetra", cells[:6]), ("hexahedron", [BRICK + 4])])
    if what == "wedges":
        return meshio.Mesh(points, [("wedge", [[0, 4, 2, 1, 5, 3]])])
    return meshio.Mesh(points, [("tetra", cells)])


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("degenerate", r"tetrahedra have no volume(.|\n)*2 of 12; the worst is cell 2 at \(0.25"),
        ("nan", r"not finite(.|\n)*1 points, the first is point 3"),
        ("flat", "too flat"),
        ("mixed", "tetrahedra alone or hexahedra alone(.|\n)*hexahedron, tetra"),
        ("wedges", "tetrahedra alone or hexahedra alone(.|\n)*wedge"),
    ],
)
def test_bad_meshes_are_refused_alike_on_every_rank(comm, shared_path, what, words):
    file = saved(comm, shared_path / "bad.vtk", _bad(what))
    with pytest.raises(InputError, match=words) as caught:
        MeshFile(file, "mm").build(comm)
    assert str(file) in str(caught.value)
    assert len(set(comm.allgather(str(caught.value)))) == 1


def test_unreadable_files_are_refused(comm, shared_path):
    if comm.rank == 0:
        (shared_path / "rubbish.vtu").write_text("this is no mesh")
        (shared_path / "cut.msh").write_text("$MeshFormat\n2.2 0 8\n$EndMeshFormat\n$Nodes\n12\n1 0 0")
        (shared_path / "notes.txt").write_text("nor is this")
    comm.Barrier()
    for name in ("rubbish.vtu", "cut.msh", "notes.txt"):
        with pytest.raises(InputError, match="can't be read as a mesh"):
            MeshFile(shared_path / name, "mm").build(comm)
    with pytest.raises(InputError, match="no such mesh file"):
        MeshFile(shared_path / "none.vtu", "mm").build(comm)
    file = saved(comm, shared_path / "m.vtu", meshio.Mesh(POINTS, [("tetra", CELLS)]))
    with pytest.raises(InputError, match="no such cell data"):
        MeshFile(file, "mm", tags="parts").build(comm)


def test_quadratic_cells_become_linear(comm, shared_path):
    edges = ((0, 1), (1, 2), (0, 2), (0, 3), (1, 3), (2, 3))
    middles = np.array([[(POINTS[c[a]] + POINTS[c[b]]) / 2 for a, b in edges] for c in SIX])
    points = np.concatenate([POINTS[:8], middles.reshape(-1, 3)])
    cells = np.column_stack([SIX, 8 + np.arange(36).reshape(6, 6)])
    body = MeshFile(saved(comm, shared_path / "q.vtu", meshio.Mesh(points, [("tetra10", cells)])), "mm").build(comm)
    assert body.quality.cells == 6
    assert body.quality.volume == pytest.approx(1.0)
    assert "midside nodes left out: the cells are straight" in body.notes
    assert body.mesh.geometry.dofmaps[0].shape[1] == 4


def test_ranks_may_have_no_cells(comm, shared_path):
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    file = saved(comm, shared_path / "one.vtu", meshio.Mesh(points, [("tetra", [[0, 1, 2, 3]])]))
    body = MeshFile(file, "cm").build(comm)
    body = name_surfaces(body, {"below": Facing("down"), "plate": Patch(30.0, 30.0, direction="left")})
    fibers = uniform_fibers(body.mesh, 2, fa=0.3)
    body = tag_regions(body, {"it": Diffusion(fa_above=0.2), "rest": Rest()}, fibers)
    assert comm.allreduce(len(body.cell_tags.find(1))) == 1
    assert area(body, "below") == area(body, "plate") == pytest.approx(50.0)
    assert bounds(body.mesh) == (pytest.approx(np.zeros(3)), pytest.approx(np.full(3, 10.0)))
    _, fa = fibers.nodal()
    owned = fa.function_space.dofmap.index_map.size_local
    assert np.concatenate(comm.allgather(fa.x.array[:owned])) == pytest.approx(np.full(4, 0.3))
