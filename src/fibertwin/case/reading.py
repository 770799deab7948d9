"""From a case file to a ``Case``, or to everything that is wrong with it."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from fibertwin.errors import InputError, Problem
from fibertwin.parallel import on_root, together
from fibertwin.units import quoted

from . import plugins
from .explain import told_of
from .plugin_laws import check_laws
from .presets import with_presets
from .references import unresolved
from .tables import reader_of
from .toml import load, parts_of, place, replaced, written

if TYPE_CHECKING:
    from mpi4py import MPI

    from .model import Case

LONGEST = 80
"""Characters of an offending value that a message shows."""


@cache
def reader(modules: tuple[str, ...] = ()) -> "TypeAdapter[Case]":
    """The adapter for a case, made once for each set of plugins.

    Args:
        modules: the plugins' modules.
    """
    from .model import Case

    with plugins.seeing(modules):
        return reader_of(Case)


def read(path: Path, changes: Mapping[str, Any], comm: "MPI.Comm | None") -> "Case":
    """Read and check a case file; see ``Case.read``. Collective where ``comm`` is given."""
    folder = path.resolve().parent

    def opened() -> tuple[dict[str, Any], tuple[plugins.Source, ...]]:
        document = replaced(with_presets(load(path)), changes)
        return document, plugins.sources(document, folder)

    if comm is None:
        document, found = opened()
        return validated(document, folder, found)
    document, found = on_root(comm, opened)
    together(comm, lambda: plugins.load(found))  # every rank must know the classes of the case that it is sent
    return on_root(comm, lambda: validated(document, folder, found))


def validated(document: Mapping[str, Any], folder: Path, found: tuple[plugins.Source, ...] | None = None) -> "Case":
    """The case that a document describes.

    Args:
        document: tables as tomllib reads them.
        folder: where relative paths start.
        found: the plugins that it names; looked for where left out.

    Raises:
        InputError: with everything that is wrong, in the order of the document; or what is wrong with a plugin.
    """
    document = with_presets(document)
    modules = plugins.load(plugins.sources(document, folder) if found is None else found)
    problems: list[Problem] = []
    case: Case | None = None
    try:
        case = reader(modules).validate_python(dict(document), context={"folder": folder})
    except ValidationError as error:
        for line in error.errors(include_url=False):
            told = told_of(line)
            absent = line["input"] is None or told.what in ("is missing", "is an unknown key")
            got = "" if absent else _shown(line["input"])
            problems.append(Problem(place(line["loc"]), told.what, got, told.wanted, told.hint))
    if case is not None:
        problems += [*_incomparable(case), *_imaged_too_late(case), *(case.calibrate.wrong() if case.calibrate else ())]
    told_already = {problem.where for problem in problems}
    with plugins.seeing(modules):
        problems += [problem for problem in unresolved(document) if problem.where not in told_already]
    if problems or case is None:
        raise InputError(_in_order(problems, document))
    check_laws(case.materials)
    return replace(case, folder=folder)


def _incomparable(case: "Case") -> Iterator[Problem]:
    """Materials that have no isotropic form to compare with, where a comparison is asked for."""
    for name, material in case.materials.items() if case.output.compare_isotropic else ():
        try:
            material.isotropic()
        except ValueError as error:
            hint = f"leave it out, or give {place(('materials', name))} another law"
            yield Problem("output.compare_isotropic", str(error), hint=hint)


def _imaged_too_late(case: "Case") -> Iterator[Problem]:
    """An image that was taken after the histories of the loads have ended."""
    end = case.solve.stepping.end
    if case.unload is not None and case.unload.at > end:
        got, wanted = (quoted(f"{time:g} s") for time in (case.unload.at, end))
        what, hint = "is after the end of the load history", "solve.stepping.end says when that is"
        yield Problem("unload.at", what, got, f"at most {wanted}", hint)


def _shown(value: object) -> str:
    text = written(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _in_order(problems: list[Problem], document: Mapping[str, Any]) -> list[Problem]:
    """Problems in the order of the file, so that a person can go through it once."""

    def rank(problem: Problem) -> list[int]:
        node: Any = document
        ranks = []
        for part in parts_of(problem.where):
            keys = list(node) if isinstance(node, Mapping) else list(range(len(node))) if isinstance(node, list) else []
            ranks.append(keys.index(part) if part in keys else len(keys))
            node = node[part] if part in keys else None
        return ranks

    return sorted(problems, key=rank)
