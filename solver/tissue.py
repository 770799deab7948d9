"""Materials of a problem bound to what forms can read: Constants, one value per cell, or one per quadrature point."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import basix.ufl
import numpy as np
from dolfinx import fem
from numpy.typing import NDArray
from ufl.core.expr import Expr

from fibertwin.constitutive import Fiber, Kinematics, Material
from fibertwin.constitutive.parameters import Parametric
from fibertwin.constitutive.varying import Varying
from fibertwin.curve import Moment

from .problem import Problem

type Array = NDArray[np.float64]
type Assign = Callable[[int, Any], None]
"""Put a number, or values (cells, q), into the place of one region, by its position in the group."""


@dataclass(frozen=True, eq=False)
class Carried:
    """What tissue that relaxes carries over to the present increment; see ``fibertwin.constitutive.relaxation``.

    Attributes:
        factor: of the lasting energies.
        assign: puts the factor of one region.
        stress: G (6,) (kPa) at the points; one function for all groups.
    """

    factor: Expr
    assign: Assign
    stress: fem.Function


@dataclass(frozen=True, eq=False)
class Group:
    """Regions whose materials share one compiled energy, and the parameters bound to it.

    Attributes:
        regions: names of the regions.
        tags: their numbers.
        material: the material, its parameters bound.
        inverse_bulk: 1 / bulk modulus (1/kPa), bound.
        move: puts the parameters that change with time to their values at a moment.
        adopt: takes the numbers of another problem, whose materials have the same structure; ``move`` comes after it.
        carried: what is carried over from the last equilibrium, where the tissue relaxes.
    """

    regions: tuple[str, ...]
    tags: tuple[int, ...]
    material: Material
    inverse_bulk: Expr
    move: Callable[[Moment], None]
    adopt: Callable[[Problem], None]
    carried: Carried | None = None

    def energy(self, kinematics: Kinematics, pressure: fem.Function | None) -> Expr:
        """Strain energy with its volumetric part (kPa): with the pressure, where there is one.

        Of tissue that relaxes it is what the stress at the end of the present increment derives from.
        """
        J, carried = kinematics.J, self.carried
        if carried is None:
            psi = self.material.psi(kinematics)
        else:
            psi = self.material.relaxing_psi(kinematics, carried.factor, carried.stress)
        if pressure is None:
            return psi + self.material.volumetric_energy(J, self.inverse_bulk)
        return psi + self.material.mixed_energy(J, pressure, self.inverse_bulk)


def groups(problem: Problem) -> tuple[Group, ...]:
    """Regions by the structure of their material. Collective."""
    by_structure: dict[object, list[str]] = {}
    for region in sorted(problem.anatomy.regions, key=lambda name: problem.anatomy.regions[name]):
        by_structure.setdefault(_form(problem.materials[region]), []).append(region)
    relaxes = any(material.relaxation for material in problem.materials.values())
    stress = point_field(problem, (6,)) if relaxes else None
    return tuple(_group(problem, tuple(regions), stress) for regions in by_structure.values())


def _form(material: Material) -> object:
    """What regions must have in common to share a form: the structure, and which parameters vary in space."""
    return material.structure, tuple(_varies(term) for term in material.terms)


def _varies(term: Parametric) -> tuple[str, ...]:
    return tuple(name for name, value in term.parameters.items() if isinstance(value, Varying))


def _group(problem: Problem, regions: tuple[str, ...], stress: fem.Function | None) -> Group:
    materials = [problem.materials[region] for region in regions]
    tags = tuple(problem.anatomy.regions[region] for region in regions)
    terms = [_BoundTerm(problem, regions, number) for number in range(len(materials[0].terms))]
    inverse_bulk, assign = _holder(problem, tags, at_points=False)

    def adopt(other: Problem) -> None:
        for region in regions:
            if _form(other.materials[region]) != _form(problem.materials[region]):
                raise ValueError(f"the material of {region} has another structure")
        for term in terms:
            term.adopt(other)
        for position, region in enumerate(regions):
            assign(position, other.materials[region].inverse_bulk_modulus)

    def move(moment: Moment) -> None:
        for term in terms:
            term.move(moment)

    adopt(problem)
    bound = tuple(term.expressions for term in terms)
    carried = None
    if stress is not None and materials[0].relaxation:
        carried = Carried(*_holder(problem, tags, at_points=False), stress)
    return Group(regions, tags, materials[0].bind(bound), inverse_bulk, move, adopt, carried)


def _numbers(problem: Problem, region: str, number: int, term: Parametric) -> dict[str, Any]:
    """The parameters of a term as numbers or values (cells, q). Collective where one varies in space."""

    def of(name: str, value: Any) -> Any:
        if not isinstance(value, Varying):
            return value
        from fibertwin.meshes.fibers import quadrature_points

        from .parameters import resolve

        domain = problem.anatomy.mesh
        points, _ = quadrature_points(domain, problem.quadrature_degree)
        where = f"materials.{region}.energies.{number}.{name}"
        cells = cells_of(problem, problem.anatomy.regions[region])
        return resolve(value, type(term), name, points, problem.fibers, domain.comm, where, cells)

    return {name: of(name, value) for name, value in term.parameters.items()}


class _BoundTerm:
    """One term of the materials of a group: what holds its parameters, and how they follow time.

    Attributes:
        expressions: the parameters, for forms.
    """

    def __init__(self, problem: Problem, regions: tuple[str, ...], number: int) -> None:
        self._regions, self._number = regions, number
        self._take(problem)
        tags = tuple(problem.anatomy.regions[region] for region in regions)
        names, changes = list(self._given[0]), self._terms[0].changes
        uneven = {name for name in names if any(isinstance(values[name], np.ndarray) for values in self._given)}
        at_points = uneven if not changes else set(names) if uneven else set()
        self._holders = {name: _holder(problem, tags, at_points=name in at_points) for name in names}
        self.expressions: dict[str, Expr] = {name: holder for name, (holder, _) in self._holders.items()}

    def adopt(self, problem: Problem) -> None:
        """Take a problem's numbers."""
        self._take(problem)
        self._put(Moment(0.0, 0.0))

    def move(self, moment: Moment) -> None:
        """Bring what changes with time to a moment."""
        if self._terms[0].changes:
            self._put(moment)

    def _take(self, problem: Problem) -> None:
        self._terms = [problem.materials[region].terms[self._number] for region in self._regions]
        pairs = zip(self._regions, self._terms, strict=True)
        self._given = [_numbers(problem, region, self._number, term) for region, term in pairs]

    def _put(self, moment: Moment) -> None:
        for position, (term, values) in enumerate(zip(self._terms, self._given, strict=True)):
            for name, value in {**values, **term.at(moment, values)}.items():
                self._holders[name][1](position, value)


