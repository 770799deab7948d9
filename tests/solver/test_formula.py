"""Formulas given as text: what they give, and what they may not hold."""

import numpy as np
import pytest

from fibertwin.solver.formula import FormulaError, parse

KNOWN = ("FA", "x")
FA = np.array([0.0, 0.25, 1.0])
X = np.array([-2.0, 0.5, 3.0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 30 * FA**2", 2 + 30 * FA**2),
        ("-x / 4 - +1e1", -X / 4 - 10),
        ("2 ** 3 ** FA", 2.0 ** (3.0**FA)),
        ("(FA - x) * 2", (FA - X) * 2),
        ("exp(-x) + abs(x)", np.exp(-X) + np.abs(X)),
        ("log(1 + FA) * sqrt(FA)", np.log(1 + FA) * np.sqrt(FA)),
        ("minimum(x, maximum(FA, 0.5))", np.minimum(X, np.maximum(FA, 0.5))),
        ("where(FA >= 0.25, 5, 1)", [1, 5, 5]),
        ("where(FA > 0.1 and x < 1, 5, 1)", [1, 5, 1]),
        ("where(FA < 0.1 or x > 1 or x <= -9, 5, 1)", [5, 1, 5]),
        ("  7 ", 7.0),
        ("1/0", np.inf),
        ("9**9**9", np.inf),
    ],
)
def test_a_formula_gives_its_value(text, expected):
    np.testing.assert_allclose(parse(text, KNOWN)({"FA": FA, "x": X}), expected, rtol=1e-14)


def test_a_formula_tells_what_it_looks_at():
    assert parse("2 + x", KNOWN).names == {"x"}
    assert parse("where(FA > 0.2, x, 3)", KNOWN).names == {"FA", "x"}


def test_where_a_formula_is_not_defined_it_is_nan():
    assert np.isnan(parse("log(-1 - FA)", KNOWN)({"FA": FA, "x": X})).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2 +", "is no formula"),
        ("", "is no formula"),
        ("FB", "uses FB"),
        ("exp", "uses exp"),
        ("sin(x)", "function sin"),
        ("exp(x, x)", "gives exp 2 arguments"),
        ("where(x)", "gives where 1 arguments"),
        ("x.real", "holds x.real"),
        ("x[0]", "holds x[0]"),
        ("'a'", "holds 'a'"),
        ("True", "holds True"),
        ("1j", "holds 1j"),
        ("x if x else x", "holds x if x else x"),
        ("lambda: 3", "holds lambda"),
        ("x == 2", "holds x == 2"),
        ("0 < x < 2", "holds 0 < x < 2"),
        ("not x", "holds not x"),
        ("x % 2", "holds x % 2"),
        ("exp(x=2)", "holds exp(x=2)"),
        ("(exp)(*[1])", "holds *[1]"),
        ("__import__('os').system('true')", "holds __import__"),
        ("[x for x in (1,)]", "holds [x for"),
        ("(" * 300 + "x" + ")" * 300, "is no formula"),
        ("x" + " + x" * 400, "more than 1000 characters"),
        ("x\0", "is no formula"),
    ],
)
def test_what_is_no_formula_is_refused(text, words):
    with pytest.raises(FormulaError) as caught:
        parse(text, KNOWN)
    assert words in caught.value.what


def test_a_refusal_says_what_may_be_written():
    with pytest.raises(FormulaError) as caught:
        parse("y", KNOWN)
    assert "FA, x" in caught.value.wanted
    assert "minimum" in caught.value.wanted
