"""What a case file may say, as JSON Schema for editors, from the declarations alone."""

import dataclasses
import inspect
import re
from typing import Any, get_args, get_type_hints

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import SchemaSerializer, core_schema

from fibertwin.declared import Declared

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class CaseSchema(GenerateJsonSchema):
    """JSON Schema whose defaults are written as a case file would write them: ``"5 mm"``, not 5."""

    def definitions_schema(self, schema: core_schema.DefinitionsSchema) -> JsonSchemaValue:
        """The inner schema; what it refers to is kept at hand for writing defaults."""
        self.referred = schema["definitions"]
        return super().definitions_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The inner schema with its default."""
        described = self.generate_inner(schema["schema"])
        factory: Any = schema.get("default_factory")
        default = factory() if factory else schema.get("default")
        if default in (None, (), [], {}):
            return described
        inner = core_schema.definitions_schema(schema["schema"], getattr(self, "referred", []))
        return {**described, "default": SchemaSerializer(inner).to_python(default, mode="json", exclude_none=True)}

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
    hints = get_type_hints(kind, include_extras=True)
    for name, words in attributes_of(kind).items():
        if name in properties:
            number = _number(properties[name])
            held = [number["description"]] if "examples" in number else []
            asides = ", ".join(held + bounds_of(hints[name]) if held else [])
            text = f"{words.rstrip('.')} ({asides})." if asides else words
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


def varies(schema: JsonSchemaValue) -> bool:
    """Whether a schema is that of the tables that say where a number's values come from."""
    return "varying" in schema.get("$ref", "").lower()


def _number(schema: JsonSchemaValue) -> JsonSchemaValue:
    """The schema of the number itself, where a table may stand in its place."""
    options = schema.get("anyOf", [])
    return options[0] if len(options) == 2 and varies(options[1]) else schema


def bounds_of(hint: Any) -> list[str]:
    """The bounds of a quantity in the unit that it is held in: a text with a unit has none in JSON Schema.

    Args:
        hint: an annotated number.
    """
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    marks = [(sign, getattr(part, name, None)) for part in get_args(hint)[1:] for name, sign in signs.items()]
    return [f"{sign} {bound:.4g}" for sign, bound in marks if bound is not None]


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
    from .reading import reader

    schema = reader().json_schema(schema_generator=CaseSchema)
    return {"$schema": DIALECT, **schema, "title": "fibertwin case"}
