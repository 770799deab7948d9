"""The main job turned round: a brain's stiffness from 30 markers, then a blade chosen by the risk to its fibers.

python benchmarks/retraction.py [--ranks 2] [--edge "9 mm"] [--draws N] [--folder RESULTS] [--json] [--markdown FILE]

It runs ``examples/retraction``. With ``--folder`` results are written there, a run that was stopped goes on, and one
that has ended is judged without a solve.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _table import Row, judged, main, told

SCRIPT = Path(__file__).parents[1] / "examples" / "retraction" / "retraction.py"


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Run the example, or take its results, and judge them."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        if not (folder / "decision.json").exists():
            run(arguments, folder)
        found = json.loads((folder / "decision.json").read_text("utf-8"))
    return [*learned(found), *chosen(found)]


def run(arguments: argparse.Namespace, folder: Path) -> None:
    """The example as a person runs it; what it says goes to stderr."""
    programs = Path(sys.executable).parent
    command = [str(programs / "mpirun"), "-n", str(arguments.ranks), sys.executable, str(SCRIPT), "-o", str(folder)]
    command += ["--draws", str(arguments.draws)] + (["--edge", arguments.edge] if arguments.edge else [])
    subprocess.run(command, check=True, stdout=sys.stderr, env=os.environ | {"OMP_NUM_THREADS": "1"})


def learned(found: dict[str, Any]) -> list[Row]:
    """What the markers tell."""
    made = found["calibration"]
    rows = [
        told("calibration: solves now, known from before", solves(made), cost(found, "calibration")),
        judged("calibration: solves that failed", 0, made["failed"], made["failed"] == 0),
        told("calibration: kind, certified by true solves", f"{made['kind']}, {made['certified']}"),
    ]
    for name, one in made["known"].items():
        low, high = one["interval"]
        words = f"{one['truth']:g} in {low:.3g} to {high:.3g}"
        rows.append(judged(f"{name}: truth in 95 %, kPa", "inside", words, low <= one["truth"] <= high))
        rows.append(told(f"{name}: share of the prior's variance taken away", one["contraction"]))
    return rows


def chosen(found: dict[str, Any]) -> list[Row]:
    """What each blade would do."""
    made = found["decision"]
    rows = [
        told(f"decision, {made['draws']} draws: solves now, known from before", solves(made), cost(found, "decision")),
        judged("decision: solves that failed", 0, made["failed"], made["failed"] == 0),
    ]
    for name, one in made["blades"].items():
        rows += [
            told(f"{name}: P(too much is strained) ± error", f"{one['harm']:.3f} ± {one['harm_error']:.3f}"),
            told(f"{name}: share near the blade, 95 %", f"{one['near_low']:.4f} to {one['near_high']:.4f}"),
            told(f"{name}: the same at the parameters' mean", one["near_at_mean"]),
            told(f"{name}: the same in the patient", one["near_in_patient"]),
            told(f"{name}: share of all the tissue, mean, most", f"{one['whole_mean']:.5f}, {one['whole_most']:.5f}"),
        ]
    best = min(made["blades"], key=lambda name: made["blades"][name]["near_in_patient"])
    rows.append(
        judged(
            "blade chosen over the posterior", f"{best}, better for the patient", made["chosen"], made["chosen"] == best
        )
    )
    return [*rows, told("blades that stay below the limit at the parameters' mean", ", ".join(made["at_mean"]))]


def solves(made: dict[str, Any]) -> str:
    """How many there were."""
    return f"{made['solves']}, {made['recalled']}"


def cost(found: dict[str, Any], part: str) -> str:
    """What a part took."""
    spent = found["seconds"][part]
    return f"{spent['wall_s']:g} s, {spent['cpu_s']:g} s of processors, {found['ranks']} ranks"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--edge", help="edges of the model's mesh; the demo's if left out")
    parser.add_argument("--draws", type=int, default=32, help="draws of the posterior on which blades are compared")
    parser.add_argument("--folder", type=Path, help="results of a run made before, or of the run to be made")
    main(measure, parser)
