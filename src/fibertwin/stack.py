"""The one place that puts DOLFINx, PETSc and MPI into the process, in the order that works.

Import this module before any of them: ``import fibertwin.stack  # noqa: F401`` or, better,
take what you need from a room that did.
"""

import importlib.util

from fibertwin.errors import InputError, Problem

MINIMUM = (0, 11)


def _load() -> str:
    """Load DOLFINx and return its version."""
    if importlib.util.find_spec("dolfinx_solver") is not None:
        importlib.import_module("dolfinx_solver")
    try:
        version: str = importlib.import_module("dolfinx").__version__
    except ImportError as error:
        raise InputError(Problem("DOLFINx", f"cannot be imported ({error})", hint=_WAYS)) from error
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM:
        raise InputError(Problem("DOLFINx", "is too old", got=version, wanted=">= 0.11", hint=_WAYS))
    return version


_WAYS = (
    "pip install 'fibertwin[wheel]' (Linux x86-64), conda install -c conda-forge fenics-dolfinx, "
    "spack install py-fenics-dolfinx, or the container dolfinx/dolfinx:stable"
)

version = _load()
