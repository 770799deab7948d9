from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fibertwin.errors import InputError
from fibertwin.imaging import TensorImage, eigen, eigenvalues, read_transform, register, transformed, write_transform
from fibertwin.imaging.registration import fsl_to_world, world_to_fsl


def moved(degrees: tuple[float, float, float], shift: tuple[float, float, float]) -> np.ndarray:
    found = np.eye(4)
    found[:3, :3] = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()
    found[:3, 3] = shift
    return found


MAP = moved((4.0, -7.0, 11.0), (3.0, -5.0, 8.0)) @ np.array(
    [[1.05, 0.1, 0, 0], [0, 0.95, 0.02, 0], [0, 0, 1.1, 0], [0, 0, 0, 1]]
)


def test_both_reorientations_turn_alike_under_a_rotation(make_image: Callable[..., TensorImage]) -> None:
    turn = moved((20.0, 30.0, -40.0), (1.0, 2.0, 3.0))
    strain, direction = (transformed(make_image(), turn, kind) for kind in ("finite-strain", "principal-direction"))
    np.testing.assert_allclose(strain.components, direction.components, rtol=0, atol=1e-12)


def test_the_principal_direction_is_carried_by_a_shear(make_image: Callable[..., TensorImage]) -> None:
    image = make_image()
    gradient = np.array([[1.0, 0.6, 0.0], [0.0, 1.0, 0.3], [0.0, 0.0, 1.0]])
    shear = np.eye(4)
    shear[:3, :3] = gradient
    found = transformed(image, shear, "principal-direction")
    before, after = (eigen(x.components[x.mask]).vectors[..., 0] for x in (image, found))
    carried = before @ gradient.T
    carried /= np.linalg.norm(carried, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs((carried * after).sum(axis=1)), 1.0, atol=1e-12)
    strain = transformed(image, shear, "finite-strain")
    other = eigen(strain.components[strain.mask]).vectors[..., 0]
    assert np.abs((carried * other).sum(axis=1)).min() < 0.999
    values = eigenvalues(image.components[image.mask])
    for x in (found, strain):
        np.testing.assert_allclose(eigenvalues(x.components[x.mask]), values, rtol=1e-9)


@pytest.mark.parametrize("name", ["map.tfm", "map.txt"])
def test_a_written_map_is_read_back(tmp_path: Path, name: str) -> None:
    write_transform(tmp_path / name, MAP)
    np.testing.assert_allclose(read_transform(tmp_path / name), MAP, atol=1e-12)


