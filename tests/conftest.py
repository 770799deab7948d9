"""Tests on several ranks: one verdict on every rank, printed by rank 0, and none left waiting for one that failed."""

import getpass
import io
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
GRACE = 60.0
"""Seconds that a rank whose test failed waits for the others before it ends the run."""

LEAVING, FORWARDING = 10.0, 1.0
"""Seconds that a rank at its end waits for the others, and that mpirun gets to forward what they have printed."""


def _comm() -> Any:
    from mpi4py import MPI

    return MPI.COMM_WORLD


def _parallel() -> bool:
    return any(int(os.environ.get(name, "1")) > 1 for name in SIZE_VARIABLES)


if _parallel():  # pytest removes old folders when it ends, which two ranks cannot do in the same place
    _root = Path(tempfile.gettempdir(), f"pytest-of-{getpass.getuser()}-rank-{_comm().rank}")
    _root.mkdir(exist_ok=True)
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_root)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let only rank 0 print; what fails on another rank reaches rank 0 through the reports."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if _parallel() and _comm().rank > 0 and reporter is not None:
        reporter._tw._file = io.StringIO()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A phase of a test that fails on any rank fails on all. Collective in a parallel run."""
    report = yield
    if not _parallel():
        return report
    comm = _comm()
    _meet(comm, report)
    mine = (item.nodeid, report.when, report.outcome, report.longreprtext)
    others = [(rank, theirs) for rank, theirs in enumerate(comm.allgather(mine)) if rank != comm.rank]
    if astray := [f"rank {rank} is at {theirs[0]}, {theirs[1]}" for rank, theirs in others if theirs[:2] != mine[:2]]:
        pytest.exit(f"rank {comm.rank} is at {item.nodeid}, {report.when}, but {'; '.join(astray)}", returncode=1)
    failures = [f"on rank {rank}:\n{theirs[3]}" for rank, theirs in others if theirs[2] == "failed"]
    if failures and report.outcome != "failed":
        report.outcome = "failed"
        report.longrepr = "\n\n".join(failures)
    return report


def _meet(comm: Any, report: pytest.TestReport) -> None:
    """Wait for the other ranks; a rank that failed gives up after a while, as they may wait inside the test."""
    request = comm.Ibarrier()
    end = time.monotonic() + GRACE
    while not request.Test():
        if report.failed and time.monotonic() > end:
            print(
                f"rank {comm.rank} failed in {report.nodeid}:\n{report.longreprtext}", file=sys.__stderr__, flush=True
            )
            time.sleep(FORWARDING)  # mpirun drops what it has not yet forwarded
            comm.Abort(1)
        time.sleep(0.002)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave together: mpirun ends all ranks, printed or not, as soon as one has left with a failure."""
    if not _parallel():
        return
    sys.stdout.flush()
    request = _comm().Ibarrier()
    end = time.monotonic() + LEAVING
    while not request.Test() and time.monotonic() < end:
        time.sleep(0.002)
    time.sleep(FORWARDING)


@pytest.fixture
def comm() -> Any:
    """Every rank of this run."""
    return _comm()


@pytest.fixture
def shared_path(tmp_path: Path) -> Path:
    """A fresh folder, the same one on every rank."""
    path: Path = _comm().bcast(tmp_path)
    return path
