"""What rank 0 holds of a mesh, sent to the ranks that need it: each gets its own part and no more."""

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray


def rows_for[Kind: np.generic](comm: MPI.Comm, values: NDArray[Kind] | None, index: NDArray[np.int64]) -> NDArray[Kind]:
    """The rows of rank 0's array that each rank asks for. Collective.

    One rank is served after the other, so that rank 0 needs memory for one rank's part only.

    Args:
        comm: the ranks.
        values: (n, ...) on rank 0; not looked at elsewhere.
        index: (k,) rows that this rank asks for.

    Returns:
        (k, ...) those rows, in that order.
    """
    shape, kind = comm.bcast((values.shape[1:], values.dtype) if values is not None and comm.rank == 0 else None)
    counts = comm.gather(len(index))
    if comm.rank == 0:
        assert values is not None
        assert counts is not None
        for rank in range(1, comm.size):
            asked = np.empty(counts[rank], np.int64)
            comm.Recv(asked, rank)
            comm.Send(np.ascontiguousarray(values[asked]), rank)
        return np.ascontiguousarray(values[index])
    comm.Send(np.ascontiguousarray(index, dtype=np.int64), 0)
    found: NDArray[Kind] = np.empty((len(index), *shape), kind)
    comm.Recv(found, 0)
    return found


def numbers_of_facets(
    comm: MPI.Comm, facets: NDArray[np.int64] | None, values: NDArray[np.int32] | None, own: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32], int]:
    """Which of each rank's facets rank 0 has numbers for. Collective.

    Args:
        comm: the ranks.
        facets: (n, k) corners of numbered facets on rank 0, in any order; a facet may stand there more than once.
        values: (n,) their numbers.
        own: (m, k) corners of this rank's facets.

    Returns:
        places (p,) in ``own`` and numbers (p,) there, a facet as often as it has numbers; and how many of the numbered
        facets no rank has.
    """
    counts = comm.gather(len(own))
    if comm.rank != 0:
        comm.Send(np.ascontiguousarray(own, dtype=np.int64), 0)
        size = comm.recv(source=0)
        pairs = np.empty((size, 2), np.int64)
        comm.Recv(pairs, 0)
        return pairs[:, 0], pairs[:, 1].astype(np.int32), int(comm.bcast(None))
    assert facets is not None
    assert values is not None
    assert counts is not None
    keys = _keys(facets)
    order = np.argsort(keys, kind="stable")
    keys, seen = keys[order], np.zeros(len(facets), dtype=bool)
    mine = _pairs(keys, order, values, own, seen)
    for rank in range(1, comm.size):
        asked = np.empty((counts[rank], own.shape[1]), np.int64)
        comm.Recv(asked, rank)
        pairs = _pairs(keys, order, values, asked, seen)
        comm.send(len(pairs), rank)
        comm.Send(pairs, rank)
    return mine[:, 0], mine[:, 1].astype(np.int32), int(comm.bcast(int((~seen).sum())))


def _pairs(
    keys: NDArray[np.void],
    order: NDArray[np.int64],
    values: NDArray[np.int32],
    asked: NDArray[np.int64],
    seen: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Place in ``asked`` and number (p, 2) for every numbered facet that is asked for; marks those as seen."""
    wanted = _keys(asked)
    first, last = (np.searchsorted(keys, wanted, side=side) for side in ("left", "right"))
    places = np.repeat(np.arange(len(asked)), last - first)
    within = np.arange(len(places)) - np.repeat(np.cumsum(last - first) - (last - first), last - first)
    found = order[np.repeat(first, last - first) + within]
    seen[found] = True
    return np.column_stack([places, values[found]]).astype(np.int64)


def _keys(corners: NDArray[np.int64]) -> NDArray[np.void]:
    """One comparable key per facet (n,), whatever the order of its corners."""
    ordered = np.ascontiguousarray(np.sort(corners, axis=1).astype(np.int64))
    return ordered.view([(f"f{k}", np.int64) for k in range(ordered.shape[1])]).ravel()
