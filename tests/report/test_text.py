"""Numbers, tables and cases read as a person would write them."""

import tomllib
from typing import Any

import pytest

from fibertwin.report.text import NOTHING, number, percent, point, quantity, table, value_of
from fibertwin.report.toml_text import toml


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1520.4, "1,520"),
        (0.78123, "0.781"),
        (9.996, "10.0"),
        (3.14e-10, "3.14·10⁻¹⁰"),
        (-26.34, "−26.3"),
        (118266, "118,266"),
        (2.5e7, "2.50·10⁷"),
        (0.0, "0"),
        (None, NOTHING),
        (float("nan"), NOTHING),
        (True, NOTHING),
    ],
)
def test_numbers(value: object, shown: str) -> None:
    assert number(value) == shown


def test_quantities() -> None:
    assert percent(0.02449) == "2.4 %"
    assert percent(None) == NOTHING
    assert quantity(12.34, "uJ") == "12.3 µJ"
    assert quantity(None, "mL") == NOTHING
    assert point([61.2, -3.4, -0.2]) == "(61, −3, 0)"
    assert value_of("fiber strain", "", 0.0150255) == "1.50"
    assert value_of("J", "", 1.0021) == "1.002"
    assert value_of("von Mises stress", "kPa", 0.221) == "0.221"


def test_tables_escape_what_they_hold() -> None:
    made = table(("<a>", "n"), [["<script>", "1 & 2"]])
    assert "<script>" not in made
    assert "&lt;script&gt;" in made
    assert '<td class="n">1 &amp; 2</td>' in made


def test_case_as_toml_reads_back() -> None:
    case: dict[str, Any] = {
        "title": 'a "quoted" \\ title\nof two lines',
        "solve": {"rtol": 1e-8, "steps": 3, "force": False, "options": {}},
        "materials": {
            "white matter": {"energies": [{"law": "neo-hookean", "mu": "1 kPa"}, {"law": "x", "k": [1, 2.5]}]}
        },
        "anatomy": {"size": ["16 mm", "16 mm"], "cells": [5, 5]},
        "mixed": [1, {"a": 1}],
    }
    assert tomllib.loads(toml(case)) == case
    assert tomllib.loads(toml({**case, "nothing": None})) == case
