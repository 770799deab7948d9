"""TOML in and out, and the names of places in it."""

import tomllib
from pathlib import Path

import pytest

from fibertwin.case.starter import STARTER
from fibertwin.case.toml import dump, load, parsed, parts_of, place, replaced
from fibertwin.errors import InputError


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("a.0.b", ("a", "0", "b")),
        ("a[0].b", ("a", 0, "b")),
        ("a[0][12]", ("a", 0, 12)),
        ('supports."skull base".surface', ("supports", "skull base", "surface")),
        ("supports.'skull base'", ("supports", "skull base")),
        ("supports.skull base.surface", ("supports", "skull base", "surface")),
        (" a . b ", ("a", "b")),
        ('"a.b".c', ("a.b", "c")),
    ],
)
def test_places(text: str, parts: tuple[int | str, ...]) -> None:
    assert parts_of(text) == parts


def test_a_place_is_written_as_it_is_read() -> None:
    parts = ("supports", "skull base", "of", 1, "a-b")
    assert place(parts) == 'supports."skull base".of[1].a-b'
    assert parts_of(place(parts)) == parts


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a[", "a[x]", 'a."b', "a]"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(InputError, match="not the name of a place"):
        parts_of(text)


def test_replaced_sets_and_makes_what_is_on_the_way() -> None:
    document = {"a": {"b": [{"c": 1}, {"c": 2}]}, "d": 3}
    changed = replaced(document, {"a.b.1.c": 5, "a.b[0].e": 6, "x.y": 7, "d": {"z": 8}})
    assert changed == {"a": {"b": [{"c": 1, "e": 6}, {"c": 5}]}, "d": {"z": 8}, "x": {"y": 7}}
    assert document == {"a": {"b": [{"c": 1}, {"c": 2}]}, "d": 3}


@pytest.mark.parametrize(
    ("where", "words"),
    [("a.b.2.c", "from 0 to 1"), ("a.b.first", "names no entry"), ("d.e", "below a value that is no table")],
)
def test_replaced_tells_where_there_is_no_way(where: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        replaced({"a": {"b": [{"c": 1}, {"c": 2}]}, "d": 3}, {where: 1})
    assert caught.value.problems[0].where == where
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("true", True), ("[1, 2]", [1, 2]), ('"3 kPa"', "3 kPa"), ("3 kPa", "3 kPa"), ("fa", "fa"), ("", "")],
)
def test_values_of_a_command_line(text: str, value: object) -> None:
    assert parsed(text) == value


def test_what_is_dumped_loads_as_the_same(tmp_path: Path) -> None:
    document = tomllib.loads(STARTER) | {"odd name": {'é "q" \\': ["a\nb", 1, 1.5, -1e-9, True]}, "empty": {}}
    (tmp_path / "case.toml").write_text(dump(document), encoding="utf-8")
    assert load(tmp_path / "case.toml") == document


@pytest.mark.parametrize(
    ("text", "place_", "hint"),
    [
        ("a = 1\nb = 5 mm\n", "line 2, column 7", '"5 mm"'),
        ("skull base = 3", "line 1, column 7", '"skull base"'),
        ("a = [1,\n", "line 1", ""),
        ('a = "x', "line 1", ""),
        ("a = 1\na = 2", "line 2", ""),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(text: str, place_: str, hint: str, tmp_path: Path) -> None:
    path = tmp_path / "case.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert place_ in problem.where
    assert "is not TOML" in problem.what
    assert hint in problem.hint


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(InputError, match="not a UTF-8 text"):
        load(tmp_path / "case.toml")


def test_a_byte_order_mark_is_taken(tmp_path: Path) -> None:
    (tmp_path / "case.toml").write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert load(tmp_path / "case.toml") == {"a": 1}


def test_a_missing_case_names_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "brain.toml").touch()
    with pytest.raises(InputError, match=r"there is brain\.toml"):
        load(tmp_path / "case.toml")
