"""Regions from labels meshed together: conforming, as large as their labels, good cells."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.imaging import LabelImage
from fibertwin.meshes import (
    Labels,
    NearPoint,
    NearRegion,
    RegionMesh,
    cell_quality,
    fill_nested,
    interfaces,
    open_edges,
)
from fibertwin.meshes.label_sources import LabelMesh
from fibertwin.meshes.multi_curved import curve
from fibertwin.meshes.multi_cut import cut
from fibertwin.meshes.multi_lattice import lattice
from fibertwin.meshes.multi_region import pinched_edges
from fibertwin.meshes.multi_shares import one_body, region_numbers
from fibertwin.meshes.quality import least_determinants, scaled_jacobian, signed_volumes
from fibertwin.surfaces import Surface

RADII = (24.0, 14.0)
REGIONS = {"shell": (1,), "ball": (2,)}


def nested(spacing: float = 2.0, turn: bool = False) -> LabelImage:
    """A ball within a shell; turned, the affine is oblique and mirrored, so labels lie the same in the world."""
    count = 30
    affine = np.diag([spacing] * 3 + [1.0])
    if turn:
        c, s = np.cos(0.3), np.sin(0.3)
        affine[:3, :3] = spacing * np.array([[-c, -s, 0], [-s, c, 0], [0, 0, 1]])
    affine[:3, 3] = -affine[:3, :3] @ np.full(3, (count - 1) / 2) + (5.0, -3.0, 20.0)
    places = np.moveaxis(np.indices((count,) * 3), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    radius = np.linalg.norm(places - (5.0, -3.0, 20.0), axis=-1)
    return LabelImage((radius < RADII[0]).astype(int) + (radius < RADII[1]), affine)


def source(**changes: object) -> Labels:
    return replace(Labels(Path("labels.nii"), REGIONS, 6.0), **changes)


@pytest.fixture(scope="module")
def made() -> LabelMesh:
    return source().mesh(nested())


def conforms(mesh: RegionMesh) -> None:
    assert open_edges(interfaces(mesh.cells, mesh.values)) == 0
    assert signed_volumes(mesh.points, mesh.cells).min() > 0
    assert len(np.unique(mesh.cells)) == len(mesh.points)


@pytest.mark.parametrize("mesher", ["mmg", "gmsh"])
@pytest.mark.parametrize("turn", [True])
def test_nested_balls_are_as_large_as_they_are(mesher: str, turn: bool) -> None:
    mesh = source(mesher=mesher, edge=5.0).mesh(nested(turn=turn)).mesh
    conforms(mesh)
    outer, inner = (4 / 3 * np.pi * r**3 for r in RADII)
    assert mesh.volumes["ball"] == pytest.approx(inner, rel=0.1)  # straight facets cut off what is round
    assert sum(mesh.volumes.values()) == pytest.approx(outer, rel=0.06)
    found = cell_quality(mesh.points, mesh.cells)
    assert found.jacobian.min() >= 0.15
    assert found.dihedral.min() >= 10
    between = interfaces(mesh.cells, mesh.values)
    for region in (1, 2):
        assert pinched_edges(between, region) == 0
    ball = Surface(mesh.points, between.around(2))
    assert ball.is_watertight
    assert ball.volume == pytest.approx(mesh.volumes["ball"])
    away = np.linalg.norm(ball.points[np.unique(ball.triangles)] - (5.0, -3.0, 20.0), axis=1)
    assert np.abs(away - RADII[1]).max() < 1.5


def test_three_regions_meet_in_lines() -> None:
    """Half-spaces of a box: left below, left above, right; the lines where three meet are on the boundary too."""
    labels = np.zeros((24, 24, 24), int)
    labels[2:-2, 2:-2, 2:-2] = 1
    labels[2:12, 2:-2, 12:-2] = 2
    labels[12:-2, 2:-2, 2:-2] = 3
    image = LabelImage(labels, np.diag([2.0, 2.0, 2.0, 1.0]))
    mesh = source(regions={"a": (1,), "b": (2,), "c": (3,)}, edge=6.0).mesh(image).mesh
    conforms(mesh)
    for (name, volume), wanted in zip(mesh.volumes.items(), (10 * 20 * 10, 10 * 20 * 10, 10 * 20 * 20), strict=True):
        assert volume == pytest.approx(wanted * 8.0, rel=0.13), name
    between = interfaces(mesh.cells, mesh.values)
    for pair in itertools.combinations((1, 2, 3), 2):
        assert len(between.between(*pair)) > 0


def test_a_cut_cube_is_the_same_cube() -> None:
    points, cells = lattice(np.zeros(3), np.full(3, 10.0), 2.0)
    level = points @ np.array([1.0, 0.3, -0.2]) - 5.1
    made = cut(points, cells, np.ones(len(cells), bool), level, np.zeros(len(points), bool))
    corner = made.level[made.cells]
    assert not ((corner.min(axis=1) < 0) & (corner.max(axis=1) > 0)).any()
    assert signed_volumes(made.points, made.cells).min() > 0
    # new points lie on the plane, as the function is linear
    assert np.abs(made.points[len(points) :] @ np.array([1.0, 0.3, -0.2]) - 5.1).max() < 1e-12
    side = (corner.max(axis=1) > 0).astype(np.int32) + 1
    assert open_edges(interfaces(made.cells, side)) == 0
    assert np.bincount(made.parents, minlength=len(cells)).min() >= 1


def test_nothing_is_held_is_moved() -> None:
    points, cells = lattice(np.zeros(3), np.full(3, 10.0), 2.0)
    made = cut(points, cells, np.ones(len(cells), bool), points[:, 0] - 5.1, np.ones(len(points), bool))
    assert np.array_equal(made.points[: len(points)], points)


def test_lattice_cells_are_good() -> None:
    points, cells = lattice(np.zeros(3), np.full(3, 10.0), 2.0)
    assert scaled_jacobian(points, cells).min() == pytest.approx(0.943, abs=1e-3)
    ends = points[cells[:, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]]]
    assert np.linalg.norm(ends[:, :, 0] - ends[:, :, 1], axis=2).mean() == pytest.approx(2.0)


def test_edges_are_shorter_where_asked(made: LabelMesh) -> None:
    near = NearPoint(3.0, 10.0, (5.0, -3.0, 44.0), 4.0)
    fine = source(finer=(near,)).mesh(nested()).mesh
    conforms(fine)
    found = cell_quality(fine.points, fine.cells)
    away = np.linalg.norm(found.centroids - np.array([5.0, -3.0, 44.0]), axis=1)
    assert found.edges[away < 6].mean() < 0.75 * found.edges[away > 25].mean()
    ball = source(finer=(NearRegion(3.0, 8.0, "ball"),)).mesh(nested()).mesh
    counts = [np.bincount(m.values)[2] for m in (ball, made.mesh)]
    assert counts[0] > 3 * counts[1]


def test_curved_cells_are_nearer_to_the_ball() -> None:
    made = source(curved=True).mesh(nested())
    points, cells, bent, _ = curve(made.mesh, made.shares)
    assert bent > 100
    assert least_determinants(points, cells).min() >= 0.2
    middles = np.setdiff1d(cells[:, 4:], [])
    edges = interfaces(made.mesh.cells, made.mesh.values).between(1, 2)
    straight = np.linalg.norm(points[edges[:, :2]].mean(axis=1) - (5.0, -3.0, 20.0), axis=1)
    on_ball = np.linalg.norm(points[middles] - (5.0, -3.0, 20.0), axis=1)
    near = on_ball[np.abs(on_ball - RADII[1]) < 0.5]
    assert len(near) >= len(np.unique(edges))
    whole = np.abs(signed_volumes(points, cells))
    inner = 4 / 3 * np.pi * RADII[1] ** 3
    assert abs(whole[made.mesh.values == 2].sum() - inner) < abs(made.mesh.volumes["ball"] - inner)
    assert straight.mean() < RADII[1]


def test_nested_surfaces_are_filled() -> None:
    import pyvista

    def ball(radius: float, shift: float = 0.0) -> Surface:
        sphere = pyvista.Icosphere(radius=radius, nsub=2, center=(shift, 0, 0))
        return Surface(np.asarray(sphere.points, float), sphere.regular_faces.astype(np.int64))

    shells = {"left": ball(4.0, -8.0), "wall": ball(20.0), "right": ball(5.0, 7.0)}
    mesh = fill_nested(shells, 6.0)
    conforms(mesh)
    assert mesh.volumes["left"] == pytest.approx(shells["left"].volume, rel=0.02)
    inner = shells["left"].volume + shells["right"].volume
    assert mesh.volumes["wall"] == pytest.approx(shells["wall"].volume - inner, rel=0.01)
    with pytest.raises(InputError, match="watertight"):
        fill_nested({"open": Surface(shells["left"].points, shells["left"].triangles[1:])}, 6.0)


def test_gaps_go_to_the_nearest_region_and_other_pieces_are_left_out() -> None:
    labels = np.zeros((20, 12, 12), np.int32)
    labels[1:11, 1:11, 1:11] = 1
    labels[6:11, 1:11, 1:11] = 2
    labels[8, 5, 5] = 0
    labels[15:18, 4:7, 4:7] = 1
    body = one_body(labels, np.eye(4), 0.0, 0.0, "labels")
    assert body[8, 5, 5] == 2
    assert not body[15:].any()


def test_labels_in_two_regions_or_in_none_are_told() -> None:
    labels = np.array([0, 1, 2]).reshape(3, 1, 1)
    with pytest.raises(InputError) as caught:
        region_numbers(labels, {"a": (1,), "b": (1, 2), "c": (7,)}, "head.nii")
    told = str(caught.value)
    assert "two regions" in told
    assert "head.nii has no voxel of it" in told


def test_a_region_too_small_for_the_edge_is_refused() -> None:
    image = nested()
    labels = image.labels.copy()
    labels[15, 15, 15] = 3
    with pytest.raises(InputError, match=r"anatomy\.regions\.speck"):
        source(regions={**REGIONS, "speck": (3,)}).mesh(replace(image, labels=labels))


@pytest.mark.mpi
def test_an_image_becomes_an_anatomy(tmp_path: Path) -> None:
    import nibabel

    comm = MPI.COMM_WORLD
    folder = Path(comm.bcast(str(tmp_path)))
    file = folder / "labels.nii"
    if comm.rank == 0:
        image = nested()
        nibabel.save(nibabel.Nifti1Image(image.labels.astype(np.int16), image.affine), file)
    comm.barrier()
    anatomy = source(file=file, edge=8.0, curved=True).build(comm)
    assert anatomy.regions == {"shell": 1, "ball": 2}
    assert anatomy.quality.kind == "curved tetrahedra"
    count = comm.allreduce(np.bincount(anatomy.cell_tags.values, minlength=3))
    assert count[0] == 0
    assert count[1:].min() > 0
    outer = 4 / 3 * np.pi * RADII[0] ** 3
    assert anatomy.quality.volume == pytest.approx(outer, rel=0.03)
    assert any("interfaces conform (0 open edges)" in note for note in anatomy.notes)
