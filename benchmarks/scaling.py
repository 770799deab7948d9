"""Does a finer mesh cost more per unknown, and do two ranks halve the time?

    python benchmarks/scaling.py [--full] [--cells 6 12] [--rank-cells 10] [--turns 3] [--json] [--markdown FILE]

The cube ``timr`` of ``cube.py``, quadratic tetrahedra, to 20 % in one requested step, residual 1e-8: iterations of a
Newton step and memory per unknown over the meshes, next to direct factorisation. On one and on two ranks, in turns:
wall seconds of tangent assembly (as in ``assembly.py``) and of a whole solve (as in ``mixed.py``, bulk/shear 1e4),
whose path is the same on any number of ranks. At last, the whole process of a small case.
"""

import argparse

from _child import call
from _measure import How, Measured, effort, how, solved, spread
from _table import Row, below, clock, judged, main, told

GROWTH, FLATNESS = 1.5, 1.2
ASSEMBLY, TOTAL = 1.8, 1.6
"""Speed-ups by a second rank that are wanted."""

START = 2.5
"""Wall seconds that a small case may take in all, warm."""

TWO_RANKS = 30
"""Cells an edge from which a cube is solved on two ranks."""

DIRECT = "-ksp_type preonly -pc_type lu -pc_factor_mat_solver_type mumps"
MOST_DIRECT = 12
"""Cells an edge up to which direct factorisation is timed."""

TINY = 2
"""Cells an edge of a cube whose memory is that of libraries loaded and compiled forms."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Rows over the meshes, then over the ranks."""
    cells = [6, 12, 24, 36] if arguments.full else arguments.cells
    found = {n: cube(n, arguments, ranks=2 if n >= TWO_RANKS else 1) for n in cells}
    tiny = cube(TINY, arguments)
    lines = [row for n, one in found.items() for row in effort(f"P2 n={n}", one)]
    for n, one in found.items():
        beyond = 2**20 * (one.peak_mb - one.ranks * tiny.peak_mb) / (one.unknowns or 1)
        lines += [
            told(f"P2 n={n}: memory per unknown, bytes", one.bytes_per_unknown, one.cost),
            told(f"P2 n={n}: the same beyond what n={TINY} takes, bytes", beyond, one.cost),
        ]
        if n <= MOST_DIRECT:
            factorised = cube(n, arguments, petsc=DIRECT)
            lines += [row for row in effort(f"P2 n={n}, direct factorisation", factorised) if row.verdict == "info"]
    lines += over_meshes(found)
    return [*lines, *over_ranks(arguments), start_up(arguments)]


def cube(cells: int, arguments: argparse.Namespace, *, ranks: int = 1, petsc: str = "") -> Measured:
    """One solve."""
    patiently = how(arguments, 3600.0 if cells >= TWO_RANKS else 0.0)
    return solved("cube", patiently, law="timr", degree=2, cells=cells, ranks=ranks, petsc=petsc)


def over_meshes(found: dict[int, Measured]) -> list[Row]:
    """How iterations and memory grow."""
    name = f"P2 n={', '.join(map(str, found))}"
    iterations = [one.per_newton for one in found.values()]
    lines = [
        spread(
            f"{name}: mean iterations of a Newton step, greatest over least",
            GROWTH,
            list(found.values()),
            max(iterations) / min(iterations),
            "<",
        )
    ]
    memory = [one.bytes_per_unknown for one in found.values()]
    what = f"{name}: memory per unknown, greatest over least"
    return [*lines, spread(what, FLATNESS, list(found.values()), max(memory) / min(memory), "<")]


def over_ranks(arguments: argparse.Namespace) -> list[Row]:
    """Wall seconds on one and on two ranks, in turns; the best of each counts, and all are told."""
    cells = 20 if arguments.full else arguments.rank_cells
    assembly: dict[int, list[float]] = {1: [], 2: []}
    total: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(arguments.turns):
        for ranks in (1, 2):
            asked = {"cells": cells, "plainly": False}
            assembly[ranks] += call("_assembling", asked, ranks=ranks, limit=arguments.limit)["solver"]["wall_s"]
            total[ranks].append(solved("mixed", How(limit=arguments.limit), cells=cells, bulk=1e4, ranks=ranks).wall_s)
    return [
        _faster(f"P2 n={cells}, 1 to 2 ranks: tangent assembly, times faster", ASSEMBLY, assembly),
        _faster(f"P2/P1 n={cells}, 1 to 2 ranks: whole solve, times faster", TOTAL, total),
    ]


def start_up(arguments: argparse.Namespace) -> Row:
    """Wall seconds of a whole process that imports, builds, solves and ends; its forms are on disk."""
    asked = {"name": "cube", "options": {"law": "timr", "degree": 1, "cells": 6}}
    found = call("_solving", asked)
    seconds = []
    for _ in range(arguments.turns):
        with clock() as running:
            call("_solving", asked)
        seconds.append(running.seconds)
    told_all = f"{min(seconds):.3g} to {max(seconds):.3g} s of {len(seconds)} runs"
    return below(f"process that solves {found['unknowns']:,} unknowns, warm, wall s", START, min(seconds), told_all)


def _faster(quantity: str, wanted: float, seconds: dict[int, list[float]]) -> Row:
    ratio = min(seconds[1]) / min(seconds[2])
    told_all = ", ".join(f"{ranks}: {min(s):.3g} to {max(s):.3g} s" for ranks, s in seconds.items())
    runs = len(seconds[1])
    return judged(quantity, f">= {wanted:g}", ratio, ratio >= wanted, f"wall of {runs} runs by ranks {told_all}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[6, 12], help="cells an edge")
    parser.add_argument("--rank-cells", type=int, default=10, help="cells an edge, on one and two ranks")
    parser.add_argument("--turns", type=int, default=3, help="how often both numbers of ranks are timed, in turns")
    main(measure, parser, solves=True)
