"""Files as other programs write them, and broken ones: read for what they say, or refused in a sentence."""

from pathlib import Path

import meshio
import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.meshes import BOUNDARY, Block, MeshFile, area, file_fibers, mean_normal, read_mesh

CHASTE = Path(__file__).parent.parent / "data" / "chaste" / "UCSD_heart_decimated_173nodes.node"

POINTS = np.array([[x, y, z] for x in (0.0, 1, 2) for y in (0.0, 1) for z in (0.0, 1)])
SIX = np.array([[0, 4, 6, 7], [0, 4, 7, 5], [0, 5, 7, 1], [0, 1, 7, 3], [0, 3, 7, 2], [0, 2, 7, 6]])
CELLS = np.concatenate([SIX, SIX + 4])
BRICKS = np.array([[0, 4, 6, 2, 1, 5, 7, 3], [4, 8, 10, 6, 5, 9, 11, 7]])


def lines(rows, head="", start=1, sep=", ") -> str:
    """Rows with a head and a running number before each; without, if it starts with ``None``."""
    numbered = (row if start is None else (start + k, *row) for k, row in enumerate(rows))
    return "\n".join([*([head] if head else []), *(sep.join(map(str, row)) for row in numbered)]) + "\n"


def facets(raw, name) -> np.ndarray:
    """The coordinates of the corners of a surface's facets."""
    return raw.points[raw.facets[raw.facet_values == raw.surfaces[name]]]


ABAQUS = (
    "*Heading\nby hand\n** a comment\n*Part, name=bar\n"
    + lines(POINTS, "*Node, nset=All")
    + lines(BRICKS + 1, "*Element, type=C3D8R, elset=Everything", start=11)
    + "*Elset, elset=near, generate\n11, 11, 1\n*Elset, elset=Far\n 12,\n*Elset, elset=both\nNEAR, far\n"
    + "*Elset, elset=_end_S4, internal\n12\n*Surface, type=ELEMENT, name=end\n_end_S4, S4\n"
    + "*Surface, name=start\nnear, S6\n*Nset, nset=low, generate\n1, 9, 2\n9, 11, 2\n"
    + "*Surface, name=top, type=NODE\nupper\n*Nset, nset=Upper\n2, 4, 6, 8,\n10, 12\n"
    + "*Distribution, name=axes, location=ELEMENT, table=t\n, 1., 0., 0., 0., 1., 0.\n11, 0., 3., 4., 0., 0., 1.\n"
    + "*End Part\n"
)


def test_abaqus_sets_and_surfaces(tmp_path):
    file = tmp_path / "bar.inp"
    file.write_text(ABAQUS)
    raw = read_mesh(file, "mm")
    assert raw.regions == {"near": 2, "Far": 3}
    assert raw.cell_values.tolist() == [2, 3]
    assert "element sets overlap: in regions the smaller set wins" in raw.notes
    assert (facets(raw, "end")[..., 0] == 2).all()
    assert (facets(raw, "start")[..., 0] == 0).all()
    assert facets(raw, "top").shape == (2, 4, 3)
    assert (facets(raw, "top")[..., 2] == 1).all()
    assert facets(raw, "low").shape == (2, 4, 3)
    assert (facets(raw, "low")[..., 2] == 0).all()
    assert facets(raw, "All").shape == (10, 4, 3)
    assert raw.fibers.tolist() == [[0.0, 0.6, 0.8], [0.0, 0.0, 0.0]]
    assert any("fibers: 1 of 2 are zero" in note for note in raw.notes)


def test_abaqus_sections_are_the_regions(tmp_path):
    sections = "*Solid Section, elset=both, material=m\n,\n"
    (tmp_path / "bar.inp").write_text(ABAQUS + sections)
    assert read_mesh(tmp_path / "bar.inp", "mm").regions == {"both": 1}


