"""The torture set: what ends solved or refused with a sentence at default settings, next to plain Newton."""

import argparse
import sys
from dataclasses import dataclass
from fnmatch import fnmatch

from _plain import plain_newton
from _table import Row, clock, judged, main
from _torture import Torture, every_case

from fibertwin.errors import InputError
from fibertwin.solver import solve

CONSTANT = (1, 4, 10)
"""Numbers of steps of plain Newton."""


@dataclass(frozen=True)
class Ended:
    """What came of a case.

    Attributes:
        how: solved, stops or refused.
        sentence: the outcome's, or the refusal's.
        effort: increments, cuts, Newton and Krylov iterations, in words.
    """

    how: str
    sentence: str
    effort: str = ""


def attempt(case: Torture) -> Ended:
    """Solve a case with default settings."""
    try:
        outcome = solve(case.build(), case.stepping).outcome
    except InputError as refusal:
        return Ended("refused", str(refusal))
    effort = f"{len(outcome.steps)}+{outcome.cuts} increments, {outcome.newton} Newton, {outcome.krylov} Krylov"
    return Ended("solved" if outcome.converged else "stops", outcome.sentence, effort)


def as_wanted(case: Torture, ended: Ended) -> bool:
    """Whether it ended as it must, for the reason that it must."""
    return ended.how == case.ends and (case.ends == "solved" or case.says in ended.sentence)


def beside(case: Torture) -> str:
    """What plain Newton makes of a case that can be solved, in each number of steps."""
    if case.ends != "solved":
        return ""
    words = []
    for steps in CONSTANT:
        found = plain_newton(case.build(), steps, case.stepping)
        words.append(f"{found.newton}/{found.krylov}" if found.solved else "fails")
    return ", ".join(words)


def measure(arguments: argparse.Namespace) -> list[Row]:
    """A row for each case, and one for all."""
    cases = [case for case in every_case() if not arguments.quick or case.quick]
    cases = [case for case in cases if fnmatch(case.name, f"*{arguments.only}*")]
    rows = [_row(case, plain=not arguments.alone) for case in cases]
    solvable = [row for row, case in zip(rows, cases, strict=True) if case.ends == "solved"]
    met = sum(row.verdict == "met" for row in solvable)
    rows.append(judged("solvable cases solved with default settings", len(solvable), met, met == len(solvable)))
    return rows


def _row(case: Torture, *, plain: bool) -> Row:
    with clock() as running:
        ended = attempt(case)
    met = as_wanted(case, ended)
    ours = f"{ended.how}: {ended.effort}" if ended.effort else ended.how
    if not met or ended.how != "solved":
        ours += f" | {' '.join(ended.sentence.split())}"
    cost = f"{running.cpu_seconds:.1f} CPU s"
    if plain and (words := beside(case)):
        cost += f"; plain Newton in {', '.join(map(str, CONSTANT))} steps (Newton/Krylov): {words}"
    row = judged(case.name, case.ends, ours, met, cost)
    print(row, file=sys.stderr, flush=True)
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the short set")
    parser.add_argument("--only", default="", metavar="PATTERN", help="cases whose names match, such as '*P2*'")
    parser.add_argument("--alone", action="store_true", help="without plain Newton")
    main(measure, parser)
