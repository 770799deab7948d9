"""What a case file may say, for editors (JSON Schema) and people (Markdown), from the declarations alone."""

import dataclasses
import inspect
import re
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaSerializer, core_schema

from fibertwin.declared import Declared

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class CaseSchema(GenerateJsonSchema):
    """JSON Schema whose defaults are written as a case file would write them: ``"5 mm"``, not 5."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The inner schema with its default."""
        described = self.generate_inner(schema["schema"])
        default = schema["default_factory"]() if "default_factory" in schema else schema.get("default")  # type: ignore[call-arg]
        if default not in (None, (), [], {}):
            written = SchemaSerializer(schema["schema"]).to_python(default, mode="json", exclude_none=True)
            described = {**described, "default": written}
        return described

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """The inner schema: TOML has no null, so what is optional is left out."""
        return self.generate_inner(schema["schema"])


def described_table(kind: type[Any], schema: JsonSchemaValue) -> JsonSchemaValue:
    """Add to a table's schema what the docstring says of it, and the key that picks it.

    Args:
        kind: the dataclass.
        schema: its JSON Schema.
    """
    about = inspect.getdoc(kind) or ""
    properties = schema.setdefault("properties", {})
    for name, words in attributes_of(kind).items():
        if name in properties:
            measured = properties[name].get("description")
            text = f"{words} ({measured})" if measured else words
            properties[name] = {**properties[name], "title": name, "description": text}
    if issubclass(kind, Declared) and kind.key:
        properties = {kind.key: {"const": kind.kind(), "title": kind.key}} | properties
        schema["required"] = [kind.key, *schema.get("required", [])]
    summary = about.split("\n\nAttributes:")[0].split("\nAttributes:")[0].strip()
    return schema | {
        "title": kind.kind() if issubclass(kind, Declared) else kind.__name__,
        "description": summary,
        "properties": properties,
        "additionalProperties": False,
    }


def attributes_of(kind: type[Any]) -> dict[str, str]:
    """What the docstrings of a class and its bases say of each attribute (Google style)."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if dataclasses.is_dataclass(base) and base.__doc__:
            section = re.search(r"^Attributes:\n((?:[ ]+.*\n?|\n)+)", inspect.cleandoc(base.__doc__), re.MULTILINE)
            entries = re.split(r"^    (\w+): ", section[1], flags=re.MULTILINE)[1:] if section else []
            found |= {name: " ".join(text.split()) for name, text in zip(entries[::2], entries[1::2], strict=True)}
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the case file, for editors."""
    from .model import Case
    from .reading import reader

    schema = reader(Case).json_schema(schema_generator=CaseSchema)
    return {"$schema": DIALECT, **schema, "title": "fibertwin case"}


def markdown() -> str:
    """The reference page of the case file."""
    schema = json_schema()
    lines = [_OPENING]
    for name, section in schema["properties"].items():
        if name == "title":
            continue
        lines += [f"## `[{name}]`", "", section.get("description", ""), ""]
        lines += _section(section)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


_OPENING = """# The case file

<!-- Written from the declarations in the code by `fibertwin schema --markdown`; edit those, not this page. -->

One TOML file says everything about a run: where the diffusion scan and the anatomy are, what the tissue is made of,
how it is held and what loads it. `fibertwin init` writes a commented one to start from; `fibertwin check case.toml`
tells everything that is wrong with one, at once, before anything expensive is done; `fibertwin schema > case.json`
exports the JSON Schema, which editors use for completion when the file opens with `#:schema case.json`.

- A number with a dimension is a text of number and unit: `"5 mm"`, `"2.3 kPa"`, `"0.7 µm²/ms"`, `"30 deg"`. A bare
  number there is an error. A pure number is bare (`0.2`) or a percentage (`"20 %"`).
- Paths start at the folder of the case file. Every file must exist.
- Unknown keys are errors. A table whose `type` (or `law`) names one of several members has the keys of that member;
  a member without further keys may be written as the bare word, `formulation = "taylor-hood"`.
- World axes are RAS+ millimetres: x to the right, y to the front, z up.
"""


def _section(schema: dict[str, Any]) -> list[str]:
    """The members and keys of one section."""
    lines = []
    for member in _tables(schema):
        if "const" in next(iter(member.get("properties", {}).values()), {}):
            key, word = next((key, part["const"]) for key, part in member["properties"].items() if "const" in part)
            lines += [f'### `{key} = "{word}"`', "", member.get("description", ""), ""]
        elif len(_tables(schema)) > 1:
            lines += [f"### {member['title']}", "", member.get("description", ""), ""]
        lines += _rows(member)
        for part in member.get("properties", {}).values():
            if len(_tables(part)) > 0 and "const" not in part:
                lines += [f"#### `{part.get('title', '')}`", ""] if len(_tables(part)) > 1 else []
                lines += _section(part)
    return lines


def _tables(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables that a schema offers, however deep in lists, unions and named entries."""
    if "properties" in schema:
        return [schema]
    inner = [*schema.get("oneOf", []), *schema.get("anyOf", [])]
    inner += [schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), dict)]
    found: list[dict[str, Any]] = []
    for part in inner:
        found += [table for table in _tables(part) if table not in found]
    return found


def _rows(table: dict[str, Any]) -> list[str]:
    """The keys of a table as a Markdown table."""
    rows = []
    for key, part in table.get("properties", {}).items():
        if "const" in part:
            continue
        default = (
            "required" if key in table.get("required", []) else _code(part["default"]) if "default" in part else ""
        )
        rows.append(f"| `{key}` | {_kind(part)} | {default} | {part.get('description', '')} |".replace("\n", " "))
    return ["| key | value | default | meaning |", "|---|---|---|---|", *rows, ""] if rows else []


def _code(value: object) -> str:
    from .toml import written

    return f"`{written(value)}`"


def _kind(schema: dict[str, Any]) -> str:
    """What a key takes, in words."""
    if "enum" in schema or "const" in schema:
        return " or ".join(_code(choice) for choice in schema.get("enum", [schema.get("const")]))
    if schema.get("anyOf"):
        return " or ".join(dict.fromkeys(_kind(part) for part in schema["anyOf"]))
    if schema.get("oneOf") or "properties" in schema:
        return "table"
    if schema.get("type") == "array":
        parts = schema.get("prefixItems")
        return f"{len(parts)} × {_kind(parts[0])}" if parts else f"list of {_kind(schema.get('items', {}))}"
    words = {"number": "number", "integer": "whole number", "boolean": "`true` or `false`", "object": "named tables"}
    if schema.get("examples"):
        return f"`{schema['examples'][0]}`" if "%" in schema["examples"][0] else f'`"{schema["examples"][0]}"`'
    kind = "file" if schema.get("format") == "path" else words.get(schema.get("type", ""), "text")
    return kind + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    signs = {"exclusiveMinimum": ">", "minimum": "≥", "exclusiveMaximum": "<", "maximum": "≤"}
    found = [f"{sign} {schema[name]:g}" for name, sign in signs.items() if name in schema]
    return f", {', '.join(found)}" if found else ""