FEBIO = (
    '<?xml version="1.0" encoding="ISO-8859-1"?>\n<febio_spec version="3.0">\n<Material>'
    '<material id="1" name="m" type="trans iso Mooney-Rivlin">'
    '<fiber type="vector">0,0,2</fiber></material></Material>\n'
    "<Mesh>\n<Nodes>"
    + "".join(f'<node id="{k + 5}">{x},{y},{z}</node>' for k, (x, y, z) in enumerate(POINTS))
    + '</Nodes>\n<Elements type="hex8" name="near"><elem id="3">5,9,11,7,6,10,12,8</elem></Elements>'
    + '<Elements type="hex8" name="far"><elem id="4">9,13,15,11,10,14,16,12</elem></Elements>'
    + '<Surface name="end"><quad4 id="1">13,15,16,14</quad4></Surface>'
    + '<NodeSet name="start"><n id="5"/><n id="6"/><n id="7"/><n id="8"/></NodeSet>'
    + '<NodeSet name="listed">9, 10, 11, 12</NodeSet>'
    + '<ElementSet name="last"><e id="4"/></ElementSet></Mesh>\n'
    + '<MeshDomains><SolidDomain name="near" mat="m"/><SolidDomain name="far" mat="m"/></MeshDomains>\n'
    + '<MeshData><ElementData var="mat_axis" elem_set="last">'
    + '<elem lid="1"><a>0,1,0</a><d>1,0,0</d></elem></ElementData>'
    + "</MeshData></febio_spec>\n"
)


def test_febio_parts_surfaces_and_fibers(tmp_path):
    (tmp_path / "bar.feb").write_text(FEBIO)
    raw = read_mesh(tmp_path / "bar.feb", "mm")
    assert raw.regions == {"near": 1, "far": 2}
    assert (facets(raw, "end")[..., 0] == 2).all()
    assert (facets(raw, "start")[..., 0] == 0).all()
    assert "listed" not in raw.surfaces  # these nodes have no outer facet between them
    assert raw.fibers.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert raw.sheets.tolist() == [[0, 0, 0], [1, 0, 0]]


def carp(folder: Path, lon: str = "2\n1 0 0 0 1 0\n0 0 0 0 0 0\n") -> Path:
    """Two bricks in micrometers; CARP goes around the upper face the other way."""
    (folder / "bar.pts").write_text("12\n" + lines(1000 * POINTS, start=None, sep=" "))
    turned = BRICKS[:, [0, 1, 2, 3, 4, 7, 6, 5]]
    (folder / "bar.elem").write_text(
        "2\n" + lines([("Hx", *row, 7 + k) for k, row in enumerate(turned)], "", None, " ")
    )
    (folder / "bar.lon").write_text(lon)
    (folder / "bar.end.surf").write_text("1\nQd 8 10 11 9\n")
    return folder / "bar.elem"


def test_carp(tmp_path):
    raw = read_mesh(carp(tmp_path), "um")
    assert raw.regions == {"tag 7": 7, "tag 8": 8}
    assert np.array_equal(raw.points, POINTS)
    assert not any("inverted" in note for note in raw.notes)
    assert (facets(raw, "end")[..., 0] == 2).all()
    assert raw.fibers.tolist() == [[1, 0, 0], [0, 0, 0]]
    assert raw.sheets.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_a_rabbit_s_heart(tmp_path):
    """Chaste's: centimeters, no markers though the rows have a last column, a point of no cell."""
    raw = read_mesh(CHASTE, "cm")
    assert raw.cells.shape == (610, 4)
    assert raw.regions == {"tissue": 1}
    assert not raw.surfaces
    assert "1 points belong to no tetrahedron; left out" in raw.notes
    size = np.ptp(raw.points, axis=0)
    assert (size > 10).all()
    assert (size < 40).all()


