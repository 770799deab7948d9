"""What one problem must share with another for its numbers to be put into the other's forms."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from .constraints import Constraints
from .equations import Forms, Pushed
from .loads import Load, VolumeLoad
from .problem import Problem
from .supports import Place, Springs, Support


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
        "the fibers": one.fibers is other.fibers,
    }
    differing = [name for name, alike in same.items() if not alike]
    if differing:
        raise ValueError(f"problems of one family differ in numbers only, not in {', '.join(differing)}")


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
