"""Which classes a case file may name."""

from abc import abstractmethod

from fibertwin.declared import Declared, lacking


class Family(Declared):
    """A family of the tests' own."""

    @abstractmethod
    def first(self) -> int: ...

    @property
    @abstractmethod
    def second(self) -> int: ...


class Half(Family):
    """Has one of two."""

    def first(self) -> int:
        return 1


class Whole(Half):
    """Has both, one from its base."""

    @property
    def second(self) -> int:
        return 2


class _Own(Whole):
    """Complete, but for its own file."""


class Below(_Own):
    """Offered, though its base is not."""


class Undone(Whole):
    """Asks anew for what its base had."""

    @abstractmethod
    def first(self) -> int: ...


def test_what_a_class_lacks_is_what_no_base_of_it_brings() -> None:
    assert lacking(Family) == ["first", "second"]
    assert lacking(Half) == ["second"]
    assert lacking(Whole) == []
    assert lacking(Undone) == ["first"]


def test_members_are_the_complete_classes_without_an_underscore() -> None:
    assert Family.members() == {"whole": Whole, "below": Below}
    assert [kind for kind in (Family, Half, Whole, _Own, Below, Undone) if kind.offered()] == [Whole, Below]
