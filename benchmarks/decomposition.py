"""How fast tensors are fitted, and decomposed next to dipy and LAPACK, and in how much memory.

    python benchmarks/decomposition.py [--scan FOLDER] [--count N] [--json]

Speeds are by processor time, which another job on the machine hardly changes: of all threads, so set OMP_NUM_THREADS=1.
Decompositions are made in turns, ours, dipy's and LAPACK's, and the median of the turns is told.
"""

import argparse
import resource
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from _table import Row, below, clock, judged, main, told
from _tracts import scan_files, the_scan

from fibertwin.imaging import brain_mask, eigen, fit_tensors, from_matrix, to_matrix
from fibertwin.imaging.algebra import Array

TURNS = 7
FASTER = 3.0
"""How many times as fast as dipy tensors are to be decomposed."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Fit first, so that its peak memory is not another's."""
    folder = arguments.scan or the_scan()
    if folder is None:
        missing = told("the whole-brain scan", "cannot be fetched: the fit is left out")
        return [missing, *decompose(arguments.count)]
    return [*fit(folder), *decompose(arguments.count)]


def fit(folder: Path) -> list[Row]:
    """Weighted least squares on a whole brain."""
    files = scan_files(folder)
    with clock() as masking:
        mask = brain_mask(*files[:2])
    with clock() as fitting:
        image = fit_tensors(*files, mask=mask)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    count = int(image.mask.sum())
    return [
        told("brain mask, s of processor", masking.cpu_seconds, masking),
        told(f"weighted least squares on {count:,} voxels, voxels/s", count / fitting.cpu_seconds, fitting),
        judged("peak memory of mask and fit, GiB", "< 2", peak, peak < 2.0),
    ]


def decompose(count: int) -> list[Row]:
    """Eigenvalues and axes of random tensors; all results must agree."""
    from dipy.reconst.dti import decompose_tensor

    factors = np.random.default_rng(0).normal(size=(count, 3, 3))
    tensors = from_matrix(1e-3 * factors @ factors.transpose(0, 2, 1))
    matrices = to_matrix(tensors)
    programs: dict[str, Callable[[], Any]] = {
        "ours": lambda: eigen(tensors),
        "dipy": lambda: decompose_tensor(matrices),
        "LAPACK": lambda: np.linalg.eigh(matrices),
    }
    found, seconds = in_turns(programs, TURNS)
    spread = {name: f"{min(times):.3g} to {max(times):.3g} s in {TURNS} turns" for name, times in seconds.items()}
    speed = {name: count / median(times) for name, times in seconds.items()}
    values, vectors = found["dipy"]
    ours = found["ours"]
    ratio = speed["ours"] / speed["dipy"]
    identity = ours.vectors.transpose(0, 2, 1) @ ours.vectors - np.eye(3)
    return [
        told(f"eigen-decomposition of {count:,} tensors, voxels/s", speed["ours"], spread["ours"]),
        told("the same by dipy's decompose_tensor, voxels/s", speed["dipy"], spread["dipy"]),
        told("the same by numpy's eigh (LAPACK) alone, voxels/s", speed["LAPACK"], spread["LAPACK"]),
        judged("ours over dipy's", f">= {FASTER:g}", ratio, ratio >= FASTER),
        below("eigenvalues against dipy's, relative to the largest", 1e-12, _worst(values - ours.values, values)),
        below("axes, from orthonormal", 1e-12, float(np.abs(identity).max())),
        below("tensors put together again, relative", 1e-12, _back(ours.values, ours.vectors, matrices)),
        told("the same of dipy's", _back(values, vectors, matrices)),
    ]


def in_turns(programs: Mapping[str, Callable[[], Any]], turns: int) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """What each program gives, and its processor seconds in each turn: one after the other, so that all share the
    machine's moods."""
    found: dict[str, Any] = {}
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(turns):
        for name, work in programs.items():
            with clock() as running:
                found[name] = work()
            seconds[name].append(running.cpu_seconds)
    return found, seconds


def _back(values: Array, vectors: Array, matrices: Array) -> float:
    """How far the tensors that the parts make are from the tensors."""
    return _worst((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1) - matrices, matrices)


def _worst(error: Array, scale: Array) -> float:
    return float(np.abs(error).max() / np.abs(scale).max())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=Path, help="folder with one *dwi.nii.gz, .bval and .bvec")
    parser.add_argument("--count", type=int, default=1_000_000, help="tensors to decompose")
    main(measure, parser)
