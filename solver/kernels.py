"""Element kernels for the tissue: the law at the points of a cell, contracted with the gradients of its shape functions.

UFL's own derivative of a form expands the law for every pair of shape functions. Here the law's stress and tangent
modulus are evaluated once a point, for several points at a time, and contracted by fixed loops (``contraction.c``).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
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
from ufl.core.expr import Expr

from fibertwin import jit

from .pointwise import function, scalars
from .problem import Problem
from .tissue import Group, kinematics

PADDING = 8
"""Points and nodes are padded to whole vectors of the widest kind, AVX-512."""

FLAGS = ("-O3", "-fno-math-errno", "-fno-trapping-math")
"""Compiler flags of the kernels, beside those of all forms: none of them changes what is not a number."""

VECTOR_MATH = """
#include <math.h>
#include <stdint.h>
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define VECTOR __attribute__((const, simd("notinbranch")))
VECTOR double exp(double);
VECTOR double log(double);
VECTOR double pow(double, double);
VECTOR double sin(double);
VECTOR double cos(double);
#if __GLIBC_PREREQ(2, 35)
VECTOR double tan(double);
VECTOR double asin(double);
VECTOR double acos(double);
VECTOR double atan(double);
VECTOR double atan2(double, double);
VECTOR double sinh(double);
VECTOR double cosh(double);
VECTOR double tanh(double);
VECTOR double erf(double);
#endif
#endif
"""
"""Lets GCC call the vector versions of the C library's functions without leave to reorder arithmetic."""

SIGNATURE = (
    "(double* restrict A, const double* restrict w, const double* restrict c, const double* restrict x, "
    "const int* restrict entity, const uint8_t* restrict permutation, void* data)"
)


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


@dataclass(frozen=True, eq=False)
class _Law:
    """The energy of a group and what it reads.

    Attributes:
        energy: energy per reference volume of ``F`` and ``p``.
        F: the deformation gradient, as a variable.
        p: the pressure, as a variable, where there is one.
        coefficients: fields that it reads.
        constants: numbers that it reads.
    """

    energy: Expr
    F: Any
    p: Any | None
    coefficients: list[Any]
    constants: list[Any]


def tissue_forms(
    problem: Problem, functions: Sequence[fem.Function], group: Group, coarse: fem.FunctionSpace | None
) -> TissueForms:
    """Compile the kernels of a group and make forms of them. Collective.

    Args:
        problem: the problem.
        functions: displacement and, in a mixed formulation, pressure.
        group: the group.
        coarse: linear displacements for a coarse tangent, or None.
    """
    law = _law(problem, functions, group)
    spaces = [f.function_space for f in functions]
    domain = problem.anatomy.mesh
    degree = problem.quadrature_degree
    points, weights = basix.make_quadrature(domain.basix_cell(), degree)
    shapes = [_table(space, points) for space in spaces]
    rough = _table(coarse, points) if coarse is not None else None
    elements = [str(space.ufl_element()) for space in (*spaces, *([coarse] if coarse is not None else []))]
    generator = [_template(name) for name in ("points.c", "contraction.c", "pointwise.py", "kernels.py")]
    tag = repr((elements, *generator, jit.compiler_flags()))
    name = "libffcx_kernels_" + compute_signature([(law.energy, points)], tag)

    def source() -> str:
        return _source(problem, spaces, law, points, weights, shapes, rough)

    names = ["energy", "residual_u", "tangent_uu"]
    names += ["residual_p", "tangent_up", "tangent_pu", "tangent_pp"] if law.p is not None else []
    names += ["coarse_uu"] if coarse is not None else []
    kernels = _compiled(domain.comm, name, source, names)
    cells = _own_cells(problem, group)
    read = [*functions, *law.coefficients]

    def form(kernel: str, *arguments: fem.FunctionSpace) -> fem.Form:
        active = np.arange(len(read), dtype=np.int8)
        integrals = {fem.IntegralType.cell: [(0, kernels[kernel], cells, active)]}
        made = fem.form_cpp_class(np.float64)(
            [space._cpp_object for space in arguments],
            integrals,
            [f._cpp_object for f in read],
            [constant._cpp_object for constant in law.constants],
            False,
            [],
            domain._cpp_object,
        )
        return fem.Form(made)

    u = spaces[0]
    rough_form = form("coarse_uu", coarse, coarse) if coarse is not None else None
    if law.p is None:
        return TissueForms(form("energy"), [form("residual_u", u)], [[form("tangent_uu", u, u)]], rough_form)
    p = spaces[1]
    tangent = [[form("tangent_uu", u, u), form("tangent_up", u, p)], [form("tangent_pu", p, u), form("tangent_pp", p, p)]]
    return TissueForms(form("energy"), [form("residual_u", u), form("residual_p", p)], tangent, rough_form)


