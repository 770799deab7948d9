"""How long a small case takes from the shell's prompt and back when everything compiled is at hand.

    python benchmarks/startup.py [--repeat N] [--json]

The case is a block of 1,029 unknowns. It is run once before anything is timed, so that forms are compiled and Python's
own bytecode is written (into a folder of its own; where PYTHONDONTWRITEBYTECODE is set, every start would else compile
it anew). Wall seconds are the least of the repeats: another job on the machine only adds to them.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from _table import Row, below, clock, main, told

LIMIT = 2.5
"""Seconds of wall that the run may take."""

CASE = """\
title = "A block of a thousand unknowns"
[anatomy]
type = "block"
size = ["10 mm", "10 mm", "10 mm"]
cells = [3, 3, 3]
[surfaces]
left = { select = "plane", point = ["-5 mm", "0 mm", "0 mm"], normal = "left" }
right = { select = "plane", point = ["5 mm", "0 mm", "0 mm"], normal = "right" }
[materials.tissue]
bulk_modulus = "100 kPa"
energies = [{ law = "neo-hookean", mu = "1 kPa" }]
[supports]
left = { type = "clamp", surface = "left" }
right = { type = "prescribed-displacement", surface = "right", displacement = ["1 mm", "0 mm", "0 mm"] }
[solve]
formulation = "displacement"
"""

STEPS = {
    "Python": "pass",
    "numpy": "import numpy",
    "DOLFINx, PETSc, UFL": "import fibertwin.stack, dolfinx.fem.petsc",
    "everything that a run loads": "import fibertwin.pipeline",
    "the case read": "import fibertwin.pipeline, sys; from fibertwin.case import Case; Case.read(sys.argv[1])",
}
"""What a run begins with, each with all before it."""


@dataclass(frozen=True)
class Taken:
    """Wall and processor seconds of a program, those of its children included."""

    wall: float
    cpu: float


def measure(arguments: argparse.Namespace) -> list[Row]:
    """First the run as a whole, then what its start consists of."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        case, out = folder / "case.toml", folder / "out"
        case.write_text(CASE, encoding="utf-8")
        program = str(Path(sys.executable).parent / "fibertwin")
        whole = [program, "run", str(case), "-o", str(out)]
        short = [*whole, "--set", "output.report=false"]
        pages = repeated(whole, folder, arguments.repeat)
        runs = repeated(short, folder, arguments.repeat)
        summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
        steps = {
            step: repeated([sys.executable, "-c", code, str(case)], folder, arguments.repeat)
            for step, code in STEPS.items()
        }
    unknowns, walls = summary["dofs"]["displacement"], [run.wall for run in runs]
    rows = [
        below(f"warm run of {unknowns:,} unknowns, wall s", LIMIT, min(walls), f"up to {max(walls):.3g} s"),
        told("the same, processor s", min(run.cpu for run in runs)),
        told("the same with report.html and its pictures, wall s", min(run.wall for run in pages)),
        told("the same with report.html and its pictures, processor s", min(run.cpu for run in pages)),
    ]
    rows += [told(f"until {step}, processor s", min(run.cpu for run in taken)) for step, taken in steps.items()]
    return rows + [told(f"stage {stage}, wall s", seconds) for stage, seconds in summary["timings_s"].items()]


def repeated(command: list[str], folder: Path, times: int) -> list[Taken]:
    """A program's times, after one run that is not counted."""
    return [_timed(command, folder) for _ in range(times + 1)][1:]


def _timed(command: list[str], folder: Path) -> Taken:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with clock() as running:
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Taken(running.seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="times that each program is run")
    main(measure, parser)
