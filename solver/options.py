"""PETSc options: read from a line, and given to one object for a while."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from petsc4py import PETSc

from fibertwin.errors import InputError, Problem


def parse_options(text: str) -> dict[str, str]:
    """PETSc options as on a command line (``-ksp_type gmres -ksp_monitor``), by name without the dash.

    Raises:
        InputError: a word stands where an option's name should.
    """
    options: dict[str, str] = {}
    name = ""
    for word in shlex.split(text):
        if word.startswith("-") and not _is_number(word):
            name = word.lstrip("-")
            options[name] = ""
        elif name:
            options[name], name = word, ""
        else:
            raise InputError(Problem("petsc", "is not a list of PETSc options", got=word, wanted="-name value …"))
    return options


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


@contextmanager
def given(item: PETSc.Object, prefix: str, options: Mapping[str, str]) -> Iterator[None]:
    """Name an object by a prefix, under which the options stand in PETSc's database meanwhile."""
    database = PETSc.Options()
    item.setOptionsPrefix(prefix)
    for name, value in options.items():
        database.setValue(prefix + name, value)
    try:
        yield
    finally:
        for name in options:
            database.delValue(prefix + name)
