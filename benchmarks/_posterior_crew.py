"""The example's calibration on one model and on two workers: the same bits, in how much less time."""

import json
import resource
import tempfile
from pathlib import Path

import fibertwin.stack  # noqa: F401 - before dolfinx

# isort: split
import numpy as np
from _table import Row, clock, judged, told
from mpi4py import MPI

from fibertwin.calibrate_verb import SUMMARY, calibrated
from fibertwin.calibration import Posterior
from fibertwin.calibration_sources import Crew
from fibertwin.case import Case

EXAMPLE = Path(__file__).parent.parent / "examples" / "calibration" / "case.toml"


def crew() -> list[Row]:
    """Serial, then two workers of one rank each; the first of the three runs compiles and is not counted."""
    case = Case.read(EXAMPLE)
    with tempfile.TemporaryDirectory() as folder:
        calibrated(case.replace({"calibrate.method": "laplace"}), Path(folder, "first"), MPI.COMM_SELF)
        alone, alone_time, alone_cpu = _timed(case, Path(folder, "alone"), None)
        both, both_time, both_cpu = _timed(case, Path(folder, "both"), Crew(2))
    same = np.array_equal(alone.z, both.z) and alone.cost == both.cost
    words = f"{alone_time:.3g} s and {both_time:.3g} s of wall, {alone_cpu:.3g} s and {both_cpu:.3g} s of processor"
    ratio = alone_time / both_time
    return [
        judged("block of a scan, two workers next to one model: the same bits", "yes", "yes" if same else "no", same),
        judged(
            "two workers: wall of the posterior, of one model over theirs", "> 1.4", f"{ratio:.2f}", ratio > 1.4, words
        ),
        told("two workers: processor over that of one model, all in all", f"{both_cpu / alone_cpu:.2f}"),
    ]


def _timed(case: Case, out: Path, workers: Crew | None) -> tuple[Posterior, float, float]:
    """The posterior, wall seconds that it took once there was a body, and processor seconds of all that ran."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with clock() as time:
        found = calibrated(case, out, MPI.COMM_SELF, crew=workers)
    seconds = json.loads((out / SUMMARY).read_text("utf-8"))["timings_s"]["posterior"]
    return found, seconds, time.cpu_seconds + _spent() - before.ru_utime - before.ru_stime


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
