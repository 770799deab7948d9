"""Surfaces made from masks: volume, closure, orientation, smoothing and decimation."""

import numpy as np
import pytest

from fibertwin.errors import InputError
from fibertwin.imaging import VoxelMask, clean_mask
from fibertwin.surfaces import (
    Surface,
    decimate,
    largest_piece,
    relax_tangentially,
    smooth_taubin,
    surface_from_mask,
    triangles_for,
)
from fibertwin.surfaces.decimation import without_fins

TETRAHEDRON = Surface(
    np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]), np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
)


def ball(radius: float = 20.0, spacing: tuple[float, float, float] = (2.0, 2.0, 2.0), flip: bool = False) -> VoxelMask:
    """A ball about (5, -3, 8) mm on a grid that may run backwards along x."""
    affine = np.diag([*spacing, 1.0])
    count = [int(np.ceil(2.4 * radius / s)) for s in spacing]
    if flip:
        affine[0, 0] *= -1
    center = np.array([5.0, -3.0, 8.0])
    affine[:3, 3] = center - affine[:3, :3] @ ((np.array(count) - 1) / 2)
    index = np.stack(np.meshgrid(*map(np.arange, count), indexing="ij"), axis=-1)
    points = index @ affine[:3, :3].T + affine[:3, 3]
    return VoxelMask(np.linalg.norm(points - center, axis=-1) < radius, affine, "ball")


def test_closed_forms_on_a_tetrahedron():
    assert TETRAHEDRON.volume == pytest.approx(1 / 6)
    assert TETRAHEDRON.area == pytest.approx(1.5 + np.sqrt(3) / 2)
    assert TETRAHEDRON.is_watertight
    assert TETRAHEDRON.handles == 0
    turned = Surface(TETRAHEDRON.points, TETRAHEDRON.triangles[:, ::-1])
    assert turned.volume == pytest.approx(-1 / 6)
    assert turned.oriented().volume == pytest.approx(1 / 6)


def test_watertight_notices_a_hole_and_a_turned_triangle():
    assert not Surface(TETRAHEDRON.points, TETRAHEDRON.triangles[:3]).is_watertight
    turned = TETRAHEDRON.triangles.copy()
    turned[0] = turned[0, ::-1]
    assert not Surface(TETRAHEDRON.points, turned).is_watertight


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("spacing", [(2.0, 2.0, 2.0), (1.5, 2.0, 3.0)])
def test_mask_gives_a_closed_outward_surface_of_its_volume(spacing, flip):
    mask = ball(spacing=spacing, flip=flip)
    surface = surface_from_mask(mask, smoothing=2.0)
    assert surface.is_watertight
    assert surface.handles == 0
    assert surface.volume == pytest.approx(mask.volume, rel=0.02)
    assert surface.points.mean(axis=0) == pytest.approx([5, -3, 8], abs=0.1)
    radii = np.linalg.norm(surface.points - [5, -3, 8], axis=1)
    assert radii == pytest.approx(np.full(len(radii), 20), abs=1.2)


def test_smoothing_keeps_volume_and_takes_roughness():
    rough = surface_from_mask(ball())
    smooth = smooth_taubin(rough, 20)
    scatter = [np.linalg.norm(s.points - [5, -3, 8], axis=1).std() for s in (rough, smooth)]
    assert scatter[1] < 0.5 * scatter[0]
    assert smooth.volume == pytest.approx(rough.volume, rel=0.02)


def test_decimation_reaches_its_count_and_relaxing_evens_triangles_out():
    fine = smooth_taubin(surface_from_mask(ball(), 2.0), 20)
    count = triangles_for(fine, 5.0)
    coarse = decimate(fine, count)
    even = relax_tangentially(coarse, 10)
    assert len(coarse.triangles) == pytest.approx(count, rel=0.02)
    for surface in (coarse, even):
        assert surface.is_watertight
        assert surface.volume == pytest.approx(fine.volume, rel=0.03)
    assert _roundness(even).min() > _roundness(coarse).min()
    assert np.percentile(_roundness(even), 5) > 0.7
    assert decimate(fine, 10**9) is fine


