"""UFL expressions in plain numbers, at many points at once: numpy only, nothing compiled.

An expression is turned into a list of numpy operations once (``Program``) and run as often as wanted. Every node is
held as an array (n or 1, *shape, *free-index axes), the free indices in UFL's order: no index is ever expanded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import ufl
from numpy.typing import ArrayLike, NDArray
from ufl import classes
from ufl.algorithms.apply_algebra_lowering import apply_algebra_lowering
from ufl.algorithms.apply_derivatives import apply_derivatives
from ufl.core.expr import Expr
from ufl.core.multiindex import FixedIndex, MultiIndex
from ufl.core.terminal import Terminal
from ufl.corealg.traversal import unique_post_traversal
from ufl.domain import AbstractDomain

Array = NDArray[np.float64]
Operation = Callable[..., Any]


_Point = type("_Point", (AbstractDomain,), {"meshes": property(lambda self: (self,))})
"""A domain without a mesh, so that there can be a constant where there is none; UFL asks it for its parts."""

_POINT = _Point(3, 3)


def symbol(shape: tuple[int, ...] = ()) -> Expr:
    """A terminal of that shape, to which ``Program`` gives numbers."""
    return ufl.Constant(_POINT, shape)


def evaluate(expression: Expr, values: Mapping[Expr, ArrayLike]) -> Array:
    """The values (n, *shape) of an expression; see ``Program``."""
    return Program(expression)(values)


@dataclass(frozen=True)
class _Step:
    """One operation: where its operands stand in the list, and which of them nobody needs any more."""

    operation: Operation
    operands: tuple[int, ...]
    finished: tuple[int, ...]


class Program:
    """An expression as a list of numpy operations.

    Derivatives are taken and tensor algebra is lowered to components first, as a form compiler does.
    """

    def __init__(self, expression: Expr) -> None:
        """Lower an expression without free indices.

        Raises:
            NotImplementedError: it holds a node that has no value at a point alone, or one that is not known.
        """
        lowered = apply_derivatives(apply_algebra_lowering(expression))
        nodes = [node for node in unique_post_traversal(lowered) if not isinstance(node, MultiIndex | classes.Label)]
        place = {node: number for number, node in enumerate(nodes)}
        self._shape: tuple[int, ...] = lowered.ufl_shape
        self._terminals: list[tuple[int, Expr]] = []
        self._constants: list[tuple[int, Array]] = []
        self._steps: list[tuple[int, _Step]] = []
        self._count = len(nodes)
        last: dict[int, int] = {}
        operations: list[tuple[int, Operation, tuple[int, ...]]] = []
        for number, node in enumerate(nodes):
            if isinstance(node, Terminal):
                known = _constant(node)
                if known is None:
                    self._terminals.append((number, node))
                else:
                    self._constants.append((number, known))
                continue
            operands = tuple(place[o] for o in node.ufl_operands if o in place)
            operations.append((number, _operation(node), operands))
            last |= dict.fromkeys(operands, number)
        for number, operation, operands in operations:
            finished = tuple({o for o in operands if last[o] == number})
            self._steps.append((number, _Step(operation, operands, finished)))

    def __call__(self, values: Mapping[Expr, ArrayLike]) -> Array:
        """The values (n, *shape), n being one where every value given is a single one.

        Args:
            values: of each symbol, (*shape) or (n, *shape).

        Raises:
            KeyError: a symbol has no value.
            ValueError: a value has another shape than its symbol.
        """
        held: list[Any] = [None] * self._count
        for number, constant in self._constants:
            held[number] = constant
        for number, terminal in self._terminals:
            if terminal not in values:
                raise KeyError(f"no value is given for {terminal}")
            held[number] = _with_points(values[terminal], terminal.ufl_shape)
        # what a conditional leaves out may be infinite or undefined
        with np.errstate(all="ignore"):
            for number, step in self._steps:
                held[number] = step.operation(*(held[o] for o in step.operands))
                for finished in step.finished:
                    held[finished] = None
        points = max((len(np.asarray(v)) for t, v in values.items() if np.ndim(v) > len(t.ufl_shape)), default=1)
        return np.array(np.broadcast_to(held[-1], (points, *self._shape)), dtype=float)


def _with_points(value: ArrayLike, shape: tuple[int, ...]) -> Array:
    array = np.asarray(value, dtype=float)
    if array.shape == shape:
        return array[None]
    if array.shape[1:] != shape or array.ndim == 0:
        raise ValueError(f"a value has the shape {array.shape}; wanted {shape}, or that at each point")
    return array


def _constant(node: Terminal) -> Array | None:
    """The value of a terminal that has one by itself."""
    if isinstance(node, classes.Zero):
        return np.zeros((1, *node.ufl_shape, *node.ufl_index_dimensions))
    if isinstance(node, classes.ScalarValue):
        return np.array([float(node)])
    if isinstance(node, classes.Identity):
        return np.eye(node.ufl_shape[0])[None]
    return None


def _indices(node: Expr) -> tuple[int, ...]:
    return tuple(node.ufl_free_indices)


def _axes_of(node: Expr, operand: Expr) -> tuple[slice | None, ...] | None:
    """What gives an operand the free-index axes of the node, one wide where it has not got them; None if it has all.

    A scalar operand of a node with a shape gets axes for that as well.
    """
    rank, wanted, has = len(operand.ufl_shape), _indices(node), _indices(operand)
    missing_shape = len(node.ufl_shape) - rank
    if wanted == has and missing_shape == 0:
        return None
    pick: list[slice | None] = [slice(None)] * (1 + rank) + [None] * missing_shape
    return (*pick, *(slice(None) if index in has else None for index in wanted))


@singledispatch
def _operation(node: Expr) -> Operation:
    """What computes a node from its operands."""
    raise NotImplementedError(f"{type(node).__name__} has no value at a point alone")


def _elementwise(node: Expr, function: Operation) -> Operation:
    keys = [_axes_of(node, operand) for operand in node.ufl_operands]
    if all(key is None for key in keys):
        return function
    return lambda *operands: function(*(o if k is None else o[k] for o, k in zip(operands, keys, strict=True)))


def _erf(x: ArrayLike) -> Any:
    """The error function; scipy is loaded by the first law that needs it, as no run does."""
    from scipy.special import erf

    return erf(x)


_ELEMENTWISE: dict[type, Operation] = {
    classes.Sum: np.add,
    classes.Product: np.multiply,
    classes.Division: np.divide,
    classes.Power: np.power,
    classes.Abs: np.abs,
    classes.Sqrt: np.sqrt,
    classes.Exp: np.exp,
    classes.Ln: np.log,
    classes.Sin: np.sin,
    classes.Cos: np.cos,
    classes.Tan: np.tan,
    classes.Sinh: np.sinh,
    classes.Cosh: np.cosh,
    classes.Tanh: np.tanh,
    classes.Asin: np.arcsin,
    classes.Acos: np.arccos,
    classes.Atan: np.arctan,
    classes.Atan2: np.arctan2,
    classes.Erf: _erf,
    classes.MaxValue: np.maximum,
    classes.MinValue: np.minimum,
    classes.Conditional: np.where,
    classes.LT: np.less,
    classes.LE: np.less_equal,
    classes.GT: np.greater,
    classes.GE: np.greater_equal,
    classes.EQ: np.equal,
    classes.NE: np.not_equal,
    classes.AndCondition: np.logical_and,
    classes.OrCondition: np.logical_or,
    classes.NotCondition: np.logical_not,
}


def _register(kind: type, function: Operation) -> None:
    _operation.register(kind, lambda node: _elementwise(node, function))


for _kind, _function in _ELEMENTWISE.items():
    _register(_kind, _function)


@_operation.register(classes.Conj)
@_operation.register(classes.Real)
@_operation.register(classes.Variable)
def _variable(node: Expr) -> Operation:
    return lambda value: value


@_operation.register(classes.ListTensor)
def _list_tensor(node: Expr) -> Operation:
    def stack(*parts: Array) -> Array:
        points = max(part.shape[0] for part in parts)
        return np.stack([np.broadcast_to(part, (points, *part.shape[1:])) for part in parts], axis=1)

    return stack


@_operation.register(classes.Indexed)
def _indexed(node: Expr) -> Operation:
    """A component: fixed indices are taken, free ones become axes; a repeated one is a diagonal."""
    tensor, multiindex = node.ufl_operands
    key = (slice(None), *(int(i) if isinstance(i, FixedIndex) else slice(None) for i in multiindex))
    axes = [i.count() for i in multiindex if not isinstance(i, FixedIndex)] + list(_indices(tensor))
    wanted = list(_indices(node))
    if len(set(axes)) == len(axes):
        order = (0, *(1 + axes.index(index) for index in wanted))
        return lambda value: value[key].transpose(order)
    numbers, target = _einsum_axes(axes), wanted
    return lambda value: np.einsum(value[key], [0, *(numbers[a] for a in axes)], [0, *(numbers[t] for t in target)])


def _einsum_axes(indices: Sequence[int]) -> dict[int, int]:
    return {index: number for number, index in enumerate(dict.fromkeys(indices), start=1)}


@_operation.register(classes.ComponentTensor)
def _component_tensor(node: Expr) -> Operation:
    """Free indices become axes of the shape."""
    scalar, multiindex = node.ufl_operands
    inside = list(_indices(scalar))
    rank = len(scalar.ufl_shape)
    shape = [1 + rank + inside.index(i.count()) for i in multiindex]
    free = [1 + rank + inside.index(index) for index in _indices(node)]
    order = (0, *range(1, 1 + rank), *shape, *free)
    return lambda value: value.transpose(order)


@_operation.register(classes.IndexSum)
def _index_sum(node: Expr) -> Operation:
    summand, (index,) = node.ufl_operands
    axis = 1 + len(summand.ufl_shape) + list(_indices(summand)).index(index.count())
    return lambda value: value.sum(axis=axis)
