"""Derivatives of equilibria: their order by every law and number, tangents against adjoints, ranks, and what they cost.

    python benchmarks/sensitivities.py [--cells 8] [--field-cells 12] [--repeats 3] [--only PART] [--json]

Small cubes for what is right; for the cost a cube of transversely isotropic exponential tissue, quadratic tetrahedra,
seen at three levels of its load. Costs are processor seconds of one rank.
"""

import argparse
from typing import Any

import numpy as np
from _child import call
from _table import Row, below, clock, judged, main, told

ORDER = 1.9
PARTS = ("laws", "everything", "ranks", "cost", "field", "inclusion", "failure")


def measure(arguments: argparse.Namespace) -> list[Row]:
    """All parts, or the one asked for."""
    parts: dict[str, Any] = {
        "laws": of_laws,
        "everything": of_everything,
        "ranks": of_ranks,
        "cost": lambda: of_cost(arguments.cells, arguments.repeats),
        "field": lambda: of_field(arguments.field_cells, arguments.repeats),
        "inclusion": of_inclusion,
        "failure": of_failure,
    }
    chosen = [arguments.only] if arguments.only else PARTS
    return [row for part in chosen for row in parts[part]()]


def of_laws() -> list[Row]:
    """The least order of each law."""
    with clock() as running:
        told_by = call("_sensing", {"part": "laws"})
    found, left_out = told_by["orders"], ", ".join(told_by["left out"])
    rows = [_order(f"{law}: {', '.join(orders)}", orders, "") for law, orders in found.items()]
    count = sum(len(orders) for orders in found.values())
    covered = judged("laws left out", "none", left_out or "none", not left_out)
    return [told("parameters of laws derived by", count, running), covered, *rows]


def of_everything() -> list[Row]:
    """The least order of all numbers of a problem, and adjoints next to tangents."""
    found = call("_sensing", {"part": "everything"})
    rows = [
        _order(f"{element} elements: {', '.join(found[element])}", found[element], "")
        for element in ("displacement", "mixed")
    ]
    return rows + [
        below(f"adjoint against tangent, {element} elements, relative", 1e-10, found[f"{element} adjoint"])
        for element in ("displacement", "mixed")
    ]


def of_ranks() -> list[Row]:
    """Derivatives on two ranks next to those on one."""
    one, two = (call("_sensing", {"part": "jacobian"}, ranks=ranks) for ranks in (1, 2))
    alone, shared = np.array(one["slopes"]), np.array(two["slopes"])
    apart = (np.abs(alone - shared).max(axis=0) / np.abs(alone).max(axis=0)).max()
    return [below("derivatives on 2 ranks against 1, relative", 1e-9, float(apart))]


def of_cost(cells: int, repeats: int) -> list[Row]:
    """Derivatives by four numbers next to the solve."""
    found = call("_sensing", {"part": "cost", "cells": cells, "repeats": repeats})
    solve, slopes, newton = found["solve"], found["slopes"], found["newton"]
    return [
        told("unknowns", found["unknowns"]),
        told("a solve to three levels, s", solve),
        below("derivatives by 4 numbers at three levels, over the solve", 1.5, slopes / solve, f"{slopes:.3g} s"),
        told("solve and derivatives, over the solve", 1 + slopes / solve),
        told("both again at parameters 2 % more, over the solve", found["near"] / solve),
        told("error of these derivatives at default settings, relative", found["error"]),
        told("Newton iterations of a solve from nothing", newton["cold"]),
        told("from the solution at parameters 5 % less", newton["warm"]),
        told("from that moved along its derivatives", newton["predicted"]),
    ]


def of_field(cells: int, repeats: int) -> list[Row]:
    """The gradient by a stiffness in every cell next to the solve."""
    found = call("_sensing", {"part": "field", "cells": cells, "repeats": repeats})
    solve, gradient = found["solve"], found["gradient"]
    return [
        told("unknowns; stiffnesses", f"{found['unknowns']:,}; {found['parameters']:,}"),
        told("a solve to three levels, s", solve),
        below("gradient by every stiffness, over the solve", 1.3, gradient / solve, f"{gradient:.3g} s"),
        told("solve and gradient, over the solve", 1 + gradient / solve),
        below("gradient along a direction against differences, relative", 1e-4, found["error"]),
    ]


def of_inclusion() -> list[Row]:
    """What displacements of the surface tell of a stiff inclusion."""
    found = call("_sensing", {"part": "inclusion", "cells": 5})
    cost = f"{found['seconds']:.3g} s"
    held = found["held"]
    return [
        told("stiffnesses; displacements of the surface", f"{found['parameters']:,}; {found['data']}"),
        told("sets of derivatives to the most probable field", found["linearisations"], cost),
        told("correlation of that field with the true one", found["alike"]),
        judged("cells whose 95 % interval holds the truth", ">= 0.9", held, held >= 0.9),
        told("directions that data know better than the prior", found["learnt"]),
    ]


def of_failure() -> list[Row]:
    """What a failed solve leaves behind."""
    found = call("_sensing", {"part": "failure"})
    quantity = "a solve after one that failed against the same before it, mm"
    return [judged(quantity, "0", found["difference"], bool(found["failed"]) and found["difference"] == 0)]


def _order(name: str, orders: dict[str, float], cost: object) -> Row:
    """The least of the orders; those that are infinite are of numbers that enter linearly."""
    finite = [order for order in orders.values() if np.isfinite(order)]
    least = min(finite, default=float("inf"))
    return judged(f"order of the remainder, {name}", f">= {ORDER}", least, least >= ORDER, cost)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="sensitivities.py", description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=8, help="cells along the cube whose derivatives are timed")
    parser.add_argument("--field-cells", type=int, default=12, help="the same for the gradient by a field")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each, of which the cheapest counts")
    parser.add_argument("--only", choices=PARTS, help="measure one part")
    main(measure, parser)
