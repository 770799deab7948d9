"""Where a result came from: versions, inputs by checksum, ranks, command, date."""

import hashlib
import platform
import resource
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mpi4py import MPI

PACKAGES: tuple[str, ...] = (
    "fibertwin",
    "fenics-basix",
    "fenics-ffcx",
    "fenics-ufl",
    "numpy",
    "scipy",
    "mpi4py",
    "nibabel",
    "dipy",
    "gmsh",
    "scikit-image",
    "pyvista",
)


def provenance(case: Mapping[str, Any], inputs: Mapping[str, str], ranks: int) -> dict[str, Any]:
    """Everything needed to know what made a result.

    Args:
        case: the resolved case.
        inputs: checksums of the files that were read, by path.
        ranks: number of MPI ranks.
    """
    return {
        "case": dict(case),
        "versions": versions(),
        "ranks": ranks,
        "inputs": dict(inputs),
        "command": " ".join(sys.argv),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Versions of Python, of the libraries that are installed, and of DOLFINx and PETSc as loaded."""
    import dolfinx
    from petsc4py import PETSc

    found = {"python": platform.python_version(), "dolfinx": str(dolfinx.__version__)}
    found["petsc"] = ".".join(str(n) for n in PETSc.Sys.getVersion())
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def checksums(paths: Iterable[Path]) -> dict[str, str]:
    """Checksums of files, by path."""
    return {str(path): sha256(path) for path in paths}


def sha256(path: Path) -> str:
    """Checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def peak_memory(comm: "MPI.Comm") -> dict[str, float]:
    """Peak resident memory (MB): the sum over the ranks and the largest rank. Collective."""
    peaks = comm.allgather(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return {"peak_sum": float(sum(peaks)), "peak_rank": float(max(peaks))}
