"""One verdict on every rank, and no rank left waiting."""

import pytest

from fibertwin.errors import InputError, Problem
from fibertwin.parallel import on_root, only_root, together

pytestmark = pytest.mark.mpi


def refuse() -> None:
    raise InputError(Problem("here", "is wrong"))


def test_on_root_gives_every_rank_what_rank_0_found(comm):
    assert on_root(comm, lambda: comm.rank) == 0


def test_on_root_raises_rank_0s_error_everywhere(comm):
    with pytest.raises(InputError, match="here: is wrong"):
        on_root(comm, refuse)


def test_only_root_keeps_the_result_where_it_is(comm):
    assert only_root(comm, lambda: "kept") == ("kept" if comm.rank == 0 else None)
    with pytest.raises(InputError):
        only_root(comm, refuse)


def test_together_gives_each_rank_its_own(comm):
    assert together(comm, lambda: comm.rank) == comm.rank


def test_together_raises_the_lowest_failing_ranks_error_everywhere(comm):
    def last_refuses() -> None:
        if comm.rank == comm.size - 1:
            raise InputError(Problem(f"rank {comm.rank}", "is wrong"))

    with pytest.raises(InputError, match=f"rank {comm.size - 1}: is wrong"):
        together(comm, last_refuses)
