"""From annotated dataclasses to the reader, writer and schema of a case file, by way of pydantic.

Every dataclass is a table, every ``Declared`` family a table whose ``key`` picks the member, every ``Path`` a
file that must exist; numbers and switches are taken only as such (``"3"`` is no number). A number with a unit, in a
class that ``varies``, may be a table that says where its values come from. A class with pydantic hooks reads itself.
"""

import dataclasses
import os
import types
from collections.abc import Callable, Iterable
from functools import partial, reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AllowInfNan, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Unit

from .explain import BRANCH, Told, did_you_mean, explained, line_error, raised
from .plugins import members
from .toml import written

_OPEN: set[str] = set()
"""Families whose schema is being made, so that one that holds its like does not go on for ever."""

Reader = core_schema.ValidatorFunctionWrapHandler


def reader_of(kind: Any) -> TypeAdapter[Any]:
    """The pydantic adapter that reads, writes and describes ``kind`` as a part of a case file."""
    return TypeAdapter(as_read(kind))


def as_read(hint: Any) -> Any:
    """Rewrite an annotation so that pydantic reads it as a case file means it."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return Annotated[(as_read(args[0]), *args[1:])]
    if origin in (Union, types.UnionType):
        return Annotated[Any, _Either(tuple(as_read(arg) for arg in args))]
    if origin is Literal:
        return hint
    if origin in (tuple, list, dict):
        return origin[tuple(arg if arg is Ellipsis else as_read(arg) for arg in args)]
    return _plain(hint)


def _plain(hint: Any) -> Any:
    if hint is float:
        return Annotated[float, Strict(), AllowInfNan(False)]
    if hint in (int, bool, str):
        return Annotated[hint, Strict()]
    if hint is Path:
        return Annotated[Path, _InputFile()]
    if isinstance(hint, type) and hasattr(hint, "__get_pydantic_core_schema__"):
        return Annotated[hint, _ReadsItself(hint.__name__.lower())]
    if isinstance(hint, type) and issubclass(hint, Declared) and _is_family(hint):
        return _Family(hint)
    if dataclasses.is_dataclass(hint):
        return Annotated[hint, _Table()]
    return hint


def _is_family(kind: type[Declared]) -> bool:
    return Declared in kind.__bases__ or kind.__name__.startswith("_")


def _may_vary(hint: Any, family: type[Declared]) -> Any:
    """The annotation with a table of a family beside every number that has a unit."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        unit = next((part for part in args[1:] if isinstance(part, Unit)), None)
        if unit is None or get_origin(args[0]) is not None:
            return Annotated[(_may_vary(args[0], family), *args[1:])]
        return Annotated[Any, _OrVarying(hint, family, unit)]
    if origin in (Union, types.UnionType):
        return reduce(or_, (_may_vary(arg, family) for arg in args))
    if origin is tuple:
        return origin[tuple(arg if arg is Ellipsis else _may_vary(arg, family) for arg in args)]
    return hint


@dataclasses.dataclass(frozen=True)
class _OrVarying:
    """Reads a number, or the table that says where its values come from."""

    number: Any
    family: type[Declared]
    unit: Unit

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        varying = core_schema.no_info_after_validator_function(
            self._checked, handler.generate_schema(_Family(self.family))
        )
        return core_schema.tagged_union_schema(
            {f"{BRANCH}number": handler.generate_schema(as_read(self.number)), f"{BRANCH}varying": varying},
            discriminator=lambda value: BRANCH + ("varying" if isinstance(value, (dict, Declared)) else "number"),
            metadata={"pydantic_js_functions": [_either_described]},
        )

    def _checked(self, value: Any) -> Any:
        from fibertwin.solver.parameters import check

        problems = check(value, self.unit)
        if problems:
            raise ValidationError.from_exception_data("", _own_problems(problems, vars(value)))
        return value


def _either_described(schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    return {"anyOf": handler(schema)["oneOf"]}


@dataclasses.dataclass(frozen=True)
class _ReadsItself:
    """Lets a class with pydantic hooks read itself; what is wrong with a file that it reads is told at its place."""

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object, inner: Reader) -> Any:
            try:
                return inner(value)
            except InputError as error:
                problem = error.problems[0]
                raise raised(Told(f"{problem.where} {problem.what}", problem.wanted, problem.hint)) from error

        return core_schema.no_info_wrap_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "format": self.name}


