"""How fast tensors are fitted, decomposed (next to dipy) and sampled, and in how much memory.

    python benchmarks/decomposition.py [--scan FOLDER] [--json]

Speeds are by processor time, which another job on the machine hardly changes: of all threads, so set OMP_NUM_THREADS=1.
Decompositions are the best of three.
"""

import argparse
import resource
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _stored import points_inside
from _table import Row, below, clock, judged, main, told
from _tracts import scan_files, the_scan

from fibertwin.imaging import TensorImage, brain_mask, eigen, fit_tensors, from_matrix, sample_tensors, to_matrix
from fibertwin.imaging.algebra import Array


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Fit first, so that its peak memory is not another's."""
    folder = arguments.scan or the_scan()
    if folder is None:
        missing = told("the whole-brain scan", "cannot be fetched: fit and sampling are left out")
        return [missing, *decompose(arguments.count)]
    image, fitted = fit(folder)
    return [*fitted, *decompose(arguments.count), *sample(image, arguments.count)]


def fit(folder: Path) -> tuple[TensorImage, list[Row]]:
    """Weighted least squares on a whole brain."""
    files = scan_files(folder)
    with clock() as masking:
        mask = brain_mask(*files[:2])
    with clock() as fitting:
        image = fit_tensors(*files, mask=mask)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    count = int(image.mask.sum())
    return image, [
        told("brain mask, s of processor", masking.cpu_seconds, masking),
        told(f"weighted least squares on {count:,} voxels, voxels/s", count / fitting.cpu_seconds, fitting),
        judged("peak memory of mask and fit, GiB", "< 2", peak, peak < 2.0),
    ]


def decompose(count: int) -> list[Row]:
    """Eigenvalues and axes of random tensors; both results must agree."""
    from dipy.reconst.dti import decompose_tensor

    rng = np.random.default_rng(0)
    factors = rng.normal(size=(count, 3, 3))
    tensors = from_matrix(1e-3 * factors @ factors.transpose(0, 2, 1))
    matrices = to_matrix(tensors)
    parts, ours = _best(lambda: eigen(tensors))
    (values, vectors), theirs = _best(lambda: decompose_tensor(matrices))
    worst = float(np.abs(values - parts.values).max() / values.max())
    back = float(np.abs(_composed(parts.values, parts.vectors) - matrices).max() / matrices.max())
    back_theirs = float(np.abs(_composed(values, vectors) - matrices).max() / matrices.max())
    speed, speed_theirs = count / ours, count / theirs
    return [
        told(f"eigen-decomposition of {count:,} tensors, voxels/s", speed, f"{ours:.3g} s"),
        told("the same by dipy's decompose_tensor, voxels/s", speed_theirs, f"{theirs:.3g} s"),
        told("ours over dipy's", speed / speed_theirs),
        below("eigenvalues against dipy's, relative to the largest", 1e-12, worst),
        below("tensors put together again, relative", 1e-12, back),
        told("the same of dipy's", back_theirs),
    ]


def sample(image: TensorImage, count: int) -> list[Row]:
    """Log-Euclidean sampling at points inside and just outside the mask, logarithms of all voxels included."""
    points = points_inside(image, count, 0.7)
    fresh = replace(image)  # no logarithms made yet
    with clock() as running:
        found = sample_tensors(fresh, points, radius=5.0)
    seconds = running.seconds
    return [
        judged(f"log-Euclidean sampling at {count:,} points, s", "< 10", seconds, seconds < 10, running),
        told("the same, points/s of processor", count / running.cpu_seconds),
        told("points whose stencil leaves the mask, part", float(found.filled.mean())),
    ]


def _composed(values: Array, vectors: Array) -> Array:
    return np.asarray((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1))


def _best[T](work: Callable[[], T], times: int = 3) -> tuple[T, float]:
    """What the work gives, and its least processor seconds."""
    seconds: list[float] = []
    found: Any = None
    for _ in range(times):
        with clock() as running:
            found = work()
        seconds.append(running.cpu_seconds)
    return found, min(seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scan", type=Path, help="folder with one *dwi.nii.gz, .bval and .bvec")
    parser.add_argument("--count", type=int, default=1_000_000, help="tensors to decompose, points to sample")
    main(measure, parser)
