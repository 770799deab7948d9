"""The weak form of equilibrium, compiled: what the tissue, loads and springs do, what cavities enclose."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import ufl
from dolfinx import fem
from ufl.core.expr import Expr

from fibertwin import jit
from fibertwin.constitutive import Kinematics
from fibertwin.curve import Moment, factor

from .kernels import TissueForms, tissue_forms
from .lids import lid_matrix
from .loads import Cavity, Load, SurfaceLoad, VolumeLoad
from .problem import Displacement, Problem
from .supports import Springs
from .tissue import Group, groups, kinematics, metadata, point_field, representative

type Surfaces = dict[str, ufl.Measure]
"""A measure for each surface, by its name."""


@dataclass(frozen=True, eq=False)
class Unknowns:
    """Displacement (quadratic, mm) and, in a mixed formulation, pressure (linear, kPa), with the tissue's state.

    Attributes:
        displacement: displacement (mm).
        pressure: pressure (kPa), in a mixed formulation.
        tissue: the materials, at the present moment.
        lag: pressure at the points (kPa) that the tangent has beyond U'(J), where the displacement alone is unknown.
    """

    displacement: fem.Function
    pressure: fem.Function | None
    tissue: tuple[Group, ...]
    lag: fem.Function | None = None

    @property
    def functions(self) -> list[fem.Function]:
        """The unknown functions, displacement first."""
        return [self.displacement] if self.pressure is None else [self.displacement, self.pressure]


@dataclass(frozen=True, eq=False)
class Pushed:
    """One load with the Constant that brings it on.

    Attributes:
        load: the load.
        full: its magnitude at full load.
        present: its magnitude at the present moment.
    """

    load: Load
    full: np.ndarray[Any, Any]
    present: fem.Constant

    def move(self, moment: Moment) -> None:
        """Bring the load to a moment; a pressure that is unknown stays."""
        if not (isinstance(self.load, Cavity) and self.load.finds_pressure):
            self.present.value[:] = self.full * float(factor(self.load.curve, moment))


@dataclass(frozen=True, eq=False)
class CavityForms:
    """What a cavity encloses.

    Attributes:
        volume: volume (mm³).
        push: force on the wall per unit of pressure, with the residual's sign (vector).
        grow: change of the volume with the displacement (vector).
    """

    volume: fem.Form
    push: fem.Form
    grow: fem.Form


@dataclass(frozen=True, eq=False)
class Forms:
    """Compiled forms.

    Attributes:
        tissue: energy, its first and second derivative, for each group of regions.
        outside: force of loads and springs, with the residual's sign, if there are any.
        stiffness: its derivative, if it depends on the displacement.
        coarse: that derivative on linear shape functions, where it was asked for.
        symmetric: whether the whole has a potential: no load follows the surface.
        external: force of the loads alone, if there are any.
        schur_mass: approximate Schur complement, in a mixed formulation.
        springs: force of the springs of each support that has some, with the residual's sign.
        stiffnesses: what holds the stiffness of these springs.
        weight: inverse stiffness of each cell, in ``schur_mass``.
        loads: the loads by name.
        cavities: what each cavity encloses, by the load's name.
    """

    tissue: tuple[TissueForms, ...]
    outside: fem.Form | None
    stiffness: fem.Form | None
    coarse: fem.Form | None
    symmetric: bool
    external: fem.Form | None
    schur_mass: fem.Form | None
    springs: dict[str, fem.Form]
    stiffnesses: dict[str, fem.Constant]
    weight: fem.Function | None
    loads: dict[str, Pushed]
    cavities: dict[str, CavityForms]


def unknowns(problem: Problem) -> Unknowns:
    """Zero displacement and pressure on the problem's mesh. Collective."""
    domain, tissue = problem.anatomy.mesh, groups(problem)
    degree = problem.formulation.degree if isinstance(problem.formulation, Displacement) else 2
    V = fem.functionspace(domain, ("Lagrange", degree, (3,)))
    displacement = fem.Function(V, name="displacement")
    if isinstance(problem.formulation, Displacement):
        return Unknowns(displacement, None, tissue, point_field(problem))
    Q = fem.functionspace(domain, ("Lagrange", 1))
    return Unknowns(displacement, fem.Function(Q, name="pressure"), tissue)


