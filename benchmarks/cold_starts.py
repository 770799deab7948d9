"""Many processes that want the same forms of an empty cache at the same moment, while some of them are killed.

    python benchmarks/cold_starts.py [--processes 64] [--killed 12] [--json]

Each process loads DOLFINx, waits for all others, and then asks for three small forms, beginning with another one than
its neighbor does. The compiler is made to take three seconds. Half of the kills hit whoever compiles at the time, half
anybody; a kill is a SIGKILL of the process with its compiler. All processes share one machine and one folder.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _table import Row, judged, main, told

FORMS = 3

PROGRAM = """
import sys, time
from pathlib import Path
import fibertwin.stack
from fibertwin import jit
from mpi4py import MPI
import ufl
from dolfinx import fem, mesh
here, number = Path(sys.argv[1]), int(sys.argv[2])
line = mesh.create_unit_interval(MPI.COMM_SELF, 2)
value = fem.Constant(line, 3.0)
(here / f"ready-{number}").touch()
while not (here / "go").exists():
    time.sleep(0.02)
for turn in range(FORMS):
    power = 1 + (turn + number) % FORMS
    form = fem.form(value**power * ufl.dx(line), jit_options=jit.options())
    assert abs(fem.assemble_scalar(form) - 3.0**power) < 1e-12
print("right")
""".replace("FORMS", str(FORMS))

COMPILER = """#!/bin/sh
case "$*" in
    *" -c "*) sleep 3; {compiler} "$@" && echo compiled >>"{log}";;
    *) exec {compiler} "$@";;
esac
"""


def measure(arguments: argparse.Namespace) -> list[Row]:
    from fibertwin import jit

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ |= {"FIBERTWIN_CACHE": str(folder / "cache"), "FIBERTWIN_CFLAGS": "-O0", "CC": str(compiler(folder))}
        cache = jit.cache_folder()
        processes = [start(folder, number) for number in range(arguments.processes)]
        while len(list(folder.glob("ready-*"))) < len(processes):
            time.sleep(0.05)
        begun = time.perf_counter()
        (folder / "go").touch()
        owners = killed(cache, processes, arguments.killed)
        answers = [process.communicate(timeout=600)[0] for process in processes]
        seconds = time.perf_counter() - begun
        late = start(folder, 0)
        late_right = late.communicate(timeout=600)[0] == "right\n"
        return rows(folder, arguments, answers, owners, seconds, late_right)


def rows(
    folder: Path, arguments: argparse.Namespace, answers: list[str], owners: int, seconds: float, late: bool
) -> list[Row]:
    from fibertwin import jit

    right, spared = answers.count("right\n"), arguments.processes - arguments.killed
    compiles = len((folder / "compiles").read_text().split())
    left = len(jit.half_made(jit.cache_folder()))
    return [
        told("processes on an empty cache; killed on the way", f"{arguments.processes}; {arguments.killed}"),
        told("kills that hit who was compiling", owners),
        judged("right answers of those not killed", spared, right, right == spared, f"{seconds:.1f} s after the start"),
        judged(f"compiles that ended, of {FORMS} forms", FORMS, compiles, compiles == FORMS),
        judged("half-made modules left", 0, left, left == 0),
        judged("a process afterwards is right", "yes", "yes" if late else "no", late),
    ]


def compiler(folder: Path) -> Path:
    """A C compiler that takes its time and keeps count of what it has finished."""
    path, real = folder / "slow-cc", shutil.which("cc") or shutil.which("gcc")
    (folder / "compiles").touch()
    path.write_text(COMPILER.format(compiler=real, log=folder / "compiles"))
    path.chmod(0o755)
    return path


def start(folder: Path, number: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def killed(cache: Path, processes: list[subprocess.Popen[str]], count: int) -> int:
    """Kill processes: in turn one that compiles at the time and any other; how many of them compiled."""
    from fibertwin import jit

    choose, alive, owners = random.Random(1), list(processes), 0
    for turn in range(count):
        compiling = owner(jit.half_made(cache), alive) if turn % 2 == 0 else None
        victim = compiling or choose.choice([process for process in alive if process.poll() is None])
        os.killpg(victim.pid, signal.SIGKILL)
        alive.remove(victim)
        owners += compiling is not None
        time.sleep(0.3)
    return owners


def owner(half_made: dict[str, str], alive: list[subprocess.Popen[str]]) -> subprocess.Popen[str] | None:
    """One of the processes that are compiling; waits for nobody."""
    pids = {int(found[1]) for said in half_made.values() if (found := re.match(r"process (\d+)", said))}
    return next((process for process in alive if process.pid in pids and process.poll() is None), None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=64, help="at the same moment (64)")
    parser.add_argument("--killed", type=int, default=12, help="of them (12)")
    main(measure, parser)
