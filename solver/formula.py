"""Formulas that a case file gives as text: parsed, never run as code."""

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

LONGEST = 1000
"""Characters of a formula."""

FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "exp": (1, np.exp),
    "log": (1, np.log),
    "sqrt": (1, np.sqrt),
    "abs": (1, np.abs),
    "minimum": (2, np.minimum),
    "maximum": (2, np.maximum),
    "where": (3, np.where),
}
"""Functions that a formula may use, with the number of their arguments."""

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


class FormulaError(ValueError):
    """A formula that cannot be taken: ``what`` is wrong, what is ``wanted``."""

    def __init__(self, what: str, wanted: str) -> None:
        super().__init__(what)
        self.what, self.wanted = what, wanted


@dataclass(frozen=True)
class Parsed:
    """A formula as a tree of known operations.

    Attributes:
        tree: the tree.
        names: the variables that it uses.
    """

    tree: ast.expr
    names: frozenset[str]

    def __call__(self, variables: Mapping[str, Array]) -> Array:
        """The value for variables of one shape; where it is not defined, NaN or infinite."""
        with np.errstate(all="ignore"):
            return np.asarray(_value(self.tree, variables), dtype=float)


def parse(text: str, known: tuple[str, ...]) -> Parsed:
    """Parse a formula of numbers, known variables and functions, + - * / **, comparisons, ``and`` and ``or``.

    Args:
        text: the formula.
        known: names of the variables that it may use.

    Raises:
        FormulaError: it is anything else.
    """
    wanted = f"numbers, {', '.join(known)}, + - * / **, comparisons, and {', '.join(FUNCTIONS)}"
    if len(text) > LONGEST:
        raise FormulaError(f"has more than {LONGEST} characters", wanted)
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FormulaError("is no formula", wanted) from error
    names: set[str] = set()
    _check(tree, text, known, wanted, names)
    return Parsed(tree, frozenset(names))


def _check(node: ast.expr, text: str, known: tuple[str, ...], wanted: str, names: set[str]) -> None:
    """Walk the tree; add the variables that it uses to ``names``."""
    match node:
        case ast.Constant(value=bool()):
            inner: list[ast.expr] | None = None
        case ast.Constant(value=int() | float()):
            inner = []
        case ast.Name(id=name):
            if name not in known:
                raise FormulaError(f"uses {name}, which is not known", wanted)
            names.add(name)
            inner = []
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            inner = [left, right]
        case ast.UnaryOp(op=ast.UAdd() | ast.USub(), operand=operand):
            inner = [operand]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARE:
            inner = [left, right]
        case ast.BoolOp(values=values):
            inner = values
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            inner = _arguments(name, arguments, wanted)
        case _:
            inner = None
    if inner is None:
        raise FormulaError(f"holds {ast.get_source_segment(text.strip(), node)}, which no formula may", wanted)
    for part in inner:
        _check(part, text, known, wanted, names)


def _arguments(name: str, arguments: list[ast.expr], wanted: str) -> list[ast.expr]:
    if name not in FUNCTIONS:
        raise FormulaError(f"uses the function {name}, which is not known", wanted)
    count = FUNCTIONS[name][0]
    if len(arguments) != count:
        raise FormulaError(f"gives {name} {len(arguments)} arguments", f"{count}")
    return arguments


def _value(node: ast.expr, variables: Mapping[str, Array]) -> Any:
    match node:
        case ast.Constant(value=number):
            return np.float64(number)  # type: ignore[arg-type]  # checked to be a number
        case ast.Name(id=name):
            return variables[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_value(left, variables), _value(right, variables))
        case ast.UnaryOp(op=op, operand=operand):
            value = _value(operand, variables)
            return np.negative(value) if isinstance(op, ast.USub) else value
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _COMPARE[type(op)](_value(left, variables), _value(right, variables))
        case ast.BoolOp(op=op, values=values):
            parts = [np.asarray(_value(part, variables), dtype=bool) for part in values]
            return np.logical_and.reduce(parts) if isinstance(op, ast.And) else np.logical_or.reduce(parts)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name][1](*(_value(part, variables) for part in arguments))
    raise TypeError(f"{type(node).__name__} has not been checked")
