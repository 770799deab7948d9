"""C of the element kernels: an element's tables, a law's derivatives at its points, the loops that contract them."""

from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray
from ufl.core.expr import Expr

from .pointwise import function, scalars

PADDING = 8
"""Points and nodes are padded to whole vectors of the widest kind, AVX-512."""

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
class Law:
    """The energy of a group and what it reads.

    Attributes:
        energy: energy per reference volume of ``F`` and ``p``.
        F: the deformation gradient, as a variable.
        p: the pressure, as a variable, where there is one.
        coefficients: fields that it reads.
        constants: numbers that it reads, as the energy names them.
        given: the same, as the problem holds them.
        lag: by how much the pressure at a point, as the tangent has it, goes beyond U'(J), where it does.
    """

    energy: Expr
    F: Any
    p: Any | None
    coefficients: list[Any]
    constants: list[Any]
    given: list[Any]
    lag: Any | None = None

    @property
    def read(self) -> list[Any]:
        """All fields that it reads, beside the unknowns."""
        return [*self.coefficients, *([] if self.lag is None else [self.lag])]


@dataclass(frozen=True, eq=False)
class Element:
    """Shape functions and their derivatives (4, points, nodes) at the quadrature points of a cell.

    Attributes:
        points: reference coordinates (points, 3).
        weights: quadrature weights (points,).
        geometry: of the mesh.
        displacement: of the displacement.
        pressure: of the pressure, or None.
        coarse: of linear displacements for the coarse tangent, or None.
    """

    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    geometry: NDArray[np.float64]
    displacement: NDArray[np.float64]
    pressure: NDArray[np.float64] | None
    coarse: NDArray[np.float64] | None


def table(space: fem.FunctionSpace, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shape functions and their derivatives (4, points, nodes)."""
    return np.asarray(space.element.basix_element.tabulate(1, points)[..., 0])


def kernel_names(element: Element) -> list[str]:
    """Names of the kernels that ``source`` gives."""
    names = ["energy", "residual_u", "tangent_uu"]
    names += [] if element.pressure is None else ["residual_p", "tangent_up", "tangent_pu", "tangent_pp"]
    return names + ([] if element.coarse is None else ["coarse_uu"])


def source(law: Law, element: Element) -> str:
    """C of all kernels of a law on an element.

    Raises:
        NotImplementedError: the law reads what has no value at a point alone.
    """
    nq, nv = len(element.points), _padded(len(element.points))
    sizes = {
        "NQ": nq,
        "NV": nv,
        "ND": element.displacement.shape[2],
        "NP": 0 if element.pressure is None else element.pressure.shape[2],
        "NG": element.geometry.shape[2],
    }
    reads = _reads(law, sizes)
    tables = [
        _array("table_weight", np.pad(element.weights, (0, nv - nq))),
        _array("table_geometry", _by_point(element.geometry[1:], nv)),
        _array("table_displacement", _by_point(element.displacement[1:], nv)),
    ]
    if element.pressure is not None:
        tables.append(_array("table_pressure", _by_point(element.pressure[:1], nv)[0]))
    parts = [
        VECTOR_MATH,
        *(f"#define {name} {value}" for name, value in sizes.items()),
        f"#define INPUTS {reads.count}",
        *tables,
        reads.gather,
        template("points.c"),
        *_laws(law, reads.terminals),
        *_contraction("fine", element.displacement),
        *([] if element.coarse is None else _contraction("coarse", element.coarse)),
        *_entries(element),
    ]
    return "\n".join(parts)


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


def _reads(law: Law, sizes: dict[str, int]) -> _Reads:
    nq = sizes["NQ"]
    count, lines = 9, []
    terminals: dict[Any, Any] = {law.F.ufl_operands[0]: lambda k: f"in[{k} * NV + q]"}
    if law.p is not None:
        terminals[law.p.ufl_operands[0]] = lambda k: "in[9 * NV + q]"
        count += 1
    offset = 3 * sizes["ND"] + sizes["NP"]
    for coefficient in law.read:
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


def _laws(law: Law, terminals: dict[Any, Any]) -> list[str]:
    P = ufl.diff(law.energy, law.F)
    rows = scalars(P)
    tangent = scalars(ufl.diff(P if law.lag is None else P + law.lag * ufl.diff(ufl.det(law.F), law.F), law.F))
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
        template("contraction.c"),
        *(f"#undef {key.partition('(')[0]}" for key in defined),
    ]


ENTRIES = {
    "energy": (1, "energy", "for (int q = 0; q < NQ; ++q) A[0] += g.weight[q] * out[q];"),
    "residual_u": (9, "stress", "fine_contract_vector(&g, out, A);"),
    "tangent_uu": (45, "tangent", "fine_contract_matrix(&g, out, A);"),
    "coarse_uu": (45, "tangent", "coarse_contract_matrix(&g, out, A);"),
    "residual_p": (1, "volume", "weigh_pressure(&g, out, A);"),
    "tangent_up": (9, "coupling", "couple(&g, out, A, NP, 1);"),
    "tangent_pu": (9, "coupling", "couple(&g, out, A, 1, 3 * ND);"),
    "tangent_pp": (1, "compliance", "weigh_pressures(&g, out, A);"),
}
"""Of each kernel: values of the law at a point, which function of the law, and what is made of them."""


def _entries(element: Element) -> list[str]:
    """The kernels themselves, as DOLFINx calls them."""
    parts = [] if element.pressure is None else [template("pressure.c")]
    for name in kernel_names(element):
        outputs, part, body = ENTRIES[name]
        parts.append(
            f"void {name}{SIGNATURE}\n{{\n  Geometry g ALIGNED;\n"
            f"  double in[INPUTS * NV] ALIGNED, out[{outputs} * NV] ALIGNED;\n"
            f"  look(w, x, &g, in);\n  law_{part}(in, w, c, out);\n  {body}\n}}\n"
        )
    return parts


def template(name: str) -> str:
    """A file of this room that goes into the source, or tells one version of it from another."""
    return (resources.files("fibertwin.solver") / name).read_text(encoding="utf-8")