def _law(problem: Problem, functions: Sequence[fem.Function], group: Group) -> _Law:
    domain = problem.anatomy.mesh
    F = ufl.variable(fem.Constant(domain, np.eye(3)))
    p = ufl.variable(fem.Constant(domain, 0.0)) if len(functions) > 1 else None
    energy = group.energy(kinematics(problem, F), p)
    given = {F.ufl_operands[0], *([p.ufl_operands[0]] if p is not None else [])}
    constants = [constant for constant in extract_constants(energy) if constant not in given]
    return _Law(energy, F, p, list(extract_coefficients(energy)), constants)


def _own_cells(problem: Problem, group: Group) -> NDArray[np.int32]:
    tags = problem.anatomy.cell_tags
    own = problem.anatomy.mesh.topology.index_map(3).size_local
    cells = tags.indices[np.isin(tags.values, group.tags)]
    return np.ascontiguousarray(cells[cells < own], dtype=np.int32)


# -- source ------------------------------------------------------------------------------------
def _table(space: fem.FunctionSpace, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape functions and their derivatives (4, points, nodes)."""
    element = space.element.basix_element
    return np.asarray(element.tabulate(1, points)[..., 0])


def _source(
    problem: Problem,
    spaces: Sequence[fem.FunctionSpace],
    law: _Law,
    points: NDArray[np.float64],
    weights: NDArray[np.float64],
    shapes: Sequence[NDArray[np.float64]],
    rough: NDArray[np.float64] | None,
) -> str:
    """C of all kernels of a law on an element."""
    geometry = _geometry_element(problem).tabulate(1, points)[..., 0]
    nq, nv = len(points), _padded(len(points))
    pressure = shapes[1] if law.p is not None else None
    sizes = {
        "NQ": nq,
        "NV": nv,
        "ND": shapes[0].shape[2],
        "NP": 0 if pressure is None else pressure.shape[2],
        "NG": geometry.shape[2],
    }
    reads = _reads(law, sizes)
    parts = [VECTOR_MATH, *(f"#define {name} {value}" for name, value in sizes.items())]
    parts += [f"#define INPUTS {reads.count}", "#define PLACE(r, s) ((r) < (s) ? PLACE_(r, s) : PLACE_(s, r))"]
    parts += ["#define PLACE_(r, s) ((r) * 9 - (r) * ((r) - 1) / 2 + (s) - (r))"]
    parts += [_array("table_weight", np.pad(weights, (0, nv - nq)))]
    parts += [_array("table_geometry", _by_point(geometry[1:], nv)), _array("table_displacement", _by_point(shapes[0][1:], nv))]
    if pressure is not None:
        parts += [_array("table_pressure", _by_point(pressure[:1], nv)[0])]
    parts += [reads.gather, _template("points.c")]
    parts += _laws(law, reads.terminals)
    parts += _contraction("fine", shapes[0])
    if rough is not None:
        parts += _contraction("coarse", rough)
    parts += _entries(law, coarse=rough is not None)
    return "\n".join(parts)


def _geometry_element(problem: Problem) -> Any:
    """The scalar element of the mesh's shape."""
    domain = problem.anatomy.mesh
    shape = domain.geometry.cmaps[0]
    kind = basix.CellType[domain.basix_cell()] if isinstance(domain.basix_cell(), str) else domain.basix_cell()
    return basix.create_element(basix.ElementFamily.P, kind, shape.degree, basix.LagrangeVariant(shape.variant))


def _padded(n: int) -> int:
    return -(-n // PADDING) * PADDING


def _by_point(table: NDArray[np.float64], nv: int) -> NDArray[np.float64]:
    """(derivative, point, node) as (derivative, node, padded point): the last point is repeated."""
    turned = table.transpose(0, 2, 1)
    return np.pad(turned, ((0, 0), (0, 0), (0, nv - turned.shape[2])), mode="edge")


def _array(name: str, values: NDArray[np.float64]) -> str:
    shape = "".join(f"[{n}]" for n in values.shape)
    return f"static const double {name}{shape} __attribute__((aligned(64))) = {_braces(values)};"


def _braces(values: NDArray[np.float64]) -> str:
    if values.ndim == 0:
        return repr(float(values))
    return "{" + ", ".join(_braces(row) for row in values) + "}"


@dataclass(frozen=True)
class _Reads:
    """Where the law finds what it reads: how many values a point has, C that collects them, and the place of each."""

    count: int
    gather: str
    terminals: dict[Any, Any]


def _reads(law: _Law, sizes: dict[str, int]) -> _Reads:
    nq = sizes["NQ"]
    count, lines = 9, []
    terminals: dict[Any, Any] = {law.F.ufl_operands[0]: lambda k: f"in[{k} * NV + q]"}
    if law.p is not None:
        terminals[law.p.ufl_operands[0]] = lambda k: "in[9 * NV + q]"
        count += 1
    offset = 3 * sizes["ND"] + sizes["NP"]
    for coefficient in law.coefficients:
        space = coefficient.function_space
        components = space.dofmap.bs
        dofs = space.dofmap.list.shape[1]
        if dofs == nq:
            lines.append(f"  COLLECT({count}, {offset}, {components})")
            terminals[coefficient] = lambda k, first=count: f"in[{first + k} * NV + q]"
            count += components
        elif dofs == 1:
            terminals[coefficient] = lambda k, first=offset: f"w[{first + k}]"
        else:
            raise NotImplementedError(f"the law reads {coefficient}, which is neither one value a cell nor one a point")
        offset += dofs * components
    place = 0
    for constant in law.constants:
        terminals[constant] = lambda k, first=place: f"c[{first + k}]"
        place += int(np.prod(constant.ufl_shape, dtype=int))
    collect = (
        "#define COLLECT(to, from, n) for (int k = 0; k < n; ++k) for (int q = 0; q < NV; ++q) "
        "in[(to + k) * NV + q] = w[from + (q < NQ ? q : NQ - 1) * n + k];"
    )
    body = "\n".join(lines)
    gather = f"{collect}\nstatic inline void gather(const double* restrict w, double* restrict in)\n{{\n{body}\n}}\n"
    return _Reads(count, gather, terminals)


def _laws(law: _Law, terminals: dict[Any, Any]) -> list[str]:
    P = ufl.diff(law.energy, law.F)
    rows = scalars(P)
    tangent = scalars(ufl.diff(P, law.F))
    upper = [tangent[9 * r + s] for r in range(9) for s in range(r, 9)]
    parts = [
        function("law_energy", [law.energy], terminals),
        function("law_stress", rows, terminals),
        function("law_tangent", upper, terminals),
    ]
    if law.p is not None:
        slope = ufl.diff(law.energy, law.p)
        parts += [
            function("law_volume", [slope], terminals),
            function("law_coupling", scalars(ufl.diff(P, law.p)), terminals),
            function("law_compliance", [ufl.diff(slope, law.p)], terminals),
        ]
    return parts


def _contraction(name: str, table: NDArray[np.float64]) -> list[str]:
    """``contraction.c`` for one set of shape functions."""
    nodes = table.shape[2]
    padded = _padded(nodes)
    values = np.pad(table[1:].transpose(1, 0, 2), ((0, 0), (0, 0), (0, padded - nodes)))
    defined = {
        "NAME(x)": f"{name}_##x", "TABLE": f"table_{name}", "NT": nodes, "NTP": padded,
    }  # fmt: skip
    return [
        _array(f"table_{name}", values),
        *(f"#define {key} {value}" for key, value in defined.items()),
        _template("contraction.c"),
        *(f"#undef {key.partition('(')[0]}" for key in defined),
    ]


def _entries(law: _Law, *, coarse: bool) -> list[str]:
    """The kernels themselves, as DOLFINx calls them."""

    def entry(name: str, outputs: int, law_name: str, body: str) -> str:
        return (
            f"void {name}{SIGNATURE}\n{{\n  Geometry g ALIGNED;\n  double in[INPUTS * NV] ALIGNED, out[{outputs} * NV] ALIGNED;\n"
            f"  look(w, x, &g, in);\n  {law_name}(in, w, c, out);\n  {body}\n}}\n"
        )

    sum_points = "for (int q = 0; q < NQ; ++q) "
    entries = [
        entry("energy", 1, "law_energy", sum_points + "A[0] += g.weight[q] * out[q];"),
        entry("residual_u", 9, "law_stress", "fine_contract_vector(&g, out, A);"),
        entry("tangent_uu", 45, "law_tangent", "fine_contract_matrix(&g, out, A);"),
    ]
    if coarse:
        entries.append(entry("coarse_uu", 45, "law_tangent", "coarse_contract_matrix(&g, out, A);"))
    if law.p is not None:
        column = "double V[9 * NV] ALIGNED, r[3 * ND];"
        each = (
            "for (int m = 0; m < NP; ++m)\n  {\n    for (int k = 0; k < 9; ++k)\n      for (int q = 0; q < NV; ++q)\n"
            "        V[k * NV + q] = table_pressure[m][q] * out[k * NV + q];\n"
            "    for (int n = 0; n < 3 * ND; ++n)\n      r[n] = 0;\n    fine_contract_vector(&g, V, r);\n"
            "    for (int n = 0; n < 3 * ND; ++n)\n      A[%s] += r[n];\n  }"
        )
        entries += [
            entry("residual_p", 1, "law_volume", "for (int m = 0; m < NP; ++m) " + sum_points
                  + "A[m] += g.weight[q] * out[q] * table_pressure[m][q];"),
            entry("tangent_up", 9, "law_coupling", column + "\n  " + each % "n * NP + m"),
            entry("tangent_pu", 9, "law_coupling", column + "\n  " + each % "m * 3 * ND + n"),
            entry("tangent_pp", 1, "law_compliance", "for (int m = 0; m < NP; ++m) for (int n = 0; n < NP; ++n) "
                  + sum_points + "A[m * NP + n] += g.weight[q] * out[q] * table_pressure[m][q] * table_pressure[n][q];"),
        ]  # fmt: skip
    return entries


def _template(name: str) -> str:
    return (resources.files("fibertwin.solver") / name).read_text(encoding="utf-8")


# -- compiler ----------------------------------------------------------------------------------
def _compiled(comm: Any, name: str, source: Any, names: Sequence[str]) -> dict[str, int]:
    """Addresses of compiled kernels. Collective: one rank compiles."""
    lib, ffi = mpi_jit_decorator(jit.module)(comm, name, source, [f"void {n}{SIGNATURE};" for n in names], FLAGS)
    return {n: int(ffi.cast("uintptr_t", ffi.addressof(lib, n))) for n in names}
