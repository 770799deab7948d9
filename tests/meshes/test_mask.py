"""Bodies from masks: the same on any number of ranks, with the quality asked for."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.imaging import VoxelMask
from fibertwin.meshes import Mask, area, read_mask

pytestmark = pytest.mark.mpi


def bean() -> VoxelMask:
    """An ellipsoid with a dent, on a grid that runs right to left."""
    affine = np.array([[-3.0, 0, 0, 40], [0, 3, 0, -30], [0, 0, 3, -20], [0, 0, 0, 1]])
    index = np.stack(np.meshgrid(*map(np.arange, (28, 24, 20)), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(index @ affine[:3, :3].T + affine[:3, 3], -1, 0)
    inside = (x / 30) ** 2 + ((y - 4) / 24) ** 2 + ((z - 8) / 20) ** 2 < 1
    inside &= x**2 + (y + 24) ** 2 + (z - 8) ** 2 > 12**2
    return VoxelMask(inside, affine, "bean")


def test_mask_becomes_a_body_of_its_volume_and_of_good_cells(comm):
    mask = bean()
    body = Mask(edge=8.0).build(comm, mask)
    assert body.quality.volume == pytest.approx(mask.volume, rel=0.03)
    assert body.quality.minimum >= 0.15
    assert body.regions == {"tissue": 1}
    assert area(body, "boundary") > 4 * np.pi * 23**2
    assert any("tetrahedra" in note for note in body.notes)


def test_every_rank_count_gives_the_mesh_of_one_rank(comm):
    body = Mask(edge=9.0).build(comm, bean())
    alone = Mask(edge=9.0).build(MPI.COMM_SELF, bean())
    assert body.quality.cells == alone.quality.cells
    assert body.quality.minimum == pytest.approx(alone.quality.minimum, rel=1e-12)
    assert _points_by_number(comm, body.mesh) == pytest.approx(_points_by_number(MPI.COMM_SELF, alone.mesh), abs=0)


def _points_by_number(comm, mesh):
    """All points in the order of the mesh's own input."""
    parts = comm.allgather((mesh.geometry.input_global_indices, mesh.geometry.x.copy()))
    points = np.full((1 + max(int(n.max(initial=0)) for n, _ in parts), 3), np.nan)
    for number, x in parts:
        points[number] = x
    return points


def test_mask_file(comm, shared_path):
    file, mask = shared_path / "mask.nii.gz", bean()
    if comm.rank == 0:
        nibabel.save(nibabel.Nifti1Image(mask.inside.astype(np.uint8), mask.affine), file)
    comm.Barrier()
    read = read_mask(file)
    assert np.array_equal(read.inside, mask.inside)
    assert read.affine == pytest.approx(mask.affine)
    body = Mask(edge=12.0, file=file).build(comm)
    assert body.quality.volume == pytest.approx(mask.volume, rel=0.05)


@pytest.mark.parametrize(
    ("source", "mask", "words"),
    [
        (Mask(edge=8.0), None, "there is no scan"),
        (Mask(edge=60.0), bean(), "too long for this body"),
        (Mask(edge=8.0), VoxelMask(np.zeros((4, 4, 4), bool), np.eye(4)), "the mask is empty"),
        (Mask(edge=12.0, minimum_quality=0.99), bean(), "too flat"),
    ],
)
def test_every_rank_refuses_alike(comm, source, mask, words):
    with pytest.raises(InputError, match=words) as caught:
        source.build(comm, mask)
    assert len(set(comm.allgather(str(caught.value)))) == 1


def test_missing_truncated_and_flat_files_are_refused(comm, shared_path):
    missing = Mask(edge=8.0, file=shared_path / "none.nii")
    with pytest.raises(InputError, match="no such mask file"):
        missing.check()
    truncated = shared_path / "truncated.nii.gz"
    if comm.rank == 0:
        nibabel.save(nibabel.Nifti1Image(np.random.default_rng(0).random((9, 9, 9)), np.eye(4)), truncated)
        truncated.write_bytes(truncated.read_bytes()[:-400])
        nibabel.save(nibabel.Nifti1Image(np.ones((5, 5, 5, 3)), np.eye(4)), shared_path / "four.nii")
    comm.Barrier()
    for file, words in (
        (shared_path / "none.nii", "no such"),
        (truncated, "can't be read as an image"),
        (shared_path / "four.nii", "is no volume"),
    ):
        with pytest.raises(InputError, match=words):
            Mask(edge=8.0, file=file).build(comm)


def test_missing_libraries_are_named_before_any_work(comm, monkeypatch):
    from fibertwin.meshes import MeshFile, sources

    monkeypatch.setattr(sources, "find_spec", lambda name: None if name in ("gmsh", "meshio") else object())
    with pytest.raises(InputError, match=r"gmsh: is needed(.|\n)*pip install 'fibertwin\[meshing\]'"):
        Mask(edge=8.0).build(comm, bean())
    with pytest.raises(InputError, match="meshio: is needed"):
        MeshFile(Path("some.msh"), "mm").check()
