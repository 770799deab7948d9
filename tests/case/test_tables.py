"""Annotated dataclasses as tables of a case file: reading, messages, writing, schema."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from annotated_types import Gt, Interval, Len
from pydantic import StringConstraints, ValidationError

from fibertwin.case.document import CaseSchema
from fibertwin.case.explain import told_of
from fibertwin.case.tables import reader_of
from fibertwin.case.toml import place
from fibertwin.curve import Curve
from fibertwin.declared import Declared
from fibertwin.errors import InputError, Problem
from fibertwin.units import Length, Pressure, Unit


@dataclass(frozen=True)
class Spring(Declared):
    """A family."""


@dataclass(frozen=True)
class LinearSpring(Spring):
    """Force in proportion to stretch.

    Attributes:
        modulus: how stiff
            it is.
    """

    modulus: Annotated[float, Unit("kPa"), Gt(0)]
    bias: Annotated[float, Unit(""), Interval(ge=0, le=1 / 3)] = 0.25


@dataclass(frozen=True)
class RigidLink(Spring):
    """No stretch."""


@dataclass(frozen=True)
class Rope(Spring):
    """Checks itself."""

    shortest: Length
    longest: Length = 10.0

    def __post_init__(self) -> None:
        if self.shortest > self.longest:
            raise InputError(Problem("shortest", "is longer than the longest", wanted="at most longest"))
        if self.longest > 100:
            raise ValueError("a rope of more than 100 mm is not stocked")


@dataclass(frozen=True)
class Bundle(Spring):
    """Holds others of its family."""

    of: Annotated[tuple[Spring, ...], Len(1)]


Share = Annotated[str, StringConstraints(pattern=r"^\d+ %$")]


@dataclass(frozen=True)
class Rig:
    """Everything at once."""

    springs: dict[str, Spring]
    chains: tuple[Spring, ...] = ()
    groups: dict[str, Spring | tuple[Spring, ...]] = field(default_factory=dict)
    resistance: Annotated[Pressure, Gt(0)] | Literal["none", "infinite"] = "none"
    direction: tuple[Length, Length, Length] = (0.0, 0.0, 1.0)
    count: Annotated[int, Interval(ge=1, le=9)] = 1
    ratio: float = 1.0
    on: bool = True
    name: Annotated[str, Len(1, 5)] = "rig"
    data: Path | None = None
    height: Length | Share | None = None
    link: Spring = field(default_factory=RigidLink)


READER = reader_of(Rig)


def problems(table: dict[str, Any], folder: Path = Path()) -> dict[str, tuple[str, str, str]]:
    with pytest.raises(ValidationError) as caught:
        READER.validate_python(table, context={"folder": folder})
    told = [(line["loc"], told_of(line)) for line in caught.value.errors()]
    assert len({loc for loc, _ in told}) == len(told)
    return {place(loc): (t.what, t.wanted, t.hint) for loc, t in told}


def test_reads_every_kind_of_value(tmp_path: Path) -> None:
    (tmp_path / "a.nii").touch()
    rig = READER.validate_python(
        {
            "springs": {"left": {"type": "linear-spring", "modulus": "1 MPa"}, "right": {"type": "rigid-link"}},
            "chains": [{"type": "rope", "shortest": "2 mm"}],
            "groups": {"one": {"type": "rigid-link"}, "two": [{"type": "rigid-link"}, {"type": "rigid-link"}]},
            "resistance": "2 Pa",
            "direction": ["1 cm", "0 mm", "-3 mm"],
            "count": 3,
            "ratio": 2,
            "on": False,
            "name": "r",
            "data": "a.nii",
            "link": {"type": "bundle", "of": ["rigid-link", {"type": "bundle", "of": [{"type": "rigid-link"}]}]},
            "height": "30 %",
        },
        context={"folder": tmp_path},
    )
    assert rig == Rig(
        springs={"left": LinearSpring(1000.0), "right": RigidLink()},
        chains=(Rope(2.0),),
        groups={"one": RigidLink(), "two": (RigidLink(), RigidLink())},
        resistance=0.002,
        direction=(10.0, 0.0, -3.0),
        count=3,
        ratio=2.0,
        on=False,
        name="r",
        data=tmp_path / "a.nii",
        link=Bundle((RigidLink(), Bundle((RigidLink(),)))),
        height="30 %",
    )


def test_what_is_written_reads_as_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.nii").touch()
    springs = {"a b": LinearSpring(2.5, 1 / 3), "many": Bundle((Rope(0.1, 0.3), RigidLink()))}
    rig = Rig(springs, (Rope(0.1, 0.3),), {"g": (RigidLink(),)}, 7.0, data=tmp_path / "a.nii", height="2 %")
    table = READER.dump_python(rig, mode="json", exclude_none=True)
    assert table["springs"]["a b"] == {"type": "linear-spring", "modulus": "2.5 kPa", "bias": 1 / 3}
    assert table["resistance"] == "7 kPa"
    assert READER.validate_python(table) == rig


@pytest.mark.parametrize(
    ("spoilt", "where", "what", "wanted", "hint"),
    [
        ({"conut": 3}, "conut", "is an unknown key", "count", "did you mean count?"),
        (
            {"springs": {"a": {"type": "linear-spring", "modulu": "1 kPa"}}},
            "springs.a.modulu",
            "unknown",
            "",
            "modulus",
        ),
        ({"springs": {"a": {"type": "linear-sprin"}}}, "springs.a.type", "not a known type", "rope", "linear-spring?"),
        ({"springs": {"a": {"type": 3}}}, "springs.a.type", "not a known type", "rope", ""),
        ({"springs": {"a": {}}}, "springs.a", "has no type", "one of", 'type = "'),
        ({"springs": {"a": 3}}, "springs.a", "is not a table", "type", ""),
        ({"springs": 3}, "springs", "is not a table", "", ""),
        ({"springs": {"a b": {"type": "linear-spring"}}}, 'springs."a b".modulus', "is missing", "kPa", ""),
        ({"chains": [{"type": "rope", "shortest": 2}]}, "chains[0].shortest", "no unit", "length", '"2 mm"'),
        ({"chains": [{"type": "rope", "shortest": "2 kPa"}]}, "chains[0].shortest", "is a pressure", "a length", "mm"),
        ({"chains": [{"type": "rope", "shortest": "2 cm"}]}, "chains[0].shortest", "longer than", "at most", ""),
        ({"chains": [{"type": "rope", "shortest": "2 mm", "longest": "1 m"}]}, "chains[0]", "not stocked", "", ""),
        ({"chains": {"type": "rigid-link"}}, "chains", "is not a list", "list", ""),
        ({"groups": {"g": {"type": "rop"}}}, "groups.g.type", "not a known type", "rope", "rope"),
        ({"groups": {"g": [{"type": "rope"}]}}, "groups.g[0].shortest", "is missing", "", ""),
        ({"groups": {"g": 3}}, "groups.g", "is not a", "", ""),
        ({"resistance": "infinte"}, "resistance", "not one of the choices", '"none" or "infinite"', "infinite"),
        ({"resistance": "1 mm"}, "resistance", "is a length", 'or "none"', ""),
        ({"resistance": "-1 kPa"}, "resistance", "out of range", "more than 0", ""),
        ({"resistance": 5}, "resistance", "no unit", "", '"5 kPa"'),
        ({"direction": ["1 mm", "2 mm"]}, "direction[2]", "is missing", "", ""),
        ({"direction": ["1 mm", "2 mm", "3 mm", "4 mm"]}, "direction", "too many", "3", ""),
        ({"direction": ["1 mm", "2 mm", 3]}, "direction[2]", "no unit", "", '"3 mm"'),
        ({"direction": "1 mm"}, "direction", "is not a list", "", ""),
        ({"count": 0}, "count", "out of range", "at least 1", ""),
        ({"count": 10}, "count", "out of range", "at most 9", ""),
        ({"count": 2.5}, "count", "whole number", "", ""),
        ({"count": "3"}, "count", "whole number", "", ""),
        ({"ratio": float("nan")}, "ratio", "finite", "", ""),
        ({"ratio": "1"}, "ratio", "not a number", "", ""),
        ({"on": "yes"}, "on", "true or false", "", ""),
        ({"on": 1}, "on", "true or false", "", ""),
        ({"name": 1}, "name", "is not a text", "", ""),
        ({"name": ""}, "name", "too few", "at least 1", ""),
        ({"data": "a.nii"}, "data", "does not exist", "existing file", "did you mean a.nii.gz?"),
        ({"data": "no/a.nii"}, "data", "does not exist", "", "folder"),
        ({"data": "."}, "data", "is a folder", "", ""),
        ({"data": 3}, "data", "not a file name", "", ""),
        ({"height": "2 kPa"}, "height", "is a pressure", 'such as "5 mm" or a share such as "30 %"', ""),
        ({"height": "low"}, "height", "is not a length", "share", ""),
        ({"link": {"type": "bundle", "of": ["rope"]}}, "link.of[0].shortest", "is missing", "length", ""),
        ({"link": {"type": "bundle", "of": []}}, "link.of", "too few", "at least 1", ""),
        ({"link": "rope"}, "link.shortest", "is missing", "", ""),
        ({"link": "roppe"}, "link", "not a known type", "rope", "did you mean rope?"),
    ],
)
def test_each_mistake_is_told_at_its_place(
    spoilt: dict[str, Any], where: str, what: str, wanted: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "a.nii.gz").touch()
    found = problems({"springs": {}} | spoilt, tmp_path)
    assert list(found) == [where]
    for words, expected in zip(found[where], (what, wanted, hint), strict=True):
        assert expected in words


def test_all_mistakes_are_told_at_once() -> None:
    found = problems(
        {
            "springs": {"a": {"type": "linear-spring", "modulus": 1, "bias": 2, "x": 1}, "b": {"type": "?"}},
            "count": "a",
            "colour": 1,
            "resistance": True,
        }
    )
    assert set(found) == {"springs.a.modulus", "springs.a.bias", "springs.a.x", "springs.b.type", "count", "colour",
                          "resistance"}  # fmt: skip


def test_a_new_member_is_known_by_existing() -> None:
    @dataclass(frozen=True)
    class BrandNewSpring(Spring):
        """Just made."""

    assert reader_of(Spring).validate_python({"type": "brand-new-spring"}) == BrandNewSpring()


def test_schema_has_members_units_defaults_and_words() -> None:
    schema = READER.json_schema(schema_generator=CaseSchema)
    properties = schema["properties"]
    family = next(part for name, part in schema["$defs"].items() if name.endswith("Spring"))
    linear = next(m for m in family["anyOf"][0]["oneOf"] if m["title"] == "linear-spring")
    assert linear["properties"]["type"] == {"const": "linear-spring", "title": "type"}
    assert linear["required"] == ["type", "modulus"]
    assert linear["additionalProperties"] is False
    assert "how stiff it is" in linear["properties"]["modulus"]["description"]
    assert linear["properties"]["modulus"]["type"] == "string"
    assert linear["properties"]["bias"]["default"] == 0.25
    assert properties["direction"]["default"] == ["0 mm", "0 mm", "1 mm"]
    assert properties["link"]["default"] == {"type": "rigid-link"}
    assert properties["resistance"]["default"] == "none"
    assert schema["required"] == ["springs"]


@dataclass(frozen=True)
class Source(Declared):
    """Where numbers come from."""

    key: ClassVar[str] = ""


@dataclass(frozen=True)
class Sheet(Source):
    """A table on disk."""

    sheet: Path
    unit: str = ""


@dataclass(frozen=True)
class Rule(Source):
    """A rule."""

    rule: str


@dataclass(frozen=True)
class Cushion:
    """Numbers that vary, and one that does not."""

    varies: ClassVar[type[Source]] = Source

    modulus: Annotated[float, Unit("kPa"), Gt(0)]
    share: Literal["all"] | Annotated[float, Unit(""), Interval(ge=0, le=1)] = "all"
    edges: Annotated[tuple[Length, ...], Len(1)] = (1.0,)
    terms: Pressure | tuple[Pressure, ...] = 1.0
    count: int = 1
    curve: Curve | None = None


CUSHION = reader_of(Cushion)


@pytest.fixture
def no_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """These sources are none of the laws'."""
    monkeypatch.setattr("fibertwin.solver.parameters.check", lambda value, unit: [])


