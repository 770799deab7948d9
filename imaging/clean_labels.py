"""Cleaning of label images: each label like a mask, while labels stay disjoint."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

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
    old = np.asarray(image.labels, dtype=np.int32)
    wanted = set(image.present if labels is None else image.numbers(labels)) & set(image.present)
    cleaned = _each(image, old, sorted(wanted), Steps(closing, opening, smallest, fill))
    kept = old.copy()
    for one in cleaned:
        part = kept[one.box]
        part[(part == one.label) & ~one.inside] = 0
    grown, contested = _grow(kept, cleaned)
    lost = (old != 0) & (grown == 0)
    new = _hand_over(grown, lost)
    totals = [_total(old, new)]
    if contested:
        totals.append(f"{contested} voxels were wanted by two labels: the smaller one has them")
    return replace(image, labels=new, notes=(*image.notes, *(one.note for one in cleaned if one.note), *totals))


@dataclass(frozen=True)
class Steps:
    """What is done to each label; see ``clean_labels``."""

    closing: float
    opening: float
    smallest: float | None
    fill: bool


@dataclass(frozen=True)
class _Cleaned:
    """A label after cleaning by itself: the voxels that it wants in a box, and what was changed."""

    label: int
    box: Box
    inside: NDArray[np.bool_]
    note: str


def _each(image: LabelImage, old: Labels, wanted: list[int], steps: Steps) -> list[_Cleaned]:
    """Each label cleaned by itself, those with fewer voxels first.

    Raises:
        InputError: with every label of which nothing is left.
    """
    from scipy import ndimage

    numbers, counts = np.unique(old, return_counts=True)
    boxes = ndimage.find_objects(np.searchsorted(numbers, old) + 1)
    place = {int(number): k for k, number in enumerate(numbers)}
    found: list[_Cleaned] = []
    problems: list[Problem] = []
    for label in sorted(wanted, key=lambda number: counts[place[number]]):
        box = _wider(boxes[place[label]], steps.closing, image.affine, old.shape)
        try:
            found.append(_one(image, old, label, box, steps))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return found


def _one(image: LabelImage, old: Labels, label: int, box: Box, steps: Steps) -> _Cleaned:
    """A label cleaned as a mask, cavities with other labels in them left open."""
    mask = VoxelMask(old[box] == label, image.affine, f"{image.source}: label {image.name(label)}")
    done = clean_mask(mask, steps.closing, steps.opening, smallest=steps.smallest, fill=False)
    inside = done.inside
    notes = [note for note in done.notes if not note.endswith("nothing changed")]
    if steps.fill:
        holes = _holes(inside, (old[box] != label) & (old[box] != 0))
        inside = inside | holes
        notes += [f"holes filled: {holes.sum()} voxels added"] if holes.any() else []
    return _Cleaned(label, box, inside, f"label {image.name(label)}: {'; '.join(notes)}" if notes else "")


def _total(old: Labels, new: Labels) -> str:
    """What all of the cleaning changed."""
    given = int(((old != 0) & (new != 0) & (new != old)).sum())
    added, left_out = int(((old == 0) & (new != 0)).sum()), int(((old != 0) & (new == 0)).sum())
    return (
        f"cleaning changed {given + added + left_out} voxels: {given} given from one label to a neighbor, "
        f"{added} added, {left_out} left out"
    )


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


def _grow(kept: Labels, cleaned: list[_Cleaned]) -> tuple[Labels, int]:
    """Labels grown into free voxels, the first to ask first, and how many were asked for again."""
    new = kept.copy()
    contested = 0
    for one in cleaned:
        part, wanted = new[one.box], one.inside & (kept[one.box] == 0)
        contested += int((wanted & (part != 0)).sum())
        part[wanted & (part == 0)] = one.label
    return new, contested


def _hand_over(labels: Labels, lost: NDArray[np.bool_]) -> Labels:
    """Each piece of what was lost goes to the neighbor with which it shares most faces."""
    from scipy import ndimage

    pieces, count = ndimage.label(lost)
    if not count:
        return labels
    numbers = np.unique(labels)
    index = np.searchsorted(numbers, labels)
    faces = np.zeros((count + 1, len(numbers)), dtype=np.int64)
    for axis in range(3):
        for one, two in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            piece, other = np.moveaxis(pieces, axis, 0)[one], np.moveaxis(index, axis, 0)[two]
            across = (piece > 0) & (np.moveaxis(pieces, axis, 0)[two] == 0)
            np.add.at(faces, (piece[across], other[across]), 1)
    new = labels.copy()
    new[lost] = numbers[np.argmax(faces, axis=1)][pieces[lost]]
    return new
