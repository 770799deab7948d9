"""The weak form of equilibrium and the objects that assemble it: residual, tangent, constraints."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from ufl.core.expr import Expr

from fibertwin import jit
from fibertwin.constitutive import Fiber, Kinematics, Material

from .problem import Displacement, Problem


@dataclass(frozen=True)
class Group:
    """Regions whose materials share one compiled energy, and the parameters bound to it."""

    regions: tuple[str, ...]
    tags: tuple[int, ...]
    material: Material
    inverse_bulk: Expr


@dataclass(frozen=True)
class Unknowns:
    """Displacement (quadratic, mm) and, in a mixed formulation, pressure (linear, kPa)."""

    displacement: fem.Function
    pressure: fem.Function | None

    @property
    def functions(self) -> list[fem.Function]:
        """The unknown functions, displacement first."""
        return [self.displacement] if self.pressure is None else [self.displacement, self.pressure]


@dataclass(frozen=True)
class Forms:
    """Compiled forms; ``level`` is the load level (0 to 1) at which the loads act."""

    residual: list[fem.Form]
    tangent: list[list[fem.Form]]
    internal: fem.Form
    energy: fem.Form
    schur_mass: fem.Form | None
    level: fem.Constant


def unknowns(problem: Problem) -> Unknowns:
    """Zero displacement and pressure on the problem's mesh. Collective."""
    domain = problem.anatomy.mesh
    if isinstance(problem.formulation, Displacement):
        V = fem.functionspace(domain, ("Lagrange", problem.formulation.degree, (3,)))
        return Unknowns(fem.Function(V, name="displacement"), None)
    V = fem.functionspace(domain, ("Lagrange", 2, (3,)))
    Q = fem.functionspace(domain, ("Lagrange", 1))
    return Unknowns(fem.Function(V, name="displacement"), fem.Function(Q, name="pressure"))


def groups(problem: Problem) -> list[Group]:
    """Regions by the structure of their material; parameters become Constants or one value per region."""
    by_structure: dict[object, list[str]] = {}
    for region in sorted(problem.anatomy.regions, key=lambda name: problem.anatomy.regions[name]):
        by_structure.setdefault(problem.materials[region].structure, []).append(region)
    return [_group(problem, tuple(regions)) for regions in by_structure.values()]


def _group(problem: Problem, regions: tuple[str, ...]) -> Group:
    materials = [problem.materials[region] for region in regions]
    tags = tuple(problem.anatomy.regions[region] for region in regions)

    def bound(values: Sequence[float]) -> Expr:
        return _per_region(problem, tags, values)

    parameters = tuple(
        {name: bound([m.energies[term].parameters[name] for m in materials]) for name in energy.parameters}
        for term, energy in enumerate(materials[0].energies)
    )
    inverse_bulk = bound([m.inverse_bulk_modulus for m in materials])
    return Group(regions, tags, materials[0].bind(parameters), inverse_bulk)


def _per_region(problem: Problem, tags: tuple[int, ...], values: Sequence[float]) -> Expr:
    """A Constant where there is one region, else a field constant on each cell."""
    domain = problem.anatomy.mesh
    if len(values) == 1:
        return fem.Constant(domain, float(values[0]))
    field = fem.Function(fem.functionspace(domain, ("DG", 0)))
    cell_tags = problem.anatomy.cell_tags
    for tag, value in zip(tags, values, strict=True):
        field.x.array[cell_tags.indices[cell_tags.values == tag]] = value
    return field


def kinematics(problem: Problem, F: Expr) -> Kinematics:
    """The kinematics that the problem's laws look at."""
    fibers = problem.fibers
    if fibers is None:
        return Kinematics(F)
    return Kinematics(F, Fiber(fibers.axis, fibers.structure_tensor, fibers.fa))


def metadata(problem: Problem) -> dict[str, Any]:
    """Quadrature of every volume integral, the one at whose points the fibers are known."""
    return {"quadrature_degree": problem.quadrature_degree, "quadrature_scheme": "default"}


