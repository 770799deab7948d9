"""Whatever a case file says, the answer is a case or a list of problems, never a crash."""

import copy
import datetime as dt
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fibertwin.case.reading import validated
from fibertwin.case.starter import STARTER
from fibertwin.errors import InputError, Problem

GOOD: dict[str, Any] = tomllib.loads(STARTER) | {
    "regions": {"tissue": {"select": "label", "file": "dwi.bval", "values": [1, 2]}},
    "loads": {"swelling": {"type": "follower-pressure", "surface": "boundary", "pressure": "1 kPa"}},
    "solve": {"formulation": {"type": "displacement", "degree": 2}, "stepping": {"first": 0.5}},
}
GOOD["surfaces"]["both"] = {
    "select": "any-of",
    "of": [GOOD["surfaces"]["blade"], {"select": "except", "of": GOOD["surfaces"]["blade"]}],
}

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-3, 10**20),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        ["5 mm", "-1 kPa", "30 %", "|0", "neo-hookean", "blade", "mask", "1e999 mm", "7 °", "5 mm/0", "x|y"]
    ),
    st.just(dt.date(2020, 1, 1)),
    st.just(dt.time(1)),
)
KEYS = st.one_of(
    st.text(max_size=4), st.sampled_from(["type", "law", "select", "of", "surface", "file", "dwi", "v1", "mu"])
)
JUNK = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)


def places(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, part in entries:
        yield (*at, key)
        yield from places(part, (*at, key))


PLACES = list(places(GOOD))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan")
    for name in ("dwi.nii.gz", "dwi.bval", "dwi.bvec"):
        (path / name).touch()
    return path


def test_the_good_case_is_good(folder: Path) -> None:
    validated(copy.deepcopy(GOOD), folder)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "drop", "add"]), KEYS, JUNK), min_size=1, max_size=3
    )
)
def test_a_spoilt_case_is_read_or_told(folder: Path, changes: list[tuple[tuple[Any, ...], str, str, Any]]) -> None:
    document = copy.deepcopy(GOOD)
    for where, how, key, junk in changes:
        spoil(document, where, how, key, junk)
    for problem in problems(document, folder):
        assert problem.where
        assert problem.what


def problems(document: Any, folder: Path) -> tuple[Problem, ...]:
    try:
        validated(document, folder)
    except InputError as error:
        return error.problems
    return ()


def spoil(document: Any, where: tuple[Any, ...], how: str, key: str, junk: Any) -> None:
    *above, last = where
    node = document
    for part in above:
        if not (isinstance(node, dict) and part in node) and not (isinstance(node, list) and part in range(len(node))):
            return  # spoilt already
        node = node[part]
    if how == "add" and isinstance(node, dict):
        node[key] = junk
    elif (isinstance(node, dict) and last in node) or (isinstance(node, list) and last in range(len(node))):
        if how == "drop":
            del node[last]
        else:
            node[last] = junk
