"""From pydantic's errors to sentences: what is wrong, what is wanted, what to try."""

from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from fibertwin.units import UnitError

BRANCH = "|"
"""Opens the parts of pydantic's error location that name a branch of a union, not a key of the file."""

Location = tuple[int | str, ...]


@dataclass(frozen=True)
class Told:
    """A problem without its place.

    Attributes:
        what: what is wrong.
        wanted: what would be accepted.
        hint: what to try.
        shape: the value is of another shape (table, list, text) than asked for, so that of several ways to read
            it this one was hardly meant.
    """

    what: str
    wanted: str = ""
    hint: str = ""
    shape: bool = False


def did_you_mean(word: object, known: list[str]) -> str:
    """A guess at a misspelt word, or nothing."""
    guess = _nearest(word, known) if isinstance(word, str) else ""
    return f"did you mean {guess}?" if guess else ""


def _nearest(word: str, known: list[str]) -> str:
    folded = {_folded(name): name for name in known}
    close = get_close_matches(_folded(word), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else ""


def _folded(word: str) -> str:
    return word.lower().replace("_", "-").replace(" ", "-")


def raised(told: Told) -> PydanticCustomError:
    """The problem as an exception that a pydantic validator may raise."""
    return PydanticCustomError("problem", "{what}", _context(told))


def line_error(told: Told, where: Location, got: object) -> InitErrorDetails:
    """The problem as a line of a pydantic ``ValidationError``."""
    return InitErrorDetails(type=raised(told), loc=where, input=got)


def told_of(error: ErrorDetails) -> Told:
    """The problem that ``raised`` or ``line_error`` put into a pydantic error."""
    context = error["ctx"]
    return Told(context["what"], context["wanted"], context["hint"], bool(context.get("shape", False)))


def _context(told: Told) -> dict[str, Any]:
    return {"what": told.what, "wanted": told.wanted, "hint": told.hint, "shape": told.shape}


def explained(error: ValidationError, table: dict[str, Any], wanted: dict[str, str]) -> list[InitErrorDetails]:
    """Every error of one table in our words, with the branches of unions merged.

    Args:
        error: what pydantic raised on reading the table.
        table: the table as the user wrote it.
        wanted: what each key that the table may have takes, in words.
    """
    meant = _meant_keys(table, list(wanted))
    groups: dict[Location, list[tuple[Told, object]]] = {}
    for line in error.errors(include_url=False):
        location = tuple(part for part in line["loc"] if not (isinstance(part, str) and part.startswith(BRANCH)))
        told = _key_problem(line, wanted) or _value_problem(line)
        if line["type"] == "missing" and len(line["loc"]) == 1 and line["loc"][0] in meant.values():
            continue  # told at the misspelt key
        groups.setdefault(location, []).append((told, line["input"]))
    merged = []
    for location, entries in groups.items():
        told = _merged([told for told, _ in entries], entries[0][1])
        deeper = any(other[: len(location)] == location and other != location for other in groups)
        if not (deeper and told.shape):
            told = _with_wanted(told, location, wanted)
            merged.append(line_error(told, location, entries[0][1]))
    return merged


def _with_wanted(told: Told, location: Location, wanted: dict[str, str]) -> Told:
    """Say what the key takes where a value of it has another shape, or lacks a part."""
    words = wanted.get(str(location[0]), "") if location else ""
    whole = len(location) == 1 and told.shape
    part = len(location) == 2 and isinstance(location[1], int) and told.what == "is missing"
    return replace(told, wanted=words) if words and (whole or part) else told


def _merged(branches: list[Told], got: object) -> Told:
    """One problem from those of every branch of a union."""
    if len(branches) == 1:
        return branches[0]
    meant = [told for told in branches if not told.shape] or branches
    wanted = " or ".join(dict.fromkeys(told.wanted for told in meant if told.wanted))
    is_word = isinstance(got, str) and not any(letter.isdigit() or letter in "./" for letter in got)
    first = next((told for told in meant if (told.what == _NOT_A_CHOICE) == is_word), meant[0])
    return Told(first.what, wanted, first.hint, all(told.shape for told in branches))


def _meant_keys(table: dict[str, Any], names: list[str]) -> dict[str, str]:
    """The lacking key that each unknown key of a table was meant to be, where one is near enough."""
    free = [name for name in names if name not in table]
    guesses = {key: _nearest(key, free) for key in table if key not in names}
    return {key: guess for key, guess in guesses.items() if guess}


def _key_problem(line: ErrorDetails, wanted: dict[str, str]) -> Told | None:
    """A key of this very table that is unknown or lacking."""
    if len(line["loc"]) != 1:
        return None
    key = str(line["loc"][0])
    if line["type"] == "unexpected_keyword_argument":
        known = f"one of {', '.join(wanted)}" if wanted else "no key"
        return Told("is an unknown key", known, did_you_mean(key, list(wanted)))
    if line["type"] == "missing":
        return Told("is missing", wanted[key])
    return None


_NOT_A_CHOICE = "is not one of the choices"
_SHAPES = {
    "string_type": "a text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a table",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def _value_problem(line: ErrorDetails) -> Told:
    """What pydantic (or a validator of ours) found wrong with a value."""
    kind, context = line["type"], line.get("ctx", {})
    if "what" in context:
        return told_of(line)
    if kind in _SHAPES:
        return Told(f"is not {_SHAPES[kind]}", _SHAPES[kind], shape=True)
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return Told("is out of range", f"{words} {context[name]:g}")
    if kind == "literal_error":
        choices = context["expected"].replace(" or ", ", ").replace("'", "").split(", ")
        wanted = " or ".join(f'"{choice}"' for choice in choices)
        shape = isinstance(line["input"], (dict, list, tuple))
        return Told(_NOT_A_CHOICE, wanted, did_you_mean(line["input"], choices), shape)
    if kind == "missing":
        return Told("is missing")
    if kind in ("too_short", "string_too_short"):
        # pydantic counts the entries that could be read; those that could not are told by themselves
        enough = len(line["input"]) >= context["min_length"]
        return Told("has too few entries", f"at least {context['min_length']}", shape=enough)
    if kind in ("too_long", "string_too_long"):
        return Told("has too many entries", f"at most {context['max_length']}")
    if kind == "string_pattern_mismatch":
        wanted = 'a share such as "30 %"' if "%" in context["pattern"] else f"the form {context['pattern']}"
        return Told("has another form than asked for", wanted)
    if kind == "value_error":
        error = context["error"]
        return Told(error.what, error.wanted, error.hint) if isinstance(error, UnitError) else Told(str(error))
    return Told(line["msg"][:1].lower() + line["msg"][1:])
