"""Two problems of cardiac mechanics (Land et al. 2015), default settings, next to what peers take.

    python benchmarks/land.py [--full] [--cells 4] [--edges 2.0] [--parts] [--json] [--markdown FILE]

Problem 1: a beam of 10 × 1 × 1 mm under a pressure that follows its lower face; 10 n × n × n cells of P2/P1 tetrahedra.
Problem 2: a truncated ellipsoid inflated to 10 kPa, unstructured curved P2/P1 tetrahedra of a given edge (mm).
"""

import argparse

from _measure import effort, how, solved
from _table import Row, judged, main

BEAM = {4: (5, None), 6: (20, 500)}
"""Cells across the beam: processor seconds, MB."""

VENTRICLE = {2.0: (8, None)}
"""Edge (mm): processor seconds, MB."""

TIP = (4.0, 4.2)
"""Band (mm) of the deflected tip's z: of the groups of Land et al. 2015 (doi 10.1098/rspa.2015.0641)."""

APICES = {"endocardium": -26.61, "epicardium": -28.28}
"""z (mm): axisymmetric three-field elements extrapolated over three meshes."""

APEX_BAND = 0.005


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Problem 1, then problem 2."""
    found: list[Row] = []
    for cells in sorted({*arguments.cells, *([6] if arguments.full else [])}):
        found += beam(arguments, cells)
    for edge in sorted({*arguments.edges, *([1.46] if arguments.full else [])}, reverse=True):
        found += ventricle(arguments, edge)
    return found


def beam(arguments: argparse.Namespace, cells: int) -> list[Row]:
    """The beam with so many cells across."""
    cpu, mb = BEAM.get(cells, (None, None))
    done = solved("beam", how(arguments), cells=cells)
    label = f"Land 1, {10 * cells} × {cells} × {cells}"
    found = effort(label, done, cpu=cpu, mb=mb)
    if done.converged:
        tip = done.answers["tip"]
        met = TIP[0] <= tip <= TIP[1]
        found.append(judged(f"{label}: deflected tip z, mm", f"{TIP[0]:g} to {TIP[1]:g}", tip, met, done.cost))
    return found


def ventricle(arguments: argparse.Namespace, edge: float) -> list[Row]:
    """The ventricle with edges of that length (mm)."""
    cpu, mb = VENTRICLE.get(edge, (None, None))
    done = solved("ventricle", how(arguments), edge=edge)
    label = f"Land 2, edges of {edge:g} mm"
    found = effort(label, done, cpu=cpu, mb=mb)
    if done.converged:
        for name, target in APICES.items():
            apex = done.answers[name]
            met = abs(apex - target) <= APEX_BAND * abs(target)
            quantity = f"{label}: apex of the {name} z, mm"
            found.append(judged(quantity, f"{target:g} ± {APEX_BAND:.1%}", apex, met, done.cost))
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, nargs="+", default=[4], help="cells across the beam")
    parser.add_argument("--edges", type=float, nargs="+", default=[2.0], help="edges (mm) of the ventricle's cells")
    main(measure, parser, solves=True)