@dataclasses.dataclass(frozen=True)
class _Table:
    """Reads a table as the dataclass it annotates."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _table_schema(source, handler)


@dataclasses.dataclass(frozen=True)
class _Family:
    """Reads a table as that member of a family which the table's ``key`` names.

    Stands in for the family's class in an annotation: only there does pydantic take definitions, which a family with
    members that hold their like needs.
    """

    family: type[Declared]

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        source = self.family
        ref = f"{source.__module__}.{source.__qualname__}"
        if ref in _OPEN:  # a member that holds others of its family
            return core_schema.definition_reference_schema(ref)
        _OPEN.add(ref)
        try:
            union = self._union(source, ref, handler)
        finally:
            _OPEN.remove(ref)
        return core_schema.definitions_schema(core_schema.definition_reference_schema(ref), [union])

    def _union(self, source: type[Declared], ref: str, handler: GetCoreSchemaHandler) -> CoreSchema:
        offered = members(source)
        choices: dict[Any, CoreSchema] = {BRANCH + name: _table_schema(m, handler) for name, m in offered.items()}
        own_first = {_own_first(member): name for name, member in offered.items()}

        def tag(value: Any) -> str:
            if isinstance(value, Declared):
                return BRANCH + value.kind()
            return BRANCH + (
                value[source.key] if source.key else next(own_first[key] for key in value if key in own_first)
            )

        def read(value: object, inner: Reader) -> Any:
            if isinstance(value, source):
                return value
            if isinstance(value, str) and source.key:  # the bare word stands for a member without further keys
                value = _named(source.key, value, list(offered))
            if not isinstance(value, dict):
                wanted = f"the key {source.key}" if source.key else f"one of the keys {', '.join(own_first)}"
                raise raised(Told("is not a table", f"a table with {wanted}", shape=True))
            problem = _misnamed(source.key, value, list(offered)) if source.key else _undecided(value, list(own_first))
            if problem is not None:
                where = (source.key,) if source.key in value else ()
                raise ValidationError.from_exception_data("", [line_error(problem, where, value.get(source.key))])
            return inner(value)

        union = core_schema.tagged_union_schema(choices, discriminator=tag)
        described = {"pydantic_js_functions": [partial(_described_family, source)]}
        return core_schema.no_info_wrap_validator_function(read, union, ref=ref, metadata=described)


def _described_family(source: type[Declared], schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
    described = handler(schema)
    described.pop("discriminator", None)  # names pydantic's labels, not the file's key
    if not source.key:
        return described
    bare = [part["title"] for part in described["oneOf"] if len(part.get("required", [])) == 1]
    return {"anyOf": [described, {"enum": bare}]} if bare else described


def _named(key: str, word: str, names: list[str]) -> dict[str, Any]:
    """The table that a bare word stands for."""
    if word not in names:
        wanted = f"one of {', '.join(sorted(names))}"
        raise raised(Told(f"is not a known {key}", wanted, did_you_mean(word, names)))
    return {key: word}


def _misnamed(key: str, table: dict[str, Any], names: list[str]) -> Told | None:
    """What is wrong with the word that picks the member."""
    wanted = f"one of {', '.join(sorted(names))}" if names else "nothing: none is known"
    if key not in table:
        return Told(f"has no {key}", wanted, f'write {key} = "{names[0]}"' if names else "")
    if table[key] not in names:
        return Told(f"is not a known {key}", wanted, did_you_mean(table[key], names))
    return None


def _own_first(member: type[Declared]) -> str:
    """The first field that the member itself brings: what tells it in a family without a key."""
    return next(iter(member.__annotations__), "")


def _undecided(table: dict[str, Any], keys: list[str]) -> Told | None:
    """What is wrong where the member is told by one of several keys."""
    given = [key for key in keys if key in table]
    if not given:
        near = next((guess for key in table if (guess := did_you_mean(key, keys))), "")
        return Told("does not say what is given", f"one of the keys {', '.join(keys)}", near)
    if len(given) > 1:
        return Told(f"{' and '.join(given)} exclude each other", f"one of {', '.join(keys)}")
    return None


@dataclasses.dataclass(frozen=True)
class _Either:
    """Reads what any of several annotations reads; the words of all are kept for the message."""

    options: tuple[Any, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        options = [option for option in self.options if option is not type(None)]
        labelled: list[Any] = [(handler.generate_schema(o), f"{BRANCH}{i}") for i, o in enumerate(options)]
        one = labelled[0][0] if len(labelled) == 1 else core_schema.union_schema(labelled, mode="left_to_right")
        return core_schema.nullable_schema(one) if type(None) in self.options else one


@dataclasses.dataclass(frozen=True)
class _InputFile:
    """Resolves a path against the case file's folder and asks that the file be there."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object, info: core_schema.ValidationInfo) -> Path:
            if isinstance(value, Path):
                value = str(value)
            if not isinstance(value, str) or not value:
                raise raised(Told("is not a file name", 'a text such as "dwi.nii.gz"'))
            path = Path((info.context or {}).get("folder", Path.cwd()), Path(value).expanduser())
            if not path.exists():
                raise raised(Told(f"the file {path} does not exist", "an existing file", _sibling(path)))
            if path.is_dir():
                raise raised(Told(f"{path} is a folder", "a file"))
            if not os.access(path, os.R_OK):
                raise raised(Told(f"the file {path} may not be read", "a file that this user may read"))
            return path

        text = core_schema.to_string_ser_schema()
        return core_schema.with_info_plain_validator_function(read, serialization=text)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "format": "path", "description": "a file, relative to the case file"}


