"""Things a case file can name: a class declares itself by existing, so there is no second list."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class Declared:
    """Base of the families (laws, supports, loads, anatomies, surfaces) that a case file can name.

    A family is a direct subclass; a member is a frozen dataclass below it whose fields carry their
    units (``fibertwin.units``) and bounds (``annotated_types``). ``key`` is the word in the case file
    that picks the member: ``law = "neo-hookean"``; in a family with an empty ``key`` the member is picked by the first
    field that is its own. A class whose name starts with ``_``, or that lacks a method of its
    base, is not offered. The docstring's first lines and its
    ``Attributes:`` become the reference page and the editor's hints. A field called ``surface`` names an entry of
    [surfaces]; a ``Path`` is a file that must exist; ``__post_init__`` may raise ``ValueError`` or ``InputError``.
    """

    key: ClassVar[str] = "type"
    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    @classmethod
    def kind(cls) -> str:
        """The member's name in a case file: ``NeoHookean`` is ``neo-hookean``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def members(cls) -> dict[str, type[Self]]:
        """Every member of this family, by the name that a case file uses."""
        found: dict[str, type[Self]] = {}
        for sub in cls.__subclasses__():
            if sub.offered():
                found[sub.kind()] = sub
            found |= sub.members()
        return found

    @classmethod
    def offered(cls) -> bool:
        """Whether a case file may name this very class: it is not for its own file only, and lacks nothing."""
        return not cls.__name__.startswith("_") and not lacking(cls)


def lacking(kind: type) -> list[str]:
    """The methods that a class's bases ask for and that it still lacks."""
    asked = {
        name
        for base in kind.__mro__
        for name, part in vars(base).items()
        if getattr(part, "__isabstractmethod__", False)
    }
    return sorted(name for name in asked if getattr(getattr(kind, name), "__isabstractmethod__", False))


@dataclass(frozen=True)
class Choices:
    """Annotates a text that must be one of some words, where these are known from a table and not written twice."""

    words: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        """Let pydantic take these words only."""
        from pydantic_core import core_schema

        return core_schema.literal_schema(list(self.words))
