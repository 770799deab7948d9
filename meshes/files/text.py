"""Numbers out of text files, with a message that says what is wrong where they do not add up."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fibertwin.errors import InputError, Problem


def read_text(file: Path) -> str:
    """A file's text.

    Raises:
        InputError: it is missing, or is no text.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(Problem(str(file), "is no text file", str(error), "numbers as text")) from error
    except OSError as error:
        raise InputError(Problem(str(file), f"can't be read: {error.strerror}")) from error


def flat(text: str, kind: type, file: Path, what: str, separator: str = " ") -> NDArray[Any]:
    """All numbers (n,) of a text.

    Args:
        text: numbers between blanks (lines are blanks too), or between other separators.
        kind: int or float.
        file: for messages.
        what: what the numbers are, for messages.
        separator: what stands between them.

    Raises:
        InputError: something else stands in the text.
    """
    if not text.strip():
        return np.zeros(0, np.int64 if kind is int else np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype=np.int64 if kind is int else np.float64, sep=separator)
        except (DeprecationWarning, ValueError) as error:
            at = _first_strange(text, separator)
            raise InputError(Problem(str(file), f"{what} are not all numbers", at, "numbers")) from error


def table(text: str, kind: type, rows: int, file: Path, what: str, least: int = 1) -> NDArray[Any]:
    """So many rows of numbers (rows, columns).

    Raises:
        InputError: the numbers don't fill so many rows, or the rows are too short.
    """
    found = flat(text, kind, file, what)
    if rows <= 0 or found.size == 0 or found.size % rows or found.size // rows < least:
        wanted = f"{rows} rows of at least {least} numbers, as its first line says"
        raise InputError(Problem(str(file), f"{what} are cut short, or too many", f"{found.size} numbers", wanted))
    return found.reshape(rows, -1)


def _first_strange(text: str, separator: str) -> str:
    for word in text.replace(separator, " ").split():
        try:
            float(word)
        except ValueError:
            return word[:40]
    return ""
