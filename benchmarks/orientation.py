"""Directions that survive: the same scan in every stored form, wrong forms caught, tracts where anatomy says.

    python benchmarks/orientation.py [--scan FOLDER] [--json]

FOLDER holds one ``*dwi.nii.gz`` with its ``.bval`` and ``.bvec``; else the demo's scan is taken. Where that cannot be
fetched, synthetic tensors stand in for it, and the rows about anatomy are left out. The strains are those of
``examples/quick``.
"""

import argparse
import tempfile
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
from _mechanics import mechanics
from _stored import (
    GRIDS,
    KINDS,
    basis,
    crop,
    every_order_and_frame,
    gridded_back,
    points_inside,
    read_nifti,
    read_vectors,
    regridded,
    write_nifti,
)
from _table import Row, below, clock, judged, main, told
from _tracts import TRACTS, direction, scan_files, the_scan

from fibertwin.errors import InputError
from fibertwin.imaging import (
    ORDERS,
    TensorImage,
    axis_changes,
    brain_mask,
    fit_tensors,
    from_matrix,
    orientation_check,
    read_tensors,
    sample_tensors,
    tensor_quality,
)
from fibertwin.imaging.algebra import Array, rotated


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All rows: images first, then strains."""
    folder = arguments.scan or the_scan()
    if folder is None:
        image, rows = synthetic(), [told("the whole-brain scan", "cannot be fetched: its rows are left out")]
    else:
        image, rows = fitted(folder)
        rows += anatomy(image)
    rows += stored_forms(image)
    rows += wrong_forms(image)
    rows += [sign_of_axes(image)]
    return rows + mechanics()


def fitted(folder: Path) -> tuple[TensorImage, list[Row]]:
    """Fit the scan; its volume and numbers."""
    files = scan_files(folder)
    with clock() as masking:
        mask = brain_mask(*files[:2])
    with clock() as fitting:
        image = fit_tensors(*files, mask=mask)
    q = tensor_quality(image)
    liters, md = q.mask_volume / 1e6, q.median_md * 1e3
    return image, [
        judged("brain mask, L", "1.45 to 1.60", liters, 1.45 <= liters <= 1.60, masking),
        judged("median MD, 1e-3 mm²/s", "0.75 to 0.83", md, 0.75 <= md <= 0.83, fitting),
        judged("mean FA", "0.22 to 0.28", q.mean_fa, 0.22 <= q.mean_fa <= 0.28),
        told("voxels repaired, given up, of all", f"{q.repaired_voxels}, {q.lost_voxels}, {q.valid_voxels}"),
    ]


def anatomy(image: TensorImage) -> list[Row]:
    """Principal directions in tracts of known direction."""
    rows = []
    for tract in TRACTS:
        with clock() as running:
            found = direction(image, tract)
        ours = f"({', '.join(f'{v:.2f}' for v in found.axis)}), {found.part:.0%} of {found.voxels} voxels"
        met = int(np.argmax(found.axis)) == tract.axis and found.part > 0.85
        rows.append(judged(f"direction of the {tract.name}", f"along {'xyz'[tract.axis]}", ours, met, running))
    return rows


def stored_forms(image: TensorImage) -> list[Row]:
    """The same tensors in every order, frame and kind of file, and on every axis permutation and flip of the grid."""
    forms = list(every_order_and_frame())
    with tempfile.TemporaryDirectory() as name, clock() as all_forms:
        worst_form = max(_difference(read_nifti(image, *form, Path(name)), image) for form in forms)
    with tempfile.TemporaryDirectory() as name, clock() as all_kinds:
        worst_kind = max(_difference(kind.read(image, Path(name)), image) for kind in KINDS)
    # a crop keeps 48 grids affordable; permuting the grid acts on each voxel alone
    part = crop(image)
    points = points_inside(part, 20_000, 0.5)
    wanted, worst_grid, worst_point = sample_tensors(part, points, radius=5.0).tensors, 0.0, 0.0
    with tempfile.TemporaryDirectory() as name, clock() as all_grids:
        for grid in GRIDS:
            turned = regridded(part, *grid)
            for frame in ("voxel", "fsl"):
                back = read_nifti(turned, "upper", frame, Path(name))
                found = sample_tensors(back, points, radius=5.0).tensors
                worst_point = max(worst_point, _apart(found, wanted))
                worst_grid = max(worst_grid, _difference(gridded_back(back, *grid), part))
    start, kinds = "world tensors, relative, ", ", ".join(kind.name for kind in KINDS)
    grids = f"{start}{len(GRIDS)} grid permutations and flips × 2 frames"
    return [
        below(f"{start}{len(forms)} orders × frames", 1e-6, worst_form, all_forms),
        below(f"{start}{kinds}", 1e-6, worst_kind, all_kinds),
        below(f"{grids}, by voxel", 1e-6, worst_grid, all_grids),
        below(f"{grids}, sampled at the same points", 1e-6, worst_point),
    ]


def wrong_forms(image: TensorImage) -> list[Row]:
    """Wrong component orders refused, wrong flips and permutations named."""
    with clock() as checking:
        given = orientation_check(image)
    runner_up = sorted(given.scores.values())[-2]
    grid = basis(image.affine, "voxel")
    caught = mended = 0
    wrong = list(axis_changes().values())[1:]
    with clock() as changing:
        for matrix in wrong:
            changed = replace(image, components=rotated(image.components, grid @ matrix @ grid.T))
            report = orientation_check(changed)
            caught += not report.good
            back = rotated(changed.components, grid @ np.array(report.matrix) @ grid.T)
            mended += bool(np.allclose(back, image.components, rtol=0, atol=1e-12))
    refused = pairs = 0
    with tempfile.TemporaryDirectory() as folder, clock() as ordering:
        for right, taken in permutations(ORDERS, 2):
            path = write_nifti(image, right, "world", Path(folder))
            pairs += 1
            try:
                orientation_check(read_tensors(path, order=taken, frame="world", units="mm^2/s"))
            except InputError:
                refused += 1
    ratio = given.coherence / runner_up
    return [
        judged("best of all 24 axis changes", "as given", given.best, given.good, checking),
        judged("coherence over the next best axis change", "> 1.05", ratio, ratio > 1.05),
        judged("wrong flips and permutations caught", len(wrong), caught, caught == len(wrong), changing),
        judged("of these, undone by the change named", len(wrong), mended, mended == len(wrong)),
        judged("wrong component orders refused", pairs, refused, refused == pairs, ordering),
    ]


def sign_of_axes(image: TensorImage) -> Row:
    """Read eigenvector volumes twice, once with random signs at random voxels, and sample both."""
    points = points_inside(image, 20_000, 0.5)
    signs: Array = np.where(np.random.default_rng(0).random((*image.shape, 1, 3)) < 0.5, -1.0, 1.0)
    with tempfile.TemporaryDirectory() as name, clock() as running:
        read = (read_vectors(image, Path(name), factor) for factor in (1.0, signs))
        plain, turned = (sample_tensors(found, points, radius=5.0).tensors for found in read)
    return below("tensors sampled from eigenvectors of random sign, relative", 1e-8, _apart(turned, plain), running)


def synthetic() -> TensorImage:
    """Fibers that circle a tilted axis, on an oblique, left-handed grid."""
    shape = (34, 30, 26)
    turn = np.linalg.svd(np.array([[0.9, -0.36, 0.24], [0.43, 0.80, -0.42], [-0.04, 0.48, 0.87]]))
    affine = np.eye(4)
    affine[:3, :3] = turn[0] @ turn[2] @ np.diag([-2.0, 2.0, 2.4])
    world = np.argwhere(np.ones(shape)) @ affine[:3, :3].T
    world -= world.mean(axis=0)
    normal = np.array([0.48, 0.60, 0.64])
    tangent = np.cross(normal, world)
    radius = np.linalg.norm(tangent, axis=1)
    tangent /= np.where(radius > 0, radius, 1.0)[:, None]
    inside = (radius > 12.0) & (radius < 24.0) & (np.abs(world @ normal) < 12.0)
    tensors = from_matrix(0.3e-3 * np.eye(3) + 1.2e-3 * tangent[:, :, None] * tangent[:, None, :])
    components = np.where(inside[:, None], tensors, 0.0).reshape(*shape, 6)
    mask = inside.reshape(shape)
    return TensorImage(components, affine, mask, np.zeros(shape, dtype=bool))


def _difference(found: TensorImage, image: TensorImage) -> float:
    """Largest difference of a component relative to the largest; infinite where masks or places differ."""
    same_place = np.abs(found.affine - image.affine).max() < 1e-4
    if not (same_place and np.array_equal(found.mask, image.mask)):
        return float("inf")
    return _apart(found.components, image.components)


def _apart(found: Array, wanted: Array) -> float:
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=Path, help="folder with one *dwi.nii.gz, .bval and .bvec")
    main(measure, parser)
