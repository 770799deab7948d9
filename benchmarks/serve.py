"""A session of the real UM-Bridge client with ``fibertwin serve``: values, gradients, refusals, costs.

    python benchmarks/serve.py [--cells 5 12] [--json]

The body is the block of examples/quick; its inputs are two stiffnesses of the tissue and the depth of the plate, its
outputs a reaction, a mean and a percentile of strain. Costs are processor seconds of one rank. Needs umbridge.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Any

from _table import Row, below, clock, judged, main, told

QUICK = Path(__file__).resolve().parents[1] / "examples" / "quick" / "case.toml"
INPUTS = {
    "materials.tissue.energies.0.mu": "1.0 kPa",
    "materials.tissue.energies.1.k1": "5.0 kPa",
    "supports.plate.depth": "1.0 mm",
}
HERE = [float(value.split()[0]) for value in INPUTS.values()]
OUTPUTS = ("reactions.plate.force_mN.2", "fiber_strain.tissue.mean", "fiber_strain.tissue.p95")
CALLS = (0.8, 0.9, 1.0, 1.1, 1.2)
STEP = 1e-3
"""Of the client's differences, over the input."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    words = [word for name in OUTPUTS for word in ("--output", name)]
    words += [word for key, value in INPUTS.items() for word in ("--input", f"{key}={value}")]
    command = [sys.executable, "-m", "fibertwin.cli", "serve", str(QUICK), *words, "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        with clock() as start:
            url = address(server)
        rows = [told("start, with the first solve (s)", round(start.seconds, 1)), *session(url)]
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate()
    return rows + [row for cells in arguments.cells for row in costs(cells)]


def costs(cells: int) -> list[Row]:
    """A gradient next to the solves about it, without the way through HTTP."""
    from mpi4py import MPI

    from fibertwin.case import Case
    from fibertwin.member import Runner

    runner = Runner(Case.read(QUICK, {"anatomy.cells": [cells] * 3}), OUTPUTS, MPI.COMM_SELF)
    axes = [[float(i == j) for j in range(len(INPUTS))] for i in range(len(INPUTS))]
    moved = {**INPUTS, "materials.tissue.energies.0.mu": f"{HERE[0] * (1 + STEP)!r} kPa"}
    runner.run(INPUTS, "compiled")
    runner.slopes(INPUTS, axes, "compiled")
    with clock() as cold:
        solved = runner.run(INPUTS, "here")
    with clock() as tangents:
        found = runner.slopes(INPUTS, axes, "here")
    with clock() as warm:
        again = runner.run(moved, "", "here")
    runner.close()
    count, body = len(INPUTS), f"{cells}³ cubes"
    each = f"{solved.newton} Newton iterations; a solve from a neighbor {warm.cpu_seconds:.3g} s, {again.newton}"
    return [
        told(f"{body}: a solve from nothing (s)", cold.cpu_seconds, each),
        judged(
            f"{body}: Newton iterations of a gradient by {count} inputs at a point that was evaluated",
            0,
            found.newton,
            found.newton == 0,
        ),
        below(
            f"{body}: that gradient over a solve from nothing",
            1.5,
            tangents.cpu_seconds / cold.cpu_seconds,
            f"{tangents.cpu_seconds:.3g} s",
        ),
        below(
            f"{body}: that gradient over {2 * count} solves from the neighbor, as differences take",
            0.5,
            tangents.cpu_seconds / (2 * count * warm.cpu_seconds),
        ),
    ]


def address(server: subprocess.Popen) -> str:
    """Where the server listens, as it says."""
    for line in server.stdout:
        found = re.search(r"http://[\w.]+:\d+", line)
        if found:
            return found[0]
    raise RuntimeError("the server ended before it said where it listens")


def session(url: str) -> list[Row]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import umbridge

        model = umbridge.HTTPModel(url, "fibertwin")
        with clock() as calls:
            values = [model([[mu, *HERE[1:]]])[0] for mu in CALLS]
        again = model([[CALLS[0], *HERE[1:]]])[0]
        slopes = [model.gradient(0, 0, [HERE], [float(name == other) for other in OUTPUTS]) for name in OUTPUTS]
        along = model.apply_jacobian(0, 0, [HERE], HERE)
        differences = [difference(model, i) for i in range(len(HERE))]
    apart = [[abs(a / d[i] - 1) for a, d in zip(slope, differences, strict=True)] for i, slope in enumerate(slopes)]
    pushed = [sum(a * v for a, v in zip(slope, HERE, strict=True)) for slope in slopes]
    unknown, _ = asked(url, {"name": "fibertwin", "input": [HERE], "config": {"speed": 1}})
    large, _ = asked(url, {"name": "fibertwin", "input": [[1.0] * 2_000_000]})
    off = max(abs(a / b - 1) for a, b in zip(again, values[0], strict=True))
    each = calls.seconds / len(CALLS)
    return [
        judged("outputs of a call", len(OUTPUTS), len(values[0]), len(values[0]) == len(OUTPUTS)),
        told("a call (s)", round(each, 2), f"mean of {len(CALLS)}"),
        below("relative difference when a value is asked for again", 1e-7, off),
        *(
            below(f"gradient of {name} against the client's own differences, the worst input", 1e-4, max(row))
            for name, row in zip(OUTPUTS, apart, strict=True)
        ),
        below(
            "ApplyJacobian against the gradients",
            1e-5,
            max(abs(a / b - 1) for a, b in zip(along, pushed, strict=True)),
        ),
        judged("an unknown key is refused (HTTP)", 400, unknown, unknown == 400),
        judged(
            "a request of 10 MB is refused (HTTP; 0: cut off while it is sent)", "413 or 0", large, large in (0, 413)
        ),
    ]


def difference(model: Any, i: int) -> list[float]:
    """Derivatives of the outputs by an input, as a client takes them."""
    step = STEP * HERE[i]
    more, less = (model([[v + way * step * (i == j) for j, v in enumerate(HERE)]])[0] for way in (1, -1))
    return [(a - b) / (2 * step) for a, b in zip(more, less, strict=True)]


def asked(url: str, document: dict) -> tuple[int, str]:
    body = json.dumps(document).encode()
    request = urllib.request.Request(url + "/Evaluate", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, ConnectionError) as error:
        return 0, str(error)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cells", type=int, nargs="*", default=[5, 12], help="cubes along the bodies of the costs (5 12)"
    )
    main(measure, parser)
