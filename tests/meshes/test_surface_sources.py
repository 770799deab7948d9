"""Bodies from surface files, clouds and contours."""

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.meshes import Points, SurfaceFile
from fibertwin.surfaces import Surface, isosurface
from fibertwin.surfaces.measures import polydata
from fibertwin.surfaces.phantoms import staircase_sphere

BALL = staircase_sphere(12.0, 2.0)
SPHERE = isosurface(BALL.mask.inside, BALL.mask.affine, 0.5)


@pytest.fixture
def written(tmp_path):
    def write(name: str, surface: Surface = SPHERE, scale: float = 1.0):
        polydata(Surface(surface.points * scale, surface.triangles)).save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["ball.stl", "ball.ply", "ball.vtp", "ball.obj"])
def test_a_closed_surface_in_any_format_is_filled(written, name):
    body = SurfaceFile(written(name, scale=0.1), "cm", 4.0).build(MPI.COMM_SELF)
    assert body.quality.volume == pytest.approx(SPHERE.volume, rel=0.03)
    assert body.quality.minimum >= 0.15


def test_a_surface_inside_out_is_turned_and_told(written):
    body = SurfaceFile(written("ball.stl", Surface(SPHERE.points, SPHERE.triangles[:, ::-1])), "mm", 4.0).build(
        MPI.COMM_SELF
    )
    assert any("inside out" in note for note in body.notes)


def test_clouds_and_contours_become_bodies(tmp_path):
    np.savetxt(tmp_path / "cloud.xyz", BALL.truth.points[::5])
    cloud = Points(tmp_path / "cloud.xyz", "mm", 4.0).build(MPI.COMM_SELF)
    assert cloud.quality.volume == pytest.approx(BALL.volume, rel=0.03)
    assert cloud.quality.minimum >= 0.15
    angle = np.linspace(0, 2 * np.pi, 40)
    rings = [np.column_stack([8 * np.cos(angle), 8 * np.sin(angle), np.full(40, z)]) for z in range(0, 20, 4)]
    text = "\n\n".join("\n".join(" ".join(f"{x:.6f}" for x in row) for row in ring) for ring in rings)
    (tmp_path / "contours.txt").write_text(text)
    body = Points(tmp_path / "contours.txt", "mm", 3.0, contents="contours").build(MPI.COMM_SELF)
    assert body.quality.volume == pytest.approx(np.pi * 64 * 20, rel=0.03)


@pytest.mark.parametrize(
    ("scale", "unit", "said"),
    [(1e-3, "mm", "seem to be in m"), (1000.0, "mm", "seem to be in um"), (1.0, "m", "seem to be in mm")],
)
def test_a_surface_of_no_plausible_size_is_refused_with_the_unit_it_seems_to_have(written, scale, unit, said):
    with pytest.raises(InputError, match=said):
        SurfaceFile(written("ball.stl", scale=scale), unit, 4.0).build(MPI.COMM_SELF)


def test_broken_files_are_refused(written, tmp_path):
    (tmp_path / "empty.stl").touch()
    (tmp_path / "words.xyz").write_text("a b c\n")
    (tmp_path / "flat.xyz").write_text("1 2\n3 4\n")
    (tmp_path / "ball.step").write_text("no")
    np.savetxt(tmp_path / "few.xyz", SPHERE.points[:3])
    open_half = Surface(SPHERE.points, SPHERE.triangles[SPHERE.points[SPHERE.triangles].mean(axis=1)[:, 2] > 0])
    for source, said in (
        (SurfaceFile(tmp_path / "none.stl", "mm", 4.0), "no such file"),
        (SurfaceFile(tmp_path / "empty.stl", "mm", 4.0), "is empty"),
        (SurfaceFile(tmp_path / "ball.step", "mm", 4.0), "unknown format"),
        (SurfaceFile(written("half.stl", open_half), "mm", 4.0), "is open"),
        (SurfaceFile(written("ball.stl"), "mm", 40.0), "too long"),
        (Points(tmp_path / "words.xyz", "mm", 4.0), "can't be read as points"),
        (Points(tmp_path / "flat.xyz", "mm", 4.0), "no list of points"),
        (Points(tmp_path / "few.xyz", "mm", 4.0), "too few"),
    ):
        with pytest.raises(InputError, match=said) as error:
            source.build(MPI.COMM_SELF)
        assert len(error.value.problems) == 1
