"""The heavy libraries of this room, loaded when first used, with one sentence where they are missing."""

import importlib
from typing import Any

from fibertwin.errors import InputError, Problem


def load(name: str) -> Any:
    """Import a module of the extra ``imaging``, or SimpleITK, which is the extra ``itk``.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        hint = f"pip install 'fibertwin[{'itk' if name == 'SimpleITK' else 'imaging'}]'"
        raise InputError(Problem(name.partition(".")[0], f"cannot be imported ({error})", hint=hint)) from error


def nibabel() -> Any:
    """The nibabel package."""
    return load("nibabel")
