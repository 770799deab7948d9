"""The same load on the same brain, its surface made by marching cubes and by Poisson reconstruction.

python examples/surfaces/compare.py [-o FOLDER]
"""

import argparse
import json
from pathlib import Path

import fibertwin.stack  # noqa: F401

# the stack comes first
from mpi4py import MPI  # isort: skip

from fibertwin import pipeline
from fibertwin.case import Case

CASE = Path(__file__).parent / "case.toml"
RUNS = {
    "marching-cubes": {"anatomy.reconstruction": "marching-cubes"},
    "poisson": {"anatomy.reconstruction": "poisson"},
    "other mesh": {"anatomy.reconstruction": "marching-cubes", "anatomy.edge": "7.7 mm"},
}
"""The last is the first on slightly shorter edges: a change no larger than its own is the mesh's, not the surface's."""

MEASURES = ("max principal strain", "von Mises stress")
PERCENTILES = ("p50", "p95", "p99")


def main(out: Path) -> None:
    """Solve both and tell how strains differ."""
    found = {}
    for name, changes in RUNS.items():
        folder = out / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        pipeline.run(Case.read(CASE, changes), folder, MPI.COMM_SELF)
        found[name] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["regions"]["tissue"]
    print(f"| | {' | '.join(RUNS)} | change | of the mesh alone |\n|---|---|---|---|---|---|")
    _tell("volume, mL", [each["volume_mL"] for each in found.values()])
    for name in MEASURES:
        unit = next(iter(found.values()))["fields"][name]["unit"]
        for key in PERCENTILES:
            words = f"{name}{f', {unit}' if unit else ''}, {key[1:]} %"
            _tell(words, [each["fields"][name][key] for each in found.values()])


def _tell(name: str, values: list[float]) -> None:
    changes = [f"{100 * (value / values[0] - 1):+.1f} %" for value in values[1:]]
    print(f"| {name} | {' | '.join(f'{value:.4g}' for value in values)} | {' | '.join(changes)} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, default=Path("out/surfaces"), help="folder for the results")
    main(parser.parse_args().output)
