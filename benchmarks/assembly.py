"""Tangent assembly of quadratic tetrahedra: the solver's against the plainest form, and against the core's peak.

    python benchmarks/assembly.py [--full] [--cells 10] [--repeats 5] [--json] [--markdown FILE]

Dispersed fibers (Gasser-Ogden-Holzapfel) in a neo-Hookean matrix, H from a tensor at every one of 14 points; the plain
form is the energy differentiated twice by ``ufl.derivative`` and compiled with DOLFINx's default flags, in the same
process.
"""

import argparse
from typing import Any

import numpy as np
from _child import call
from _table import Row, below, clock, judged, main, told

POINTS, NODES = 14, 10
FASTER = 3.0


def useful_flops() -> int:
    """Operations that a tangent takes at least, of one cell: closed form, symmetric, in Voigt's notation.

    At each point: F, C, its inverse and the laws with their exponential, about 500; D = c B, c (6, 6) and B (6, 30),
    the upper half of Bᵀ D, and the initial-stress term grad N · S grad N, one number for each pair of nodes.
    """
    law = 500
    gradients = 2 * 3 * 3 * NODES * 2  # reference to physical gradients, and the gradient of u
    strains = 6 * 3 * NODES * 3  # B from F and the gradients
    material = 2 * 6 * 6 * 3 * NODES
    pairs = 3 * NODES * (3 * NODES + 1) // 2
    contraction = 2 * 6 * pairs
    initial_stress = 2 * 3 * 3 * NODES + 2 * 3 * NODES * (NODES + 1) // 2
    return POINTS * (law + gradients + strains + material + contraction + initial_stress)


def peak_flops(size: int = 1200, times: int = 5) -> float:
    """Operations a second that one core does in a product of dense matrices."""
    A: Any = np.random.default_rng(0).random((size, size))
    A @ A
    seconds = []
    for _ in range(times):
        with clock() as running:
            A @ A
        seconds.append(running.cpu_seconds)
    return 2 * size**3 / min(seconds)


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Microseconds per cell of both, how they compare, and what part of the core's peak that is."""
    peak, flops = peak_flops(), useful_flops()
    rows = [
        told("peak of one core, dense product, Gflop/s", peak / 1e9),
        told("operations of a cell's tangent, closed form, at least", flops),
        told("time of a cell's tangent at that peak, µs", 1e6 * flops / peak),
    ]
    for cells in [*arguments.cells, *([20] if arguments.full else [])]:
        found = call("_assembling", {"cells": cells, "repeats": arguments.repeats})
        rows += compared(f"n={cells}", found, flops, peak)
    return rows


def compared(label: str, found: dict[str, Any], flops: int, peak: float) -> list[Row]:
    """Rows of one mesh; the least of all repetitions counts, as noise only adds."""
    rows = []
    least = {name: min(found[name]["cpu_s"]) / found["cells"] for name in ("solver", "plain")}
    for name, words in (("solver", "the solver's"), ("plain", "two derivatives, default flags")):
        rate, times = flops / least[name], found[name]["cpu_s"]
        cost = f"{min(times):.3g} to {max(times):.3g} CPU s, {found['cells']:,} cells"
        rows += [
            told(f"{label}: {words}, µs per cell", 1e6 * least[name], cost),
            told(f"{label}: {words}, useful Gflop/s", rate / 1e9, cost),
            told(f"{label}: {words}, part of the core's peak", rate / peak, cost),
        ]
    faster = least["plain"] / least["solver"]
    return [
        *rows,
        judged(f"{label}: how many times faster", f">= {FASTER:g}", faster, faster >= FASTER),
        below(f"{label}: action of both tangents apart, relative", 1e-9, found["apart"]),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[10], help="cells an edge")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--full", action="store_true", help="a mesh of 48,000 cells too")
    main(measure, parser)