@pytest.mark.usefixtures("no_check")
def test_every_number_with_a_unit_may_vary(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    rule = {"rule": "r"}
    table = {"modulus": {"sheet": "a.csv"}, "share": rule, "edges": ["1 cm", rule], "terms": [rule, "2 Pa"]}
    cushion = CUSHION.validate_python(table, context={"folder": tmp_path})
    assert cushion == Cushion(Sheet(tmp_path / "a.csv"), Rule("r"), (10.0, Rule("r")), (Rule("r"), 0.002))
    assert CUSHION.validate_python({"modulus": "1 kPa", "terms": rule}).terms == Rule("r")


@pytest.mark.usefixtures("no_check")
def test_numbers_that_vary_are_written_as_they_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    cushion = Cushion(
        Sheet(tmp_path / "a.csv"), 0.5, (Rule("r"), 2.0), (3.0, Rule("s")), curve=Curve((0.0, 1.0), (0, 2))
    )
    table = CUSHION.dump_python(cushion, mode="json", exclude_none=True)
    assert table == {
        "modulus": {"sheet": str(tmp_path / "a.csv"), "unit": ""},
        "share": 0.5,
        "edges": [{"rule": "r"}, "2 mm"],
        "terms": ["3 kPa", {"rule": "s"}],
        "count": 1,
        "curve": [["0 s", 0], ["1 s", 2]],
    }
    assert CUSHION.validate_python(table) == cushion


@pytest.mark.usefixtures("no_check")
@pytest.mark.parametrize(
    ("spoilt", "where", "what", "wanted", "hint"),
    [
        ({"modulus": {"sheet": "b.csv"}}, "modulus.sheet", "does not exist", "existing file", ""),
        ({"modulus": {"rule": 3}}, "modulus.rule", "is not a text", "", ""),
        ({"modulus": {}}, "modulus", "does not say what is given", "sheet, rule", ""),
        ({"modulus": {"rul": "x"}}, "modulus", "does not say what is given", "sheet, rule", "did you mean rule?"),
        ({"modulus": {"rule": "x", "sheet": "a"}}, "modulus", "exclude each other", "", ""),
        ({"modulus": "rule"}, "modulus", "is not a pressure", "2.3 kPa", ""),
        ({"modulus": 3}, "modulus", "no unit", "", '"3 kPa"'),
        ({"modulus": "-1 kPa"}, "modulus", "out of range", "more than 0", ""),
        ({"share": {"rule": 3}}, "share.rule", "is not a text", "", ""),
        ({"share": "al"}, "share", "not one of the choices", '"all" or a pure number', "did you mean all?"),
        ({"share": 2}, "share", "out of range", "at most 1", ""),
        ({"edges": ["1 mm", {"rul": 1}]}, "edges[1]", "does not say what is given", "", ""),
        ({"edges": []}, "edges", "too few", "", ""),
        ({"terms": [1]}, "terms[0]", "no unit", "", '"1 kPa"'),
        ({"terms": {"rul": 1}}, "terms", "does not say what is given", "", ""),
        ({"count": {"rule": "x"}}, "count", "whole number", "", ""),
        ({"curve": 3}, "curve", "is not a curve", "", ""),
        ({"curve": [["0 mm", 1]]}, "curve", "is a length", "a time", ""),
        ({"curve": "c.csv"}, "curve", "cannot be read", "2 numbers", ""),
        ({"curve": "bad.csv"}, "curve", "bad.csv, line 2", "2 numbers", ""),
    ],
)
def test_mistakes_beside_numbers_that_vary_are_told_at_their_place(
    spoilt: dict[str, Any], where: str, what: str, wanted: str, hint: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.csv").write_text("time,factor\n1,2,3\n")
    with pytest.raises(ValidationError) as caught:
        CUSHION.validate_python({"modulus": "1 kPa"} | spoilt, context={"folder": tmp_path})
    (line,) = caught.value.errors()
    assert place(line["loc"]) == where
    told = told_of(line)
    for words, expected in zip((told.what, told.wanted, told.hint), (what, wanted, hint), strict=True):
        assert expected in words


def test_a_curve_comes_from_pairs_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("time,factor\n0,0\n0.5,2\n")
    for given in ("c.csv", [["0 s", 0], ["500 ms", 2]]):
        cushion = CUSHION.validate_python({"modulus": "1 kPa", "curve": given}, context={"folder": tmp_path})
        assert cushion.curve == Curve((0.0, 0.5), (0.0, 2.0))


def test_a_family_without_a_key_takes_no_bare_word() -> None:
    with pytest.raises(ValidationError) as caught:
        reader_of(Source).validate_python("rule")
    (line,) = caught.value.errors()
    assert (told_of(line).what, told_of(line).wanted) == ("is not a table", "a table with one of the keys sheet, rule")
