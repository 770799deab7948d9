"""Quantities as a case file writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fibertwin.units import Unit, UnitError


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        ("kPa", "2.3 kPa", 2.3),
        ("kPa", "2.3kPa", 2.3),
        ("kPa", " -1e3  Pa ", -1.0),
        ("kPa", "1 MPa", 1000.0),
        ("kPa", "7.500615758456564 mmHg", 1.0),
        ("kPa", "1 N/mm^2", 1000.0),
        ("kPa", "1 mN/mm²", 1.0),
        ("mm", "5 µm", 0.005),
        ("mm", "5 μm", 0.005),
        ("mm", "5 um", 0.005),
        ("mm", ".5 cm", 5.0),
        ("mm^2/s", "0.7 µm²/ms", 0.7e-3),
        ("mm^2/s", "0.7e-3 mm²/s", 0.7e-3),
        ("mm^2/s", "0.7e-3 mm**2/s", 0.7e-3),
        ("mm^2/s", "3 um^2/ms", 3e-3),
        ("rad", "180 deg", math.pi),
        ("rad", "180°", math.pi),
        ("rad", "1 rad", 1.0),
        ("mN", "1 N", 1000.0),
        ("mN", "1 kg*mm/s^2", 1.0),
        ("kg/mm^3", "1000 kg/m^3", 1e-6),
        ("kg/mm^3", "1.04 g/cm³", 1.04e-6),
        ("mm/s^2", "9.81 m/s^2", 9810.0),
        ("uJ", "1 mN*mm", 1.0),
        ("uJ", "1 kPa mm^3", 1.0),
        ("s/mm^2", "1000 s/mm²", 1000.0),
        ("MB", "2 GB", 2000.0),
        ("", "20 %", 0.2),
        ("", "0.2", 0.2),
        ("", 0.2, 0.2),
        ("", 3, 3.0),
    ],
)
def test_quantities(unit: str, text: object, value: float) -> None:
    assert Unit(unit).parse(text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(("text", "value"), [("0.7 um^2/ms", 0.7e-3), ("3 cm", 30.0), ("2.3 MPa", 2300.0)])
def test_decimal_factors_are_exact_where_python_is(text: str, value: float) -> None:
    unit = {"ms": "mm^2/s", "cm": "mm", "MPa": "kPa"}[text.replace("/", " ").split()[-1]]
    assert Unit(unit).parse(text) == value


@pytest.mark.parametrize(
    ("unit", "value", "what", "hint"),
    [
        ("kPa", 2.3, "has no unit", 'write "2.3 kPa"'),
        ("kPa", 2, "has no unit", 'write "2 kPa"'),
        ("kPa", "2.3", "has no unit", 'write "2.3 kPa"'),
        ("kPa", "5 mm", "is a length, but a pressure or modulus is wanted", "give it in kPa"),
        ("mm", "5 kPa", "is a pressure or modulus, but a length is wanted", "give it in mm"),
        ("mm", "5 %", "is a pure number, but a length", ""),
        ("mm", "5 degC", "is of the dimension [temperature]", ""),
        ("rad", "20 %", "is a pure number, but an angle", ""),
        ("", "30 deg", "is an angle, but a pure number", "leave the unit out"),
        ("", "3 mm", "is a length, but a pure number", "leave the unit out"),
        ("kPa", "1 kpa", 'unknown unit "kpa"', "did you mean kPa?"),
        ("kPa", "1 KPA", "unknown unit", "did you mean kPa?"),
        ("mm", "1 millimetr", "unknown unit", ""),
        ("mm", "1 2 mm", "unknown unit", ""),
        ("mm", "1 mm) + (2", "unknown unit", ""),
        ("mm", "1 mm/0", "unknown unit", ""),
        ("mm", "five mm", "is not a length", ""),
        ("mm", "", "is not a length", ""),
        ("mm", True, "is not a length", ""),
        ("mm", None, "is not a length", ""),
        ("mm", [1], "is not a length", ""),
        ("", True, "is not a pure number", ""),
        ("kPa", math.nan, "not a finite number", ""),
        ("kPa", math.inf, "not a finite number", ""),
        ("kPa", "nan kPa", "is not a pressure", ""),
        ("kPa", "1e999 kPa", "not a finite number", ""),
        ("", math.nan, "not a finite number", ""),
    ],
)
def test_what_is_no_such_quantity_is_told_with_a_way_out(unit: str, value: object, what: str, hint: str) -> None:
    with pytest.raises(UnitError) as caught:
        Unit(unit).parse(value)
    assert what in caught.value.what
    assert hint in caught.value.hint
    assert "such as" in caught.value.wanted


@given(st.sampled_from(["mm", "kPa", "rad", "mm^2/s", ""]), st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_written_reads_as_the_same_number(unit: str, value: float) -> None:
    assert Unit(unit).parse(Unit(unit).write(value)) == value


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [("kPa", 1000.0, "1000 kPa"), ("mm", 0.1, "0.1 mm"), ("rad", math.pi / 3, "60 deg"), ("", 0.25, 0.25)],
)
def test_writes_what_a_person_would(unit: str, value: float, text: object) -> None:
    assert Unit(unit).write(value) == text


def test_a_unit_without_words_of_its_own_still_explains_itself() -> None:
    with pytest.raises(UnitError) as caught:
        Unit("kPa^2").parse(1.0)
    assert "a quantity in kPa^2" in caught.value.wanted
