"""Diffusion tensors from a diffusion-weighted scan: weighted least squares in pieces of bounded memory."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from fibertwin.errors import InputError, Problem

from .algebra import Array
from .brain_mask import mask_of
from .geometry import Frame
from .gradients import Scan, open_scan
from .libraries import load
from .tensor_image import Mask, TensorImage, repair
from .volumes import read_mask

_FIT_VOXELS = 4_000
_SIGNAL_BYTES = 400 * 2**20


def fit_tensors(
    dwi: Path | str,
    bvals: Path | str,
    bvecs: Path | str,
    *,
    mask: Mask | Path | str | None = None,
    bvec_frame: Frame = "fsl",
    progress: Callable[[float], None] | None = None,
    slab: tuple[int, int] | None = None,
    max_b: float = 1600.0,
) -> TensorImage:
    """Fit one tensor to each voxel by weighted least squares (Chung et al. 2006, through dipy).

    The signals are read volume by volume, only inside the mask, and fitted a few thousand voxels at a time,
    so that a whole brain stays far below 2 GB. Then ``repair`` makes the tensors positive definite.

    Args:
        dwi: 4-D NIfTI.
        bvals: n numbers, s/mm².
        bvecs: 3 x n or n x 3 unit vectors.
        mask: (nx, ny, nz), a file, ``"otsu"`` for ``brain_mask``, or None for every voxel with signal.
        bvec_frame: axes of the b-vectors, see ``open_scan``.
        progress: called with the part done, 0 to 1.
        slab: first and one-past-last slice along the third voxel axis; only these are fitted and returned,
            and ``join_slabs`` puts the parts together. Each slab is independent of the others.
        max_b: volumes with a greater b-value, s/mm², are left out: the tensor describes Gaussian diffusion only.

    Returns:
        Tensors along RAS+ world axes, of the slab if one is given.

    Raises:
        InputError: holding every problem found, before any fitting.
    """
    scan = open_scan(dwi, bvals, bvecs, bvec_frame)
    inside = _mask(scan, mask)
    first, last = slab if slab is not None else (0, scan.shape[2])
    if not 0 <= first < last <= scan.shape[2]:
        raise InputError(Problem("slab", "is outside the scan", str(slab), f"within 0 to {scan.shape[2]} slices"))
    used = [i for i, b in enumerate(scan.bvals) if b <= max_b]
    left_out = len(scan.bvals) - len(used)
    _refuse_few(scan, used, max_b)
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, 2] * first
    inside = inside[:, :, first:last]
    components = np.zeros((*inside.shape, 6))
    pieces = _slice_pieces(inside, len(used))
    done, total = 0, max(int(inside.sum()), 1)
    for a, b in pieces:
        part = np.zeros_like(inside)
        part[:, :, a:b] = inside[:, :, a:b]
        signals = _signals(scan, part, used, first)
        fitted = np.empty((len(signals), 6))
        for start in range(0, len(signals), _FIT_VOXELS):
            chunk = slice(start, start + _FIT_VOXELS)
            fitted[chunk] = _wls(scan, used, signals[chunk])
            done += len(signals[chunk])
            if progress is not None:
                progress(done / total)
        components[part] = fitted
    sentences = list(scan.assumptions)
    sentences.append(f"Tensors were fitted by weighted least squares to {len(used)} volumes.")
    if left_out:
        sentences.append(f"{left_out} volumes with b > {max_b:g} s/mm² were left out of the tensor fit.")
    components, valid, repaired = repair(components, inside)
    return TensorImage(components, affine, valid, repaired, tuple(sentences))


def slab_bounds(mask: Mask, parts: int) -> list[tuple[int, int]]:
    """Split the slices of a mask into ``parts`` slabs with about equally many voxels to fit.

    Args:
        mask: (nx, ny, nz).
        parts: at most nz.

    Raises:
        InputError: more parts than slices.
    """
    count = mask.shape[2]
    if not 1 <= parts <= count:
        raise InputError(Problem("parts", "cannot split the scan", str(parts), f"1 to {count} slabs of whole slices"))
    work = np.cumsum(mask.sum(axis=(0, 1)) + 1e-3)
    cuts = [0]
    for part in range(1, parts):
        wanted = int(np.argmin(np.abs(work - work[-1] * part / parts))) + 1
        cuts.append(min(max(wanted, cuts[-1] + 1), count - (parts - part)))
    cuts.append(count)
    return list(pairwise(cuts))


def join_slabs(slabs: Sequence[TensorImage]) -> TensorImage:
    """One image of slabs that follow each other along the third voxel axis.

    Raises:
        InputError: a slab does not start where the one before it ends.
    """
    first = slabs[0]
    start = 0
    for number, part in enumerate(slabs):
        wanted = first.affine.copy()
        wanted[:3, 3] += wanted[:3, 2] * start
        if part.shape[:2] != first.shape[:2] or not np.allclose(part.affine, wanted, atol=1e-3):
            raise InputError(Problem(f"slab {number}", "does not follow the one before it", str(part.affine.tolist())))
        start += part.shape[2]
    return TensorImage(
        np.concatenate([s.components for s in slabs], axis=2),
        first.affine,
        np.concatenate([s.mask for s in slabs], axis=2),
        np.concatenate([s.repaired for s in slabs], axis=2),
        first.assumptions,
    )


def _mask(scan: Scan, mask: Mask | Path | str | None) -> Mask:
    """(nx, ny, nz): voxels to fit."""
    if mask is None:
        return np.asarray(scan.volume(scan.b0[0]) > 0)
    if isinstance(mask, str) and mask == "otsu":
        return mask_of(scan)
    found = None if mask is None else read_mask(mask, scan.affine, scan.shape)
    if found is None or not found.any():
        raise InputError(Problem("mask" if isinstance(mask, np.ndarray) else str(mask), "is empty"))
    return found


def _refuse_few(scan: Scan, used: list[int], max_b: float) -> None:
    weighted = scan.bvecs[[i for i in used if i not in set(scan.b0)]]
    products = np.stack([weighted[:, i] * weighted[:, j] for i in range(3) for j in range(i, 3)], axis=1)
    if len(weighted) < 6 or np.linalg.matrix_rank(products, tol=1e-3 * np.sqrt(len(weighted))) < 6:
        got = f"{len(weighted)} weighted volumes with b <= {max_b:g} s/mm²"
        raise InputError(
            Problem(str(scan.path), "has too few directions for a tensor", got, "at least 6", "raise max_b")
        )


def _slice_pieces(mask: Mask, volumes: int) -> list[tuple[int, int]]:
    """Slices to read at once such that their signals fit into the memory allowed."""
    most = max(_SIGNAL_BYTES // (4 * volumes), 1)
    pieces, start, held = [], 0, 0
    for k, voxels in enumerate(mask.sum(axis=(0, 1)).tolist()):
        if held and held + voxels > most:
            pieces.append((start, k))
            start, held = k, 0
        held += voxels
    pieces.append((start, mask.shape[2]))
    return pieces


def _signals(scan: Scan, part: Mask, used: list[int], first: int) -> Any:
    """(voxels, volumes) float32, read one volume at a time."""
    signals = np.empty((int(part.sum()), len(used)), dtype=np.float32)
    window = slice(first, first + part.shape[2])
    for column, number in enumerate(used):
        signals[:, column] = np.asarray(scan.image.dataobj[..., number])[:, :, window][part]
    return signals


def _wls(scan: Scan, used: list[int], signals: Any) -> Array:
    """World tensors (n, 6), mm²/s, not yet repaired; NaN where a signal is not finite."""
    dti, gradients = load("dipy.reconst.dti"), load("dipy.core.gradients")
    table = gradients.gradient_table(scan.bvals[used], bvecs=scan.bvecs[used], b0_threshold=50)
    design = dti.design_matrix(table)
    data = signals.astype(float)
    finite = np.isfinite(data).all(axis=1)
    # a floor for zero and negative signals from the voxel itself, so that no voxel's fit depends on its chunk
    unweighted = data[:, table.b0s_mask].mean(axis=1)
    finite &= unweighted > 0
    data[~finite] = 1.0
    floor = 1e-3 * np.where(finite, unweighted, 1.0)
    data = np.maximum(data, floor[:, None])
    fitted = dti.wls_fit_tensor(design, data, return_lower_triangular=True)
    if isinstance(fitted, tuple):
        fitted = fitted[0]
    tensors = np.asarray(fitted, dtype=float)[:, :6]
    tensors[~finite] = np.nan
    return tensors