def forms(problem: Problem, state: Unknowns) -> Forms:
    """Compile residual, tangent and energy. Collective.

    Material parameters and load magnitudes are Constants or cell fields: a new value compiles nothing.
    """
    domain = problem.anatomy.mesh
    u, p = state.displacement, state.pressure
    level = fem.Constant(domain, 0.0)
    kin = kinematics(problem, ufl.Identity(3) + ufl.grad(u))
    parts = groups(problem)
    dx = _cell_measure(problem, parts)
    energy = sum(_energy(part, kin, p) * d for part, d in zip(parts, dx, strict=True))

    spaces = [f.function_space for f in state.functions]
    tests, trials = _arguments(spaces)
    internal = sum(ufl.derivative(energy, f, t) for f, t in zip(state.functions, tests, strict=True))
    residual = internal
    for facets, load in _loads(problem, level, kin):
        residual -= ufl.inner(load, tests[0]) * facets
    tangent = sum(ufl.derivative(residual, f, t) for f, t in zip(state.functions, trials, strict=True))

    def compiled(form: Any) -> Any:
        return fem.form(form, jit_options=jit.options())

    blocks = ufl.extract_blocks(internal) if p is not None else [internal]
    return Forms(
        residual=compiled(ufl.extract_blocks(residual) if p is not None else [residual]),
        tangent=compiled(ufl.extract_blocks(tangent) if p is not None else [[tangent]]),
        internal=compiled(blocks[0]),
        energy=compiled(energy),
        schur_mass=None if p is None else compiled(_schur_mass(problem, spaces[1])),
        level=level,
    )


def _arguments(spaces: Sequence[fem.FunctionSpace]) -> tuple[Sequence[Any], Sequence[Any]]:
    """Test and trial functions, one of each per space."""
    if len(spaces) == 1:
        return [ufl.TestFunction(spaces[0])], [ufl.TrialFunction(spaces[0])]
    W = ufl.MixedFunctionSpace(*spaces)
    return ufl.TestFunctions(W), ufl.TrialFunctions(W)


def _energy(group: Group, kin: Kinematics, p: fem.Function | None) -> Expr:
    """Strain energy with its volumetric part (kPa): perturbed Lagrangian where there is a pressure."""
    if p is None:
        return group.material.psi(kin) + (kin.J - 1) ** 2 / (2 * group.inverse_bulk)
    return group.material.psi(kin) + p * (kin.J - 1) - 0.5 * group.inverse_bulk * p**2


def _cell_measure(problem: Problem, parts: Sequence[Group]) -> list[ufl.Measure]:
    domain, data = problem.anatomy.mesh, metadata(problem)
    if len(parts) == 1:
        return [ufl.Measure("dx", domain=domain, metadata=data)]
    dx = ufl.Measure("dx", domain=domain, subdomain_data=problem.anatomy.cell_tags, metadata=data)
    return [dx(part.tags) for part in parts]


def _loads(problem: Problem, level: fem.Constant, kin: Kinematics) -> list[tuple[ufl.Measure, Expr]]:
    """Measure and traction of every load; surfaces may overlap."""
    domain = problem.anatomy.mesh
    where = [
        (tag, fem.compute_integration_domains(fem.IntegralType.exterior_facet, domain.topology, facets))
        for tag, load in enumerate(problem.loads.values(), start=1)
        for facets in [np.sort(problem.anatomy.surfaces[load.surface])]
    ]
    ds = ufl.Measure("ds", domain=domain, subdomain_data=where, metadata=metadata(problem))
    found = []
    for tag, load in enumerate(problem.loads.values(), start=1):
        magnitude = fem.Constant(domain, np.array(load.magnitude, dtype=np.float64))
        found.append((ds(tag), load.traction(level * magnitude, kin, ufl.FacetNormal(domain))))
    return found


def _schur_mass(problem: Problem, Q: fem.FunctionSpace) -> Expr:
    """Pressure mass over stiffness, (1/shear + 1/bulk) M, spectrally close to the Schur complement."""
    regions = sorted(problem.anatomy.regions, key=lambda name: problem.anatomy.regions[name])
    weights = [1 / problem.materials[r].shear_modulus + problem.materials[r].inverse_bulk_modulus for r in regions]
    weight = _per_region(problem, tuple(problem.anatomy.regions[r] for r in regions), weights)
    return weight * ufl.TrialFunction(Q) * ufl.TestFunction(Q) * ufl.dx