def _roundness(surface: Surface) -> np.ndarray:
    """4 sqrt(3) area / sum of squared edges: 1 for an equilateral triangle."""
    a, b, c = (surface.points[surface.triangles[:, i]] for i in range(3))
    squares = sum(((p - q) ** 2).sum(axis=1) for p, q in ((a, b), (b, c), (c, a)))
    return 2 * np.sqrt(3) * np.linalg.norm(np.cross(b - a, c - a), axis=1) / squares


def test_cleaning_keeps_the_largest_piece_fills_holes_and_closes_furrows():
    mask = ball()
    inside = mask.inside.copy()
    middle = inside.shape[0] // 2
    inside[middle, middle, middle] = False
    inside[middle, :, middle + 4 :] = False  # a furrow one voxel (2 mm) wide
    inside[0, 0, 0] = True
    dirty = VoxelMask(inside, mask.affine)
    closed = clean_mask(dirty, closing=3.0)
    assert not closed.inside[0, 0, 0]
    assert closed.inside[middle, middle, middle]
    assert closed.volume == pytest.approx(mask.volume, rel=0.03)
    furrowed = clean_mask(dirty, closing=0.0)
    assert furrowed.volume < mask.volume - 8 * 8
    assert not furrowed.inside[middle, middle, middle + 6]


def test_opening_cuts_a_bridge_and_keeps_the_body():
    big, step = ball(), 2.0
    inside = np.pad(big.inside, ((0, 14), (0, 0), (0, 0)))
    m = big.inside.shape[1] // 2
    inside[20:28, m - 2 : m + 1, m - 2 : m + 1] = True  # a bridge 6 mm thick to a knob of 10 mm
    inside[28:33, m - 3 : m + 2, m - 3 : m + 2] = True
    mask = VoxelMask(inside, big.affine, "knob")
    assert clean_mask(mask, 0.0).volume > big.volume + 5 * 25 * step**3 - 1
    opened = clean_mask(mask, 0.0, opening=5.0)
    assert not opened.inside[28:].any()
    lost = big.inside & ~opened.inside[: big.inside.shape[0]]
    assert lost.sum() < 0.01 * big.inside.sum()
    with pytest.raises(InputError, match="thicker than the opening"):
        clean_mask(mask, 0.0, opening=40.0)


def test_largest_piece_drops_the_smaller_one():
    more = np.concatenate([TETRAHEDRON.points + 10, TETRAHEDRON.points])
    octahedron = surface_from_mask(ball(radius=6.0))
    both = Surface(
        np.concatenate([more, octahedron.points]),
        np.concatenate([TETRAHEDRON.triangles, octahedron.triangles + len(more)]),
    )
    kept = largest_piece(both)
    assert len(kept.triangles) == len(octahedron.triangles)
    assert kept.volume == pytest.approx(octahedron.volume)


def test_empty_and_vanishing_masks_are_refused():
    nothing = VoxelMask(np.zeros((5, 5, 5), bool), np.eye(4), "scan.nii")
    with pytest.raises(InputError, match="the mask is empty"):
        clean_mask(nothing, 1.0)
    speck = nothing.inside.copy()
    speck[2, 2, 2] = True
    with pytest.raises(InputError, match="too small for its smoothing"):
        surface_from_mask(VoxelMask(speck, np.eye(4), "scan.nii"), 3.0)


def test_centroid_and_volume_of_a_mask():
    mask = ball(flip=True)
    assert mask.centroid == pytest.approx([5, -3, 8])
    assert mask.volume == pytest.approx(mask.inside.sum() * 8)


def test_fins_are_taken_off():
    fin = np.array([[0, 1, 4], [1, 0, 4]])
    points = np.concatenate([TETRAHEDRON.points, [[0.5, -1.0, 0.0]]])
    finned = Surface(points, np.concatenate([TETRAHEDRON.triangles, fin]))
    assert not finned.is_watertight
    assert np.array_equal(without_fins(finned).triangles, TETRAHEDRON.triangles)