def test_tetgen_s_second_order_cells(tmp_path):
    """TetGen's manual gives the midside nodes 5 to 10 for the edges 2-3, 0-3, 0-1, 1-2, 1-3, 0-2."""
    corners = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]])
    middles = np.array([(corners[a] + corners[b]) / 2 for a, b in ((2, 3), (0, 3), (0, 1), (1, 2), (1, 3), (0, 2))])
    middles[2] += [0, -1, 0]
    (tmp_path / "one.node").write_text("10 3 0 0\n" + lines([*corners, *middles], sep=" "))
    (tmp_path / "one.ele").write_text("1 10 0\n1 " + " ".join(map(str, range(1, 11))) + "\n")
    raw = read_mesh(tmp_path / "one.ele", "mm")
    assert raw.cells.shape == (1, 10)
    assert any("1 mm off straight" in note for note in raw.notes)


@pytest.mark.mpi
@pytest.mark.parametrize("cell", ["tetrahedra", "hexahedra"])
def test_dolfinx_s_mesh_and_tags(comm, shared_path, cell):
    """What DOLFINx itself writes, with a number for half of the cells and for two sides."""
    from dolfinx.io import XDMFFile
    from dolfinx.mesh import meshtags

    body = Block((10.0, 20.0, 30.0), (2, 3, 4), cell=cell).build(comm)
    mesh = body.mesh
    centers = mesh.geometry.x[mesh.geometry.dofmaps[0]].mean(axis=1)
    right = np.flatnonzero(centers[:, 0] > 0).astype(np.int32)
    cells = meshtags(mesh, 3, right, np.full(len(right), 5, np.int32))
    sides = np.concatenate([body.surfaces["top"], body.surfaces["left"]])
    numbers = np.repeat([1, 2], [len(body.surfaces["top"]), len(body.surfaces["left"])]).astype(np.int32)
    order = np.argsort(sides)
    facets_of_sides = meshtags(mesh, 2, sides[order], numbers[order])
    cells.name, facets_of_sides.name = "cell_tags", "facet_tags"
    with XDMFFile(comm, str(shared_path / "m.xdmf"), "w") as file:
        file.write_mesh(mesh)
        file.write_meshtags(cells, mesh.geometry)
        file.write_meshtags(facets_of_sides, mesh.geometry)
    comm.Barrier()
    raw = read_mesh(shared_path / "m.xdmf", "mm")
    assert set(raw.regions) == {"tag 0", "tag 5"}
    assert np.array_equal(raw.cell_values == 5, raw.points[raw.cells].mean(axis=1)[:, 0] > 0)
    assert (facets(raw, "tag 1")[..., 2] == 15).all()
    assert (facets(raw, "tag 2")[..., 0] == -5).all()
    again = MeshFile(shared_path / "m.xdmf", "mm").build(comm)
    assert area(again, "tag 1") == pytest.approx(200.0)
    assert area(again, "tag 2") == pytest.approx(600.0)