def forms(problem: Problem, state: Unknowns, coarse: fem.FunctionSpace | None = None) -> Forms:
    """Compile everything. Collective.

    Material parameters and load magnitudes are Constants or fields: a new value compiles nothing.

    Args:
        problem: the problem.
        state: its unknowns.
        coarse: linear displacements, where a tangent on them is wanted too.
    """
    u = state.displacement
    kin = kinematics(problem, ufl.Identity(3) + ufl.grad(u))
    pushed = _pushed(problem)
    ds = _surface_measures(problem)
    test = ufl.TestFunction(u.function_space)
    stiffnesses = {
        name: fem.Constant(problem.anatomy.mesh, float(support.stiffness))
        for name, support in _resting(problem).items()
    }
    springs = _springs(problem, ds, u, test, stiffnesses)
    weight = None if state.pressure is None else weigh(problem)
    work = _work(problem, ds, pushed, kin, test) if pushed else None
    outside = sum([*springs.values(), *([] if work is None else [-work])], start=ufl.form.Form([]))

    def compiled(form: Any) -> Any:
        return fem.form(form, jit_options=jit.options())

    return Forms(
        tissue=tuple(tissue_forms(problem, state.functions, group, coarse, state.lag) for group in state.tissue),
        outside=None if outside.empty() else compiled(outside),
        stiffness=_stiffness(outside, u, u.function_space, compiled),
        coarse=None if coarse is None else _stiffness(outside, u, coarse, compiled),
        symmetric=work is None or u not in ufl.algorithms.extract_coefficients(work),
        external=None if work is None else compiled(work),
        schur_mass=None if weight is None else compiled(_schur_mass(weight, state.functions[1].function_space)),
        springs={name: compiled(form) for name, form in springs.items()},
        stiffnesses=stiffnesses,
        weight=weight,
        loads=pushed,
        cavities={
            name: _cavity(problem, ds[load.surface], name, load, u, compiled)
            for name, load in _cavities(problem).items()
        },
    )


def _stiffness(
    outside: Any, u: fem.Function, space: fem.FunctionSpace, compiled: Callable[[Any], Any]
) -> fem.Form | None:
    """Derivative of loads and springs by the displacement, on the shape functions of a space; None where there is none.

    Multigrid whose coarse level lacks it sees another body than the fine one, and a wall that a pressure has stretched
    is far from it.
    """
    if u not in ufl.algorithms.extract_coefficients(outside):
        return None
    derivative = ufl.algorithms.expand_derivatives(ufl.derivative(outside, u))
    if derivative.empty():
        return None
    if space is not u.function_space:
        test, trial = derivative.arguments()
        derivative = ufl.replace(derivative, {test: ufl.TestFunction(space), trial: ufl.TrialFunction(space)})
    return compiled(derivative)


def _volume_measure(problem: Problem) -> ufl.Measure:
    return ufl.Measure(
        "dx", domain=problem.anatomy.mesh, subdomain_data=problem.anatomy.cell_tags, metadata=metadata(problem)
    )


def _surface_measures(problem: Problem) -> dict[str, ufl.Measure]:
    """A measure for each surface that a load or a spring acts on, by its name; surfaces may overlap."""
    domain = problem.anatomy.mesh
    acting = {load.surface for load in problem.loads.values() if isinstance(load, SurfaceLoad)}
    names = sorted(acting | {support.surface for support in _resting(problem).values()})
    where = [
        (tag, fem.compute_integration_domains(fem.IntegralType.exterior_facet, domain.topology, facets))
        for tag, surface in enumerate(names, start=1)
        for facets in [np.sort(problem.anatomy.surfaces[surface])]
    ]
    ds = ufl.Measure("ds", domain=domain, subdomain_data=where, metadata=metadata(problem))
    return {name: ds(tag) for tag, name in enumerate(names, start=1)}


