"""Python files that a case names: the laws, supports, loads … that they declare can be named in the case."""

import ast
import hashlib
import linecache
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

from pydantic.errors import PydanticUserError

from fibertwin.declared import Declared, lacking
from fibertwin.errors import InputError, Problem

PREFIX = "fibertwin_plugin_"
"""Opens the name under which a plugin is kept in ``sys.modules``; what follows tells its content, so that every rank
knows the same plugin by the same name."""

DATACLASS = "put @dataclass(frozen=True) above the class"

_seen: ContextVar[tuple[str, ...]] = ContextVar("_seen", default=())
_names: dict[Path, str] = {}
"""The module that each file was last loaded as."""


@dataclass(frozen=True)
class Source:
    """A plugin as it was when it was read.

    Attributes:
        path: the file.
        text: what it says.
    """

    path: Path
    text: str

    @property
    def module(self) -> str:
        """Name of its module."""
        word = re.sub(r"\W", "_", self.path.stem)
        return f"{PREFIX}{word}_{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"


def sources(document: Mapping[str, Any], folder: Path) -> tuple[Source, ...]:
    """The plugins that a document names. What is no name of a file is left to the reader, which tells it.

    Args:
        document: tables as tomllib reads them.
        folder: where relative paths start.

    Raises:
        InputError: a file cannot be read.
    """
    listed = document.get("plugins")
    texts = [text for text in listed if isinstance(text, str) and text] if isinstance(listed, list) else []
    paths = [Path(folder, Path(text).expanduser()) for text in texts]
    return tuple(_source(path) for path in paths if path.is_file())


def _source(path: Path) -> Source:
    try:
        return Source(path, path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(Problem(str(path), f"cannot be read: {error}", wanted="a Python file in UTF-8")) from error


def load(found: Sequence[Source]) -> tuple[str, ...]:
    """Run plugins, once for the same content. Not collective.

    Returns:
        the names of their modules.

    Raises:
        InputError: one cannot be run, or declares what no case file could name.
    """
    for source in found:
        if source.module not in sys.modules:
            _run(source)
        _names[source.path] = source.module
    names = tuple(dict.fromkeys(source.module for source in found))
    twice = [problem for source in found for problem in _taken(source, names)]
    if twice:
        raise InputError(twice)
    return names


def loaded(paths: Sequence[Path]) -> tuple[str, ...]:
    """The modules of plugins, as they were last loaded, or now.

    Raises:
        InputError: as ``load``.
    """
    load([_source(path) for path in paths if path not in _names])
    return tuple(dict.fromkeys(_names[path] for path in paths))


@contextmanager
def seeing(modules: tuple[str, ...]) -> Iterator[None]:
    """Let ``members`` know the classes of some plugins, beside fibertwin's own."""
    token = _seen.set(modules)
    try:
        yield
    finally:
        _seen.reset(token)


def members(family: type[Any]) -> dict[str, type[Any]]:
    """The members of a family by name, as ``Declared.members``, but of plugins only those that are seen."""
    return {
        sub.kind(): sub
        for sub in _below(family)
        if sub.offered() and (not is_plugin(sub) or sub.__module__ in _seen.get())
    }


def is_plugin(kind: type) -> bool:
    """Whether a class comes from a plugin."""
    return kind.__module__.startswith(PREFIX)


def where_in(error: BaseException, path: Path) -> str:
    """The last line of a file that an error went through, as ``path, line n``."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def raised_by(error: BaseException, path: Path) -> Problem:
    """An error of a person's code, told at its line."""
    where = where_in(error, path)
    line = where.rpartition(", line ")[2]
    shown = linecache.getline(str(path), int(line)).strip() if line.isdigit() else ""
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return Problem(where, what, got=shown, hint=DATACLASS if "non-frozen dataclass" in what else "")


def _run(source: Source) -> None:
    """Run a plugin and check what it declares."""
    linecache.checkcache(str(source.path))
    try:
        code = compile(source.text, str(source.path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{source.path}, line {line}" if line else str(source.path)
        shown = (getattr(error, "text", None) or "").strip()
        raise InputError(Problem(where, f"is not Python: {getattr(error, 'msg', error)}", got=shown)) from error
    module = ModuleType(source.module)
    module.__file__ = str(source.path)
    sys.modules[source.module] = module
    try:
        _execute(code, module, source.path)
        problems = _undeclarable(source)
        if problems:
            raise InputError(problems)
    except BaseException:
        del sys.modules[source.module]
        raise


def _execute(code: Any, module: ModuleType, path: Path) -> None:
    try:
        exec(code, module.__dict__)
    except (Exception, SystemExit) as error:  # a person's own code may raise anything
        raise InputError(raised_by(error, path)) from error


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _below(sub)


def _own(source: Source) -> list[type[Declared]]:
    """The classes that a plugin declares."""
    return [kind for kind in _below(Declared) if kind.__module__ == source.module and not kind.__name__.startswith("_")]


def _family(kind: type[Declared]) -> type[Declared]:
    return next(base for base in kind.__mro__ if Declared in base.__bases__)


def _undeclarable(source: Source) -> list[Problem]:
    """What keeps a case file from naming what a plugin declares."""
    kinds = _own(source)
    lines = {node.name: node.lineno for node in ast.walk(ast.parse(source.text)) if isinstance(node, ast.ClassDef)}
    problems = [
        Problem(
            f"{source.path}, line {lines.get(kind.__name__, 1)}", f"{kind.__name__} {what}", wanted=wanted, hint=hint
        )
        for kind in kinds
        for what, wanted, hint in _flaws(kind)
    ]
    if not kinds:
        families = ", ".join(sorted(family.__name__ for family in Declared.__subclasses__() if not is_plugin(family)))
        problems.append(
            Problem(
                str(source.path), "declares nothing that a case can name", wanted=f"a class below one of {families}"
            )
        )
    return problems


def _flaws(kind: type[Declared]) -> Iterator[tuple[str, str, str]]:
    """What is wrong, what is wanted and what to try, for a class of a plugin."""
    from .tables import reader_of

    lacks = lacking(kind)
    if lacks:
        yield f"lacks {', '.join(lacks)}", f"what every {_family(kind).__name__} has", "is a name misspelt?"
    elif "__dataclass_fields__" not in kind.__dict__:
        yield "is no dataclass", "fields with units and bounds", DATACLASS
    else:
        try:
            for name, hint in get_type_hints(kind, include_extras=True).items():
                if hasattr(kind, "varies") and hint is float:
                    wanted = f'{name}: Annotated[float, Unit("kPa")], or Unit("") for a pure number'
                    yield f"has the number {name} without a unit", wanted, ""
            reader_of(kind)
        except (NameError, TypeError, PydanticUserError) as error:
            what = str(error).splitlines()[0]
            yield "has fields that a case file cannot hold", "numbers with units, texts, switches, tables", what


def _taken(source: Source, names: tuple[str, ...]) -> Iterator[Problem]:
    """The names of a plugin's classes that others have too."""
    for kind in _own(source):
        others = [
            other
            for other in _below(_family(kind))
            if other is not kind and other.kind() == kind.kind() and (not is_plugin(other) or other.__module__ in names)
        ]
        if others:
            what = f'{kind.__name__} has the name "{kind.kind()}", which is taken'
            yield Problem(str(source.path), what, hint="give the class another name")