@pytest.mark.parametrize("suffix", [".tfm", ".txt", ".mat"])
def test_itk_takes_points_of_the_fixed_image_to_the_moving_one_in_lps(tmp_path: Path, suffix: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    transform = sitk.Euler3DTransform((9.0, 8.0, 7.0), 0.1, -0.2, 0.3, (4.0, 5.0, 6.0))
    path = tmp_path / f"itk{suffix}"
    sitk.WriteTransform(transform, str(path))
    fixed = np.array([12.0, -30.0, 25.0])
    flip = np.array([-1.0, -1.0, 1.0])
    moving = flip * transform.TransformPoint((flip * fixed).tolist())
    np.testing.assert_allclose((read_transform(path) @ [*moving, 1.0])[:3], fixed, atol=1e-10)


def image_file(path: Path, affine: np.ndarray, shape: tuple[int, int, int]) -> Path:
    import nibabel

    nibabel.save(nibabel.Nifti1Image(np.ones(shape, np.float32), affine), path)
    return path


@pytest.mark.parametrize("sides", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_flirt_counts_mm_from_the_right_corner(tmp_path: Path, sides: tuple[int, int]) -> None:
    first, second = np.diag([2.0 * sides[0], 2.0, 3.0, 1.0]), np.diag([1.0 * sides[1], 1.5, 1.0, 1.0])
    first[:3, 3], second[:3, 3] = (-20.0, 5.0, 1.0), (7.0, -3.0, 2.0)
    moving = image_file(tmp_path / "in.nii", first, (10, 11, 12))
    fixed = image_file(tmp_path / "ref.nii", second, (20, 15, 18))
    path = tmp_path / "flirt.mat"
    np.savetxt(path, np.array([[1.0, 0, 0, 2.5], [0, 1, 0, -1.5], [0, 0, 1, 4.0], [0, 0, 0, 1]]))
    voxel = np.array([3.0, 4.0, 5.0])
    x = 2.0 * (9 - voxel[0] if sides[0] > 0 else voxel[0]) + 2.5
    there = np.array([19 - x if sides[1] > 0 else x, (4.0 * 2.0 - 1.5) / 1.5, 5.0 * 3.0 + 4.0])
    found = read_transform(path, moving, fixed) @ first @ [*voxel, 1.0]
    np.testing.assert_allclose(found, second @ [*there, 1.0], atol=1e-10)
    grids = (first, (10, 11, 12)), (second, (20, 15, 18))
    np.testing.assert_allclose(fsl_to_world(world_to_fsl(MAP, *grids), *grids), MAP, atol=1e-12)


def test_files_that_say_too_little_or_too_much_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "flirt.mat"
    np.savetxt(path, np.eye(4))
    with pytest.raises(InputError, match="means nothing without its images"):
        read_transform(path)
    with pytest.raises(InputError, match="both images"):
        read_transform(path, moving=path)
    write_transform(tmp_path / "map.tfm", MAP)
    with pytest.raises(InputError, match="need no images"):
        read_transform(tmp_path / "map.tfm", path, path)
    (tmp_path / "words.txt").write_text("no numbers\n")
    with pytest.raises(InputError, match="cannot be read as a matrix"):
        read_transform(tmp_path / "words.txt")
    with pytest.raises(InputError, match="is missing"):
        read_transform(tmp_path / "nothing.tfm")


def blobs(points: np.ndarray) -> np.ndarray:
    """A smooth picture of points (..., 3) in mm with no symmetry."""
    random = np.random.default_rng(5)
    out = np.zeros(points.shape[:-1])
    for center, width, height in zip(
        random.uniform(-28, 28, (25, 3)), random.uniform(5, 11, 25), random.uniform(0.5, 2, 25), strict=True
    ):
        out += height * np.exp(-((points - center) ** 2).sum(axis=-1) / (2 * width**2))
    return out


def places(affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    return np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]


def test_a_known_motion_is_found_between_two_contrasts() -> None:
    pytest.importorskip("SimpleITK")
    truth = moved((4.0, -3.0, 6.0), (3.0, -2.0, 4.0))  # moving to fixed
    fixed_affine, moving_affine = np.diag([-2.0, 2.0, 2.0, 1.0]), np.diag([2.2, 2.2, 2.5, 1.0])
    fixed_affine[:3, 3], moving_affine[:3, 3] = (40, -40, -40), (-40, -40, -40)
    fixed = blobs(places(fixed_affine, (41, 41, 41)))
    in_fixed = places(moving_affine, (37, 37, 33)) @ truth[:3, :3].T + truth[:3, 3]
    moving = np.exp(-blobs(in_fixed))
    found = register(moving, moving_affine, fixed, fixed_affine)
    again = register(moving, moving_affine, fixed, fixed_affine)
    np.testing.assert_allclose(found.matrix, again.matrix, rtol=0, atol=1e-9)
    assert found.after < found.before
    error = np.linalg.inv(truth) @ found.matrix
    assert np.linalg.norm(error[:3, 3]) < 0.2
    assert np.degrees(np.linalg.norm(Rotation.from_matrix(error[:3, :3]).as_rotvec())) < 0.3


def test_images_without_contrast_are_refused() -> None:
    pytest.importorskip("SimpleITK")
    with pytest.raises(InputError, match="constant"):
        register(np.ones((4, 4, 4)), np.eye(4), np.ones((4, 4, 4)), np.eye(4))
