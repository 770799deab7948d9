"""What one problem must share with another for its numbers to be put into the other's forms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .constraints import Constraints
from .equations import Forms, Pushed
from .loads import Load, VolumeLoad
from .problem import Problem
from .supports import Place, Springs, Support

if TYPE_CHECKING:
    from dolfinx import fem

    from fibertwin.meshes import FiberField


def require_alike(one: Problem, other: Problem) -> None:
    """Check that two problems differ in numbers only.

    Raises:
        ValueError: they do not.
    """
    same = {
        "the body": one.anatomy is other.anatomy,
        "the formulation": one.formulation == other.formulation,
        "the quadrature": one.quadrature_degree == other.quadrature_degree,
        "the regions": one.materials.keys() == other.materials.keys(),
        "the supports": _kinds(one.supports) == _kinds(other.supports),
        "the loads": _kinds(one.loads) == _kinds(other.loads),
        "the fibers": _points(one.fibers) == _points(other.fibers),
    }
    differing = [name for name, alike in same.items() if not alike]
    if differing:
        raise ValueError(f"problems of one family differ in numbers only, not in {', '.join(differing)}")


def _points(fibers: "FiberField | None") -> object:
    """Where fibers are known."""
    return None if fibers is None else (id(fibers.mesh), fibers.degree)


class BoundFibers:
    """The fibers that forms read, which take the values of others.

    Args:
        fibers: what the forms have been made with.
    """

    def __init__(self, fibers: "FiberField | None") -> None:
        self._bound = self._present = fibers
        self._own: list[NDArray[np.float64]] = []

    def adopt(self, fibers: "FiberField | None") -> None:
        """Take the values of other fibers, or its own again."""
        if fibers is self._present or fibers is None or self._bound is None:
            return
        functions = _functions(self._bound)
        if not self._own:
            self._own = [function.x.array.copy() for function in functions]
        values = self._own if fibers is self._bound else [function.x.array for function in _functions(fibers)]
        for function, array in zip(functions, values, strict=True):
            function.x.array[:] = array
        self._present = fibers


def _functions(fibers: "FiberField") -> "list[fem.Function]":
    return [fibers.structure_tensor, fibers.axis, fibers.sheet, fibers.fa]


def _kinds(members: Mapping[str, Support] | Mapping[str, Load]) -> dict[str, object]:
    """Classes and places of supports or loads, by name."""
    return {
        name: (type(one), one.region if isinstance(one, VolumeLoad) else getattr(one, "surface", ""))
        for name, one in members.items()
    }


def adopt_loads(forms: Forms, problem: Problem) -> None:
    """Put the loads of a problem, and the stiffness of its springs, into the forms."""
    for name, load in problem.loads.items():
        full = np.array(load.magnitude(problem.anatomy), dtype=np.float64)
        forms.loads[name] = Pushed(load, full, forms.loads[name].present)
    for name, constant in forms.stiffnesses.items():
        support = problem.supports[name]
        assert isinstance(support, Springs)
        constant.value = float(support.stiffness)


def adopted_supports(constraints: Constraints, problem: Problem) -> Constraints:
    """The constraints with the motions of a problem's supports.

    Raises:
        ValueError: a support holds other points, or in other directions.
    """
    held = list(constraints.held)
    for name, support in problem.supports.items():
        mine = [number for number, one in enumerate(held) if one.support == name]
        if not mine:
            continue
        place = Place(problem.anatomy, support.surface, constraints.space, held[mine[0]].nodes)
        for number, row in zip(mine, support.rows(place), strict=True):
            known = held[number].directions
            if not np.array_equal(np.broadcast_to(row.direction, known.shape), known):
                raise ValueError(f"the support {name} would hold its surface in other directions")
            held[number] = replace(held[number], row=row)
    return replace(constraints, held=tuple(held))