def test_the_old_dolfin_s_grids(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as data:
        data["mesh/points"], data["mesh/cells"] = 0.01 * POINTS, CELLS.astype(np.int32)
        data["facets"] = np.array([[0, 1, 3], [0, 3, 2], [4, 5, 7]], np.int32)
        data["numbers"] = np.array([[3], [4], [2**64 - 1]], np.uint64)

    def item(size, path):
        return f'<DataItem Dimensions="{size}" Format="HDF">m.h5:/{path}</DataItem>'

    (tmp_path / "m.xdmf").write_text(
        '<Xdmf Version="3.0"><Domain><Grid Name="mesh" GridType="Uniform">'
        f'<Topology NumberOfElements="12" TopologyType="Tetrahedron">{item("12 4", "mesh/cells")}</Topology>'
        f'<Geometry GeometryType="XYZ">{item("12 3", "mesh/points")}</Geometry></Grid>'
        '<Grid Name="mesh" GridType="Uniform">'
        f'<Topology NumberOfElements="3" TopologyType="Triangle">{item("3 3", "facets")}</Topology>'
        '<Geometry Reference="XML">/Xdmf/Domain/Grid/Geometry</Geometry>'
        f'<Attribute Name="f" AttributeType="Scalar" Center="Cell">{item("3 1", "numbers")}</Attribute>'
        "</Grid></Domain></Xdmf>"
    )
    raw = read_mesh(tmp_path / "m.xdmf", "m")
    assert raw.surfaces == {"tag 3": 3, "tag 4": 4}
    assert raw.points.max() == pytest.approx(20.0)


@pytest.mark.mpi
def test_fibers_of_a_file_reach_the_quadrature_points(comm, shared_path):
    if comm.rank == 0:
        fibers = np.tile([0.0, 3.0, 4.0], (12, 1))
        fibers[5] = 0
        mesh = meshio.Mesh(
            POINTS, [("tetra", CELLS)], cell_data={"f0": [fibers], "s0": [np.tile([1.0, 1, 0], (12, 1))]}
        )
        mesh.write(shared_path / "m.vtu")
    comm.Barrier()
    plain = MeshFile(shared_path / "m.vtu", "cm").build(comm)
    assert plain.fibers is None
    assert file_fibers(plain, 2) is None
    body = MeshFile(shared_path / "m.vtu", "cm", fibers="f0", sheets="s0").build(comm)
    found = file_fibers(body, 2)
    assert any("1 cells have no fiber" in note for note in found.notes)
    none = ~body.fibers.any(axis=1)
    assert comm.allreduce(int(none.sum())) == 1
    for function, wanted in ((found.axis, [0, 0.6, 0.8]), (found.sheet, [0.78086881, 0.49975604, -0.37481703])):
        values = function.x.array.reshape(-1, 3)[function.function_space.dofmap.list]
        assert values[~none] == pytest.approx(np.broadcast_to(wanted, values[~none].shape))
    assert found.fa_values[none] == pytest.approx(0.0)
    assert found.fa_values[~none] == pytest.approx(1.0)


def test_axes_at_points_are_averaged_without_regard_to_their_sign(tmp_path):
    fibers = np.tile([0.6, 0.8, 0.0], (12, 1))
    fibers[::2] *= -1
    meshio.Mesh(POINTS, [("tetra", CELLS)], point_data={"f": fibers}).write(tmp_path / "m.vtu")
    raw = read_mesh(tmp_path / "m.vtu", "mm", fibers="f")
    assert np.abs(raw.fibers @ [0.6, 0.8, 0.0]) == pytest.approx(np.ones(12))
    turned = read_mesh(tmp_path / "m.vtu", "mm", "LPS", fibers="f")
    assert np.abs(turned.fibers @ [0.6, 0.8, 0.0]) == pytest.approx(np.ones(12))


@pytest.mark.mpi
def test_overlapping_surfaces_on_ranks(comm, shared_path):
    if comm.rank == 0:
        (shared_path / "bar.inp").write_text(ABAQUS)
    comm.Barrier()
    body = MeshFile(shared_path / "bar.inp", "mm").build(comm)
    assert area(body, "All") == pytest.approx(area(body, BOUNDARY)) == pytest.approx(10.0)
    assert area(body, "top") == pytest.approx(2.0)
    assert mean_normal(body, "end") == pytest.approx([1, 0, 0])


def _write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


BROKEN = {
    "truncated Abaqus": (
        lambda f: _write(f, "b.inp", ABAQUS[: ABAQUS.index("*Element")] + "*Element, type=C3D8\n1, 1, 5, 7, 3, 2\n"),
        "elements of type C3D8 are cut short",
    ),
    "unknown element": (
        lambda f: _write(f, "b.inp", ABAQUS.replace("C3D8R", "C3D9")),
        "elements of an unknown type(.|\n)*C3D9",
    ),
    "wedges": (
        lambda f: _write(f, "b.inp", lines(POINTS, "*Node") + "*Element, type=C3D6\n1, 1, 2, 3, 5, 6, 7\n"),
        "tetrahedra alone or hexahedra alone(.|\n)*C3D6",
    ),
    "surface of an unknown face": (
        lambda f: _write(f, "b.inp", ABAQUS.replace("near, S6", "near, S7")),
        "start names a face that elements don't have(.|\n)*S1 to S6",
    ),
    "surface of an unknown set": (
        lambda f: _write(f, "b.inp", ABAQUS.replace("near, S6", "nearby, S6")),
        "start names a set that doesn't exist(.|\n)*nearby",
    ),
    "two parts": (
        lambda f: _write(f, "b.inp", ABAQUS + ABAQUS),
        "several parts number their elements alike(.|\n)*merge",
    ),
    "truncated FEBio": (
        lambda f: _write(f, "b.feb", FEBIO[:900]),
        "can't be read as a FEBio model",
    ),
    "FEBio with a surface off the cells": (
        lambda f: _write(f, "b.feb", FEBIO.replace("13,15,16,14", "5,15,16,14")),
        "surface end has facets that are no face of any cell(.|\n)*1 of 1",
    ),
    "FEBio with an unknown node": (
        lambda f: _write(f, "b.feb", FEBIO.replace("13,15,16,14", "13,15,16,99")),
        "surface end names a node that doesn't exist(.|\n)*99",
    ),
    "fibers of the wrong length": (
        lambda f: carp(f, "1\n1 0 0\n"),
        "fibers are not as many as elements(.|\n)*2 rows",
    ),
    "fibers that are all zero": (lambda f: carp(f, "1\n0 0 0\n0 0 0\n"), "all fibers are zero"),
    "fibers that are words": (lambda f: carp(f, "1\n1 0 0\nnan 0 x\n"), "axes are not all numbers(.|\n)*x"),
    "truncated TetGen": (
        lambda f: _write(_write(f, "b.node", "4 3 0 0\n1 0 0 0\n2 1 0 0\n").parent, "b.ele", "1 4 0\n1 1 2 3 4\n"),
        "rows are cut short",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_files_are_refused_in_a_sentence(tmp_path, what):
    make, words = BROKEN[what]
    file = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        read_mesh(file, "um" if file.suffix == ".elem" else "mm")
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize(
    ("scale", "unit", "words"),
    [
        (0.1, "mm", r"0.245 mm across with length_unit = .mm.(.|\n)*seem to be in m$"),
        (0.05, "m", r"0.122 km|122 m across with length_unit = .m.(.|\n)*seem to be in mm$"),
        (100.0, "um", r"0.245 mm across(.|\n)*seem to be in mm$"),
    ],
)
def test_units_that_can_t_be_are_told(tmp_path, scale, unit, words):
    size = 1000.0 if unit == "m" else 1.0
    meshio.Mesh(POINTS * scale * size, [("tetra", CELLS)]).write(tmp_path / "m.vtu")
    with pytest.raises(InputError, match=words):
        read_mesh(tmp_path / "m.vtu", unit)


def test_fibers_that_are_not_there_are_refused(tmp_path):
    mesh = meshio.Mesh(POINTS, [("tetra", CELLS)], cell_data={"f0": [np.ones((12, 3))], "fa": [np.ones(12)]})
    mesh.write(tmp_path / "m.vtu")
    with pytest.raises(InputError, match=r"no such vectors for fibers(.|\n)*f1(.|\n)*one of: f0"):
        read_mesh(tmp_path / "m.vtu", "mm", fibers="f1")
    with pytest.raises(InputError, match="fa has not one vector for each"):
        read_mesh(tmp_path / "m.vtu", "mm", fibers="fa")
    with pytest.raises(InputError, match="sheets: needs fibers too"):
        read_mesh(tmp_path / "m.vtu", "mm", sheets="f0")
