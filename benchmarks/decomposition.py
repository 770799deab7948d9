"""How fast tensors are decomposed and fitted, next to dipy's own decomposition, and in how much memory.

python benchmarks/decomposition.py [--scan FOLDER] [--json]
"""

import argparse
import resource
from pathlib import Path

import numpy as np
from _table import Row, clock, judged, main, reported
from _tracts import fetched_scan, scan_files

from fibertwin.imaging import brain_mask, eigen, fit_tensors, from_matrix, to_matrix


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Fit first, so that its peak memory is not another's."""
    rows = fit(arguments.scan) if arguments.scan is not None else []
    return rows + decompose(arguments.voxels)


def fit(folder: Path) -> list[Row]:
    """Weighted least squares on a whole brain."""
    files = scan_files(folder)
    with clock() as masking:
        mask = brain_mask(*files[:2])
    with clock() as fitting:
        image = fit_tensors(*files, mask=mask)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    speed = image.mask.sum() / fitting.seconds
    return [
        reported("brain mask, s", f"{masking.seconds:.2f}", str(masking)),
        reported(f"weighted least squares on {image.mask.sum():,} voxels, voxels/s", f"{speed:,.0f}", str(fitting)),
        judged("peak memory of mask and fit, GB", "< 2", f"{peak:.2f}", peak < 2.0),
    ]


def decompose(count: int) -> list[Row]:
    """Eigenvalues and axes of random tensors; both results must agree."""
    from dipy.reconst.dti import decompose_tensor

    rng = np.random.default_rng(0)
    factors = rng.normal(size=(count, 3, 3))
    tensors = from_matrix(1e-3 * factors @ factors.transpose(0, 2, 1))
    matrices = to_matrix(tensors)
    with clock() as ours:
        parts = eigen(tensors)
    with clock() as theirs:
        values, _ = decompose_tensor(matrices)
    worst = float(np.abs(values - parts.values).max() / values.max())
    return [
        reported(f"eigen-decomposition of {count:,} tensors, voxels/s", f"{count / ours.seconds:,.0f}", str(ours)),
        reported("the same by dipy's decompose_tensor, voxels/s", f"{count / theirs.seconds:,.0f}", str(theirs)),
        judged("eigenvalues against dipy's, relative to the largest", "<= 1e-12", f"{worst:.1e}", worst <= 1e-12),
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--scan", type=Path, default=fetched_scan(), help="folder with one *dwi.nii.gz, .bval and .bvec"
    )
    parser.add_argument("--voxels", type=int, default=1_000_000, help="tensors to decompose")
    return parser


if __name__ == "__main__":
    main(measure, _parser())
