"""The verb convert, and pictures of named surfaces."""

from pathlib import Path

import numpy as np
import pytest

from fibertwin.cli import main
from fibertwin.errors import InputError
from fibertwin.patches import Painted, picture

CHASTE = Path(__file__).parent.parent / "data" / "chaste" / "UCSD_heart_decimated_173nodes.node"

CASE = """
[anatomy]
type = "mesh-file"
file = "bar.feb"
length_unit = "mm"

[surfaces]
end = {{ select = "grown", direction = "right" }}

[materials.tissue]
energies = [{{ law = "neo-hookean", mu = "1 kPa" }}{more}]
bulk_modulus = "100 kPa"

[supports.held]
type = "clamp"
surface = "left"
"""
FIBROUS = ', { law = "holzapfel-gasser-ogden", k1 = "2 kPa", k2 = 1 }'


def bar(folder: Path, fibers: bool = True) -> Path:
    """A block in a FEBio file, with fibers along y."""
    from dataclasses import replace

    from mpi4py import MPI

    from fibertwin.meshes import Block, write_mesh
    from fibertwin.meshes.files import gathered

    raw = gathered(Block((10.0, 4.0, 4.0), (4, 2, 2)).build(MPI.COMM_SELF))
    if fibers:
        raw = replace(raw, fibers=np.tile([0.0, 1.0, 0.0], (len(raw.cells), 1)))
    write_mesh(raw, folder / "bar.feb")
    return folder / "bar.feb"


def test_a_mesh_goes_from_format_to_format(tmp_path, capsys):
    assert main(["convert", str(bar(tmp_path)), str(tmp_path / "bar.pts"), "--length-unit", "mm"]) == 0
    said = capsys.readouterr().out
    assert "96 tetrahedra" in said
    assert "regions: tissue (96 cells)" in said
    assert "left (8 facets)" in said
    assert "one direction in each cell: fibers" in said
    assert "wrote bar.pts: 96 cells, 45 points, in um" in said
    assert main(["convert", str(tmp_path / "bar.elem"), str(tmp_path / "again.vtu"), "--to-unit", "cm"]) == 0
    assert "wrote again.vtu: 96 cells, 45 points, in cm" in capsys.readouterr().out
    assert main(["convert", str(CHASTE), str(tmp_path / "rabbit.med"), "--length-unit", "cm"]) == 0
    assert "6.404 mL" in capsys.readouterr().out


def test_what_is_wrong_is_told_before_anything_is_read(tmp_path, capsys):
    assert main(["convert", str(tmp_path / "none.vtu"), str(tmp_path / "no" / "b.vtu")]) == 2
    said = capsys.readouterr().err
    assert "there is no such mesh file" in said
    assert "--length-unit: is needed" in said
    assert "there is no such folder" in said
    assert main(["convert", str(CHASTE), str(tmp_path / "b.doc"), "--length-unit", "cm"]) == 2
    assert "no format that is written" in capsys.readouterr().err
    assert main(["convert", str(CHASTE), str(tmp_path / "b.vtu"), "--length-unit", "um"]) == 2
    assert "the coordinates seem to be in cm" in capsys.readouterr().err


def test_a_law_with_fibers_may_take_those_of_the_mesh(tmp_path, capsys):
    bar(tmp_path)
    (tmp_path / "case.toml").write_text(CASE.format(more=FIBROUS))
    assert main(["check", str(tmp_path / "case.toml")]) == 0
    assert "no scan: fibers as the mesh file has them" in capsys.readouterr().out
    (tmp_path / "bar.vtu").write_text("")
    (tmp_path / "case.toml").write_text(CASE.format(more=FIBROUS).replace("bar.feb", "bar.vtu"))
    assert main(["check", str(tmp_path / "case.toml")]) == 2
    assert "has fibers, but there is no scan" in capsys.readouterr().err


def test_the_mesh_s_fibers_go_into_the_problem(tmp_path):
    from mpi4py import MPI

    from fibertwin import stages
    from fibertwin.case import Case

    bar(tmp_path)
    (tmp_path / "case.toml").write_text(CASE.format(more=FIBROUS))
    case = Case.read(tmp_path / "case.toml")
    body, fibers = stages.body(case, None, MPI.COMM_SELF)
    assert fibers.axis.x.array.reshape(-1, 3) == pytest.approx(np.tile([0.0, 1, 0], (96 * 14, 1)))
    assert fibers.degree == case.solve.quadrature_degree
    assert set(body.surfaces) >= {"left", "end", "boundary"}


def test_surfaces_are_drawn(tmp_path, capsys):
    bar(tmp_path)
    (tmp_path / "case.toml").write_text(CASE.format(more=""))
    file = tmp_path / "patches.png"
    assert main(["check", str(tmp_path / "case.toml"), "--picture", str(file)]) == 0
    assert file.read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "surface end: 8 facets, 16 mm²" in said
    assert f"wrote {file}" in said
    assert main(["check", str(tmp_path / "case.toml"), "--picture", str(tmp_path / "p.jpg")]) == 2
    assert "no picture that can be written" in capsys.readouterr().err


def test_a_picture_shows_every_surface_in_its_color():
    from matplotlib.colors import to_rgb
    from matplotlib.image import imread

    from fibertwin.patches import COLORS

    corner = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = corner[[[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]]
    belongs = np.array([[True, True], [True, False], [True, False], [True, False]])
    made = picture(Painted(faces, belongs, ("all", "below"), (2.0, 0.5), (4, 1)), "a corner")
    import io

    shown = imread(io.BytesIO(made))[..., :3].reshape(-1, 3)
    for color in COLORS[:2]:  # in the legend at least, where it is not shaded
        assert (np.abs(shown - to_rgb(color)).max(axis=1) < 0.01).sum() > 100


def test_a_file_s_own_fibers_need_a_field_to_be_written_elsewhere(tmp_path):
    from fibertwin.meshes import read_mesh

    with pytest.raises(InputError, match="leave tags out"):
        read_mesh(bar(tmp_path), "mm", tags="part")
