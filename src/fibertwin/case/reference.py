"""The reference page of the case file, from its JSON Schema and so from the declarations alone."""

import re
from typing import Any

from fibertwin.constitutive.presets import PRESETS

from .document import json_schema, varies
from .presets import KEY
from .toml import written

Schema = dict[str, Any]

OPENING = """# The case file

<!-- Written from the declarations by `fibertwin schema --markdown -o docs/reference/case-file.md`; edit those. -->

One TOML file says everything about a run: where the diffusion scan and the anatomy are, what the tissue is made of,
how it is held and what loads it. `fibertwin init` writes a commented one to start from; `fibertwin check case.toml`
tells everything that is wrong with one, at once, before anything expensive is done; `fibertwin schema -o case.json`
writes the JSON Schema, which editors use for completion when the file opens with `#:schema case.json`.

- A number with a dimension is a text of number and unit: `"5 mm"`, `"2.3 kPa"`, `"0.7 µm²/ms"`, `"30 deg"`. A bare
  number there is an error. A pure number is bare, `0.2`, or a percentage, `"20 %"`.
- Paths start at the folder of the case file. Every file must exist.
- Unknown keys are errors. Where a key such as `type` or `law` names one of several members, the other keys are those of
  the member; a member that needs no other key may be written as the bare word, `formulation = "taylor-hood"`.
- World axes are RAS+ millimetres: x to the right, y to the front, z up.
"""


MATERIALS = """A published material is taken by its name, `tissue = "myocardium-shear"`, or with changes,
`tissue = { preset = "myocardium-shear", bulk_modulus = "1 MPa" }`; energies given there are added to its own. See
[below](#presets). Every number of a law may also vary through the tissue: see [there](#numbers-that-vary)."""