def _resting(problem: Problem) -> dict[str, Springs]:
    return {name: support for name, support in problem.supports.items() if isinstance(support, Springs)}


def _pushed(problem: Problem) -> dict[str, Pushed]:
    found = {}
    for name, load in problem.loads.items():
        full = np.array(load.magnitude(problem.anatomy), dtype=np.float64)
        found[name] = Pushed(load, full, fem.Constant(problem.anatomy.mesh, np.zeros_like(full)))
    return found


def _work(problem: Problem, ds: Surfaces, pushed: dict[str, Pushed], kin: Kinematics, test: Any) -> Any:
    """Virtual work of all loads."""
    normal, position = ufl.FacetNormal(problem.anatomy.mesh), ufl.SpatialCoordinate(problem.anatomy.mesh)
    dx = _volume_measure(problem)
    work = 0
    for name, load in problem.loads.items():
        present = pushed[name].present
        if isinstance(load, SurfaceLoad):
            work += ufl.inner(load.traction(present, kin, normal), test) * ds[load.surface]
        elif isinstance(load, VolumeLoad):
            part = dx(problem.anatomy.regions[load.region]) if load.region else dx
            work += ufl.inner(load.force_density(present, position), test) * part
    return work


def _springs(
    problem: Problem, ds: Surfaces, u: fem.Function, test: Any, stiffnesses: dict[str, fem.Constant]
) -> dict[str, Any]:
    """Force of each support with springs, with the residual's sign."""
    domain = problem.anatomy.mesh
    normal = ufl.FacetNormal(domain)
    found = {}
    for name, support in _resting(problem).items():
        moved = u if support.direction == "full" else ufl.inner(u, normal) * normal
        found[name] = stiffnesses[name] * ufl.inner(moved, test) * ds[support.surface]
    return found


def _cavities(problem: Problem) -> dict[str, Cavity]:
    return {name: load for name, load in problem.loads.items() if isinstance(load, Cavity)}


def _cavity(problem: Problem, ds: ufl.Measure, name: str, load: Cavity, u: fem.Function, compiled: Any) -> CavityForms:
    """Enclosed volume by the divergence theorem, with lids that add nothing."""
    domain = problem.anatomy.mesh
    area = ufl.cofac(ufl.Identity(3) + ufl.grad(u)) * ufl.FacetNormal(domain)
    center = fem.Constant(domain, np.array(load.center or (0.0, 0.0, 0.0), dtype=np.float64))
    place = ufl.SpatialCoordinate(domain) + u - center
    across = fem.Constant(domain, lid_matrix(problem.anatomy, name, load))
    volume = -ufl.inner(across * place, area) * ds
    test = ufl.TestFunction(u.function_space)
    push, grow = ufl.inner(area, test) * ds, ufl.derivative(volume, u, test)
    return CavityForms(compiled(volume), compiled(push), compiled(grow))


def weigh(problem: Problem, weight: fem.Function | None = None) -> fem.Function:
    """The inverse stiffness of each cell, 1/shear + 1/bulk (1/kPa), in a function that is there already, if any."""
    weight = fem.Function(fem.functionspace(problem.anatomy.mesh, ("DG", 0))) if weight is None else weight
    tags = problem.anatomy.cell_tags
    for region, tag in problem.anatomy.regions.items():
        material = representative(problem, region)
        value = 1 / material.shear_modulus + material.inverse_bulk_modulus
        weight.x.array[tags.indices[tags.values == tag]] = value
    return weight


def _schur_mass(weight: fem.Function, Q: fem.FunctionSpace) -> Expr:
    """Pressure mass over stiffness, (1/shear + 1/bulk) M, spectrally close to the Schur complement."""
    return weight * ufl.TrialFunction(Q) * ufl.TestFunction(Q) * ufl.dx
