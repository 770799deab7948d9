"""Element kernels for the tissue: the law at the points of a cell, contracted with gradients of shape functions.

UFL's own derivative of a form expands the law for every pair of shape functions. Here the law's stress and tangent
modulus are evaluated once a point, for several points at a time, and contracted by fixed loops (``contraction.c``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import basix
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.jit import mpi_jit_decorator
from ffcx.naming import compute_signature
from numpy.typing import NDArray
from ufl.algorithms import extract_coefficients
from ufl.algorithms.analysis import extract_constants
from ufl.classes import Label, Variable

from fibertwin import jit

from .kernel_source import SIGNATURE, Element, Law, kernel_names, source, table, template
from .problem import Problem
from .tissue import Group, kinematics

FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math")
"""Compiler flags of the kernels, beside those of all forms: none of them changes what is not a number."""


FIRST = 10**6
"""Number of the first constant in an energy that is compiled."""


@dataclass(frozen=True, eq=False)
class TissueForms:
    """Forms of the regions that share one energy.

    Attributes:
        energy: energy stored.
        residual: its derivative, by block.
        tangent: its second derivative, by block; None where it vanishes.
        coarse: the displacement's block of the tangent on linear shape functions, where that was asked for.
    """

    energy: fem.Form
    residual: list[fem.Form]
    tangent: list[list[fem.Form | None]]
    coarse: fem.Form | None


def pattern(row: fem.FunctionSpace, column: fem.FunctionSpace) -> fem.Form:
    """A form that reaches every cell, to size a matrix by; there is nothing to integrate."""
    domain = row.mesh
    cells = np.arange(domain.topology.index_map(3).size_local, dtype=np.int32)
    integrals = {fem.IntegralType.cell: [(0, 0, cells, np.zeros(0, dtype=np.int8))]}
    spaces = [row._cpp_object, column._cpp_object]
    return fem.Form(fem.form_cpp_class(np.float64)(spaces, integrals, [], [], False, [], domain._cpp_object))


def tissue_forms(
    problem: Problem,
    functions: Sequence[fem.Function],
    group: Group,
    coarse: fem.FunctionSpace | None,
    lag: fem.Function | None = None,
) -> TissueForms:
    """Compile the kernels of a group and make forms of them. Collective.

    Args:
        problem: the problem.
        functions: displacement and, in a mixed formulation, pressure.
        group: the group.
        coarse: linear displacements for a coarse tangent, or None.
        lag: pressure at the points (kPa) that the tangent has beyond U'(J), or None for none.
    """
    found = law(problem, functions, group, lag)
    spaces = [f.function_space for f in functions]
    kernels = _compiled(problem, found, spaces, coarse)
    cells = _own_cells(problem, group)
    read = [*functions, *found.read]

    def form(kernel: str, *arguments: fem.FunctionSpace) -> fem.Form:
        active = np.arange(len(read), dtype=np.int8)
        integrals = {fem.IntegralType.cell: [(0, kernels[kernel], cells, active)]}
        coefficients = [f._cpp_object for f in read]
        constants = [constant._cpp_object for constant in found.given]
        over = [space._cpp_object for space in arguments]
        domain = problem.anatomy.mesh._cpp_object
        return fem.Form(fem.form_cpp_class(np.float64)(over, integrals, coefficients, constants, False, [], domain))

    named = list(zip("up", spaces, strict=False))
    return TissueForms(
        energy=form("energy"),
        residual=[form(f"residual_{i}", row) for i, row in named],
        tangent=[[form(f"tangent_{i}{j}", row, column) for j, column in named] for i, row in named],
        coarse=None if coarse is None else form("coarse_uu", coarse, coarse),
    )


def law(problem: Problem, functions: Sequence[fem.Function], group: Group, lag: fem.Function | None = None) -> Law:
    """The energy with constants and variables of its own numbering.

    UFL tells variables by their number, and sorts the terms of sums and products by the names of constants, in which 10
    comes before 9: numbered as they come, the same energy would be another one in the next run, and be compiled again.
    """
    domain = problem.anatomy.mesh.ufl_domain()
    F = Variable(ufl.Constant(domain, (3, 3), count=FIRST), Label(FIRST))
    p = Variable(ufl.Constant(domain, count=FIRST + 1), Label(FIRST + 1)) if len(functions) > 1 else None
    energy = group.energy(kinematics(problem, F), p)
    given = {variable.ufl_operands[0] for variable in (F, p) if variable is not None}
    constants = [constant for constant in extract_constants(energy) if constant not in given]
    own = [ufl.Constant(domain, c.ufl_shape, count=FIRST + 2 + n) for n, c in enumerate(constants)]
    energy = ufl.replace(energy, dict(zip(constants, own, strict=True)))
    return Law(energy, F, p, list(extract_coefficients(energy)), own, constants, lag)


def _compiled(
    problem: Problem, law: Law, spaces: Sequence[fem.FunctionSpace], coarse: fem.FunctionSpace | None
) -> dict[str, int]:
    """Addresses of the kernels. Collective: one rank compiles."""
    domain = problem.anatomy.mesh
    points, weights = basix.make_quadrature(domain.basix_cell(), problem.quadrature_degree)
    element = Element(
        points=points,
        weights=weights,
        geometry=_geometry(problem, points),
        displacement=table(spaces[0], points),
        pressure=None if law.p is None else table(spaces[1], points),
        coarse=None if coarse is None else table(coarse, points),
    )
    elements = [str(space.ufl_element()) for space in (*spaces, *([] if coarse is None else [coarse]))]
    files = ("points.c", "contraction.c", "pointwise.py", "kernel_source.py")
    tag = repr((elements, law.lag is None, *(template(name) for name in files), FLAGS, jit.compiler_flags()))
    name = "libffcx_kernels_" + compute_signature([(law.energy, points)], tag)
    names = kernel_names(element)
    declarations = [f"void {kernel}{SIGNATURE};" for kernel in names]
    compiled: Callable[..., tuple[Any, Any]] = mpi_jit_decorator(jit.module)
    lib, ffi = compiled(domain.comm, name, lambda: source(law, element), declarations, FLAGS)
    return {kernel: int(ffi.cast("uintptr_t", ffi.addressof(lib, kernel))) for kernel in names}


def _geometry(problem: Problem, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape functions of the mesh's geometry and their derivatives (4, points, nodes)."""
    domain = problem.anatomy.mesh
    shape = domain.geometry.cmaps[0]
    kind = basix.CellType[domain.topology.cell_name()]
    element = basix.create_element(basix.ElementFamily.P, kind, shape.degree, basix.LagrangeVariant(shape.variant))
    return np.asarray(element.tabulate(1, points)[..., 0])


def _own_cells(problem: Problem, group: Group) -> NDArray[np.int32]:
    tags = problem.anatomy.cell_tags
    own = problem.anatomy.mesh.topology.index_map(3).size_local
    cells = tags.indices[np.isin(tags.values, group.tags)]
    return np.ascontiguousarray(cells[cells < own], dtype=np.int32)
