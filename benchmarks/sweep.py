"""What a sweep of material parameters costs next to separate runs, killed twice on the way; engines; warm starts.

    python benchmarks/sweep.py [--members N] [--full] [--json]

The body is the block of examples/quick, its fibers from a real scan; stiffness varies. Separate runs are timed on a few
members, without report and fields, and their mean taken for all. Seconds are wall, of the whole programs.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _table import Row, below, judged, main, told

QUICK = Path(__file__).resolve().parents[1] / "examples" / "quick" / "case.toml"
FIBERTWIN = [sys.executable, "-m", "fibertwin.cli"]
SWEEP = """case = "{case}"
sample = "latin-hypercube"
members = {members}
{more}
observables = ["fiber_strain.tissue.p95", "reactions.plate.force_mN.2"]
[axes]
"materials.tissue.energies.0.mu" = {{ from = "0.3 kPa", to = "1.5 kPa", scale = "log" }}
"materials.tissue.energies.1.k1" = {{ from = "1 kPa", to = "20 kPa", scale = "log" }}
"""
SEPARATE = 3
"""Separate runs that are timed."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    members = 200 if arguments.full else arguments.members
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        killed, seconds, lines = interrupted(folder, members)
        separate = [run_alone(folder, line["sample"]) for line in lines[:SEPARATE]]
        each, processors = sum(separate) / len(separate), len(os.sched_getaffinity(0))
        rows = [
            below(
                f"sweep of {members} members, of what separate runs take",
                1 / 3,
                seconds / (each * members / processors),
                f"{seconds:.0f} s on {processors} processors, starts and kills included; separate, as many at a time: "
                f"{each:.2f} s each (mean of {len(separate)}, one by one), times {members}, over {processors}",
            ),
            judged(
                "members lost or run twice, killed twice on the way",
                0,
                abs(len(lines) - members) + len(lines) - len({line["key"] for line in lines}),
                len(lines) == members == len({line["key"] for line in lines}),
                f"SIGKILL after {killed[0]} and {killed[1]} members",
            ),
        ]
        return rows + engines(folder, min(members, 16))


def written(folder: Path, name: str, members: int, more: str = "") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(SWEEP.format(case=QUICK, members=members, more=more))
    return path


def journal(out: Path) -> list[dict]:
    path = out / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def interrupted(folder: Path, members: int) -> tuple[list[int], float, list[dict]]:
    """Run a sweep, killed at a third and at two thirds; members known at each kill, seconds in all, the journal."""
    path, out = written(folder, "sweep", members), folder / "sweep"
    killed, begun = [], time.perf_counter()
    for share in (1 / 3, 2 / 3):
        process = subprocess.Popen(
            [*FIBERTWIN, "sweep", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while process.poll() is None and len(journal(out)) < share * members:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed.append(len(journal(out)))
    subprocess.run([*FIBERTWIN, "sweep", str(path)], check=True, capture_output=True)
    return killed, time.perf_counter() - begun, journal(out)


def run_alone(folder: Path, sample: dict) -> float:
    """Seconds of one run as a program of its own that writes only its summary."""
    sets = {**sample, "output.report": "false", "output.compare_isotropic": "false", "output.formats": "[]"}
    words = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
    begun = time.perf_counter()
    command = [*FIBERTWIN, "run", str(QUICK), "-o", str(folder / "alone"), *words]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def engines(folder: Path, members: int) -> list[Row]:
    """The same members on each engine, and cold; differences are against the embedded engine's cold answers."""
    mpirun = [str(Path(sys.executable).with_name("mpirun")), "-n", "2"]
    plans = {
        "embedded, cold": ([], "warm = false"),
        "embedded, warm": ([], ""),
        "split, 2 groups of 1 rank, warm": (mpirun, ""),
        "embedded, one worker of 2 ranks, warm": ([], "ranks = 2"),
        "executorlib, cold": ([], 'engine = "executorlib"'),
        "submitit, local jobs, warm": ([], 'engine = "submitit"\noptions = { backend = "local" }'),
    }
    rows, cold = [], {}
    for name, (launch, more) in plans.items():
        slug = "".join(c for c in name if c.isalnum())
        path = written(folder, slug, members, more)
        begun = time.perf_counter()
        subprocess.run([*launch, *FIBERTWIN, "sweep", str(path)], check=True, capture_output=True)
        seconds = time.perf_counter() - begun
        lines = journal(folder / slug)
        found = {line["key"]: list(line["observables"].values()) for line in lines}
        cold = cold or found
        off = max(abs(a / b - 1) for key in cold for a, b in zip(found[key], cold[key], strict=True))
        newton = sum(line["newton"] for line in lines)
        rows.append(told(f"{members} members, {name}: s", round(seconds, 1), f"{newton} Newton iterations"))
        if found is not cold:
            rows.append(below(f"largest relative difference from cold, {name}", 1e-6, off))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--members", type=int, default=30, help="of the sweep (30)")
    parser.add_argument("--full", action="store_true", help="200 members")
    main(measure, parser)
