"""Reading TOML with errors that show the line, writing it, and naming places in it."""

import json
import math
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fibertwin.errors import InputError, Problem
from fibertwin.units import quoted

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PART = re.compile(
    r'\s*(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\'|([^.\[\]"\'\s]+(?:[ ]+[^.\[\]"\'\s]+)*)|\[(\d+)\])\s*(\.|(?=\[)|$)'
)


def load(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: no such file, not a text, or not TOML (with line and column).
    """
    if not path.is_file():
        here = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        hint = f"there is {', '.join(sorted(here))}" if here else "fibertwin init writes one to start from"
        raise InputError(Problem(str(path), "the case file does not exist", hint=hint))
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Problem(str(path), f"is not a UTF-8 text ({error.reason} at byte {error.start})")) from error
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(_syntax_problem(path, text, str(error))) from error


def _syntax_problem(path: Path, text: str, message: str) -> Problem:
    place = re.search(r"line (\d+), column (\d+)", message)
    what = re.sub(r"\s*\(at .*\)$", "", message)
    lines = text.splitlines()
    line, column = (int(place[1]), int(place[2])) if place else (len(lines), len(lines[-1]) if lines else 1)
    shown = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    where = f"{path}, line {line}, column {column}"
    return Problem(where, f"is not TOML: {what[:1].lower()}{what[1:]}", got=shown, hint=_guess(shown))


def _guess(line: str) -> str:
    """What is most often wrong with a line that is not TOML."""
    if re.search(r"=\s*[-+.\d]+\s*[A-Za-zµ%]", line):
        return 'put a quantity between quotes: "5 mm"'
    if re.match(r"\[?[A-Za-z0-9_-]+ [\w -]+\]?\s*(=|$)", line):
        return 'put a name with spaces between quotes: "skull base"'
    return ""


def written(value: object) -> str:
    """A value as TOML writes it, on one line."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {written(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(written(part) for part in value) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # nan, inf, -inf
    return json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)


def dump(document: Mapping[str, Any]) -> str:
    """A document as TOML: plain values first, then a heading for each table of tables."""
    return "\n".join(_dumped(document, "")).strip() + "\n"


def _dumped(table: Mapping[str, Any], heading: str) -> list[str]:
    nested = {k: v for k, v in table.items() if isinstance(v, Mapping) and _is_section(v, heading)}
    lines = [f"{_key(key)} = {written(value)}" for key, value in table.items() if key not in nested]
    if heading and (lines or not nested):
        lines = [f"\n[{heading}]", *lines]
    for key, value in nested.items():
        lines += _dumped(value, f"{heading}.{_key(key)}" if heading else _key(key))
    return lines


def _is_section(table: Mapping[str, Any], heading: str) -> bool:
    """Whether a table is worth a heading of its own: every section, and those that hold lists of tables."""
    return not heading or any(
        isinstance(v, (list, Mapping)) and v and isinstance(next(iter(v)), Mapping) for v in table.values()
    )


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else quoted(name)


def place(parts: tuple[int | str, ...]) -> str:
    """A place in a document: ``materials.white.energies[1].k1``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else ("." if text else "") + _key(part)
    return text


def parts_of(text: str) -> tuple[int | str, ...]:
    """The keys and list positions of a place; a position is ``[1]`` or ``.1``.

    Raises:
        InputError: the text is no place.
    """
    parts: list[int | str] = []
    at = 0
    while at < len(text) or not parts or text[-1:] == ".":
        match = _PART.match(text, at)
        if match is None:
            wanted = "such as materials.white.energies.1.k1"
            raise InputError(Problem(text, "is not the name of a place in a case file", got=text, wanted=wanted))
        double, single, bare, index = match[1], match[2], match[3], match[4]
        parts.append(int(index) if index is not None else next(p for p in (double, single, bare) if p is not None))
        at = match.end()
        if at == len(text) and match[5] != ".":
            break
    return tuple(parts)


def replaced(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a document with some places set; tables on the way are made where they lack.

    Args:
        document: tables as tomllib reads them.
        changes: new values by place.

    Raises:
        InputError: a place goes through something that is no table, or beyond the end of a list.
    """
    changed: Any = dict(document)
    problems: list[Problem] = []
    for where, value in changes.items():
        try:
            changed = _set(changed, parts_of(where), value, where)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)
    return dict(changed)


def _set(node: Any, parts: tuple[int | str, ...], value: Any, where: str) -> Any:
    if not parts:
        return value
    first, rest = parts[0], parts[1:]
    if isinstance(node, (list, tuple)):
        if not str(first).isdigit() or int(first) >= len(node):
            wanted = f"a position from 0 to {len(node) - 1}"
            raise InputError(Problem(where, "names no entry of the list", got=str(first), wanted=wanted))
        at = int(first)
        return [*node[:at], _set(node[at], rest, value, where), *node[at + 1 :]]
    if not isinstance(node, Mapping):
        raise InputError(Problem(where, "goes on below a value that is no table", got=written(node)))
    return {**node, str(first): _set(node.get(str(first), {}), rest, value, where)}


def parsed(text: str) -> Any:
    """A value as typed on a command line: TOML where it is TOML, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
