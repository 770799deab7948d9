"""A white-matter-like cube in the mixed formulation: do iterations depend on the bulk modulus, or on the mesh?

    python benchmarks/mixed.py [--full] [--cells 6 8] [--bulk-cells 6] [--parts] [--json] [--markdown FILE]

Unit cube of P2/P1 tetrahedra, pulled to 5 % in one step, all components prescribed at both ends; neo-Hookean 0.7 kPa,
whose shear modulus is the one that is told, and Gasser-Ogden-Holzapfel k1 = 5 kPa, k2 = 1, H = D / tr D with FA 0.5
along 30°. Residual 1e-8.
"""

import argparse

from _measure import Measured, effort, how, solved, spread
from _table import Row, below, main

BULKS: dict[str, float | None] = {"1e2": 1e2, "1e4": 1e4, "1e6": 1e6, "exact": None}
"""Bulk over shear modulus."""

STANDARD = "1e4"
LIMITS: dict[int, tuple[float, float | None]] = {12: (4, None), 20: (20, 1500)}
"""By cells: processor seconds, MB over the import."""

MOST_ITERATIONS = {20: 30}
OVER_BULK, OVER_CELLS = 1.3, 1.5
"""How much the mean iterations of a Newton step may grow over all bulk moduli, and over all meshes."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Every mesh with the standard bulk modulus, some with all; then how much iterations vary."""
    cells = [6, 8, 12, 16, 20, 24] if arguments.full else arguments.cells
    bulk_cells = [6, 12, 20] if arguments.full else arguments.bulk_cells
    found: list[Row] = []
    over_cells: list[Measured] = []
    ratios: list[Row] = []
    for n in sorted({*cells, *bulk_cells}):
        over_bulk = []
        for name, bulk in BULKS.items():
            if name != STANDARD and n not in bulk_cells:
                continue
            done = solved("mixed", how(arguments), cells=n, bulk=bulk)
            cpu, mb = LIMITS.get(n, (None, None))
            label = f"n={n}, bulk/shear {name}"
            found += effort(label, done, cpu=cpu, mb=mb)
            if n in MOST_ITERATIONS:
                most = max(done.linear, default=0) if done.converged else float("inf")
                found.append(below(f"{label}: most Krylov iterations", MOST_ITERATIONS[n], most, done.cost))
            over_bulk.append(done)
            over_cells += [done] if name == STANDARD else []
        if n in bulk_cells:
            ratios.append(_variation(f"n={n}, over bulk/shear {', '.join(BULKS)}", OVER_BULK, over_bulk))
    if len(over_cells) > 1:
        ratios.append(_variation(f"bulk/shear {STANDARD}, over n={', '.join(map(str, cells))}", OVER_CELLS, over_cells))
    return found + ratios


def _variation(label: str, limit: float, found: list[Measured]) -> Row:
    means = [one.per_newton for one in found]
    return spread(f"{label}: greatest over least mean iterations", limit, found, max(means) / min(means), "<")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[6, 8], help="cells an edge, bulk/shear 1e4")
    parser.add_argument("--bulk-cells", type=int, nargs="+", default=[6], help="cells an edge, all bulk moduli")
    main(measure, parser, solves=True)
