"""The one place that puts DOLFINx, PETSc and MPI into the process, in the order that works.

Import this module before any of them: ``import fibertwin.stack  # noqa: F401`` or, better,
take what you need from a room that did.
"""

import importlib
import importlib.util
import re
import signal
import threading
from typing import TYPE_CHECKING

from fibertwin.errors import InputError, Problem

if TYPE_CHECKING:
    from mpi4py import MPI

MINIMUM = (0, 11)

_WAYS = (
    "pip install 'fibertwin[wheel]' (Linux x86-64), conda install -c conda-forge fenics-dolfinx, "
    "spack install py-fenics-dolfinx, or the container dolfinx/dolfinx:stable"
)


def _load() -> str:
    """Load DOLFINx and return its version.

    Raises:
        InputError: DOLFINx is missing, too old, without PETSc or built for complex numbers.
    """
    try:
        if importlib.util.find_spec("dolfinx_solver") is not None:
            importlib.import_module("dolfinx_solver")  # the wheel: it loads MPI before everything else
        dolfinx = importlib.import_module("dolfinx")
    except ImportError as error:
        raise _unfit("cannot be imported", str(error)) from error
    version: str = dolfinx.__version__
    if _release(version) < MINIMUM:
        raise _unfit("is too old", version, ">= " + ".".join(map(str, MINIMUM)))
    try:
        scalar = importlib.import_module("petsc4py.PETSc").ScalarType
    except ImportError as error:
        raise _unfit("comes without petsc4py", str(error)) from error
    if issubclass(scalar, complex):
        raise _unfit("is built for complex numbers", scalar.__name__, "a build for real numbers")
    _leave_pipes_to_python()
    return version


def _leave_pipes_to_python() -> None:
    """PETSc takes a reader that has gone (``| head``) for a crash; Python raises BrokenPipeError."""
    if hasattr(signal, "SIGPIPE") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _release(version: str) -> tuple[int, ...]:
    """``"0.11.0.post0"`` is ``(0, 11)``."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _unfit(what: str, got: str, wanted: str = "") -> InputError:
    return InputError(Problem("DOLFINx", what, got, wanted, _WAYS))


version = _load()
"""DOLFINx's version."""


def world() -> "MPI.Comm":
    """Every rank of this run; asked for here, so that MPI is loaded in the order that works."""
    from mpi4py import MPI

    return MPI.COMM_WORLD