def _holder(problem: Problem, tags: tuple[int, ...], *, at_points: bool) -> tuple[Expr, Assign]:
    """What holds one parameter of a group: a Constant, one value per cell, or one per quadrature point."""
    domain = problem.anatomy.mesh
    if at_points:
        function = point_field(problem)
        table = function.function_space.dofmap.list

        def at(position: int, value: Any) -> None:
            cells = cells_of(problem, tags[position])
            points = np.broadcast_to(np.asarray(value, dtype=float), table.shape) if np.ndim(value) != 2 else value
            function.x.array[table[cells].ravel()] = np.asarray(points)[cells].ravel()

        return function, at
    if len(tags) == 1:
        constant = fem.Constant(domain, 0.0)

        def set_constant(position: int, value: Any) -> None:
            constant.value = float(value)

        return constant, set_constant
    field = fem.Function(fem.functionspace(domain, ("DG", 0)))

    def set_cells(position: int, value: Any) -> None:
        field.x.array[cells_of(problem, tags[position])] = float(value)

    return field, set_cells


def point_field(problem: Problem, shape: tuple[int, ...] = ()) -> fem.Function:
    """A number, or several, at every quadrature point, zero so far. Collective."""
    domain = problem.anatomy.mesh
    element = basix.ufl.quadrature_element(
        domain.basix_cell(), value_shape=shape, scheme="default", degree=problem.quadrature_degree
    )
    return fem.Function(fem.functionspace(domain, element))


def cells_of(problem: Problem, tag: int) -> NDArray[np.int32]:
    """Cells of this rank, ghosts among them, with a tag."""
    cell_tags = problem.anatomy.cell_tags
    return np.asarray(cell_tags.indices[cell_tags.values == tag])


def representative(problem: Problem, region: str) -> Material:
    """A region's material with one number for every parameter: the mean, where one varies. Collective."""
    material = problem.materials[region]
    comm = problem.anatomy.mesh.comm
    numbers = []
    for number, term in enumerate(material.terms):
        values = _numbers(problem, region, number, term)
        cells = cells_of(problem, problem.anatomy.regions[region])
        numbers.append({name: _mean(comm, value, cells) for name, value in values.items()})
    return material.bind(tuple(numbers))


def _mean(comm: Any, value: Any, cells: NDArray[np.int32]) -> float:
    if not isinstance(value, np.ndarray):
        return float(value)
    mine = value[cells]
    total, count = comm.allreduce(float(mine.sum())), comm.allreduce(mine.size)
    return float(total / max(count, 1))


def kinematics(problem: Problem, F: Expr) -> Kinematics:
    """The kinematics that the problem's laws look at."""
    fibers = problem.fibers
    if fibers is None:
        return Kinematics(F)
    return Kinematics(F, Fiber(fibers.axis, fibers.structure_tensor, fibers.fa, fibers.sheet))


def metadata(problem: Problem) -> dict[str, Any]:
    """Quadrature of every volume integral, the one at whose points the fibers are known."""
    return {"quadrature_degree": problem.quadrature_degree, "quadrature_scheme": "default"}