def markdown() -> str:
    """The page."""
    schema = json_schema()
    sections = _expanded(schema, schema.get("$defs", {}), ())["properties"]
    plain = {name: section for name, section in sections.items() if not _tables(section)}
    lines = [OPENING, "## At the top", "", *_rows({"properties": plain})]
    for name, section in sections.items():
        if not _tables(section):
            continue
        lines += [f"## `[{name}]`", "", _sentence(section.get("description", "")), ""]
        if "additionalProperties" in section and isinstance(section["additionalProperties"], dict):
            lines += [
                f"Each entry has a name of your choice: `[{name}.NAME]`, or `NAME = {{ … }}` below `[{name}]`.",
                "",
            ]
        if name == "materials":
            lines += [MATERIALS, ""]
        lines += _members(section, "###", [])
        if name == "materials":
            lines += [*_numbers_that_vary(schema["$defs"]), *_presets()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _numbers_that_vary(definitions: Schema) -> list[str]:
    """The tables that may stand in place of a number of a law."""
    name = next(name for name in definitions if name.endswith("Varying"))
    family = _expanded(definitions[name], definitions, (name,))
    opening = "In place of a number with a unit a law also takes a table that says where the values come from"
    more = "They are looked up at the quadrature points, and must be there and within the number's bounds"
    lines = ["### Numbers that vary", "", f'{opening}: `mu = {{ image = "stiffness.nii.gz" }}`. {more}.', ""]
    return [*lines, *_members(family, "####", [])]


def _presets() -> list[str]:
    """The published materials."""
    rows = [f"| `{name}` | {p.title} | {p.source} | {p.note} |".replace("  ", " ") for name, p in PRESETS.items()]
    return ["### Presets", "", "| name | material | source | note |", "|---|---|---|---|", *rows, ""]


def _expanded(schema: Any, definitions: Schema, inside: tuple[str, ...]) -> Any:
    """The schema with references replaced by what they stand for; one to an outer table by a mark."""
    if isinstance(schema, list):
        return [_expanded(part, definitions, inside) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        if name in inside:
            return {"like": "as here", **rest}
        return {**_expanded(definitions[name], definitions, (*inside, name)), **rest}
    # numbers that vary and presets are told once, in sections of their own
    options = [part for part in schema.get("anyOf", []) if not varies(part) and part.get("title") != KEY]
    if options:
        rest = {key: part for key, part in schema.items() if key != "anyOf"}
        schema = {**options[0], **rest} if len(options) == 1 else {**rest, "anyOf": options}
    return {key: _expanded(part, definitions, inside) for key, part in schema.items() if key != "$defs"}


def _tables(schema: Schema) -> list[Schema]:
    """The tables that a schema offers, however deep in lists, unions and named entries."""
    if "properties" in schema:
        return [schema]
    inner = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    found: list[Schema] = []
    for part in inner:
        found += [table for table in _tables(part) if table not in found]
    return found


def _members(schema: Schema, level: str, told: list[Schema]) -> list[str]:
    """Each table that a key takes: heading, words, keys, and the tables within; none of those ``told``, which grow."""
    lines = []
    tables = [table for table in _tables(schema) if table not in told]
    told += tables
    for table in tables:
        key, word = _picked(table)
        if key or len(tables) > 1:
            lines += [f'{level} `{key} = "{word}"`' if key else f"{level} With `{table['required'][0]}`", ""]
            lines += [table.get("description", "").replace("``", "`"), ""]
        lines += _rows(table)
        for name, part in table["properties"].items():
            if any(inner not in told for inner in _tables(part)):
                lines += [f"{level} In `{name}`", ""] if not _picked(_tables(part)[0])[0] else []
                lines += _members(part, level, told)
    return lines


def _picked(table: Schema) -> tuple[str, str]:
    """The key and word that pick a member of a family; empty for a plain table."""
    return next(((key, part["const"]) for key, part in table["properties"].items() if "const" in part), ("", ""))


def _rows(table: Schema) -> list[str]:
    """The keys of a table as a Markdown table."""
    rows = []
    for key, part in table["properties"].items():
        if "const" not in part:
            default = "required" if key in table.get("required", []) else _default(part)
            words = _sentence(part.get("description", "")).replace("|", "\\|")
            rows.append(f"| `{key}` | {_kind(part)} | {default} | {words} |")
    return ["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""] if rows else []


def _default(schema: Schema) -> str:
    default = schema.get("default")
    if default is None or (isinstance(default, dict) and _picked(_tables(schema)[0])[0] == ""):
        return ""
    return f"`{written(default)}`"


def _sentence(text: str) -> str:
    """Text of a docstring as Markdown."""
    text = text.replace("``", "`")
    return text[:1].upper() + text[1:] if re.match(r"[a-z]{2}|a ", text) else text


def _kind(schema: Schema) -> str:
    """What a key takes, in words."""
    if schema.get("format") == "curve":
        return 'pairs `[["0 s", 0], ["0.2 s", 1]]` or a CSV file'
    if "enum" in schema:
        return " or ".join(f"`{written(choice)}`" for choice in schema["enum"])
    if "const" in schema:
        return f"`{written(schema['const'])}`"
    options = schema.get("anyOf", [])
    mixed = any(_tables(part) for part in options) and any(not _tables(part) and "enum" not in part for part in options)
    if (_tables(schema) and not mixed) or "like" in schema:
        return _table_kind(schema)
    if options:
        return " or ".join(dict.fromkeys(_kind(part) for part in options))
    if schema.get("type") == "array":
        parts = schema.get("prefixItems")
        inner = _kind(parts[0] if parts else schema.get("items", {}))
        return f"list of {f'{len(parts)} ' if parts else ''}" + (f"({inner})" if " or " in inner else inner)
    if schema.get("type") == "object":
        return f"table, each {_kind(schema['additionalProperties'])}"
    if schema.get("examples"):
        return f"`{written(schema['examples'][0])}`"
    if "%" in schema.get("pattern", ""):
        return '`"30 %"`'
    words = {"number": "number", "integer": "whole number", "boolean": "`true` or `false`"}
    kind = "file" if schema.get("format") == "path" else words.get(schema.get("type", ""), "text")
    return kind + _bounds(schema)


def _table_kind(schema: Schema) -> str:
    """A table, or a list of tables, that a key takes."""
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if "like" in schema:
        return "table as these"
    key = _picked(_tables(schema)[0])[0]
    return f"table with `{key}`" if key else "table"


def _bounds(schema: Schema) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    found = [f"{sign} {schema[name]:.4g}" for name, sign in signs.items() if name in schema]
    return f", {', '.join(found)}" if found else ""
