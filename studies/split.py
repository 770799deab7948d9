"""The engine inside one mpirun: its ranks in groups, each of which runs its share of the members. Collective."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fibertwin.errors import InputError, Problem

from .dispatch import refusal
from .embedded import task_of
from .nearest import chain, coordinates, nearest

if TYPE_CHECKING:
    from mpi4py import MPI

    from .plan import Member, Sweep

type Attempt = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Runs a task on a group's ranks and tells how it ended. Collective on the group."""


def groups(comm: "MPI.Comm", ranks: int) -> "MPI.Comm":
    """This rank's group of ``ranks`` ranks. Collective.

    Raises:
        InputError: the ranks do not go into groups of that size.
    """
    if comm.size % ranks:
        what, wanted = f"does not divide the {comm.size} ranks of this mpirun", "a divisor"
        raise InputError(Problem("ranks", what, str(ranks), wanted))
    return comm.Split(comm.rank // ranks, comm.rank)


def run(
    sweep: "Sweep", members: Sequence["Member"], comm: "MPI.Comm", attempt: Attempt
) -> Iterator[list[tuple["Member", dict[str, Any]]]]:
    """Run members in rounds, one for each group; yields what each round brought, the same on every rank. Collective.

    A group's members follow each other along a chain of near samples.

    Raises:
        InputError: on every rank, an observable does not exist.
    """
    points = coordinates([member.sample for member in members])
    group, count = comm.rank // sweep.ranks, comm.size // sweep.ranks
    order = chain(points)
    rounds = -(-len(order) // count)
    mine = order[group * rounds : (group + 1) * rounds]
    solved: list[int] = []
    for turn in range(rounds):
        answer = None
        if turn < len(mine):
            number = mine[turn]
            close = nearest(points, number, solved) if sweep.warm else None
            answer = number, attempt(task_of(members[number], "" if close is None else members[close].key))
            if answer[1]["outcome"] == "done":
                solved.append(number)
        told = comm.allgather(answer if comm.rank % sweep.ranks == 0 else None)
        found = [one for one in told if one is not None]
        for _, one in found:
            if one["outcome"] == "observable":
                raise refusal(one)
        yield [(members[number], one) for number, one in found]
