"""Scalar fields of images and meshes at points."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.meshes.scalar_fields import image_values, mesh_values, read_mesh_field

RNG = np.random.default_rng(4)
CUBE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=float)
TETRAHEDRA = np.array([[0, 1, 2, 6], [0, 2, 3, 6], [0, 3, 7, 6], [0, 7, 4, 6], [0, 4, 5, 6], [0, 5, 1, 6]])


def image(folder: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(values, affine), folder / "map.nii.gz")
    return folder / "map.nii.gz"


def oblique() -> np.ndarray:
    """Voxels of 1.5, 2 and 3 mm on turned and mirrored axes."""
    turned, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turned * [-1.5, 2.0, 3.0]
    affine[:3, 3] = (-7.0, 3.0, 11.0)
    return affine


def test_an_image_of_a_linear_field_gives_it_back_between_voxels(tmp_path: Path) -> None:
    affine, shape = oblique(), (6, 5, 4)
    centers = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    values = 3.0 + centers @ [0.2, -0.5, 0.1]
    index = RNG.uniform(0, np.array(shape) - 1, (200, 3))
    points = index @ affine[:3, :3].T + affine[:3, 3]
    found = image_values(image(tmp_path, values, affine), points)
    np.testing.assert_allclose(found.values, 3.0 + points @ [0.2, -0.5, 0.1], atol=1e-12)
    assert not found.outside.any()


def test_an_image_ends_half_a_voxel_beyond_its_outermost_centers(tmp_path: Path) -> None:
    values = np.arange(8.0).reshape(2, 2, 2)
    points = np.array([[-0.99, 0, 0], [-1.01, 0, 0], [2.99, 2, 2], [3.01, 2, 2]])
    found = image_values(image(tmp_path, values, np.diag([2.0, 2.0, 2.0, 1.0])), points)
    assert found.outside.tolist() == [False, True, False, True]
    assert found.values[[0, 2]].tolist() == [0.0, 7.0]
    assert np.isnan(found.values[[1, 3]]).all()


def test_a_voxel_without_a_value_spoils_only_its_neighbors(tmp_path: Path) -> None:
    values = np.ones((3, 3, 3))
    values[0, 0, 0] = np.nan
    found = image_values(image(tmp_path, values, np.eye(4)), np.array([[0.5, 0, 0], [1, 0, 0], [1.5, 1, 1.0]]))
    assert np.isnan(found.values).tolist() == [True, False, False]


def test_an_image_of_one_slice_is_taken(tmp_path: Path) -> None:
    values = np.array([[[1.0], [2.0]], [[3.0], [4.0]]])
    found = image_values(image(tmp_path, values, np.eye(4)), np.array([[0.5, 0.5, 0.3]]))
    assert found.values.tolist() == [2.5]


def test_a_complex_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="real numbers"):
        image_values(image(tmp_path, np.ones((2, 2, 2), np.complex64), np.eye(4)), np.zeros((1, 3)))


def mesh(folder: Path, cells: Any, name: str = "field.vtu", **data: Any) -> Path:
    import meshio

    meshio.Mesh(10 * CUBE, cells, **data).write(folder / name)
    return folder / name


def linear(points: np.ndarray) -> np.ndarray:
    return 1.0 + points @ [0.3, -0.2, 0.7]


@pytest.mark.parametrize(("shape", "cells"), [("tetra", TETRAHEDRA), ("hexahedron", np.arange(8)[None])])
def test_point_data_are_linear_in_each_cell(shape: str, cells: np.ndarray, tmp_path: Path) -> None:
    path = mesh(tmp_path, [(shape, cells)], point_data={"E": linear(10 * CUBE)})
    points = RNG.uniform(0, 10, (300, 3))
    found = mesh_values(read_mesh_field(path, "E"), points)
    np.testing.assert_allclose(found.values, linear(points), atol=1e-9)
    assert not found.outside.any()


def test_a_skewed_hexahedron_is_met_at_its_own_coordinates(tmp_path: Path) -> None:
    """A field that is a coordinate of a trilinear cell comes back as that coordinate."""
    import meshio

    corners = 4 * CUBE + 0.5 * RNG.normal(size=CUBE.shape)
    meshio.Mesh(corners, [("hexahedron", np.arange(8)[None])], point_data={"y": corners[:, 1]}).write(
        tmp_path / "h.vtu"
    )
    points = corners.mean(axis=0) + RNG.uniform(-0.5, 0.5, (50, 3))
    found = mesh_values(read_mesh_field(tmp_path / "h.vtu", "y"), points)
    np.testing.assert_allclose(found.values, points[:, 1], atol=1e-8)


def test_cell_data_are_those_of_the_cell_around(tmp_path: Path) -> None:
    path = mesh(tmp_path, [("tetra", TETRAHEDRA)], cell_data={"E": [np.arange(6.0)]})
    centers = (10 * CUBE)[TETRAHEDRA].mean(axis=1)
    assert mesh_values(read_mesh_field(path, "E"), centers[::-1]).values.tolist() == [5, 4, 3, 2, 1, 0]


def test_blocks_of_two_shapes_and_surfaces_in_one_file(tmp_path: Path) -> None:
    import meshio

    points = np.vstack([10 * CUBE, 10 * CUBE + [10, 0, 0]])
    cells = [("triangle", [[0, 1, 2]]), ("tetra", TETRAHEDRA), ("hexahedron", 8 + np.arange(8)[None])]
    data = {"E": [np.array([9.0]), np.full(6, 1.0), np.array([2.0])]}
    meshio.Mesh(points, cells, cell_data=data).write(tmp_path / "two.vtu")
    found = mesh_values(read_mesh_field(tmp_path / "two.vtu", "E"), np.array([[5.0, 4, 3], [15, 5, 5], [25, 5, 5]]))
    assert found.values[:2].tolist() == [1.0, 2.0]
    assert found.outside.tolist() == [False, False, True]


def test_the_length_unit_of_a_file_counts(tmp_path: Path) -> None:
    path = mesh(tmp_path, [("tetra", TETRAHEDRA)], point_data={"E": linear(10 * CUBE)})
    points = RNG.uniform(0, 100, (20, 3))
    found = mesh_values(read_mesh_field(path, "E", millimeters=10.0), points)
    np.testing.assert_allclose(found.values, linear(points / 10), atol=1e-9)


def test_points_without_a_cell_are_outside(tmp_path: Path) -> None:
    path = mesh(tmp_path, [("tetra", TETRAHEDRA)], point_data={"E": linear(10 * CUBE)})
    found = mesh_values(read_mesh_field(path, "E"), np.array([[5, 5, 5], [10.1, 5, 5], [np.float64(10), 10, 10]]))
    assert found.outside.tolist() == [False, True, False]
    assert len(mesh_values(read_mesh_field(path, "E"), np.zeros((0, 3))).values) == 0


def test_a_field_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    data = {"E": linear(CUBE), "axis": CUBE}
    path = mesh(tmp_path, [("tetra", TETRAHEDRA)], point_data=data, cell_data={"zone": [np.arange(6)]})
    with pytest.raises(InputError) as caught:
        read_mesh_field(path, "axis")
    assert caught.value.problems[0].wanted == "point data E; cell data zone"
    assert caught.value.problems[0].got == "axis"


def test_a_file_of_surfaces_only_is_refused(tmp_path: Path) -> None:
    path = mesh(tmp_path, [("triangle", np.array([[0, 1, 2]]))], point_data={"E": linear(CUBE)})
    with pytest.raises(InputError, match="no solid cells"):
        read_mesh_field(path, "E")
