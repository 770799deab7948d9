"""Regions from rules, on any number of ranks."""

import nibabel
import numpy as np
import pytest
from dolfinx.mesh import compute_midpoints

from fibertwin.errors import InputError
from fibertwin.meshes import (
    Block,
    CellTag,
    Diffusion,
    Label,
    RegionRule,
    Rest,
    ThickTube,
    axisymmetric_tensor,
    fibers_from,
    tag_regions,
    uniform_fibers,
)

pytestmark = pytest.mark.mpi


def body(comm):
    return Block((8.0, 8.0, 8.0), (4, 4, 4)).build(comm)


def fibers(anatomy):
    """FA 0.6 where x > 0, else 0.1; MD 2e-3 where z > 2, else 0.8e-3."""

    def tensor(points):
        return np.array(
            [axisymmetric_tensor((1, 0, 0), 0.6 if x > 0 else 0.1, 2e-3 if z > 2 else 0.8e-3) for x, _, z in points]
        )

    return fibers_from(anatomy.mesh, 2, tensor)


def centers(anatomy) -> np.ndarray:
    return anatomy.mesh.geometry.x[anatomy.mesh.geometry.dofmaps[0]].mean(axis=1)


def test_first_match_wins(comm):
    plain = body(comm)
    rules = {"fluid": Diffusion(md_above=1.5e-3), "white": Diffusion(fa_above=0.4), "grey": Rest()}
    tagged = tag_regions(plain, rules, fibers(plain))
    assert tagged.regions == {"fluid": 1, "white": 2, "grey": 3}
    x, _, z = centers(tagged).T
    assert np.array_equal(tagged.cell_tags.values, np.where(z > 2, 1, np.where(x > 0, 2, 3)))
    assert np.array_equal(tagged.cell_tags.indices, np.arange(len(x)))
    assert tagged.notes == tuple(
        f"region {n}: {k} cells ({100 * k / 384:.1f} %)" for n, k in (("fluid", 96), ("white", 144), ("grey", 144))
    )
    other = tag_regions(
        plain, {"white": Diffusion(fa_above=0.4), "fluid": Diffusion(md_above=1.5e-3), "grey": Rest()}, fibers(plain)
    )
    assert comm.allreduce(len(other.cell_tags.find(1))) == 192


def test_bounds_hold_together_and_upper_ones_exclude(comm):
    plain = body(comm)
    rules = {"it": Diffusion(fa_below=0.4, md_below=1e-3), "rest": Rest()}
    tagged = tag_regions(plain, rules, fibers(plain))
    x, _, z = centers(tagged).T
    assert np.array_equal(tagged.cell_tags.values == 1, (x < 0) & (z < 2))
    everything = {"all": Diffusion(fa_above=0.0, fa_below=1.0), "rest": Rest()}
    assert comm.allreduce(len(tag_regions(plain, everything, fibers(plain)).cell_tags.find(2))) == 0


def test_labels_are_read_at_centroids(comm, shared_path):
    file = shared_path / "labels.nii.gz"
    if comm.rank == 0:
        # voxels of 2 mm that run right to left; the outermost layer of cubes at x > 2 lies outside the image
        labels = np.zeros((3, 4, 4), np.int16)
        labels[0], labels[1], labels[2] = 41, 2, 3
        affine = np.diag([-2.0, 2, 2, 1])
        affine[:3, 3] = (1.0, -3, -3)
        nibabel.save(nibabel.Nifti1Image(labels, affine), file)
    comm.Barrier()
    rules = {"white": Label(file, (2, 41)), "grey": Label(file, (3,)), "rest": Rest()}
    tagged = tag_regions(body(comm), rules)
    x = centers(tagged)[:, 0]
    assert np.array_equal(tagged.cell_tags.values, np.where(x > 2, 3, np.where(x > -2, 1, 2)))


def test_regions_can_be_made_from_regions(comm):
    plain = body(comm)
    once = tag_regions(plain, {"a": Diffusion(fa_above=0.4), "b": Rest()}, fibers(plain))
    twice = tag_regions(once, {"renamed": CellTag((2,)), "others": CellTag((1, 5))})
    assert np.array_equal(twice.cell_tags.values == 1, once.cell_tags.values == 2)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"a": Diffusion(fa_above=0.4)}, r"belong to no region(.|\n)*192 of 384"),
        ({"a": Diffusion(fa_above=0.9), "b": Rest()}, r"regions.a: no cell belongs to it(.|\n)*fa_above=0.9"),
        ({"a": Diffusion(), "b": Rest()}, "has no bound"),
        ({"a": CellTag((77,)), "b": Rest()}, "regions.a: no cell belongs to it"),
        ({"a": Label("/no/such/labels.nii", (1,))}, "no such image file"),
    ],
)
def test_empty_regions_and_left_over_cells_are_refused(comm, rules, words):
    from pathlib import Path

    plain = body(comm)
    if isinstance(rules["a"], Label):
        rules = {"a": Label(Path(rules["a"].file), (1,))}
    with pytest.raises(InputError, match=words) as caught:
        tag_regions(plain, rules, fibers(plain))
    assert len(set(comm.allgather(str(caught.value)))) == 1


def test_diffusion_needs_a_scan(comm):
    with pytest.raises(InputError, match="needs a scan"):
        tag_regions(body(comm), {"white": Diffusion(fa_above=0.4)})


def test_every_member_is_offered():
    assert set(RegionRule.members()) == {"cell-tag", "diffusion", "label", "rest"}


@pytest.mark.parametrize("cell", ["hexahedra", "tetrahedra"])
def test_regions_of_curved_cells(comm, cell, shared_path):
    """Labels are looked up at the cells' centroids, whatever the cells."""
    body = ThickTube(1.0, 2.0, 4.0, (1, 4, 4), "quarter", cell).build(comm)
    labels = np.zeros((4, 4, 8), np.int16)
    labels[:, :, 4:] = 3
    affine = np.diag([1.0, 1, 1, 1])
    affine[:3, 3] = [-0.5, -0.5, -1.5]  # label 3 from z = 2 on
    if comm.rank == 0:
        nibabel.save(nibabel.Nifti1Image(labels, affine), shared_path / "labels.nii")
    comm.Barrier()
    fibers = uniform_fibers(body.mesh, 2, fa=0.5)
    tagged = tag_regions(
        body, {"far": Label(shared_path / "labels.nii", (3,)), "rest": Diffusion(fa_above=0.4)}, fibers
    )
    middles = compute_midpoints(body.mesh, 3, np.arange(len(tagged.cell_tags.values), dtype=np.int32))
    assert np.array_equal(tagged.cell_tags.values == 1, middles[:, 2] > 2)
    assert comm.allreduce(len(tagged.cell_tags.find(1))) == body.quality.cells // 2
