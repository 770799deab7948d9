"""Compare two summaries: every number that is an answer, not a cost, must be the same to 1e-10 of its size."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

COSTS = ("timings_s", "provenance", "memory_MB", "outcome", "steps", "newton_history", "krylov_history")
"""What two equal runs need not agree in: time, memory, and how many iterations a linear solve took."""

CANCELLING = ("energy.imbalance",)
"""Differences of numbers that are compared themselves, in which round-off is all that is left."""

TOLERANCE = 1e-10


def numbers(value: Any, place: str = "") -> Iterator[tuple[str, tuple[float, float]]]:
    """Every number by its place, with its size: of a vector's entries and a field's statistics, the largest of them."""
    if isinstance(value, dict) and place.rpartition(".")[0].endswith("fields"):
        size = max(abs(float(inner)) for inner in value.values() if isinstance(inner, int | float))
        for name, (number, _) in (pair for key, inner in value.items() for pair in numbers(inner, f"{place}.{key}")):
            yield name, (number, size)
    elif isinstance(value, dict):
        for key, inner in value.items():
            inside = f"{place}.{key}" if place else key
            if inside not in COSTS + CANCELLING:
                yield from numbers(inner, inside)
    elif isinstance(value, list):
        plain = [inner for inner in value if isinstance(inner, int | float)]
        size = max((abs(float(inner)) for inner in plain), default=0.0)
        for index, inner in enumerate(value):
            for name, (number, own) in numbers(inner, f"{place}[{index}]"):
                yield name, (number, size if inner in plain else own)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, (float(value), abs(float(value)))


def main(one: str, other: str) -> int:
    first, second = (dict(numbers(json.loads(Path(path).read_text("utf-8")))) for path in (one, other))
    if first.keys() != second.keys():
        print("only in one:", *sorted(first.keys() ^ second.keys())[:10])
        return 1
    apart = {}
    for place, (value, size) in first.items():
        apart[place] = abs(value - second[place][0]) / max(size, 1e-300)
    for place in sorted(apart, key=lambda place: -apart[place])[:8]:
        print(f"{apart[place]:8.1e}  {place}: {first[place][0]!r} and {second[place][0]!r}")
    worst = max(apart.values())
    print(f"{len(first)} numbers, the largest relative difference is {worst:.1e}")
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