def _sibling(path: Path) -> str:
    """The nearest name that is there."""
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist either"
    return did_you_mean(path.name, [p.name for p in path.parent.iterdir()]) or "relative paths start at the case file"


def _table_schema(kind: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
    """The core schema of a dataclass, as pydantic would make it but for strict scalars and better messages."""
    hints = get_type_hints(kind, include_extras=True)
    may_be = {name: _may_vary(hint, kind.varies) for name, hint in hints.items()} if hasattr(kind, "varies") else hints
    read = [field for field in dataclasses.fields(kind) if field.init and field.metadata.get("in_file", True)]
    names = [field.name for field in read]
    made = {name: handler.generate_schema(as_read(may_be[name])) for name in names}
    fields = [
        core_schema.dataclass_field(field.name, _with_default(made[field.name], field), kw_only=True) for field in read
    ]
    arguments = core_schema.dataclass_args_schema(kind.__name__, fields, extra_behavior="forbid")
    post_init = hasattr(kind, "__post_init__")
    table = core_schema.dataclass_schema(kind, arguments, names, post_init=post_init, frozen=True)
    return core_schema.no_info_wrap_validator_function(
        _table_reader(kind, {name: wanted_by(hints[name]) for name in names}),
        table,
        serialization=core_schema.wrap_serializer_function_ser_schema(_table_writer(kind), schema=table),
        metadata={"pydantic_js_functions": [_table_describer(kind)]},
    )


def _with_default(schema: CoreSchema, field: dataclasses.Field[Any]) -> CoreSchema:
    if field.default is not dataclasses.MISSING:
        return core_schema.with_default_schema(schema, default=field.default)
    if field.default_factory is not dataclasses.MISSING:
        return core_schema.with_default_schema(schema, default_factory=field.default_factory)
    return schema


def wanted_by(hint: Any) -> str:
    """What an annotation takes, in words, for the message that a key is missing."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        unit = next((part for part in args[1:] if isinstance(part, Unit)), None)
        return unit.wanted if unit else wanted_by(args[0])
    if origin is Literal:
        return " or ".join(written(choice) for choice in args)
    if origin in (Union, types.UnionType):
        return " or ".join(wanted_by(arg) for arg in args if arg is not type(None))
    if origin in (tuple, list):
        count = "" if args[-1] is Ellipsis or origin is list else f" of {len(args)}"
        return f"a list{count}, each {wanted_by(args[0])}"
    if isinstance(hint, type) and issubclass(hint, Declared) and _is_family(hint):
        if not hint.key:
            return f"a table with one of the keys {', '.join(_own_first(m) for m in members(hint).values())}"
        return f"a table whose {hint.key} is one of {', '.join(sorted(members(hint)))}"
    words = {float: "a number", int: "a whole number", bool: "true or false", str: "a text", Path: "a file"}
    return words.get(hint, "a table")


def _table_reader(kind: type[Any], wanted: dict[str, str]) -> Callable[[object, Reader], Any]:
    own_key = kind.key if issubclass(kind, Declared) else ""

    def read(value: object, inner: Reader) -> Any:
        if isinstance(value, kind):
            return value
        if not isinstance(value, dict):
            raise raised(Told("is not a table", "a table", shape=True))
        given = {name: part for name, part in value.items() if name != own_key}
        try:
            return inner(given)
        except ValidationError as error:
            raise ValidationError.from_exception_data(kind.__name__, explained(error, given, wanted)) from error
        except InputError as error:  # from the dataclass's own __post_init__
            raise ValidationError.from_exception_data(kind.__name__, _own_problems(error.problems, given)) from error

    return read


def _own_problems(problems: Iterable[Problem], value: dict[str, Any]) -> list[Any]:
    lines = []
    for problem in problems:
        where = (problem.where,) if problem.where in value else ()
        told = Told(problem.what, problem.wanted, problem.hint)
        lines.append(line_error(told, where, value.get(problem.where, problem.got)))
    return lines


def _table_writer(kind: type[Any]) -> Callable[[Any, core_schema.SerializerFunctionWrapHandler], Any]:
    named = {kind.key: kind.kind()} if issubclass(kind, Declared) and kind.key else {}

    def write(value: Any, inner: core_schema.SerializerFunctionWrapHandler) -> Any:
        return named | inner(value)

    return write


def _table_describer(kind: type[Any]) -> Callable[[CoreSchema, GetJsonSchemaHandler], JsonSchemaValue]:
    def describe(schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        from .document import described_table

        return described_table(kind, handler(schema))

    return describe
