"""The main job, timed: a whole brain under a retractor, twice solved, with pictures and report.

python benchmarks/demo.py [--ranks 2] [--folder RESULTS] [--json]

With ``--folder`` the results of a run made before are judged, and nothing is run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _table import Row, clock, judged, main, reported


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Run the demo, or take its results, and judge them."""
    if arguments.folder is not None:
        return judge(json.loads((arguments.folder / "summary.json").read_text()))
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(sys.executable).parent
        command = [programs / "mpirun", "-n", str(arguments.ranks), programs / "fibertwin", "demo", "-o", folder]
        with clock() as running:
            subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"OMP_NUM_THREADS": "1"})
        rows = judge(json.loads((Path(folder) / "summary.json").read_text()))
    seconds = f"{running.seconds:.0f}"
    return [
        judged(f"main job on {arguments.ranks} ranks, s", "< 90", seconds, running.seconds < 90, str(running)),
        *rows,
    ]


def judge(summary: dict[str, Any]) -> list[Row]:
    """The figures of one run."""
    unknowns, shape = summary["dofs"]["displacement"], summary["mesh_quality"]["scaled_jacobian"]["min"]
    memory = summary["memory_MB"]["peak_sum"] / 1e3
    timings = summary["timings_s"]
    rows = [
        judged("displacement unknowns", ">= 100000", str(unknowns), unknowns >= 100_000),
        judged("least scaled Jacobian", ">= 0.15", f"{shape:.3f}", shape >= 0.15, f"{timings['anatomy and fibers']} s"),
        judged("peak memory of all ranks, GB", "< 2.5", f"{memory:.2f}", memory < 2.5),
    ]
    for name, found in (("with fibers", summary), ("isotropic", summary["isotropic"])):
        if found is not None:
            newton, krylov = (sum(step[key] for step in found["steps"]) for key in ("newton", "krylov"))
            cost = f"{timings['solve' if found is summary else 'isotropic model']} s"
            rows.append(
                reported(f"increments, Newton, Krylov, {name}", f"{len(found['steps'])}, {newton}, {krylov}", cost)
            )
    for region, levels in summary["fiber_strain_exceedance"].items():
        for label, row in levels.items():
            ours = f"{row['volume_mL']:.3g} mL ({row['fraction']:.2e})"
            if row["isotropic_fraction"] is not None:
                ours += f"; isotropic misses {row['isotropic_misses_mL']:.3g}, adds {row['isotropic_adds_mL']:.3g} mL"
            rows.append(reported(f"{region} beyond {label} along its fibers", ours))
    rows.append(reported("seconds by stage", ", ".join(f"{stage} {s:.1f}" for stage, s in timings.items())))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="results of a run made before")
    main(measure, parser)
