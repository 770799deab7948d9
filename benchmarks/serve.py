"""A session of the real UM-Bridge client with ``fibertwin serve``: values, gradients, refusals, cost of a call.

    python benchmarks/serve.py [--json]

The body is the block of examples/quick; its input is the stiffness of the tissue, its outputs a reaction and a strain.
Needs umbridge.
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

from _table import Row, below, clock, judged, main, told

QUICK = Path(__file__).resolve().parents[1] / "examples" / "quick" / "case.toml"
MU, OUTPUTS = "materials.tissue.energies.0.mu", ("reactions.plate.force_mN.2", "fiber_strain.tissue.p95")
CALLS = (0.8, 0.9, 1.0, 1.1, 1.2)
STEP = 0.02


def measure(_: object) -> list[Row]:
    words = [word for name in OUTPUTS for word in ("--output", name)]
    command = [sys.executable, "-m", "fibertwin.cli", "serve", str(QUICK), "--input", f"{MU}=1 kPa", *words]
    server = subprocess.Popen([*command, "--gradient", "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        with clock() as start:
            url = address(server)
        return [told("start, with the first solve (s)", round(start.seconds, 1)), *session(url)]
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate()


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
            values = [model([[mu]])[0] for mu in CALLS]
        again = model([[CALLS[0]]])[0]
        (slope,) = model.gradient(0, 0, [[1.0]], [1.0, 0.0])
        (more, _), (less, _) = model([[1.0 + STEP]])[0], model([[1.0 - STEP]])[0]
    difference = (more - less) / (2 * STEP)
    unknown, _ = asked(url, {"name": "fibertwin", "input": [[1.0]], "config": {"speed": 1}})
    large, _ = asked(url, {"name": "fibertwin", "input": [[1.0] * 2_000_000]})
    off = max(abs(a / b - 1) for a, b in zip(again, values[0], strict=True))
    each = calls.seconds / len(CALLS)
    return [
        judged("outputs of a call", len(OUTPUTS), len(values[0]), len(values[0]) == len(OUTPUTS)),
        told("a call (s)", round(each, 2), f"mean of {len(CALLS)}"),
        below("relative difference when a value is asked for again", 1e-7, off),
        below("gradient against the client's own differences", 1e-3, abs(slope / difference - 1)),
        judged("an unknown key is refused (HTTP)", 400, unknown, unknown == 400),
        judged(
            "a request of 10 MB is refused (HTTP; 0: cut off while it is sent)", "413 or 0", large, large in (0, 413)
        ),
    ]


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
    main(measure, argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter))
