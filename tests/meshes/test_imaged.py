"""Bodies by label names and from grey-scale images."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from mpi4py import MPI

from fibertwin.errors import InputError
from fibertwin.meshes import Block, GreyImage, Label, Mask, Rest, read_mask, tag_regions

WAYS = ("marching-cubes", "poisson")
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
AFFINE[:3, 3] = -20


def ball(radius: float) -> np.ndarray:
    index = np.stack(np.meshgrid(*(np.arange(21),) * 3, indexing="ij"), axis=-1)
    return np.asarray(np.linalg.norm(2.0 * index - 20, axis=-1) < radius)


@pytest.fixture
def labels(tmp_path) -> Path:
    """White matter on both sides, in a shell of fluid."""
    values = np.where(ball(14), np.where(np.arange(21)[:, None, None] < 10, 2, 41), np.where(ball(18), 24, 0))
    nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), AFFINE), tmp_path / "labels.nii.gz")
    return tmp_path / "labels.nii.gz"


def test_a_body_of_named_labels(labels):
    source = Mask(edge=6.0, file=labels, labels=("White Matter",))
    assert np.array_equal(source.voxels().inside, ball(14))
    body = source.build(MPI.COMM_SELF)
    assert body.quality.volume == pytest.approx(source.voxels().volume, rel=0.04)
    assert any(note.startswith("closing by 4 mm") for note in body.notes)
    assert np.array_equal(Mask(edge=6.0, file=labels).voxels().inside, ball(18))
    with pytest.raises(InputError, match="the label is empty"):
        Mask(edge=6.0, file=labels, labels=("thalamus",)).voxels()
    with pytest.raises(InputError, match="labels need a label image"):
        Mask(edge=6.0, labels=(2,)).voxels()


def test_own_names(labels, tmp_path):
    (tmp_path / "own.toml").write_text('core = [2, 41]\n"left half" = 2\n')
    named = Mask(edge=6.0, file=labels, labels=("left half",), table_file=tmp_path / "own.toml")
    assert named.voxels().inside.sum() == ball(14)[:10].sum()


def test_regions_by_names(labels):
    body = Block((16.0, 16.0, 16.0), (4, 4, 4)).build(MPI.COMM_SELF)
    tagged = tag_regions(body, {"left": Label(labels, ("left cerebral white matter",)), "rest": Rest()})
    x = body.mesh.geometry.x[body.mesh.geometry.dofmaps[0]].mean(axis=1)[:, 0]
    assert np.array_equal(tagged.cell_tags.values == 1, x < -1)


def test_bodies_from_grey_scale_images(tmp_path):
    noise = np.random.default_rng(2).normal(0, 5, (21, 21, 21))
    file = tmp_path / "scan.nii"
    nibabel.save(nibabel.Nifti1Image(np.where(ball(14), 300.0, 0.0) + noise, AFFINE), file)
    for source in (
        GreyImage(edge=6.0, file=file),
        GreyImage(edge=6.0, file=file, above=150.0),
        GreyImage(edge=6.0, file=file, above=150.0, seeds=((0.0, 0.0, 0.0),)),
    ):
        assert np.array_equal(source.voxels().inside, ball(14))
    with pytest.raises(ValueError, match="above is more than below"):
        GreyImage(edge=6.0, file=file, above=3.0, below=1.0)
    with pytest.raises(ValueError, match="classes are for Otsu"):
        GreyImage(edge=6.0, file=file, above=3.0, classes=3)


def test_a_map_of_probability_is_no_mask(tmp_path):
    file = tmp_path / "map.nii"
    nibabel.save(nibabel.Nifti1Image(np.where(ball(14), 0.8, 0.0).astype(np.float32), AFFINE), file)
    with pytest.raises(InputError, match=r"above = 0.5"):
        read_mask(file)
    assert np.array_equal(GreyImage(edge=6.0, file=file, above=0.5).voxels().inside, ball(14))


def test_both_ways_to_make_the_surface_give_bodies_that_pass_the_gate(labels):
    made = {way: Mask(edge=5.0, file=labels, reconstruction=way).build(MPI.COMM_SELF) for way in WAYS}
    volumes = [body.quality.volume for body in made.values()]
    assert volumes[0] == pytest.approx(volumes[1], rel=0.02)
    assert min(body.quality.minimum for body in made.values()) >= 0.15
    assert len(set(volumes)) == 2
