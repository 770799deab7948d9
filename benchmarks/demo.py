"""The main job, timed: a whole brain under a retractor, twice solved, with pictures and report.

python benchmarks/demo.py [--ranks 2] [--warm] [--folder RESULTS] [--solves] [--full] [--json] [--markdown FILE]

With ``--folder`` the results of a run made before are judged, and nothing is run. With ``--solves`` the solve with
fibers is measured by itself instead, on one rank, at both depths of the retractor; with ``--full`` on a finer mesh too,
on two.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measure import effort, how, solved
from _table import Row, below, clock, judged, main, told
from _tracts import the_scan

MARGIN = 90.0
"""Seconds of wall that the main job may take when it is repeated."""


SOLVES: dict[str, float] = {"5 mm": 10, "10 mm": 30}
"""Processor seconds that the solve may take on one rank, by the retractor's depth, each asked for in one step."""

FINE_EDGE, FINE_WALL, FINE_MB = "2.67 mm", 90.0, 5 * 1024
"""The finer mesh, and the wall seconds on idle cores and the memory (MB) that its solve may take on two ranks."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Run the demo, or take its results, and judge them; or measure its solves."""
    if arguments.solves:
        return solves(arguments)
    if arguments.folder is not None:
        return judge(json.loads((arguments.folder / "summary.json").read_text()))
    with tempfile.TemporaryDirectory() as folder:
        if arguments.warm:
            run(arguments.ranks, folder)
        with clock() as running:
            run(arguments.ranks, folder)
        rows = judge(json.loads((Path(folder) / "summary.json").read_text()))
    seconds, cost = running.seconds, f"{running}, {arguments.ranks} ranks"
    wall = judged("main job, wall s", f"< {MARGIN:g}", seconds, seconds < MARGIN, cost)
    return [wall, *rows]


def solves(arguments: argparse.Namespace) -> list[Row]:
    """The equilibrium alone, in processes of its own."""
    if the_scan() is None:
        return [told("the whole-brain scan", "cannot be fetched: there is nothing to measure")]
    found: list[Row] = []
    for depth, cpu in SOLVES.items():
        done = solved("brain", how(arguments), depth=depth)
        found += effort(f"brain, {depth} in one step", done, cpu=cpu)
    if arguments.full:
        fine = solved("brain", how(arguments, 3600.0), edge=FINE_EDGE, ranks=2)
        label = f"brain, edges of {FINE_EDGE}, 5 mm in one step, 2 ranks"
        found += [
            told(f"{label}: tetrahedra", fine.cells, fine.cost),
            below(f"{label}: wall s", FINE_WALL, fine.wall_s, fine.cost),
            *effort(label, fine, mb=FINE_MB),
        ]
    return found


def run(ranks: int, folder: str) -> None:
    """The command as a person gives it; what it says goes to stderr."""
    programs = Path(sys.executable).parent
    command = [str(programs / "mpirun"), "-n", str(ranks), str(programs / "fibertwin"), "demo", "-o", folder]
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"OMP_NUM_THREADS": "1"})


def judge(summary: dict[str, Any]) -> list[Row]:
    """The figures of one run."""
    unknowns, shape = summary["dofs"]["displacement"], summary["mesh_quality"]["scaled_jacobian"]["min"]
    memory, timings = summary["memory_MB"]["peak_sum"] / 1024, summary["timings_s"]
    ranks = summary["provenance"]["ranks"]
    rows = [
        judged("displacement unknowns", ">= 100,000", unknowns, unknowns >= 100_000),
        judged("least scaled Jacobian", ">= 0.15", shape, shape >= 0.15, f"{timings['anatomy and fibers']} s"),
        judged("peak memory of all ranks, GiB", "< 2.5", memory, memory < 2.5, f"{ranks} ranks"),
    ]
    for name, found in (("with fibers", summary), ("isotropic", summary["isotropic"])):
        if found is not None:
            rows += iterations(name, found, f"{timings['solve' if found is summary else 'isotropic model']} s")
    rows += answers(summary["fiber_strain_exceedance"])
    return rows + [told(f"{stage}, s", seconds, f"{ranks} ranks") for stage, seconds in timings.items()]


def iterations(name: str, solved: dict[str, Any], cost: str) -> list[Row]:
    """What one solve took."""
    steps, outcome = solved["steps"], solved["outcome"]
    return [
        judged(f"load reached, {name}, part", "1", outcome["load_level"], outcome["converged"], cost),
        told(f"load steps, {name}", len(steps)),
        told(f"Newton iterations, {name}", sum(step["newton"] for step in steps)),
        told(f"Krylov iterations, {name}", sum(step["krylov"] for step in steps)),
    ]


def answers(regions: dict[str, Any]) -> list[Row]:
    """How much is strained beyond each threshold, and how much of that isotropic tissue would not show."""
    rows = []
    for region, levels in regions.items():
        for label, row in levels.items():
            start = f"{region} beyond {label} along its fibers"
            rows.append(told(f"{start}, mL", row["volume_mL"]))
            rows.append(told(f"{start}, part of the region", row["fraction"]))
            if row["isotropic_fraction"] is not None:
                rows.append(told(f"{start}, part if isotropic", row["isotropic_fraction"]))
                rows.append(told(f"{start}, missed if isotropic, mL", row["isotropic_misses_mL"]))
                rows.append(told(f"{start}, added if isotropic, mL", row["isotropic_adds_mL"]))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--warm", action="store_true", help="run twice, and time the second")
    parser.add_argument("--folder", type=Path, help="results of a run made before")
    parser.add_argument("--solves", action="store_true", help="measure the solve by itself")
    main(measure, parser, solves=True)
