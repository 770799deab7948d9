"""Every format that is written is read again: coordinates, regions, surfaces and fibers come back as they were."""

from dataclasses import replace

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.meshes import Block, ThickTube, area, file_fibers, read_mesh, write_mesh
from fibertwin.meshes.anatomy import RawMesh
from fibertwin.meshes.lattice import outer_facets

NAMES = {"white": 7, "left wall": 9}


def made(cell: str = "tetrahedra", degree: int = 1) -> RawMesh:
    """A tube in two regions, a surface overlaps others, fibers and sheets differ in every cell."""
    raw = ThickTube(7.1, 11.3, 5.9, (2, 8, 2), "full", cell, degree == 2)._mesh()
    centers = raw.points[raw.cells[:, : 4 if cell == "tetrahedra" else 8]].mean(axis=1)
    rng = np.random.default_rng(3)
    fibers = rng.normal(size=(len(raw.cells), 3))
    fibers /= np.linalg.norm(fibers, axis=1, keepdims=True)
    sheets = np.cross(fibers, rng.normal(size=fibers.shape))
    sheets /= np.linalg.norm(sheets, axis=1, keepdims=True)
    outer = outer_facets(raw.cells)
    right = outer[(raw.points[outer][..., 0] > -1e-9).all(axis=1)]
    number = max(raw.surfaces.values()) + 1
    return replace(
        raw,
        cell_values=np.where(centers[:, 0] > 0, 7, 9).astype(np.int32),
        regions=NAMES,
        facets=np.concatenate([raw.facets, right]),
        facet_values=np.concatenate([raw.facet_values, np.full(len(right), number, np.int32)]),
        surfaces={**raw.surfaces, "right half": number},
        fibers=fibers,
        sheets=sheets,
    )


def corners(raw: RawMesh, cells: np.ndarray) -> np.ndarray:
    """Coordinates of corners in an order of their own (n, 3 k), by which two meshes can be compared."""
    x = raw.points[cells]
    order = np.lexsort(np.moveaxis(x, 2, 0)[::-1], axis=1)
    return np.take_along_axis(x, order[..., None], axis=1).reshape(len(cells), -1)


def places(raw: RawMesh, cells: np.ndarray) -> np.ndarray:
    """The order that sorts cells by where they are."""
    return np.lexsort(np.rint(corners(raw, cells) * 1e9).astype(np.int64).T)


def facets_of(raw: RawMesh, name: str) -> np.ndarray:
    """Where the facets of a surface are, sorted."""
    facets = raw.facets[raw.facet_values == raw.surfaces[name]]
    return corners(raw, facets)[places(raw, facets)]


def region_of(raw: RawMesh) -> np.ndarray:
    """The region's name of each cell."""
    names = {number: name for name, number in raw.regions.items()}
    return np.array([names[int(value)] for value in raw.cell_values])


FORMATS = {
    ".msh": "exact",
    ".vtk": "exact",
    ".vtu": "exact",
    ".xdmf": "exact",
    ".med": "exact",
    ".inp": "exact",
    ".feb": "exact",
    ".mesh": "exact",
    ".pts": "rounded",
    ".node": "exact",
}
NO_FIBERS, NO_REGION_NAMES, NO_SURFACE_NAMES = {".mesh"}, {".mesh", ".pts", ".node"}, {".mesh", ".node"}


def back(tmp_path, raw: RawMesh, suffix: str, **how) -> tuple[RawMesh, tuple[str, ...]]:
    file = tmp_path / f"body{suffix}"
    told = write_mesh(raw, file, **how)
    named = {} if suffix in (".inp", ".feb", ".pts", ".node", ".mesh") else {"fibers": "f0", "sheets": "s0"}
    return read_mesh(file, "um" if suffix == ".pts" else "mm", **named), told


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra"])
def test_round_trip(tmp_path, cell, suffix):
    if cell == "hexahedra" and suffix == ".node":
        pytest.skip("TetGen has tetrahedra only")
    raw = made(cell)
    found, told = back(tmp_path, raw, suffix)
    assert found.points.shape == raw.points.shape
    exact = FORMATS[suffix] == "exact"
    assert np.abs(found.points - raw.points).max() <= (0.0 if exact else 4e-15)
    assert not any("inverted" in note or "left out" in note for note in found.notes)
    ours, theirs = places(raw, raw.cells), places(found, found.cells)
    assert np.array_equal(raw.cells[ours], found.cells[theirs]) or suffix not in (".vtu", ".vtk")
    wanted = region_of(raw)[ours]
    if suffix in NO_REGION_NAMES:
        wanted = np.array([f"tag {raw.regions[name]}" for name in wanted])
        assert any("7 white" in note for note in told)
    assert np.array_equal(region_of(found)[theirs], wanted)
    if suffix in NO_SURFACE_NAMES:
        assert any("facets belong to several surfaces" in note for note in told)
    else:
        assert set(found.surfaces) == set(raw.surfaces)
        for name in raw.surfaces:
            assert facets_of(found, name) == pytest.approx(facets_of(raw, name), abs=1e-14)
    if suffix in NO_FIBERS:
        assert found.fibers is None
        assert any("no place for fibers" in note for note in told)
    else:
        assert np.array_equal(found.fibers[theirs], raw.fibers[ours])
        assert np.array_equal(found.sheets[theirs], raw.sheets[ours])


