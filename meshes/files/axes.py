"""Fibers and sheets that come with a mesh: vectors in cells or at points become one axis for each cell."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fibertwin.errors import InputError, Problem

from .contents import Contents, Floats, Integers


@dataclass(frozen=True)
class Axes:
    """Axes of cells.

    Attributes:
        fibers: (m, 3) unit vectors in the file's axes, zero where a cell has none; ``None`` without fibers.
        sheets: likewise.
        notes: what a person should know.
    """

    fibers: Floats | None = None
    sheets: Floats | None = None
    notes: tuple[str, ...] = ()


def axes_of(
    contents: Contents, file: Path, fibers: str | None, sheets: str | None, corners: Integers, blocks: tuple[int, ...]
) -> Axes:
    """The fibers and sheets of a file's solid cells.

    Args:
        contents: the file's.
        file: for messages.
        fibers: name of the data, or ``None`` for what the format itself has for fibers.
        sheets: likewise.
        corners: (m, k) points at the cells' corners.
        blocks: which of the file's blocks the cells are.

    Raises:
        InputError: there are no such data, they are no vectors, as many as the cells or points, or not finite, or no
            cell has a fiber.
    """
    if sheets is not None and fibers is None and contents.fibers is None:
        raise InputError(Problem("anatomy.sheets", "needs fibers too", sheets, hint="give fibers, the fibers' name"))
    notes: list[str] = []
    found: dict[str, Floats | None] = {}
    for what, name in (("fibers", fibers or contents.fibers), ("sheets", sheets or contents.sheets)):
        found[what] = None if name is None else _vectors(contents, file, what, name, corners, blocks, notes)
    if found["fibers"] is not None and not found["fibers"].any():
        raise InputError(Problem(str(file), "all fibers are zero", wanted="a direction in each cell"))
    if found["sheets"] is not None and not found["sheets"].any():
        found["sheets"] = None
    return Axes(found["fibers"], found["sheets"], tuple(notes))


def _vectors(
    contents: Contents, file: Path, what: str, name: str, corners: Integers, blocks: tuple[int, ...], notes: list[str]
) -> Floats:
    """Unit vectors (m, 3) of the cells, zero where there are none; what was noticed goes into the notes."""
    if name in contents.cell_data:
        parts = [np.asarray(contents.cell_data[name][block]) for block in blocks]
        for part, block in zip(parts, blocks, strict=True):
            _require_vectors(part, len(contents.blocks[block].nodes), file, name, "cells")
        return _units(np.concatenate(parts), what, notes)
    if name in contents.point_data:
        values = np.asarray(contents.point_data[name])
        _require_vectors(values, len(contents.points), file, name, "points")
        _units(values[np.unique(corners)], f"{what} at points", notes)
        return mean_axes(_units(values, what, []), corners)
    vectors = [
        name
        for name, values in [*contents.point_data.items(), *((n, v[blocks[0]]) for n, v in contents.cell_data.items())]
        if np.ndim(values) == 2 and np.shape(values)[1] == 3
    ]
    have = ", ".join(vectors) or "no vectors"
    raise InputError(Problem(str(file), f"has no such vectors for {what}", name, f"one of: {have}"))


def _require_vectors(values: Floats, count: int, file: Path, name: str, where: str) -> None:
    if values.shape != (count, 3):
        got = f"{name}: {' × '.join(map(str, values.shape))}"
        raise InputError(Problem(str(file), f"{name} has not one vector for each of the {where}", got, f"{count} × 3"))
    bad = np.flatnonzero(~np.isfinite(values.astype(float)).all(axis=1))
    if len(bad):
        got = f"{len(bad)} of {count}, the first is number {bad[0]}"
        raise InputError(Problem(str(file), f"{name} is not finite in some {where}", got, "finite vectors"))


def _units(values: Floats, what: str, notes: list[str]) -> Floats:
    """The vectors with length one; those without length stay zero, and are counted."""
    vectors = np.asarray(values, dtype=np.float64)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if none := int((length == 0).sum()):
        notes.append(f"{what}: {none} of {len(vectors)} are zero; tissue counts as isotropic where a cell has none")
    off = np.abs(length - 1) > 1e-14  # unit vectors stay as they are, digit by digit
    return np.divide(vectors, np.where(off, length, 1.0), out=np.zeros_like(vectors), where=length > 0)


def mean_axes(vectors: Floats, corners: Integers) -> Floats:
    """The axis (m, 3) of each cell from those at its corners: the leading eigenvector of their mean dyad.

    Vectors themselves are never averaged, as v and −v are the same axis. The sign is that of the first corner that has
    an axis. A cell whose corners have none gets zero.

    Args:
        vectors: (n, 3) unit vectors at points, zero where there is none.
        corners: (m, k) points of each cell.
    """
    dyads = np.zeros((len(corners), 3, 3))
    reference = np.zeros((len(corners), 3))
    for corner in corners.T:
        v = vectors[corner]
        dyads += v[:, :, None] * v[:, None, :]
        unset = ~reference.any(axis=1)
        reference[unset] = v[unset]
    leading = np.linalg.eigh(dyads)[1][..., -1]
    sign = np.where(np.einsum("mi,mi->m", leading, reference) < 0, -1.0, 1.0)
    return np.where(reference.any(axis=1)[:, None], leading * sign[:, None], 0.0)
