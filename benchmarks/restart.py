"""Solves that are left and gone on with: on other numbers of ranks, after kills at random instants, and what it costs.

    python benchmarks/restart.py [--kills N] [--cells N] [--json]

Differences are relative to the largest displacement, and of the work of the loads. Runs that are killed are whole runs
of the command line, each going on from what the last one left; a run that gets to its end is compared and begun anew.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from _child import call
from _table import Row, below, judged, main, told

RANKS = (1, 2, 3)
ELEMENTS = ["P1", "P2", "Q2", "P2-P1"]
FIBERTWIN = [sys.executable, "-m", "fibertwin.cli"]
AIMED = 10
"""Kills besides that strike as soon as a checkpoint is being written, which one at random seldom does."""

LATEST = 0.7
"""Seconds after its first increment until which a run is killed, at an instant drawn evenly."""

PART = ".checkpoint.npz.part"
"""A checkpoint that is being written."""

CASE = """
[anatomy]
type = "block"
size = ["10 mm", "10 mm", "10 mm"]
center = ["0 mm", "0 mm", "0 mm"]
cells = [3, 3, 3]
[materials.tissue]
bulk_modulus = "100 kPa"
energies = [{ law = "neo-hookean", mu = "1 kPa" }]
[supports]
base = { type = "clamp", surface = "bottom" }
plate = { type = "prescribed-displacement", surface = "top", displacement = ["1 mm", "0 mm", "-1 mm"] }
[solve]
formulation = "displacement"
stepping = { first = 0.01, growth = 1.0 }
checkpoint = { every = 1 }
[output]
report = false
series = { every = 1 }
"""


def measure(arguments: argparse.Namespace) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [*matrix(folder), *kills(folder, arguments.kills, arguments.seed), *cost(folder, arguments.cells)]


def matrix(folder: Path) -> list[Row]:
    """Left on so many ranks, gone on with on so many others."""
    begun = time.perf_counter()
    for size in RANKS:
        call("_leaving", {"action": "leave", "folder": str(folder), "elements": ELEMENTS}, ranks=size)
    rows = []
    for size in RANKS:
        more = {"elements": ELEMENTS, "ranks": list(RANKS)}
        found = call("_leaving", {"action": "go on", "folder": str(folder), **more}, ranks=size)
        for former in RANKS:
            apart = {element: found[f"{element} {former}"] for element in ELEMENTS}
            each = ", ".join(f"{element} {value:.1e}" for element, value in apart.items())
            what = f"left on {former} rank{'s' * (former > 1)}, gone on with on {size}: difference"
            rows.append(below(what, 1e-10, max(apart.values()), each))
    rows.sort(key=lambda row: row.quantity)
    return [*rows, told("seconds of wall that all of these took", time.perf_counter() - begun)]


def kills(folder: Path, count: int, seed: int) -> list[Row]:
    """Kill runs at random instants, look at what each left, and go on from it."""
    case, out, whole = folder / "case.toml", folder / "out", folder / "whole"
    case.write_text(CASE, "utf-8")
    subprocess.run(_command(case, whole), check=True, capture_output=True)
    plain = ["--set", "solve.checkpoint.every=0"]
    subprocess.run([*_command(case, folder / "plain"), *plain], check=True, capture_output=True)
    instants, begun = random.Random(seed), time.perf_counter()
    torn = fallen = inside = finished = unreadable = broken = states = 0
    apart, level = [], 0.0
    for number in range(count + AIMED):
        part = out / PART if number >= count else None
        if not _killed(_command(case, out), out / "steps.jsonl", instants.uniform(0.0, LATEST), part):
            finished += 1
            apart.append(_apart(out, whole))
            _empty(out)
            level = 0.0
            continue
        inside += (out / PART).exists()
        reached = _level(out / "checkpoint.npz")
        unreadable += reached is None and level > 0
        fallen += reached is not None and reached < level
        level = reached or 0.0
        torn += _torn(out / "steps.jsonl")
        listed = _states(out / "fields.pvd")
        broken += listed is None
        states += listed or 0
    subprocess.run(_command(case, out), check=True, capture_output=True)
    apart.append(_apart(out, whole))
    took = f"{time.perf_counter() - begun:.0f} s"
    return [
        judged(
            f"{count} kills at random, {AIMED} aimed: checkpoints lost or not whole",
            0,
            unreadable,
            not unreadable,
            took,
        ),
        judged("kills after which the load stood lower than before", 0, fallen, fallen == 0),
        judged("lines of steps.jsonl that are not whole", 0, torn, torn == 0),
        judged("lists of states that do not open, or of which a piece does not", 0, broken, broken == 0),
        told("states that these listed, each read", states),
        judged("states of the last run that are missing or twice", 0, _astray(out), _astray(out) == 0),
        told("kills in the middle of a write", inside),
        told("runs that came to their end before their kill", finished),
        below(f"answers of {len(apart)} chains of killed runs: difference to a run without a break", 1e-10, max(apart)),
        below("the same run without checkpoints on the way: difference", 1e-10, _apart(folder / "plain", whole)),
    ]


def _command(case: Path, out: Path) -> list[str]:
    return [*FIBERTWIN, "run", str(case), "-o", str(out), "--resume"]


def _killed(command: list[str], steps: Path, delay: float, part: Path | None) -> bool:
    """Start a run and kill it so many seconds after its first new increment, or then in a write; whether that was."""
    for path in (steps, steps.with_name(PART)):
        path.unlink(missing_ok=True)
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not steps.exists() and run.poll() is None:
            time.sleep(0.002)
        time.sleep(delay)
        while part is not None and not part.exists() and run.poll() is None:
            pass
    finally:
        run.kill()
    code = run.wait()
    if code > 0:
        raise RuntimeError(f"a run ended with {code}")
    return code < 0


def _level(file: Path) -> float | None:
    """Load level of a checkpoint that can be read."""
    from fibertwin import stack

    stack.world()
    from mpi4py import MPI

    from fibertwin.errors import InputError
    from fibertwin.solver import read_checkpoint

    try:
        return read_checkpoint(file, MPI.COMM_SELF).level
    except InputError:
        return None


def _torn(steps: Path) -> int:
    """Lines that are not whole."""
    bad = 0
    for line in steps.read_text("utf-8").splitlines() if steps.exists() else []:
        try:
            json.loads(line)
        except ValueError:
            bad += 1
    return bad


def _times(file: Path) -> list[float]:
    """Times that a .pvd file lists."""
    return [float(row.attrib["timestep"]) for row in ET.parse(file).iter("DataSet")]


def _states(file: Path) -> int | None:
    """How many states a .pvd file lists, all of whose pieces are read; None where that fails."""
    import pyvista

    if not file.exists():
        return 0
    try:
        rows = [file.parent / row.attrib["file"] for row in ET.parse(file).iter("DataSet")]
        for row in rows:
            for piece in ET.parse(row).iter("Piece"):
                ET.parse(row.parent / piece.attrib["Source"])  # VTK's reader says of a torn file only that it is empty
                pyvista.read(row.parent / piece.attrib["Source"]).point_data["displacement"]
    except (OSError, ET.ParseError, KeyError):
        return None
    return len(rows)


def _astray(out: Path) -> int:
    """Levels of ``steps.jsonl`` that ``fields.pvd`` lists not at all or more than once, and others that it lists."""
    rows = [json.loads(line) for line in (out / "steps.jsonl").read_text("utf-8").splitlines()]
    wanted = Counter(round(row["load"], 9) for row in rows if row.get("settled"))
    listed = Counter(round(time, 9) for time in _times(out / "fields.pvd"))
    return ((wanted - listed) + (listed - wanted)).total()


def _apart(one: Path, other: Path) -> float:
    """The largest relative difference of forces, energies and mean strains of two runs."""
    a, b = (_numbers(json.loads((folder / "summary.json").read_text("utf-8"))) for folder in (one, other))
    return max(abs(x - y) / max(abs(y), scale) for (x, scale), (y, _) in zip(a, b, strict=True))


def _numbers(summary: dict[str, Any]) -> list[tuple[float, float]]:
    """Numbers, each with a size below which a difference of it is round-off of its like."""
    forces = [force for support in summary["reactions"].values() for force in support["force_mN"]]
    largest = max(abs(force) for force in forces)
    strain = summary["regions"]["tissue"]["fields"]["max principal strain"]
    energies = [summary["energy"][name] for name in ("external_work_uJ", "stored_energy_uJ")]
    return [*((force, largest) for force in forces), *((x, 0.0) for x in (*energies, strain["mean"], strain["p95"]))]


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def cost(folder: Path, cells: int) -> list[Row]:
    """What checkpoints cost next to the increments between them."""
    found = call("_leaving", {"action": "cost", "folder": str(folder), "cells": cells})
    size = f"{found['unknowns']:,} unknowns, {found['bytes'] / 1e6:.1f} MB"
    share = 100 * found["next"] / found["plain"]
    return [
        told(f"processor seconds of a solve of two increments, {size}", found["plain"]),
        told("the same with a checkpoint after each", found["kept"]),
        told("seconds of wall of the first checkpoint, which numbers the nodes", found["first"]),
        told("seconds of wall of each other", found["next"]),
        below("one at the end, as by default, % of the solve", 2.0, 100 * found["first"] / found["plain"]),
        told("each further one, % of the solve", share),
        told(
            f"processor seconds of a state of the fields on the way, {found['state_bytes'] / 1e6:.1f} MB",
            found["state"],
        ),
        told("one such state, % of the solve", 100 * found["state"] / found["plain"]),
        told("forces and energies of an equilibrium, % of the solve", 100 * found["balance"] / found["plain"]),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="runs that are killed")
    parser.add_argument("--seed", type=int, default=1, help="of the instants")
    parser.add_argument("--cells", type=int, default=12, help="along an edge of the cube whose checkpoints are timed")
    main(measure, parser)
