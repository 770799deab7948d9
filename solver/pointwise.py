"""Expressions at a point as C that works on many points at once: what a law says, without mesh or element.

UFL differentiates, FFCx breaks the result into scalar operations that occur once each; what is written here is one
loop over the points whose body has neither branches nor calls that a compiler could not spread over vector lanes.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import ufl
from ffcx.ir.analysis.graph import build_scalar_graph
from ufl import classes
from ufl.algorithms.apply_algebra_lowering import apply_algebra_lowering
from ufl.algorithms.apply_derivatives import apply_derivatives
from ufl.algorithms.remove_complex_nodes import remove_complex_nodes
from ufl.core.expr import Expr
from ufl.core.terminal import Terminal

type Access = Callable[[int], str]
"""C for a component of a terminal at the point ``q``, by its number in row-major order."""

FUNCTIONS = {
    classes.Sqrt: "sqrt",
    classes.Exp: "exp",
    classes.Ln: "log",
    classes.Sin: "sin",
    classes.Cos: "cos",
    classes.Tan: "tan",
    classes.Sinh: "sinh",
    classes.Cosh: "cosh",
    classes.Tanh: "tanh",
    classes.Asin: "asin",
    classes.Acos: "acos",
    classes.Atan: "atan",
    classes.Atan2: "atan2",
    classes.Erf: "erf",
    classes.Abs: "fabs",
}

SIGNS = {
    classes.Sum: "+",
    classes.Product: "*",
    classes.Division: "/",
    classes.LT: "<",
    classes.LE: "<=",
    classes.GT: ">",
    classes.GE: ">=",
    classes.EQ: "==",
    classes.NE: "!=",
    classes.AndCondition: "&",
    classes.OrCondition: "|",
}


def scalars(expression: Expr) -> list[Expr]:
    """The components of an expression in row-major order."""
    if not expression.ufl_shape:
        return [expression]
    return [expression[index] for index in ufl.permutation.compute_indices(expression.ufl_shape)]


def function(name: str, outputs: Sequence[Expr], terminals: Mapping[Terminal, Access]) -> str:
    """C of ``static void name(const double* in, const double* w, const double* c, double* out)``.

    The points' number is the macro ``NV``; value ``k`` at the point ``q`` is written to ``out[k * NV + q]``.

    Args:
        name: name of the function.
        outputs: scalar expressions of a point.
        terminals: how each terminal is read.

    Raises:
        NotImplementedError: an expression holds what has no value at a point alone.
    """
    lowered = remove_complex_nodes(apply_derivatives(apply_algebra_lowering(ufl.as_vector(list(outputs)))))
    graph = build_scalar_graph(lowered)
    names: dict[int, str] = {}
    lines: list[str] = []
    powers: dict[tuple[str, Fraction], str] = {}

    def keep(text: str, kind: str = "double") -> str:
        lines.append(f"    const {kind} v{len(lines)} = {text};")
        return f"v{len(lines) - 1}"

    for number, node in graph.nodes.items():
        expression = node["expression"]
        operands = [names[edge] for edge in graph.out_edges[number]]
        if isinstance(expression, classes.Product | classes.Sum) and len(operands) == 1:
            operands *= 2  # the graph has one edge where both operands are the same
        names[number] = _text(expression, operands, terminals, keep, powers)
        for component in node.get("component", ()):
            lines.append(f"    out[{component} * NV + q] = {names[number]};")
    body = "\n".join(lines)
    return (
        f"static void {name}(const double* restrict in, const double* restrict w,\n"
        "    const double* restrict c, double* restrict out)\n{\n"
        f"  #pragma GCC ivdep\n  for (int q = 0; q < NV; ++q)\n  {{\n{body}\n  }}\n}}\n"
    )


def _text(
    expression: Expr,
    operands: list[str],
    terminals: Mapping[Terminal, Access],
    keep: Callable[..., str],
    powers: dict[tuple[str, Fraction], str],
) -> str:
    """C for a node: a literal, or the name of the value that it is kept under."""
    kind = type(expression)
    if isinstance(expression, classes.Zero):
        return "0.0"
    if isinstance(expression, classes.ScalarValue):
        return repr(float(expression))
    if isinstance(expression, classes.Indexed):
        terminal, index = expression.ufl_operands
        component = ufl.permutation.compute_indices(terminal.ufl_shape).index(tuple(int(i) for i in index))
        return keep(_read(terminal, component, terminals))
    if isinstance(expression, Terminal):
        return keep(_read(expression, 0, terminals))
    if isinstance(expression, classes.Power):
        return _power(expression, operands, keep, powers)
    if isinstance(expression, classes.Conditional):
        condition, true, false = operands
        return keep(f"{condition} ? {true} : {false}")
    if isinstance(expression, classes.MaxValue | classes.MinValue):
        sign = ">" if isinstance(expression, classes.MaxValue) else "<"
        return keep(f"{operands[0]} {sign} {operands[1]} ? {operands[0]} : {operands[1]}")
    if isinstance(expression, classes.NotCondition):
        return keep(f"!{operands[0]}", "_Bool")
    if kind in SIGNS:
        truth = isinstance(expression, classes.Condition)
        return keep(f"{operands[0]} {SIGNS[kind]} {operands[1]}", "_Bool" if truth else "double")
    if kind in FUNCTIONS:
        return keep(f"{FUNCTIONS[kind]}({', '.join(operands)})")
    raise NotImplementedError(f"{kind.__name__} has no value at a point alone")


def _read(terminal: Expr, component: int, terminals: Mapping[Terminal, Access]) -> str:
    if isinstance(terminal, classes.Identity):
        return "1.0" if component % (terminal.ufl_shape[0] + 1) == 0 else "0.0"
    if terminal not in terminals:
        raise NotImplementedError(f"{type(terminal).__name__} has no value at a point alone")
    return terminals[terminal](component)


def _power(
    expression: Expr, operands: list[str], keep: Callable[..., str], powers: dict[tuple[str, Fraction], str]
) -> str:
    """x^r with a constant r as x^(r mod 1) times a whole power, so that derivatives share the costly part."""
    base, exponent = operands
    if not isinstance(expression.ufl_operands[1], classes.ScalarValue):
        return keep(f"pow({base}, {exponent})")
    value = Fraction(float(expression.ufl_operands[1])).limit_denominator(1000)
    if abs(float(value) - float(expression.ufl_operands[1])) > 1e-14 or abs(value) > 16:
        return keep(f"pow({base}, {exponent})")

    def part(key: Fraction, text: str) -> str:
        if (base, key) not in powers:
            powers[base, key] = keep(text)
        return powers[base, key]

    def whole(n: int) -> str:
        if n == 1:
            return base
        return part(Fraction(n), f"{whole(n // 2)} * {whole(n - n // 2)}")

    number = value.numerator // value.denominator
    rest = value - number
    factors = []
    if rest == Fraction(1, 2):
        factors.append(part(rest, f"sqrt({base})"))
    elif rest:
        factors.append(part(rest, f"pow({base}, {float(rest)!r})"))
    if number < 0:
        over = (
            part(Fraction(-1), f"1.0 / {whole(-number)}")
            if number == -1
            else part(Fraction(number), f"1.0 / {whole(-number)}")
        )
        factors.append(over)
    elif number > 0:
        factors.append(whole(number))
    return factors[0] if len(factors) == 1 else keep(" * ".join(factors or ["1.0"]))
