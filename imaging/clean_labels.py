"""Cleaning of label images: each label like a mask, while labels stay disjoint."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem

from .labels import LabelImage
from .voxel_mask import VoxelMask, clean_mask

Labels = NDArray[np.int32]
Box = tuple[slice, ...]


def clean_labels(
    image: LabelImage,
    closing: float = 0.0,
    opening: float = 0.0,
    *,
    labels: Iterable[int | str] | None = None,
    smallest: float | None = None,
    fill: bool = True,
) -> LabelImage:
    """Each label cleaned as ``clean_mask`` does; no voxel gets two labels.

    A label grows only into voxels outside of all labels and into those that another gave up; of two labels that want
    the same voxel, the one with fewer voxels has it. A piece that a label loses goes to the neighbor, label or outside,
    with which it shares most voxel faces.

    Args:
        image: the labels.
        closing: gaps in a label narrower than twice this (mm) are closed.
        opening: bridges of a label thinner than twice this (mm) are cut.
        labels: which are cleaned, by number or name; if left out, all.
        smallest: if given, all pieces of at least this volume (mm³) are kept instead of each label's largest alone.
        fill: whether holes in a label are filled; cavities in which another label lies are none.

    Returns:
        The image with notes of the voxels that each step changed, by label.

    Raises:
        InputError: a name is not known, or nothing is left of a label; all such labels are named.
    """
    from scipy import ndimage

    old = np.asarray(image.labels, dtype=np.int32)
    sizes = dict(zip(*(part.tolist() for part in np.unique(old, return_counts=True)), strict=True))
    wanted = set(image.present if labels is None else image.numbers(labels)) & set(sizes)
    numbers = np.array(sorted(sizes), dtype=np.int32)
    boxes = ndimage.find_objects(np.searchsorted(numbers, old).astype(np.int32) + 1)
    cleaned: dict[int, tuple[Box, NDArray[np.bool_]]] = {}
    notes: list[str] = []
    problems: list[Problem] = []
    for label in sorted(wanted, key=lambda n: (sizes[n], n)):
        box = _wider(boxes[int(np.searchsorted(numbers, label))], closing, image.affine, old.shape)
        mask = VoxelMask(old[box] == label, image.affine, f"{image.source}: label {image.name(label)}")
        try:
            done = clean_mask(mask, closing, opening, smallest=smallest, fill=False)
        except InputError as error:
            problems += error.problems
            continue
        holes = _holes(done.inside, (old[box] != label) & (old[box] != 0)) if fill else np.zeros_like(done.inside)
        cleaned[label] = (box, done.inside | holes)
        steps = [note for note in done.notes if not note.endswith("nothing changed")]
        steps += [f"holes filled: {holes.sum()} voxels added"] if holes.any() else []
        notes += [f"label {image.name(label)}: {'; '.join(steps)}"] if steps else []
    if problems:
        raise InputError(problems)
    kept = old.copy()
    for label, (box, inside) in cleaned.items():
        part = kept[box]
        part[(part == label) & ~inside] = 0
    lost = (kept == 0) & (old != 0)
    new, contested = _grow(kept, cleaned)
    new = _hand_over(new, lost & (new == 0))
    taken = int((lost & (new != 0) & (new != old)).sum())
    totals = [
        f"cleaning changed {int((new != old).sum())} voxels: {taken} given from one label to a neighbor, "
        f"{int(((old == 0) & (new != 0)).sum())} added, {int(((old != 0) & (new == 0)).sum())} left out"
    ]
    if contested:
        totals.append(f"{contested} voxels were wanted by two labels: the smaller one has them")
    return replace(image, labels=new, notes=(*image.notes, *notes, *totals))


def _wider(box: Box, margin: float, affine: NDArray[np.float64], shape: tuple[int, ...]) -> Box:
    """A box of voxels with a margin (mm) around it, within the image."""
    reach = np.ceil(margin * np.linalg.norm(np.linalg.inv(affine[:3, :3]), axis=1)).astype(int) + 1
    return tuple(slice(max(s.start - r, 0), min(s.stop + r, n)) for s, r, n in zip(box, reach, shape, strict=True))


def _holes(inside: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of cavities in which no other label lies."""
    from scipy import ndimage

    cavities, count = ndimage.label(ndimage.binary_fill_holes(inside) & ~inside)
    free = np.ones(count + 1, dtype=bool)
    free[0] = False
    free[np.unique(cavities[others])] = False
    return np.asarray(free[cavities])


def _grow(kept: Labels, cleaned: dict[int, tuple[Box, NDArray[np.bool_]]]) -> tuple[Labels, int]:
    """Labels grown into free voxels, the first to ask first, and how many were asked for again."""
    new = kept.copy()
    contested = 0
    for label, (box, inside) in cleaned.items():
        part, free = new[box], kept[box] == 0
        contested += int((inside & free & (part != 0) & (part != label)).sum())
        part[inside & free & (part == 0)] = label
    return new, contested


def _hand_over(labels: Labels, lost: NDArray[np.bool_]) -> Labels:
    """Each piece of what was lost goes to the neighbor with which it shares most faces."""
    from scipy import ndimage

    pieces, count = ndimage.label(lost)
    if not count:
        return labels
    numbers, index = np.unique(labels, return_inverse=True)
    index = index.reshape(labels.shape)
    faces = np.zeros((count + 1, len(numbers)), dtype=np.int64)
    for axis in range(3):
        for one, two in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            piece, other = np.moveaxis(pieces, axis, 0)[one], np.moveaxis(index, axis, 0)[two]
            across = (piece > 0) & (np.moveaxis(pieces, axis, 0)[two] == 0)
            np.add.at(faces, (piece[across], other[across]), 1)
    new = labels.copy()
    new[lost] = numbers[np.argmax(faces, axis=1)][pieces[lost]]
    return new
