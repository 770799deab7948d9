"""Stretched cubes of fiber-reinforced tissue, each to full load in one requested step.

    python benchmarks/cube.py [--full] [--p1 4 14] [--p2 7 12] [--a1 10] [--a2 4] [--parts] [--json]

Unit cube, n × n × n cells of six tetrahedra around the diagonal from (0, 0, 0) to (1, 1, 1); x = 0 clamped, x = 1
moved, all components prescribed. ``timr`` and ``hgo`` go to 20 %, the anisotropic cube to 30 %; residual 1e-8.
"""

import argparse

from _measure import Measured, effort, how, near, solved
from _table import Row, judged, main

KNOWN: dict[tuple[int, int], tuple[float, tuple[float, float, float], float]] = {
    (1, 4): (3.23974407, (0.0638484834, 0.0097988783, -0.0622833628), 1e-6),
    (1, 14): (2.30989958, (0.0940459055, 0.0013268067, -0.0488493499), 1e-6),
    # that of another quadrature rule, of 8 points
    (2, 7): (2.16912640, (0.1003239038, -0.0000131895, -0.0456035314), 1e-3),
}
"""By degree and cells: reaction along x (mN), displacement (mm) of (½, ½, 1), relative accuracy. Full Newton, 1e-8."""

LIMITS: dict[tuple[str, int, int], tuple[float, float]] = {
    ("timr", 2, 12): (7, 250),
    ("timr", 2, 20): (40, 1000),
    ("anisotropic", 1, 25): (8, 200),
    ("anisotropic", 1, 40): (35, 400),
    ("anisotropic", 2, 12): (10, 250),
}
"""By problem, degree and cells: processor seconds, MB over the import."""

LARGE, LARGE_MB = 36, 6000
"""Cells of the largest cube, of quadratic tetrahedra on two ranks, and the memory (MB) that it may take."""


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All rows: known answers, both laws, the anisotropic cube, and the largest where all are asked for."""
    found: list[Row] = []
    for law, sizes in (("timr", arguments.p1), ("hgo", arguments.p1[:1])):
        for cells in sizes:
            found += one(arguments, law, 1, cells)
    for law, sizes in (("timr", arguments.p2), ("hgo", arguments.p2 if arguments.full else arguments.p2[:1])):
        for cells in [*sizes, *([20] if arguments.full else [])]:
            found += one(arguments, law, 2, cells)
    for degree, sizes, targets in ((1, arguments.a1, [25, 40]), (2, arguments.a2, [12])):
        for cells in targets if arguments.full else sizes:
            found += one(arguments, "anisotropic", degree, cells)
    return found + (largest(arguments) if arguments.full else [])


def one(arguments: argparse.Namespace, law: str, degree: int, cells: int) -> list[Row]:
    """One cube, judged against its limits and known answers."""
    cpu, mb = LIMITS.get((law, degree, cells), (None, None))
    options = {"cells": cells, "degree": degree}
    if law == "anisotropic":
        done = solved("anisotropic", how(arguments), **options)
    else:
        done = solved("cube", how(arguments), law=law, **options)
    label = f"{law} P{degree} n={cells}"
    answers = known(label, done, degree, cells) if law == "timr" else []
    return answers + effort(label, done, cpu=cpu, mb=mb)


def known(label: str, done: Measured, degree: int, cells: int) -> list[Row]:
    """What others have found for the same cube; displacements to a part of the greatest component."""
    if (degree, cells) not in KNOWN or not done.converged:
        return []
    reaction, displacement, accuracy = KNOWN[degree, cells]
    found = [near(f"{label}: reaction x, mN", reaction, done.answers["reaction"], accuracy, done.cost)]
    for axis, target in zip("xyz", displacement, strict=True):
        off, ours = abs(done.answers[axis] - target), done.answers[axis]
        met, wanted = off <= accuracy * max(displacement), f"{target:.9g} ± {accuracy * max(displacement):.1g}"
        found.append(judged(f"{label}: u_{axis} of (½, ½, 1), mm", wanted, f"{ours:.9g}", met, done.cost))
    return found


def largest(arguments: argparse.Namespace) -> list[Row]:
    """1.2 million unknowns on two ranks: by default, and by direct factorisation that may take as much memory."""
    label, options = f"timr P2 n={LARGE}, 2 ranks", {"law": "timr", "cells": LARGE, "degree": 2}
    patiently = how(arguments, 3600.0)
    mine = solved("cube", patiently, **options, ranks=2)
    direct = (
        "-ksp_type preonly -pc_type lu -pc_factor_mat_solver_type mumps "
        f"-mat_mumps_icntl_14 40 -mat_mumps_icntl_23 {LARGE_MB // 2}"
    )
    factorised = solved("cube", patiently, **options, smallest=1.0, ranks=2, petsc=direct)
    refused = judged(
        f"{label}: direct factorisation (MUMPS) in {LARGE_MB} MB",
        "does not fit",
        "fits" if factorised.converged else f"does not: {factorised.sentence}",
        not factorised.converged,
        factorised.cost,
    )
    return [*effort(label, mine, mb=LARGE_MB), refused]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--p1", type=int, nargs="*", default=[4, 14], help="cells an edge, linear tetrahedra")
    parser.add_argument("--p2", type=int, nargs="*", default=[7, 12], help="cells an edge, quadratic tetrahedra")
    parser.add_argument("--a1", type=int, nargs="*", default=[10], help="the same of the anisotropic cube, linear")
    parser.add_argument("--a2", type=int, nargs="*", default=[4], help="the same of the anisotropic cube, quadratic")
    main(measure, parser, solves=True)
