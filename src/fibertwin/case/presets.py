"""Published materials by name, in place of a material that is spelled out."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from fibertwin.constitutive import Material
from fibertwin.constitutive.presets import PRESETS

from .explain import Told, did_you_mean, line_error, raised
from .tables import Reader, reader_of

KEY = "preset"


def spelled_out(value: Any) -> Any:
    """A material's table with its preset's values in it: those of the table are put over them, energies beside them.

    Args:
        value: what the case says of a material; given back as it is where it names no preset that is known.
    """
    table = {KEY: value} if isinstance(value, str) else value
    name = table.get(KEY) if isinstance(table, Mapping) else None
    if not isinstance(name, str) or name not in PRESETS:
        return value
    known = _table(name)
    rest = {key: part for key, part in table.items() if key != KEY}
    if isinstance(rest.get("energies"), list):
        rest["energies"] = [*known["energies"], *rest["energies"]]
    return known | rest


def with_presets(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the material of every known preset spelled out."""
    materials = document.get("materials")
    if not isinstance(materials, Mapping):
        return dict(document)
    return {**document, "materials": {region: spelled_out(value) for region, value in materials.items()}}


@cache
def _table(name: str) -> dict[str, Any]:
    return dict(reader_of(Material).dump_python(PRESETS[name].material, mode="json", exclude_none=True))


@dataclass(frozen=True)
class OrPreset:
    """Annotates a material that may be the name of a preset, or a table with one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Tell a name that is not known; spell out one that is."""

        def read(value: object, inner: Reader) -> Any:
            table = spelled_out(value)
            if isinstance(table, str):
                raise raised(_unknown(table))
            if isinstance(table, dict) and KEY in table:
                lines = [line_error(_unknown(table[KEY]), (KEY,), table[KEY])]
                raise ValidationError.from_exception_data("", lines)
            return inner(table)

        return core_schema.no_info_wrap_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The material's table, a name, or a table with a name in which all else may be left out."""
        material = handler(schema)
        word = {"enum": list(PRESETS)}
        table = {name: part for name, part in material.items() if name != "required"}
        table |= {"title": KEY, "properties": {KEY: word, **material["properties"]}, "required": [KEY]}
        return {"anyOf": [material, {"title": KEY, **word}, table]}


def _unknown(name: object) -> Told:
    return Told("is no known preset", f"one of {', '.join(PRESETS)}", did_you_mean(name, list(PRESETS)))