@pytest.mark.parametrize("suffix", [".msh", ".vtu", ".xdmf", ".feb", ".inp", ".med"])
@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra"])
def test_curved_cells_come_back(tmp_path, cell, suffix):
    raw = made(cell, 2)
    if suffix == ".xdmf" or (cell == "hexahedra" and suffix in (".inp", ".med")):
        with pytest.raises(InputError, match="can't hold such cells"):
            write_mesh(raw, tmp_path / f"body{suffix}")
        return
    found, _ = back(tmp_path, raw, suffix)
    ours, theirs = places(raw, raw.cells[:, :4]), places(found, found.cells[:, :4])
    assert np.array_equal(found.points, raw.points)
    assert np.array_equal(found.cells[theirs], raw.cells[ours])
    assert np.array_equal(found.fibers[theirs], raw.fibers[ours])
    assert facets_of(found, "outer") == pytest.approx(facets_of(raw, "outer"), abs=1e-14)


def test_gmsh_2(tmp_path):
    raw = made()
    told = write_mesh(raw, tmp_path / "body.msh", gmsh="2.2")
    found = read_mesh(tmp_path / "body.msh", "mm", fibers="f0")
    assert (tmp_path / "body.msh").read_text().startswith("$MeshFormat\n2.2 0 8")
    assert any("stand there for each" in note for note in told)
    for name in raw.surfaces:
        assert facets_of(found, name) == pytest.approx(facets_of(raw, name), abs=1e-14)
    assert np.array_equal(found.fibers[places(found, found.cells)], raw.fibers[places(raw, raw.cells)])


@pytest.mark.parametrize("unit", ["cm", "m", "um"])
def test_units(tmp_path, unit):
    raw = made()
    write_mesh(raw, tmp_path / "body.vtu", length_unit=unit)
    assert read_mesh(tmp_path / "body.vtu", unit).points == pytest.approx(raw.points, abs=1e-14)


@pytest.mark.mpi
def test_a_body_on_several_ranks_is_written_whole(comm, shared_path):
    body = Block((10.0, 20.0, 30.0), (2, 3, 4)).build(comm)
    told = write_mesh(body, shared_path / "body.vtu")
    assert comm.allgather(told) == [told] * comm.size
    again = read_mesh(shared_path / "body.vtu", "mm")
    assert set(again.surfaces) == {"left", "right", "back", "front", "bottom", "top"}
    assert len(again.cells) == 144
    assert len(again.points) == 60
    assert area(body, "top") == pytest.approx(200.0)
    facets = again.facets[again.facet_values == again.surfaces["top"]]
    assert (again.points[facets][..., 2] == 15.0).all()


@pytest.mark.mpi
def test_fibers_of_a_field_are_written_and_read_again(comm, shared_path):
    from fibertwin.meshes import MeshFile, fibers_from_axes

    def rule(x):
        fiber = np.column_stack([np.cos(x[:, 2] / 9), np.sin(x[:, 2] / 9), np.zeros(len(x))])
        return fiber, np.tile([0.0, 0.0, 1.0], (len(x), 1))

    body = Block((10.0, 20.0, 30.0), (2, 4, 60)).build(comm)
    field = fibers_from_axes(body.mesh, 2, rule)
    write_mesh(body, shared_path / "body.feb", fibers=field)
    again = MeshFile(shared_path / "body.feb", "mm").build(comm)
    found = file_fibers(again, 2)
    axis = found.axis.x.array.reshape(-1, 3)[found.axis.function_space.dofmap.list]
    wanted, sheet = rule(found.points.reshape(-1, 3))
    aligned = np.abs(np.einsum("ni,ni->n", axis.reshape(-1, 3), wanted))
    assert aligned.min(initial=1.0) > np.cos(0.5 / 9)
    sheets = found.sheet.x.array.reshape(-1, 3)[found.sheet.function_space.dofmap.list].reshape(-1, 3)
    assert np.abs(np.einsum("ni,ni->n", sheets, sheet)) == pytest.approx(np.ones(len(sheet)))
    assert "fibers and sheets of the mesh file, one direction in each cell, as fully aligned (FA 1)" in found.notes


def test_unknown_suffixes_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"no format that is written(.|\n)*\.abc(.|\n)*\.feb"):
        write_mesh(made(), tmp_path / "body.abc")
