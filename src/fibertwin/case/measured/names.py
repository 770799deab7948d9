"""Names of measured numbers, told apart where several kinds of measurement give the same."""

from collections import Counter, defaultdict
from collections.abc import Sequence


def told_apart(names: Sequence[str], levels: Sequence[float], owners: Sequence[str]) -> tuple[str, ...]:
    """Names that differ at each level: with the owner's before those of two owners, and counted where one has several.

    Args:
        names: of numbers (m).
        levels: at which each is seen (m).
        owners: whose each is (m).
    """
    of = defaultdict[tuple[str, float], set[str]](set)
    for name, level, owner in zip(names, levels, owners, strict=True):
        of[name, level].add(owner)
    shared = {name for (name, _), some in of.items() if len(some) > 1}
    times, found = Counter[tuple[str, float]](), []
    for name, level, owner in zip(names, levels, owners, strict=True):
        told = f"{owner}: {name}" if name in shared else name
        times[told, level] += 1
        found.append(told if times[told, level] == 1 else f"{told} ({times[told, level]})")
    return tuple(found)


def at_levels(names: Sequence[str], levels: Sequence[float]) -> tuple[str, ...]:
    """Names with the level behind, of those that are seen at several."""
    several = {name for name, times in Counter(names).items() if times > 1}
    pairs = zip(names, levels, strict=True)
    return tuple(f"{name} at {level:g}" if name in several else name for name, level in pairs)
