"""Camino's raw tensor files (.Bdouble, .Bfloat): dt and dteig records, big-endian, voxel order."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array, compose


def read_camino(path: Path, shape: tuple[int, int, int]) -> tuple[Array, Array]:
    """Tensors of a Camino file; its x index runs fastest, and it knows neither shape nor affine.

    Records by their length (http://camino.cs.ucl.ac.uk/index.php?n=Docs.FileFormats): ``dt`` holds 8
    numbers, exit code (-1 background), ln A(0), then xx xy xz yy yz zz; ``dteig`` holds 12, three times an
    eigenvalue and its vector.

    Args:
        path: ``.Bdouble`` or ``.Bfloat``, possibly ``.gz``.
        shape: voxels along the three axes, from the grid image.

    Returns:
        Components (nx, ny, nz, 6) in the order xx xy xz yy yz zz, and 1 where the record is no background.

    Raises:
        InputError: missing, or its length is neither 8 nor 12 numbers for each voxel.
    """
    if not path.is_file():
        raise InputError(Problem(str(path), "is missing"))
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(Problem(str(path), "is truncated or damaged", str(error))) from error
    kind = np.dtype(">f4") if ".bfloat" in path.name.lower() else np.dtype(">f8")
    voxels = int(np.prod(shape))
    per_voxel = len(raw) / kind.itemsize / voxels
    if per_voxel not in (8, 12):
        wanted = "8 (dt) or 12 (dteig) numbers for each voxel of the grid image"
        hint = "is the file truncated, or the grid image another scan's?"
        raise InputError(Problem(str(path), "does not fit the grid", f"{per_voxel:.4g} for each voxel", wanted, hint))
    records = np.frombuffer(raw, kind).astype(float).reshape(*shape[::-1], int(per_voxel)).transpose(2, 1, 0, 3)
    if per_voxel == 8:
        return records[..., 2:], (records[..., 0] >= 0).astype(float)
    values, vectors = records[..., [0, 4, 8]], np.stack([records[..., i : i + 3] for i in (1, 5, 9)], axis=-1)
    lower = compose(values, vectors)
    return lower[..., [0, 1, 3, 2, 4, 5]], (np.abs(values).max(axis=-1) > 0).astype(float)
