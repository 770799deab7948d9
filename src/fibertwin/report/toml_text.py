"""A resolved case as TOML, so that it can be copied out of the report and run again."""

import json
import math
import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(case: dict[str, Any]) -> str:
    """A mapping of JSON values as TOML; what is null is left out, as TOML has no word for it."""
    return "\n".join(_table(case, ())).strip() + "\n"


def _table(values: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    lines, below = [], []
    for key, value in values.items():
        if isinstance(value, dict):
            inner = _table(value, (*path, key))
            head = ["", f"[{_dotted((*path, key))}]"] if not value or any(_is_plain(v) for v in value.values()) else []
            below += head + inner
        elif _tables(value):
            for item in value:
                below += ["", f"[[{_dotted((*path, key))}]]", *_table(item, (*path, key))]
        elif value is not None:
            lines.append(f"{_key(key)} = {_value(value)}")
    return lines + below


def _is_plain(value: object) -> bool:
    return value is not None and not isinstance(value, dict) and not _tables(value)


def _tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(_key(part) for part in path)


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    # a JSON string is a TOML basic string, but for DEL
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value if item is not None) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items() if v is not None) + " }"
    return _string(str(value))
